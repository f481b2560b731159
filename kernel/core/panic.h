/*
 * Inside of a panic: what the trap handler and the other harts take part in.
 */
#ifndef MAPIX_CORE_PANIC_H
#define MAPIX_CORE_PANIC_H

struct trap_frame;

/* As panic, about the place and the registers of a trap in the kernel. */
_Noreturn void panic_in_frame(const struct trap_frame *frame, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Another hart panics: print where this one is when its turn comes, and stop. Interrupts off. */
_Noreturn void panic_stop(void);

/* Print text where kernel messages go, without taking a lock (printk.c). */
void printk_emergency(const char *text);

#endif
