/*
 * poweroff: write everything to the disks and switch the machine off.
 */
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "lib.h"

int main(int argc, char **argv)
{
    program_begin(argv[0], "poweroff");
    if (no_options(argc, argv) != argc)
        usage_error();
    sync();
    reboot(RB_POWER_OFF);
    fail("reboot");
}
