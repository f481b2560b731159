/*
 * Kernel messages: formatted on the caller's stack, kept in a ring, and written to the console as a
 * whole. The ring's lock is not held while the console is written to.
 */
#include "core/printk.h"
#include "arch/riscv/semihosting.h"
#include "core/lock.h"
#include "core/panic.h"
#include "core/time.h"
#include "dev/fdt.h"
#include "dev/uart.h"
#include "lib/format.h"
#include "lib/string.h"

#define RING_SIZE    PRINTK_LOG_SIZE /* a power of two */
#define MESSAGE_SIZE 512
#define PREFIX_SIZE  48

static enum { LOG_RING, LOG_CONSOLE, LOG_SEMIHOSTING, LOG_NONE } destination = LOG_RING;

static struct spinlock ring_lock = {.rank = RANK_CONSOLE, .name = "kernel log"};
static char ring[RING_SIZE];
static uint64_t written;       /* (ring_lock) bytes ever */
static bool console_on = true; /* atomic */

static void put(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring[written++ % RING_SIZE] = text[i];
}

static void keep(const char *text, size_t length)
{
    uint64_t now = destination == LOG_RING ? 0 : time_now() / 1000; /* the clock comes later */
    char prefix[PREFIX_SIZE];
    size_t size = format(prefix, sizeof(prefix), "<6>[%5lu.%06lu] ", now / 1000000, now % 1000000);

    spin_lock(&ring_lock);
    if (written == 0 || ring[(written - 1) % RING_SIZE] == '\n')
        put(prefix, size);
    put(text, length);
    spin_unlock(&ring_lock);
}

/* The console wants a carriage return before each line feed. */
static void write_lines(const char *text)
{
    const char *end;
    while ((end = strchr(text, '\n'))) {
        uart_write(text, (size_t)(end - text));
        uart_write("\r\n", 2);
        text = end + 1;
    }
    uart_write(text, strlen(text));
}

static void print(const char *text)
{
    if (!__atomic_load_n(&console_on, __ATOMIC_RELAXED))
        return;
    if (destination == LOG_CONSOLE)
        write_lines(text);
    else if (destination == LOG_SEMIHOSTING)
        semihosting_write(text);
}

void printk(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    format_arguments(message, sizeof(message), format, arguments);
    va_end(arguments);
    keep(message, strlen(message));
    print(message);
}

void printk_emergency(const char *text)
{
    if (destination == LOG_SEMIHOSTING) {
        semihosting_write(text);
        return;
    }
    for (; *text; text++) {
        if (*text == '\n')
            uart_put('\r');
        uart_put(*text);
    }
}

size_t printk_copy(char *buffer, size_t size)
{
    spin_lock(&ring_lock);
    uint64_t length = written < RING_SIZE ? written : RING_SIZE;
    if (length > size)
        length = size;
    for (uint64_t i = 0; i < length; i++)
        buffer[i] = ring[(written - length + i) % RING_SIZE];
    spin_unlock(&ring_lock);
    return length;
}

uint64_t printk_end(void)
{
    spin_lock(&ring_lock);
    uint64_t end = written;
    spin_unlock(&ring_lock);
    return end;
}

/* The first message of those kept that begins at position or behind it. ring_lock held. */
static uint64_t first_message(uint64_t position)
{
    uint64_t oldest = written > RING_SIZE ? written - RING_SIZE : 0;

    if (position == 0 && oldest == 0)
        return 0;
    if (position <= oldest)
        position = oldest + 1; /* what stood before the oldest byte is not known */
    while (position < written && ring[(position - 1) % RING_SIZE] != '\n')
        position++;
    return position;
}

uint64_t printk_message(uint64_t position)
{
    spin_lock(&ring_lock);
    position = first_message(position);
    spin_unlock(&ring_lock);
    return position;
}

size_t printk_read(uint64_t *position, char *buffer, size_t size)
{
    size_t done = 0;

    spin_lock(&ring_lock);
    if (written - *position > RING_SIZE)
        *position = first_message(*position);
    while (done < size && *position != written)
        buffer[done++] = ring[(*position)++ % RING_SIZE];
    spin_unlock(&ring_lock);
    return done;
}

void printk_set_console(bool on)
{
    __atomic_store_n(&console_on, on, __ATOMIC_RELAXED);
}

void printk_init(void)
{
    char choice[16], text[MESSAGE_SIZE];
    size_t length;

    destination = LOG_CONSOLE;
    if (boot_argument("log", choice, sizeof(choice))) {
        if (!strcmp(choice, "semihosting"))
            destination = LOG_SEMIHOSTING;
        else if (!strcmp(choice, "none"))
            destination = LOG_NONE;
    }
    length = printk_copy(text, sizeof(text) - 1);
    text[length] = 0;
    print(text);
}
