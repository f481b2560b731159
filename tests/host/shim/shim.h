/*
 * The shim: what kernel files need around them to run as a program on the development machine.
 *
 * Link shim.c and put tests/host/shim before kernel/ in the include path. The shim gives:
 *
 *  - physical memory: an arena, shim_start(frames); page_array_init, page_allocator_add and
 *    kmem_init are run on it by shim_memory_start(frames). Link either the kernel's allocators
 *    (kernel/vm/frame.c slab.c kmalloc.c radix_node.c) or shim/memory.c, which is slow and exact:
 *    each object is a malloc block and free frames are poisoned, so that AddressSanitizer sees
 *    every use after free, and the leak checker every leak.
 *  - locks (core/lock.h) for one thread: taken twice, unlocked by somebody else, out of rank order,
 *    or a sleeping lock under a spinlock: abort with a message. shim_locks_held() is for the end.
 *  - waiting (core/wait.h): a thread that would sleep runs shim_wait_hook instead, again and again
 *    until somebody wakes it. The hook plays the other threads and the devices: it completes one
 *    thing that is pending and returns true, or returns false when there is nothing; then the
 *    sleeper times out if it has a deadline, and aborts as a deadlock if it has none. The hook runs
 *    in a lock context of its own: order is not checked against the sleeper's locks, but taking one
 *    of those locks aborts, for that would be a deadlock.
 *  - failing allocations: shim_fail_allocation(n) makes the n-th allocation from now (page or
 *    object) return NULL, once; shim_fail_allocations_from(n) that one and all later ones.
 *  - printk to stderr; panic prints and aborts, unless shim_panics runs the panicking function.
 *  - user_end, pmap_levels, time_now, reclaim_pages, page_zero, page_copy and the like, weak:
 *    replaced when the test or a kernel file defines them.
 */
#ifndef MAPIX_TESTS_SHIM_H
#define MAPIX_TESTS_SHIM_H

#include "arch/riscv/hart.h"
#include "arch/riscv/layout.h"
#include "vm/kmem.h"
#include "vm/page.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Map an arena of so many frames (a former one is given back) and reset all state of the shim. */
void shim_start(size_t frames);

/* Unmap the arena. */
void shim_end(void);

/* Called by a sleeper; see above. */
extern bool (*shim_wait_hook)(void);

/* Called by the weak reclaim_pages; NULL: nothing can be reclaimed. */
extern bool (*shim_reclaim_hook)(unsigned wanted);

/* Nanoseconds, returned by the weak time_now; moves forward by hand and when a sleep times out. */
extern uint64_t shim_time;

/* What thread_signalled and thread_killed say. */
extern bool shim_signalled, shim_killed;

/* Sleeps that ran the hook, wakes of a queue (with or without sleepers): counted since the start.
 */
extern uint64_t shim_sleeps, shim_wakes;

/* Locks held now, by the current context. */
unsigned shim_locks_held(void);
bool shim_lock_is_held(const void *lock);

/* Let the n-th allocation from now (1: the next) fail; 0: none. */
void shim_fail_allocation(uint64_t n);
void shim_fail_allocations_from(uint64_t n);

/* Did the failure asked for happen? */
bool shim_allocation_failed(void);

/* Allocations tried since the start. */
extern uint64_t shim_allocations;

/* Run function(argument) and tell whether it panicked (the message is not printed). Locks that it
 * held stay as they are. */
bool shim_panics(void (*function)(void *), void *argument);

/* shim/memory.c only: objects and frames handed out and not given back. */
uint64_t shim_live_objects(void);
uint64_t shim_live_frames(void);

/* Start the shim and the memory allocators that are linked on an arena of so many frames. */
static inline void shim_memory_start(size_t frames)
{
    paddr_t end = SHIM_MEMORY + frames * PAGE_SIZE;
    size_t array;
    shim_start(frames);
    array = page_round_up(page_array_size(SHIM_MEMORY, end));
    page_array_init(SHIM_MEMORY, end, physical_to_virtual(SHIM_MEMORY));
    page_allocator_add(SHIM_MEMORY + array, end);
    kmem_init();
}

#endif
