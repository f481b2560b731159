/*
 * The ns16550 serial line (datasheet of the PC16550D). Output fills the transmit FIFO whenever it
 * is empty, waiting for that: an emulated line is never busy for long, and an interrupt per 16
 * bytes would cost more than the wait. Input comes by interrupt.
 */
#include "dev/uart.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/sbi.h"
#include "core/lock.h"
#include "core/printk.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "dev/register.h"
#include "dev/console.h"
#include "lib/string.h"

enum uart_register {
    RECEIVE = 0,  /* read */
    TRANSMIT = 0, /* write */
    INTERRUPT_ENABLE = 1,
    FIFO_CONTROL = 2,
    LINE_CONTROL = 3,
    MODEM_CONTROL = 4,
    LINE_STATUS = 5
};

#define INTERRUPT_RECEIVED 0x01
#define FIFO_ENABLE        0x07 /* and empty both FIFOs */
#define LINE_8_BITS        0x03
#define MODEM_READY        0x0b /* DTR, RTS, and interrupts connected (OUT2) */
#define STATUS_RECEIVED    0x01
#define STATUS_FIFO_EMPTY  0x20
#define FIFO_SIZE          16

static struct spinlock lock = {.rank = RANK_CONSOLE, .name = "uart"};
static volatile char *registers; /* NULL: no line */
static uint32_t shift;           /* registers are 2^shift bytes apart */
static bool wide;                /* and are accessed as 32 bits */
static uint32_t interrupt;       /* 0: none */

static uint8_t read_register(enum uart_register number)
{
    volatile char *address = registers + ((uint32_t)number << shift);
    return wide ? (uint8_t)register_read32(address) : register_read8(address);
}

static void write_register(enum uart_register number, uint8_t value)
{
    volatile char *address = registers + ((uint32_t)number << shift);
    if (wide)
        register_write32(address, value);
    else
        register_write8(address, value);
}

/* The node that /chosen names as stdout-path, a path perhaps followed by a colon and settings. */
static bool find_chosen(struct fdt_node *node)
{
    struct fdt_node chosen;
    const char *name;
    char path[128], *colon;

    if (!fdt_find("/chosen", &chosen) || !(name = fdt_string(&chosen, "stdout-path")) ||
        !string_copy(path, name, sizeof(path)))
        return false;
    if ((colon = strchr(path, ':')))
        *colon = 0;
    return fdt_find(path, node) && fdt_is_compatible(node, "ns16550a");
}

static bool find(struct fdt_node *node)
{
    *node = (struct fdt_node){0};
    if (find_chosen(node))
        return true;
    *node = (struct fdt_node){0};
    return fdt_next_compatible(node, "ns16550a");
}

void uart_init(void)
{
    struct fdt_node node;
    uint64_t address, size;
    uint32_t width = 1;

    if (!find(&node) || !fdt_reg(&node, 0, &address, &size))
        return;
    fdt_u32(&node, "reg-shift", &shift);
    fdt_u32(&node, "reg-io-width", &width);
    fdt_u32(&node, "interrupts", &interrupt);
    wide = width == 4;
    registers = map_device(address, size);
    if (!registers)
        return;
    write_register(INTERRUPT_ENABLE, 0);
    write_register(LINE_CONTROL, LINE_8_BITS);
    write_register(FIFO_CONTROL, FIFO_ENABLE);
    write_register(MODEM_CONTROL, MODEM_READY);
}

static void receive(void *argument)
{
    (void)argument;
    while (read_register(LINE_STATUS) & STATUS_RECEIVED)
        console_input((char)read_register(RECEIVE));
}

void uart_start_input(void)
{
    if (!registers || !interrupt)
        return;
    if (interrupt_register(interrupt, "ttyS0", receive, NULL)) {
        printk("uart: interrupt %u is taken, no input\n", interrupt);
        return;
    }
    write_register(INTERRUPT_ENABLE, INTERRUPT_RECEIVED);
}

/* Send what the FIFO takes at once; the lock is not kept longer than that. */
static size_t send_some(const char *bytes, size_t count)
{
    size_t sent = 0;

    spin_lock(&lock);
    if (read_register(LINE_STATUS) & STATUS_FIFO_EMPTY) {
        while (sent < count && sent < FIFO_SIZE)
            write_register(TRANSMIT, (uint8_t)bytes[sent++]);
    }
    spin_unlock(&lock);
    if (sent == 0)
        hart_pause();
    return sent;
}

void uart_write(const char *bytes, size_t count)
{
    size_t sent = 0;

    if (!registers) {
        while (sent < count)
            sbi_console_put(bytes[sent++]);
        return;
    }
    while (sent < count)
        sent += send_some(bytes + sent, count - sent);
}

void uart_put(char byte)
{
    if (!registers) {
        sbi_console_put(byte);
        return;
    }
    while (!(read_register(LINE_STATUS) & STATUS_FIFO_EMPTY))
        hart_pause();
    write_register(TRANSMIT, (uint8_t)byte);
}
