/*
 * umount: take mounted file systems away.
 */
#include <stdlib.h>
#include <sys/mount.h>

#include "lib.h"

int main(int argc, char **argv)
{
    int status = EXIT_SUCCESS;

    program_begin(argv[0], "umount DIRECTORY...");
    int first = no_options(argc, argv);
    if (first == argc)
        usage_error();
    for (int i = first; i < argc; i++)
        if (umount(argv[i]) < 0) {
            report("%s", argv[i]);
            status = EXIT_FAILURE;
        }
    return status;
}
