/*
 * kill: send a signal to processes. The work is shared with the shell's builtin, in lib.c.
 */
#include "lib.h"

int main(int argc, char **argv)
{
    program_begin(argv[0], "");
    return kill_command(argc, argv, NULL);
}
