/*
 * The Goldfish real-time clock (QEMU, docs/specs: goldfish_rtc): reading the low half of the time
 * latches the high half.
 */
#include "dev/rtc.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "dev/register.h"

#define TIME_LOW  0x0
#define TIME_HIGH 0x4

uint64_t rtc_read(void)
{
    struct fdt_node node = {0};
    uint64_t address, size;
    volatile char *registers;

    if (!fdt_next_compatible(&node, "google,goldfish-rtc") || !fdt_reg(&node, 0, &address, &size) ||
        !(registers = map_device(address, size)))
        return 0;
    uint64_t low = register_read32(registers + TIME_LOW);
    return (uint64_t)register_read32(registers + TIME_HIGH) << 32 | low;
}
