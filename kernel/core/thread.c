/*
 * Threads (thread.h): how they are made and freed, and what they ask about themselves.
 */
#include "core/thread.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/stack.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "lib/string.h"
#include "vm/failure.h"
#include "vm/kmem.h"

#define DEPTH_MARK   0x6d61726b6d61726bul
#define DEPTH_MARGIN 1024 /* bytes of a stack that should stay unused; the DEBUG kernel checks */

static struct slab_cache thread_cache;

void thread_init(void)
{
    slab_cache_init(&thread_cache, "thread", sizeof(struct thread), 16);
}

static uint64_t *depth_mark(const struct thread *thread)
{
    return (uint64_t *)((char *)thread->stack + DEPTH_MARGIN);
}

bool thread_stack_is_deep(const struct thread *thread)
{
    return thread->stack && *depth_mark(thread) != DEPTH_MARK;
}

/* A thread with a stack: it begins in thread_entry, which gives s0 to the function in s1, or
 * returns to user mode through the frame in s0 if s1 is 0. */
static struct thread *create(uint64_t s0, uint64_t s1)
{
    struct thread *thread = slab_allocate_zeroed(&thread_cache);
    if (!thread)
        return NULL;
    thread->stack = kernel_stack_allocate();
    if (!thread->stack) {
        slab_free(&thread_cache, thread);
        return NULL;
    }
    *depth_mark(thread) = DEPTH_MARK;
    thread->frame = (struct trap_frame *)((char *)thread->stack + KERNEL_STACK_SIZE) - 1;
    thread->context.ra = (uint64_t)thread_entry;
    thread->context.sp = (uint64_t)thread->frame;
    thread->context.s[0] = s1 ? s0 : (uint64_t)thread->frame;
    thread->context.s[1] = s1;
    thread->spin_depth = 1; /* of the run queue, which thread_started releases */
    thread->interrupts_were_on = true;
    thread->hart = &harts[0];
    scheduler_set_nice(thread, 0);
    thread->affinity = UINT64_MAX;
    list_init(&thread->run_link);
    list_init(&thread->process_link);
    wait_queue_init(&thread->vfork_done, "vfork");
    signal_queue_init(&thread->pending);
    trace_init_thread(thread);
    inherit_init_thread(thread);
    thread->alternate_stack.flags = SS_DISABLE;
    thread->references = 1;
    return thread;
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
    struct thread *thread = create((uint64_t)argument, (uint64_t)entry);
    if (thread && name)
        string_copy(thread->name, name, sizeof(thread->name));
    return thread;
}

struct thread *thread_create_user(void)
{
    struct thread *thread = create(0, 0);
    if (!thread)
        return NULL;
    credentials_inherit(thread);
    failure_inherit(thread);
    return thread;
}

void thread_reference(struct thread *thread)
{
    __atomic_fetch_add(&thread->references, 1, __ATOMIC_RELAXED);
}

/* The thread that booted has no frame, and no memory to be given back. */
void thread_release(struct thread *thread)
{
    if (!thread->frame || __atomic_sub_fetch(&thread->references, 1, __ATOMIC_ACQ_REL))
        return;
    credentials_give_back(thread);
    seccomp_give_back(thread);
    slab_free(&thread_cache, thread);
}

void thread_free(struct thread *thread)
{
    if (thread->stack)
        kernel_stack_free(thread->stack);
    thread->stack = NULL;
    thread_release(thread);
}

int kernel_thread_start(const char *name, void (*entry)(void *), void *argument)
{
    struct thread *thread = thread_create(name, entry, argument);
    if (!thread)
        return -ENOMEM;
    scheduler_add(thread);
    return 0;
}

int thread_sleep(uint64_t nanoseconds, enum wait_kind kind)
{
    uint64_t now = time_now(), deadline = now + nanoseconds;
    int result;
    if (deadline < now)
        deadline = WAIT_FOREVER;
    do {
        result = scheduler_sleep(kind, deadline);
    } while (result == 0);
    return result == -ETIMEDOUT ? 0 : result;
}

bool thread_signalled(void)
{
    return __atomic_load_n(&current_thread()->attention, __ATOMIC_SEQ_CST);
}

bool thread_killed(void)
{
    return __atomic_load_n(&current_thread()->killed, __ATOMIC_SEQ_CST);
}
