/*
 * vhangup(2).
 */
#include "dev/terminal.h"
#include "abi/errno.h"
#include "core/credentials.h"
#include "core/process.h"
#include "sys/table.h"

long sys_vhangup(const uint64_t argument[6])
{
    (void)argument;
    if (!credentials_capable(CAP_SYS_TTY_CONFIG))
        return -EPERM;
    terminal_hang_up_controlling();
    return 0;
}
