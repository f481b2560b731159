/*
 * Failure injection of the DEBUG kernel: allocations of user threads fail:
 *
 *   - the N-th from now, which the thread has asked for (/proc/self/fail-nth, as Linux has it),
 *   - with a second number, N EVERY, each EVERY-th after it too, also in the threads and processes
 *     that the thread makes,
 *   - one of N at random, with the boot argument failures=N.
 *
 * Those of interrupts, of kernel threads and of the first process never fail. No memory is made for
 * the sake of a failure that was injected: thread->allocation_failed stays as it is, so the caller
 * sees it in the end.
 */
#include "vm/failure.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "dev/fdt.h"
#include "lib/parse.h"

static uint64_t one_of;   /* 0: none at random */
static uint64_t injected; /* atomic: failures so far */

void failure_init(void)
{
    char value[16];
    const char *text = value;

    if (boot_argument("failures", value, sizeof(value)) && !parse_decimal(&text, &one_of))
        one_of = 0;
}

/* Numbers that look random, the same in each run on one hart. */
static bool fails_at_random(void)
{
    static uint64_t state; /* atomic */
    uint64_t number = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);

    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    return one_of && (number >> 32) % one_of == 0;
}

/* Is this the allocation that the thread has asked for? */
static bool is_the_nth(struct thread *thread)
{
    if (!thread->fail_nth || --thread->fail_nth > 0)
        return false;
    thread->fail_nth = thread->fail_every;
    return true;
}

bool allocation_fails(void)
{
    struct thread *thread = current_thread();

    if (!thread->process || thread->process->pid <= 1 || thread->in_interrupt)
        return false;
    bool fails = is_the_nth(thread) || fails_at_random();
    if (fails)
        __atomic_fetch_add(&injected, 1, __ATOMIC_RELAXED);
    return fails;
}

uint64_t failures_injected(void)
{
    return __atomic_load_n(&injected, __ATOMIC_RELAXED);
}

void failure_inherit(struct thread *thread)
{
    const struct thread *maker = current_thread();

    thread->fail_every = maker->fail_every;
    thread->fail_nth = maker->fail_every ? maker->fail_nth : 0;
}
