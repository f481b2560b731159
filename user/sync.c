/*
 * sync: have everything written to the disks.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib.h"

int main(int argc, char **argv)
{
    program_begin(argv[0], "sync");
    if (no_options(argc, argv) != argc)
        usage_error();
    sync();
    return EXIT_SUCCESS;
}
