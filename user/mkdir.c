/*
 * mkdir: make directories; with -p those that lead to them, too, and with -m of a given mode.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Make the directories that lead to path; they can be written by their owner whatever the mask. */
static bool make_parents(const char *path, mode_t mask)
{
    char *prefix = duplicate(path);
    bool made = true;

    umask(mask & ~(mode_t)0300);
    for (char *end = prefix + strspn(prefix, "/"); made && (end = strchr(end, '/')); end++) {
        end += strspn(end, "/") - 1;
        if (!end[1])
            break;
        end[0] = '\0';
        if (mkdir(prefix, 0777) < 0 && !is_directory(prefix)) {
            report("%s", prefix);
            made = false;
        }
        end[0] = '/';
    }
    umask(mask);
    free(prefix);
    return made;
}

/* text is the mode of -m, or NULL. */
static bool make(const char *path, bool parents, const char *text, mode_t mask)
{
    mode_t mode = 0777;

    if (parents && (is_directory(path) || !make_parents(path, mask)))
        return is_directory(path);
    if (text && !parse_mode(text, 0777, mask, true, &mode))
        usage_error();
    if (mkdir(path, mode & 0777) < 0) {
        report("%s", path);
        return false;
    }
    if (text && chmod(path, mode) < 0) {
        report("%s", path);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bool parents = false;
    const char *text = NULL;
    bool made = true;
    mode_t mode;
    int option;

    program_begin(argv[0], "mkdir [-p] [-m MODE] DIRECTORY...");
    while ((option = getopt(argc, argv, "pm:")) != -1) {
        if (option == 'p')
            parents = true;
        else if (option == 'm')
            text = optarg;
        else
            usage_error();
    }
    if (optind == argc || (text && !parse_mode(text, 0777, 0, true, &mode)))
        usage_error();
    mode_t mask = umask(0);
    umask(mask);
    for (int i = optind; i < argc; i++)
        made &= make(argv[i], parents, text, mask);
    return made ? EXIT_SUCCESS : EXIT_FAILURE;
}
