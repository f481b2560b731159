/*
 * Ending the machine: the test finisher of QEMU and SiFive ("sifive,test0"), which can give a
 * status, else the firmware.
 */
#include "arch/riscv/machine.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/sbi.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "dev/register.h"
#include <stddef.h>

#define FINISHER_FAIL  0x3333u /* status in the upper half */
#define FINISHER_PASS  0x5555u
#define FINISHER_RESET 0x7777u

static volatile void *finisher; /* NULL: there is none */

void machine_init(void)
{
    struct fdt_node node = {0};
    uint64_t address, size;

    if (fdt_next_compatible(&node, "sifive,test0") && fdt_reg(&node, 0, &address, &size))
        finisher = map_device(address, size);
}

static _Noreturn void stop(void)
{
    interrupts_disable();
    for (;;)
        hart_wait_for_interrupt();
}

_Noreturn void machine_power_off(int status)
{
    if (finisher)
        register_write32(finisher, status ? (uint32_t)status << 16 | FINISHER_FAIL : FINISHER_PASS);
    sbi_system_reset(SBI_SHUTDOWN, status != 0);
    stop();
}

_Noreturn void machine_restart(void)
{
    if (finisher)
        register_write32(finisher, FINISHER_RESET);
    else
        sbi_system_reset(SBI_COLD_REBOOT, 0);
    stop();
}
