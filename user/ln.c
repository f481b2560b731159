/*
 * ln: make links, or symbolic links with -s; with -f in place of what has the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

static bool symbolic, force;

static int make_link(const char *target, const char *path)
{
    return symbolic ? symlink(target, path) : linkat(AT_FDCWD, target, AT_FDCWD, path, 0);
}

/* Whether both are the same file: then removing one to replace it would lose it. */
static bool is_same(const char *a, const char *b)
{
    struct stat status_a, status_b;

    return lstat(a, &status_a) == 0 && lstat(b, &status_b) == 0 &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

static bool link_to(const char *target, const char *path)
{
    if (make_link(target, path) == 0)
        return true;
    if (errno == EEXIST && force) {
        if (!symbolic && is_same(target, path)) {
            complain("%s and %s are the same file", target, path);
            return false;
        }
        if (unlink(path) == 0 && make_link(target, path) == 0)
            return true;
    }
    report("%s", path);
    return false;
}

int main(int argc, char **argv)
{
    struct stat status;
    bool done = true;
    int option;

    program_begin(argv[0], "ln [-sf] TARGET [LINK | TARGET... DIRECTORY]");
    while ((option = getopt(argc, argv, "sf")) != -1) {
        if (option == 's')
            symbolic = true;
        else if (option == 'f')
            force = true;
        else
            usage_error();
    }
    int count = argc - optind;
    if (count == 0)
        usage_error();
    const char *last = count == 1 ? "." : argv[argc - 1];
    bool into = stat(last, &status) == 0 && S_ISDIR(status.st_mode);
    if (count > 2 && !into)
        usage_error();
    int targets = count == 1 ? 1 : count - 1;
    for (int i = optind; i < optind + targets; i++) {
        char *name = last_part(argv[i]);
        char *path = into ? join_path(last, name) : duplicate(last);
        done &= link_to(argv[i], path);
        free(path);
        free(name);
    }
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
