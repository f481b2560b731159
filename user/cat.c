/*
 * cat: copy files, or standard input, to standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

enum { BLOCK = 64 * 1024 };

/* Whether copying a file to standard output would go on for ever, each byte making another. */
static bool feeds_itself(int descriptor)
{
    struct stat in, out;

    return fstat(descriptor, &in) == 0 && fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) &&
           in.st_dev == out.st_dev && in.st_ino == out.st_ino &&
           lseek(descriptor, 0, SEEK_CUR) < in.st_size;
}

static bool copy(int descriptor, const char *name)
{
    static char block[BLOCK];
    ssize_t count;

    if (feeds_itself(descriptor)) {
        complain("%s: is the output, too", name);
        return false;
    }
    while ((count = read(descriptor, block, sizeof(block))) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            report("%s", name);
            return false;
        }
        if (write_all(STDOUT_FILENO, block, (size_t)count) < 0)
            fail("standard output");
    }
    return true;
}

static bool copy_file(const char *name)
{
    if (strcmp(name, "-") == 0)
        return copy(STDIN_FILENO, "standard input");
    int descriptor = open(name, O_RDONLY);
    if (descriptor < 0) {
        report("%s", name);
        return false;
    }
    bool copied = copy(descriptor, name);
    close(descriptor);
    return copied;
}

int main(int argc, char **argv)
{
    bool copied = true;

    program_begin(argv[0], "cat [FILE...]");
    int first = no_options(argc, argv);
    if (first == argc)
        copied = copy(STDIN_FILENO, "standard input");
    for (int i = first; i < argc; i++)
        copied &= copy_file(argv[i]);
    return copied ? EXIT_SUCCESS : EXIT_FAILURE;
}
