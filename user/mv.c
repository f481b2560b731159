/*
 * mv: rename files, or move them into a directory. What cannot be renamed because it would come to
 * another file system is copied by cp -rp and removed by rm -r.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

/* Run a program and wait for it. True if it succeeded. */
static bool run(char **arguments)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execvp(arguments[0], arguments);
        report("%s", arguments[0]);
        _exit(EXIT_NOT_FOUND);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        report("%s", arguments[0]);
        return false;
    }
    return exit_status(status) == EXIT_SUCCESS;
}

static bool move_by_copy(char *from, char *to)
{
    struct stat status;
    char *copy[] = {"cp", "-rp", "--", from, to, NULL};
    char *remove[] = {"rm", "-r", "--", from, NULL};

    if (lstat(to, &status) == 0 && (S_ISDIR(status.st_mode) ? rmdir(to) : unlink(to)) < 0) {
        report("%s", to);
        return false;
    }
    return run(copy) && run(remove);
}

static bool move(char *from, char *to)
{
    if (rename(from, to) == 0)
        return true;
    if (errno == EXDEV)
        return move_by_copy(from, to);
    report("%s to %s", from, to);
    return false;
}

int main(int argc, char **argv)
{
    struct stat status;
    bool moved = true;

    program_begin(argv[0], "mv FILE NEW | mv FILE... DIRECTORY");
    int first = no_options(argc, argv);
    if (argc - first < 2)
        usage_error();
    char *last = argv[argc - 1];
    bool into = stat(last, &status) == 0 && S_ISDIR(status.st_mode);
    if (argc - first > 2 && !into) {
        complain("%s: is not a directory", last);
        return EXIT_FAILURE;
    }
    for (int i = first; i < argc - 1; i++) {
        char *name = last_part(argv[i]);
        char *path = into ? join_path(last, name) : duplicate(last);
        moved &= move(argv[i], path);
        free(path);
        free(name);
    }
    return moved ? EXIT_SUCCESS : EXIT_FAILURE;
}
