/*
 * Signal handlers of the user: the frame that they get, and the return from them (sigaction(2),
 * sigreturn(2)).
 *
 *   interrupted stack ->  |  struct signal_frame: siginfo, ucontext (registers, mask)  |  <- sp
 *
 * The handler starts with the signal's number and the two parts' addresses in a0 to a2, and returns
 * to the vDSO, which calls rt_sigreturn. Nothing is allocated: a handler is entered, and returns,
 * when memory is short too.
 */
#include "abi/errno.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/rseq.h"
#include "core/signal.h"
#include "core/user.h"
#include "core/vdso.h"
#include "lib/string.h"

/* The vDSO's unwinding rules say where the registers are (arch/riscv/vdso/calls.S). */
_Static_assert(offsetof(struct signal_frame, context.context.registers) == 304, "vDSO");

bool signal_on_alternate_stack(vaddr_t sp)
{
    const struct stack *stack = &current_thread()->alternate_stack;
    return !(stack->flags & (int32_t)(SS_DISABLE | SS_AUTODISARM)) && sp > stack->address &&
           sp - stack->address <= stack->size;
}

int signal_set_alternate_stack(const struct stack *stack, vaddr_t sp)
{
    struct stack *own = &current_thread()->alternate_stack;
    int32_t mode = stack->flags & ~(int32_t)SS_AUTODISARM;
    if (signal_on_alternate_stack(sp))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        *own = (struct stack){.flags = stack->flags};
        return 0;
    }
    if (stack->size < MINSIGSTKSZ)
        return -ENOMEM;
    *own = *stack;
    own->flags &= (int32_t)SS_AUTODISARM;
    return 0;
}

/* Where the frame goes: the current stack, or the alternate one; 0: it does not fit there. */
static vaddr_t place_frame(const struct trap_frame *frame, const struct sigaction *action)
{
    const struct stack *stack = &current_thread()->alternate_stack;
    vaddr_t sp = frame->x[REGISTER_SP];
    if (signal_on_alternate_stack(sp))
        return signal_on_alternate_stack(sp - sizeof(struct signal_frame))
                   ? (sp - sizeof(struct signal_frame)) & ~15ul
                   : 0;
    if ((action->flags & SA_ONSTACK) && !(stack->flags & SS_DISABLE))
        sp = stack->address + stack->size;
    return (sp - sizeof(struct signal_frame)) & ~15ul;
}

static void fill_context(struct ucontext *context, const struct trap_frame *frame, uint64_t mask)
{
    struct thread *thread = current_thread();
    context->stack = thread->alternate_stack;
    if (signal_on_alternate_stack(frame->x[REGISTER_SP]))
        context->stack.flags |= SS_ONSTACK;
    context->mask = mask;
    context->context.registers[0] = frame->epc;
    memcpy(&context->context.registers[1], &frame->x[1], 31 * sizeof(uint64_t));
    fp_sync();
    memcpy(context->context.fp.f, thread->fp.f, sizeof(thread->fp.f));
    context->context.fp.fcsr = thread->fp.fcsr;
}

int signal_frame_push(struct trap_frame *frame, const struct sigaction *action,
                      const struct signal_information *information, uint64_t mask)
{
    vaddr_t address = place_frame(frame, action);
    struct signal_frame saved = {.siginfo.information = *information};
    int result = rseq_interrupt(frame);
    if (result)
        return result;
    fill_context(&saved.context, frame, mask);
    if (copy_to_user(address, &saved, sizeof(saved)))
        return -EFAULT;
    if (current_thread()->alternate_stack.flags & (int32_t)SS_AUTODISARM)
        current_thread()->alternate_stack = (struct stack){.flags = SS_DISABLE};
    frame->epc = action->handler;
    frame->x[REGISTER_RA] = vdso_signal_return(current_thread()->aspace);
    frame->x[REGISTER_SP] = address;
    frame->x[REGISTER_A0] = (uint64_t)information->number;
    frame->x[REGISTER_A1] = address + offsetof(struct signal_frame, siginfo);
    frame->x[REGISTER_A1 + 1] = address + offsetof(struct signal_frame, context);
    return 0;
}

/* The words behind the floating-point registers describe further state: there is none here. */
static bool has_unknown_extension(const struct sigcontext *context)
{
    return context->quad.reserved[0] || context->quad.reserved[1] || context->quad.reserved[2];
}

int signal_frame_pop(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    vaddr_t address = frame->x[REGISTER_SP];
    struct ucontext context;
    if (copy_from_user(&context, address + offsetof(struct signal_frame, context), sizeof(context)))
        return -EFAULT;
    if (has_unknown_extension(&context.context))
        return -EINVAL;
    frame->epc = context.context.registers[0];
    memcpy(&frame->x[1], &context.context.registers[1], 31 * sizeof(uint64_t));
    memcpy(thread->fp.f, context.context.fp.f, sizeof(thread->fp.f));
    thread->fp.fcsr = context.context.fp.fcsr;
    fp_reload();
    signal_block(context.mask);
    /* A stack that cannot be set, as it is in use, is none to restore. */
    (void)signal_set_alternate_stack(&context.stack, frame->x[REGISTER_SP]);
    return 0;
}
