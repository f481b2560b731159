/*
 * Calls to the firmware: ecall with the extension in a7 and the function in a6; the error comes
 * back in a0 and the value in a1, all other registers are preserved.
 */
#include "arch/riscv/sbi.h"

#define EXTENSION_BASE        0x10
#define EXTENSION_TIME        0x54494d45
#define EXTENSION_IPI         0x735049
#define EXTENSION_HSM         0x48534d
#define EXTENSION_RESET       0x53525354
#define EXTENSION_CONSOLE_PUT 1

#define BASE_PROBE          3
#define BASE_VENDOR         4
#define BASE_ARCHITECTURE   5
#define BASE_IMPLEMENTATION 6

struct sbi_result {
    long error;
    uint64_t value;
};

static struct sbi_result call(uint64_t extension, uint64_t function, uint64_t argument0,
                              uint64_t argument1, uint64_t argument2)
{
    register uint64_t a0 __asm__("a0") = argument0;
    register uint64_t a1 __asm__("a1") = argument1;
    register uint64_t a2 __asm__("a2") = argument2;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(long)a0, a1};
}

bool sbi_probe(uint64_t extension)
{
    struct sbi_result result = call(EXTENSION_BASE, BASE_PROBE, extension, 0, 0);
    return result.error == SBI_SUCCESS && result.value != 0;
}

uint64_t sbi_vendor(void)
{
    return call(EXTENSION_BASE, BASE_VENDOR, 0, 0, 0).value;
}

uint64_t sbi_architecture(void)
{
    return call(EXTENSION_BASE, BASE_ARCHITECTURE, 0, 0, 0).value;
}

uint64_t sbi_implementation(void)
{
    return call(EXTENSION_BASE, BASE_IMPLEMENTATION, 0, 0, 0).value;
}

void sbi_set_timer(uint64_t ticks)
{
    call(EXTENSION_TIME, 0, ticks, 0, 0);
}

void sbi_interrupt(uint64_t mask, uint64_t base)
{
    call(EXTENSION_IPI, 0, mask, base, 0);
}

long sbi_hart_start(uint64_t hart, paddr_t entry, uint64_t argument)
{
    return call(EXTENSION_HSM, 0, hart, entry, argument).error;
}

void sbi_system_reset(enum sbi_reset kind, uint32_t reason)
{
    if (sbi_probe(EXTENSION_RESET))
        call(EXTENSION_RESET, 0, kind, reason, 0);
}

void sbi_console_put(char byte)
{
    call(EXTENSION_CONSOLE_PUT, 0, (unsigned char)byte, 0, 0);
}
