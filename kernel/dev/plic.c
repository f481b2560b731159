/*
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0).
 *
 * A context is a hart in one of its modes: the n-th pair of interrupts-extended is context n, and
 * tells the hart's own controller and the interrupt there. Sources go to the hart that booted, so
 * that one interrupt does not wake all idle harts, of which all but one would find it claimed.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "abi/errno.h"
#include "core/lock.h"
#include "core/printk.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "dev/register.h"

#define SOURCE_MAX 1024 /* the specification's limit, source 0 being none */

#define PRIORITIES     0x0 /* 4 bytes per source */
#define ENABLES        0x2000
#define ENABLE_STRIDE  0x80
#define CONTEXTS       0x200000
#define CONTEXT_STRIDE 0x1000
#define THRESHOLD      0x0
#define CLAIM          0x4
#define NO_CONTEXT     UINT32_MAX

static struct handler {
    void (*function)(void *);
    void *argument;
    const char *name;
    uint64_t count;
} handlers[SOURCE_MAX];

static struct spinlock lock = {.rank = RANK_DEVICE, .name = "interrupt controller"};
static volatile char *registers; /* NULL: no controller */
static uint32_t source_count;
static struct fdt_node controller;

static bool find_cpu(uint64_t sbi_id, struct fdt_node *cpu)
{
    struct fdt_node cpus;
    uint64_t id, size;

    if (!fdt_find("/cpus", &cpus))
        return false;
    *cpu = (struct fdt_node){0};
    while (fdt_next_child(&cpus, cpu)) {
        if (fdt_reg(cpu, 0, &id, &size) && id == sbi_id)
            return true;
    }
    return false;
}

/* The phandle of the hart's own interrupt controller, which the pairs refer to. */
static bool find_hart_controller(uint64_t sbi_id, uint32_t *phandle)
{
    struct fdt_node cpu, child = {0};
    size_t length;

    if (!find_cpu(sbi_id, &cpu))
        return false;
    while (fdt_next_child(&cpu, &child)) {
        if (fdt_property(&child, "interrupt-controller", &length))
            return fdt_u32(&child, "phandle", phandle);
    }
    return false;
}

/* The context of a hart in supervisor mode. */
static uint32_t context_of(uint64_t sbi_id)
{
    size_t length;
    const unsigned char *pairs = fdt_property(&controller, "interrupts-extended", &length);
    uint32_t own;

    if (!pairs || !find_hart_controller(sbi_id, &own))
        return NO_CONTEXT;
    for (size_t i = 0; i < length / 8; i++) {
        if (fdt_word(pairs + 8 * i) == own && fdt_word(pairs + 8 * i + 4) == INTERRUPT_EXTERNAL)
            return (uint32_t)i;
    }
    return NO_CONTEXT;
}

static uint32_t contexts[HART_MAX]; /* by hart */

void interrupt_controller_init(void)
{
    uint64_t address, size;

    if (!fdt_next_compatible(&controller, "sifive,plic-1.0.0")) {
        controller = (struct fdt_node){0};
        if (!fdt_next_compatible(&controller, "riscv,plic0"))
            return;
    }
    if (!fdt_reg(&controller, 0, &address, &size) ||
        !fdt_u32(&controller, "riscv,ndev", &source_count))
        return;
    if (source_count >= SOURCE_MAX)
        source_count = SOURCE_MAX - 1;
    registers = map_device(address, size);
    interrupt_controller_init_hart();
}

static volatile char *context_registers(uint32_t context)
{
    return registers + CONTEXTS + (uint64_t)context * CONTEXT_STRIDE;
}

void interrupt_controller_init_hart(void)
{
    struct hart *hart = current_hart();
    uint32_t context = registers ? context_of(hart->sbi_id) : NO_CONTEXT;

    contexts[hart->index] = context;
    if (context == NO_CONTEXT)
        return;
    for (uint32_t source = 0; source <= source_count; source += 32)
        register_write32(registers + ENABLES + context * ENABLE_STRIDE + source / 8, 0);
    register_write32(context_registers(context) + THRESHOLD, 0);
}

int interrupt_register(uint32_t number, const char *name, void (*handler)(void *), void *argument)
{
    uint32_t context = contexts[0];
    int result = 0;

    if (!registers || number == 0 || number > source_count || context == NO_CONTEXT)
        return -EINVAL;
    spin_lock(&lock);
    if (handlers[number].function) {
        result = -EBUSY;
    } else {
        volatile char *enable = registers + ENABLES + context * ENABLE_STRIDE + number / 32 * 4;
        handlers[number].argument = argument;
        handlers[number].name = name;
        __atomic_store_n(&handlers[number].function, handler, __ATOMIC_RELEASE);
        register_write32(registers + PRIORITIES + 4 * number, 1);
        register_write32(enable, register_read32(enable) | 1u << number % 32);
    }
    spin_unlock(&lock);
    return result;
}

void interrupt_controller_handle(void)
{
    uint32_t context = contexts[hart_index()], number;

    if (context == NO_CONTEXT)
        return;
    while ((number = register_read32(context_registers(context) + CLAIM))) {
        if (number < SOURCE_MAX && handlers[number].function) {
            handlers[number].count++;
            handlers[number].function(handlers[number].argument);
        }
        register_write32(context_registers(context) + CLAIM, number);
    }
}

const char *interrupt_next(uint32_t *number, uint64_t *count)
{
    for (; *number < SOURCE_MAX; ++*number) {
        if (__atomic_load_n(&handlers[*number].function, __ATOMIC_ACQUIRE)) {
            *count = handlers[*number].count;
            return handlers[*number].name;
        }
    }
    return NULL;
}
