/*
 * What a trap is about, and who answers. trap.S has saved the registers; interrupts are off.
 *
 * From user mode the answer may sleep, so interrupts are turned on for all but interrupts. From the
 * kernel only interrupts are expected: it never follows a user address, so every exception is a
 * bug, that of a stack overflow included.
 */
#include "arch/riscv/trap.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/offsets.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/semihosting.h"
#include "arch/riscv/stack.h"
#include "core/fault.h"
#include "core/panic.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/rseq.h"
#include "core/scheduler.h"
#include "core/signal.h"
#include "core/syscall.h"
#include "core/thread.h"
#include "dev/interrupt.h"

_Static_assert(offsetof(struct thread, context) == 0, "switch.S: a context is its thread");
_Static_assert(offsetof(struct switch_context, sp) == THREAD_CONTEXT_SP, "offsets.h");
_Static_assert(offsetof(struct thread, hart) == THREAD_HART, "offsets.h");
_Static_assert(offsetof(struct thread, frame) == THREAD_FRAME, "offsets.h");
_Static_assert(offsetof(struct trap_frame, epc) == FRAME_EPC, "offsets.h");
_Static_assert(offsetof(struct trap_frame, status) == FRAME_STATUS, "offsets.h");
_Static_assert(offsetof(struct trap_frame, cause) == FRAME_CAUSE, "offsets.h");
_Static_assert(offsetof(struct trap_frame, value) == FRAME_VALUE, "offsets.h");
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "offsets.h");

#define SSTATUS_UXL (3ul << 32) /* register width of user mode, read-only or not */

extern char *emergency_stack; /* trap.S */

/* Called by trap.S. */
void trap_user(struct trap_frame *frame, uint64_t cause);
void trap_user_return(struct trap_frame *frame);
void trap_kernel(struct trap_frame *frame);
_Noreturn void trap_stack_overflow(struct trap_frame *frame);

void trap_init_hart(void)
{
    csr_set(sie, 1ul << INTERRUPT_SOFTWARE | 1ul << INTERRUPT_EXTERNAL);
}

void trap_init(void)
{
    char *stack = kernel_stack_allocate();
    if (stack)
        emergency_stack = stack + KERNEL_STACK_SIZE;
}

void trap_frame_init_user(struct trap_frame *frame, uint64_t pc, uint64_t sp)
{
    *frame = (struct trap_frame){.epc = pc};
    frame->x[REGISTER_SP] = sp;
    frame->status = (csr_read(sstatus) & SSTATUS_UXL) | SSTATUS_SPIE | SSTATUS_FS_CLEAN;
}

/* Tell the DEBUG kernel that what is done is not for the thread. */
static void note_interrupt(bool in_interrupt)
{
#ifdef DEBUG
    current_thread()->in_interrupt = in_interrupt;
#else
    (void)in_interrupt;
#endif
}

static void handle_interrupt(uint64_t cause)
{
    note_interrupt(true);
    switch (cause & ~CAUSE_INTERRUPT) {
    case INTERRUPT_SOFTWARE:
        /* Cleared first: who asks after the requests were read interrupts again. */
        csr_clear(sip, 1ul << INTERRUPT_SOFTWARE);
        current_hart()->request_interrupts++;
        hart_serve_requests();
        break;
    case INTERRUPT_TIMER:
        /* It is pending until the timer is set anew, which may be never. */
        csr_clear(sie, 1ul << INTERRUPT_TIMER);
        current_hart()->timer_interrupts++;
        scheduler_timer();
        break;
    case INTERRUPT_EXTERNAL:
        interrupt_controller_handle();
        break;
    default:
        panic("unknown interrupt %lx", cause);
    }
    note_interrupt(false);
}

/* What a page fault wanted to do; 0: the cause is no page fault. */
static unsigned fault_access(uint64_t cause)
{
    switch (cause) {
    case CAUSE_FETCH_PAGE:
        return ACCESS_EXECUTE;
    case CAUSE_LOAD_PAGE:
        return ACCESS_READ;
    case CAUSE_STORE_PAGE:
        return ACCESS_WRITE;
    default:
        return 0;
    }
}

/* Anything but a system call. */
static void user_trap(struct trap_frame *frame, uint64_t cause)
{
    unsigned access = fault_access(cause);

    frame->cause = cause;
    frame->value = csr_read(stval);
    if (cause & CAUSE_INTERRUPT) {
        handle_interrupt(cause);
        return;
    }
    interrupts_enable();
    if (access)
        user_page_fault(frame, frame->value, access);
    else
        user_exception(frame);
}

void trap_user(struct trap_frame *frame, uint64_t cause)
{
    scheduler_charge_user();
    if (cause == CAUSE_USER_CALL) {
        frame->epc += 4;
        interrupts_enable();
        syscall_dispatch(frame);
    } else {
        user_trap(frame, cause);
    }
}

/* Do what is left to do before the user goes on, until nothing is; not inlined, so that there are
 * no registers to save when nothing is. Interrupts off, here and then. */
static __attribute__((noinline)) void attend(struct trap_frame *frame)
{
    struct thread *thread = current_thread();

    while (__atomic_load_n(&thread->work_on_return, __ATOMIC_RELAXED)) {
        if (thread->reschedule)
            scheduler_preempt(false);
        if (thread->rseq_due)
            rseq_resume(frame);
        if (thread->attention) {
            interrupts_enable();
            process_signals_deliver(frame);
            interrupts_disable();
        }
    }
}

/* The end of each trap from user mode; returns with interrupts off. */
void trap_user_return(struct trap_frame *frame)
{
    interrupts_disable();
    if (__atomic_load_n(&current_thread()->work_on_return, __ATOMIC_RELAXED))
        attend(frame);
    scheduler_charge_system();
}

static _Noreturn void panic_in_trap(const struct trap_frame *frame)
{
    if (kernel_stack_is_guard(frame->value) || kernel_stack_is_guard(frame->x[REGISTER_SP]))
        panic_in_frame(frame, "kernel stack overflow");
    panic_in_frame(frame, "trap in the kernel: scause %lx, stval %lx", frame->cause, frame->value);
}

void trap_kernel(struct trap_frame *frame)
{
    if (frame->cause & CAUSE_INTERRUPT) {
        handle_interrupt(frame->cause);
        scheduler_preempt(true);
    } else if (frame->cause == CAUSE_BREAKPOINT && frame->epc == (uint64_t)semihosting_trap) {
        frame->epc += 4;
    } else {
        panic_in_trap(frame);
    }
}

_Noreturn void trap_stack_overflow(struct trap_frame *frame)
{
    panic_in_trap(frame);
}
