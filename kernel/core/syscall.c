/*
 * System call dispatch: a table of functions by number.
 */
#include "core/syscall.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/signal.h"
#include "core/strace.h"
#include "core/thread.h"
#include "core/process.h"
#include "sys/table.h"
#include "vm/reclaim.h"

#define MEMORY_ROUNDS 8u
#define MEMORY_FIRST  64u /* frames */

static system_call *const table[SYS_LIMIT] = {
#define TABLE_ENTRY(number, name) [number] = sys_##name,
    SYSTEM_CALLS(TABLE_ENTRY)
#undef TABLE_ENTRY
};

/* An interrupted call is ended here by what interrupted it, so that it can be repeated with its
 * arguments even if nothing is pending any more. */
static void end_interrupted(struct trap_frame *frame, uint64_t argument, enum restart restart)
{
    struct thread *thread = current_thread();
    frame->x[REGISTER_A0] = (uint64_t)-EINTR;
    thread->restart = restart;
    thread->restart_argument = argument;
    process_signals_deliver(frame);
}

static inline long call(uint64_t number, uint64_t *arguments)
{
    system_call *function = number < SYS_LIMIT ? table[number] : NULL;

    if (!function)
        strace_unknown(number);
    if (strace_on)
        return strace_call(number, function, arguments);
    return function ? function(arguments) : -ENOSYS;
}

/*
 * The kernel's own memory is allocated where nothing can be waited for, under locks. A call that
 * found none has changed nothing; here, where nothing is held, memory is made by the means that a
 * fault has, twice as much each time, and the call is made again. If no allocation has failed, the
 * error means something else.
 */
static bool make_memory(unsigned round)
{
    struct thread *thread = current_thread();

    if (!thread->allocation_failed || thread_killed())
        return false;
    thread->allocation_failed = false;
    return reclaim_pages(MEMORY_FIRST << round) || out_of_memory_kill();
}

/* The ends that a call has by failing; not inlined, so that the others save no registers for it. */
static __attribute__((noinline)) void fail(struct trap_frame *frame, uint64_t number, long result)
{
    uint64_t argument = frame->x[REGISTER_A0];

    for (unsigned i = 0; result == -ENOMEM && i < MEMORY_ROUNDS && make_memory(i); i++)
        result = call(number, &frame->x[REGISTER_A0]);
    frame->x[REGISTER_A0] = (uint64_t)result;
    if (result == -EINTR)
        end_interrupted(frame, argument, RESTART_AFTER_HANDLER);
    else if (result == -EINTR_HANDLER)
        end_interrupted(frame, argument, RESTART_WITHOUT_HANDLER);
    else if (result == -EINTR_REPEAT)
        end_interrupted(frame, argument, RESTART_ALWAYS);
    else if (result == -EINTR_ALWAYS)
        frame->x[REGISTER_A0] = (uint64_t)-EINTR;
}

void syscall_dispatch(struct trap_frame *frame)
{
    uint64_t number = frame->x[REGISTER_A7];
    long result = call(number, &frame->x[REGISTER_A0]);

    /* What rt_sigreturn gives is not its result, but a register of the interrupted program. */
    if (result >= 0 || number == SYS_rt_sigreturn)
        frame->x[REGISTER_A0] = (uint64_t)result;
    else
        fail(frame, number, result);
}
