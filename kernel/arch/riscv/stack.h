/*
 * Kernel stacks: 16 KiB each, with 16 KiB of nothing below, so that an overflow is a fault.
 */
#ifndef MAPIX_ARCH_RISCV_STACK_H
#define MAPIX_ARCH_RISCV_STACK_H

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_STACK_SIZE 16384ul

/* The lowest address of a stack, contents undefined; NULL: no memory. Interrupts on, no spinlock
 * held; may sleep. */
void *kernel_stack_allocate(void);

/* Give a stack back that nothing runs on. It is kept for the next one. Any context. */
void kernel_stack_free(void *stack);

/* Give the memory of the stacks kept to the frame allocator: how many frames. Conditions as for
 * kernel_stack_allocate. */
unsigned kernel_stacks_drop(void);

/* Frames in the stacks kept: free memory, for those who count it. */
uint64_t kernel_stacks_cached(void);

/* Is the address in the nothing below a stack? */
bool kernel_stack_is_guard(uint64_t address);

#endif
