/*
 * Kernel messages and the end of the kernel.
 */
#ifndef MAPIX_CORE_PRINTK_H
#define MAPIX_CORE_PRINTK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Print a message (formats of lib/format.h) to the kernel log: the console, or where the boot
 * argument log= says. Any context. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Begin to print, where the boot argument log= says: "console" (the default), "semihosting" or
 * "none"; what was printed before comes first. Boot only, after uart_init. */
void printk_init(void);

/* The newest bytes of the kernel log, at most size of them: how many. Each line begins with the
 * level and the time: "<6>[    0.012345] ". */
size_t printk_copy(char *buffer, size_t size);

/* The log as a stream: where it ends; where the first message that is kept whole begins, at
 * position or behind it; and the bytes from *position on, which is moved to the oldest message that
 * is still kept, if it is before that, and then behind what was copied. */
#define PRINTK_LOG_SIZE 32768u
uint64_t printk_end(void);
uint64_t printk_message(uint64_t position);
size_t printk_read(uint64_t *position, char *buffer, size_t size);

/* Whether messages go to the console as well. */
void printk_set_console(bool on);

/*
 * A kernel bug: stop the other harts, print the message and a symbolised backtrace of every hart,
 * and end the machine with a failing status.
 */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define assert(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic("assertion failed: %s (%s:%d)", #condition, __FILE__, __LINE__);                 \
    } while (0)

#ifdef DEBUG
#define debug_assert(condition) assert(condition)
#else
#define debug_assert(condition) ((void)sizeof(condition))
#endif

#endif
