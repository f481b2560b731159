/*
 * Signal handlers of the user: the frame that they get, and the return from them (sigaction(2),
 * sigreturn(2)).
 *
 *   interrupted stack ->  |  struct signal_frame: siginfo, ucontext (registers, mask)  |  <- sp
 *
 * The handler starts with the signal's number and the two parts' addresses in a0 to a2, and returns
 * to the vDSO, which calls rt_sigreturn.
 */
#include "abi/errno.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/signal.h"
#include "core/user.h"
#include "core/vdso.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* The vDSO's unwinding rules say where the registers are (arch/riscv/vdso/calls.S). */
_Static_assert(offsetof(struct signal_frame, context.context.registers) == 304, "vDSO");

bool signal_on_alternate_stack(vaddr_t sp)
{
    const struct stack *stack = &current_process()->alternate_stack;
    return !(stack->flags & SS_DISABLE) && sp > stack->address &&
           sp - stack->address <= stack->size;
}

/* Where the frame goes: the current stack, or the alternate one. */
static vaddr_t place_frame(const struct trap_frame *frame, const struct sigaction *action)
{
    const struct stack *stack = &current_process()->alternate_stack;
    vaddr_t sp = frame->x[REGISTER_SP];
    if ((action->flags & SA_ONSTACK) && !(stack->flags & SS_DISABLE) &&
        !signal_on_alternate_stack(sp))
        sp = stack->address + stack->size;
    return (sp - sizeof(struct signal_frame)) & ~15ul;
}

static void fill_information(struct siginfo *siginfo, int number,
                             const struct signal_information *information)
{
    siginfo->number = number;
    siginfo->code = information->code;
    if (information->code > 0 && information->code != SI_KERNEL && number != SIGCHLD) {
        siginfo->address = information->address;
    } else {
        siginfo->sender.pid = information->pid;
        siginfo->sender.uid = information->uid;
        siginfo->sender.status = information->status;
    }
}

static void fill_context(struct ucontext *context, const struct trap_frame *frame, uint64_t mask)
{
    struct thread *thread = current_thread();
    context->stack = thread->process->alternate_stack;
    if (signal_on_alternate_stack(frame->x[REGISTER_SP]))
        context->stack.flags |= SS_ONSTACK;
    context->mask = mask;
    context->context.registers[0] = frame->epc;
    memcpy(&context->context.registers[1], &frame->x[1], 31 * sizeof(uint64_t));
    fp_sync();
    memcpy(context->context.fp.f, thread->fp.f, sizeof(thread->fp.f));
    context->context.fp.fcsr = thread->fp.fcsr;
}

int signal_frame_push(struct trap_frame *frame, int number, const struct sigaction *action,
                      const struct signal_information *information, uint64_t mask)
{
    vaddr_t address = place_frame(frame, action);
    struct signal_frame *saved = kmalloc_zeroed(sizeof(*saved));
    int result;
    if (!saved)
        return -ENOMEM;
    fill_information(&saved->information, number, information);
    fill_context(&saved->context, frame, mask);
    result = copy_to_user(address, saved, sizeof(*saved));
    kfree(saved);
    if (result)
        return result;
    if (current_process()->alternate_stack.flags & (int32_t)SS_AUTODISARM)
        current_process()->alternate_stack = (struct stack){.flags = SS_DISABLE};
    frame->epc = action->handler;
    frame->x[REGISTER_RA] = vdso_signal_return(current_process()->aspace);
    frame->x[REGISTER_SP] = address;
    frame->x[REGISTER_A0] = (uint64_t)number;
    frame->x[REGISTER_A1] = address + offsetof(struct signal_frame, information);
    frame->x[REGISTER_A1 + 1] = address + offsetof(struct signal_frame, context);
    return 0;
}

int signal_frame_pop(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    vaddr_t address = frame->x[REGISTER_SP];
    struct ucontext *context = kmalloc(sizeof(*context));
    int result;
    if (!context)
        return -ENOMEM;
    result =
        copy_from_user(context, address + offsetof(struct signal_frame, context), sizeof(*context));
    if (result == 0) {
        frame->epc = context->context.registers[0];
        memcpy(&frame->x[1], &context->context.registers[1], 31 * sizeof(uint64_t));
        memcpy(thread->fp.f, context->context.fp.f, sizeof(thread->fp.f));
        thread->fp.fcsr = context->context.fp.fcsr;
        fp_reload();
        signal_block(context->mask);
        thread->process->alternate_stack = context->stack;
        thread->process->alternate_stack.flags &= SS_DISABLE;
    }
    kfree(context);
    return result;
}
