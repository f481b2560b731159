/*
 * reboot: write everything to the disks and start the machine again.
 */
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "lib.h"

int main(int argc, char **argv)
{
    program_begin(argv[0], "reboot");
    if (no_options(argc, argv) != argc)
        usage_error();
    sync();
    reboot(RB_AUTOBOOT);
    fail("reboot");
}
