/*
 * System call dispatch: a table of functions by number.
 */
#include "core/syscall.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/signal.h"
#include "core/strace.h"
#include "core/thread.h"
#include "core/trace.h"
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

static inline system_call *function_of(uint64_t number)
{
    system_call *function = number < SYS_LIMIT ? table[number] : NULL;

    if (!function)
        strace_unknown(number);
    return function;
}

static inline long call(uint64_t number, uint64_t *arguments)
{
    system_call *function = function_of(number);
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
    bool made = reclaim_pages(MEMORY_FIRST << round) || out_of_memory_kill();
    thread->allocation_failed = false;
    return made;
}

static bool lacks_memory(long result)
{
    return result == -ENOMEM || result == -EAGAIN_MEMORY;
}

/* What the user sees of a call that has failed; how an interrupted one is repeated. */
static enum restart settle(struct trap_frame *frame, uint64_t number, long result)
{
    uint64_t argument = frame->x[REGISTER_A0];

    for (unsigned i = 0; lacks_memory(result) && i < MEMORY_ROUNDS && make_memory(i); i++)
        result = call(number, &frame->x[REGISTER_A0]);
    if (result == -EAGAIN_MEMORY)
        result = -EAGAIN;
    frame->x[REGISTER_A0] = (uint64_t)result;
    enum restart restart = result == -EINTR           ? RESTART_AFTER_HANDLER
                           : result == -EINTR_HANDLER ? RESTART_WITHOUT_HANDLER
                           : result == -EINTR_REPEAT  ? RESTART_ALWAYS
                                                      : RESTART_NONE;
    if (restart || result == -EINTR_ALWAYS)
        frame->x[REGISTER_A0] = (uint64_t)-EINTR;
    current_thread()->restart = restart;
    current_thread()->restart_argument = argument;
    return restart;
}

/* The end that a call has by failing; not inlined, so that the others save no registers for it. An
 * interrupted call is ended here by what interrupted it, so that it can be repeated with its
 * arguments even if nothing is pending any more. */
static __attribute__((noinline)) void fail(struct trap_frame *frame, uint64_t number, long result)
{
    if (settle(frame, number, result))
        process_signals_deliver(frame);
}

/* What rt_sigreturn gives is not its result, but a register of the interrupted program. */
static inline bool has_failed(uint64_t number, long result)
{
    return result < 0 && number != SYS_rt_sigreturn;
}

/* Before a call, for the tracer and the filters: -ENOSYS is its result so far, and the tracer may
 * choose another call, or none (-1) and the result. Is it to be made? */
static bool begin_watched(struct trap_frame *frame, bool traced)
{
    struct thread *thread = current_thread();

    thread->call_argument = frame->x[REGISTER_A0];
    frame->x[REGISTER_A0] = (uint64_t)-ENOSYS;
    if (traced)
        trace_call(true);
    if (seccomp_is_on(&thread->seccomp) && !seccomp_allows(frame))
        return false;
    if (frame->x[REGISTER_A7] >= SYS_LIMIT)
        return false;
    frame->x[REGISTER_A0] = thread->call_argument;
    return true;
}

/* Behind a call, for the tracer: of an interrupted one it sees by which rule it is repeated, as the
 * numbers that Linux uses for that. The result may be changed. */
static void end_traced(struct trap_frame *frame)
{
    static const uint64_t shown[] = {
        [RESTART_AFTER_HANDLER] = 512, [RESTART_ALWAYS] = 513, [RESTART_WITHOUT_HANDLER] = 514};
    struct thread *thread = current_thread();
    enum restart restart = thread->restart;

    if (restart)
        frame->x[REGISTER_A0] = -shown[restart];
    trace_call(false);
    if (restart && frame->x[REGISTER_A0] == -shown[restart])
        frame->x[REGISTER_A0] = (uint64_t)-EINTR;
    else
        thread->restart = RESTART_NONE;
}

/* A call while some thread is traced or confined, or calls are printed. */
static __attribute__((noinline)) void dispatch_watched(struct trap_frame *frame)
{
    uint64_t *a0 = &frame->x[REGISTER_A0];
    bool traced = trace_wants_calls();
    bool watched = traced || seccomp_is_on(&current_thread()->seccomp);

    if (!watched || begin_watched(frame, traced)) {
        uint64_t number = frame->x[REGISTER_A7];
        long result = strace_on ? strace_call(number, function_of(number), a0) : call(number, a0);
        if (has_failed(number, result))
            settle(frame, number, result);
        else
            *a0 = (uint64_t)result;
    }
    if (trace_wants_calls())
        end_traced(frame);
    if (current_thread()->restart)
        process_signals_deliver(frame);
}

void syscall_dispatch(struct trap_frame *frame)
{
    if (__atomic_load_n(&calls_watched, __ATOMIC_RELAXED)) {
        dispatch_watched(frame);
        return;
    }
    uint64_t number = frame->x[REGISTER_A7];
    long result = call(number, &frame->x[REGISTER_A0]);
    if (has_failed(number, result))
        fail(frame, number, result);
    else
        frame->x[REGISTER_A0] = (uint64_t)result;
}
