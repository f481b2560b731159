/*
 * chmod: change the modes of files, given in octal digits or as letters.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib.h"

static bool change(const char *path, const char *text, mode_t mask)
{
    struct stat status;
    mode_t mode;

    if (stat(path, &status) < 0) {
        report("%s", path);
        return false;
    }
    if (!parse_mode(text, status.st_mode, mask, S_ISDIR(status.st_mode), &mode))
        usage_error();
    if (chmod(path, mode) < 0) {
        report("%s", path);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bool changed = true;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    mode_t mode;

    program_begin(argv[0], "chmod MODE FILE...");
    if (argc - first < 2 || !parse_mode(argv[first], 0, 0, false, &mode))
        usage_error();
    mode_t mask = umask(0);
    umask(mask);
    for (int i = first + 1; i < argc; i++)
        changed &= change(argv[i], argv[first], mask);
    return changed ? EXIT_SUCCESS : EXIT_FAILURE;
}
