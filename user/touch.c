/*
 * touch: set the times of files to now, and create those that do not exist; not so with -c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

static bool touch(const char *path, bool create)
{
    if (utimensat(AT_FDCWD, path, NULL, 0) == 0)
        return true;
    if (errno == ENOENT && !create)
        return true;
    int descriptor = errno == ENOENT ? open(path, O_WRONLY | O_CREAT | O_NONBLOCK, 0666) : -1;
    if (descriptor < 0) {
        report("%s", path);
        return false;
    }
    close(descriptor);
    return true;
}

int main(int argc, char **argv)
{
    bool create = true;
    bool done = true;
    int option;

    program_begin(argv[0], "touch [-c] FILE...");
    while ((option = getopt(argc, argv, "c")) != -1) {
        if (option != 'c')
            usage_error();
        create = false;
    }
    if (optind == argc)
        usage_error();
    for (int i = optind; i < argc; i++)
        done &= touch(argv[i], create);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
