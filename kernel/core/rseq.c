/*
 * Restartable sequences (rseq.h).
 *
 *       start_ip                 start_ip + length
 *          |--- the sequence -------|                      signature, abort_ip: ...
 *
 * A thread whose program counter is in the sequence that its area points at is sent to abort_ip.
 * The word before that must be the signature which the area was registered with, so that nobody
 * who can write to the area makes the thread go anywhere.
 */
#include "core/rseq.h"
#include "abi/errno.h"
#include "abi/rseq.h"
#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/signal.h"
#include "core/thread.h"
#include "core/user.h"
#include "lib/string.h"

static bool is_size(vaddr_t area, uint32_t size)
{
    return size >= RSEQ_SIZE_FIRST && area % RSEQ_ALIGNMENT == 0;
}

int rseq_register(vaddr_t area, uint32_t size, uint32_t signature)
{
    struct thread *thread = current_thread();
    uint64_t none = 0;
    if (thread->rseq_area) {
        if (thread->rseq_area != area || thread->rseq_size != size)
            return -EINVAL;
        return thread->rseq_signature == signature ? -EBUSY : -EPERM;
    }
    if (!is_size(area, size))
        return -EINVAL;
    if (area >= user_end || size > user_end - area)
        return -EFAULT;
    if (copy_to_user(area + offsetof(struct rseq, sequence), &none, sizeof(none)))
        return -EFAULT;
    thread->rseq_area = area;
    thread->rseq_size = size;
    thread->rseq_signature = signature;
    thread->rseq_due = true;
    return 0;
}

/* What the area says about where its thread runs. There is one node. */
static void set_place(struct rseq *content, uint32_t start, uint32_t hart, uint32_t concurrency)
{
    content->cpu_id_start = start;
    content->cpu_id = hart;
    content->node_id = 0;
    content->concurrency_id = concurrency;
}

int rseq_unregister(vaddr_t area, uint32_t size, uint32_t signature)
{
    struct thread *thread = current_thread();
    struct rseq content;
    if (!area || thread->rseq_area != area || thread->rseq_size != size)
        return -EINVAL;
    if (thread->rseq_signature != signature)
        return -EPERM;
    if (copy_from_user(&content, area, RSEQ_SIZE))
        return -EFAULT;
    set_place(&content, 0, RSEQ_CPU_UNINITIALIZED, 0);
    if (copy_to_user(area, &content, RSEQ_SIZE))
        return -EFAULT;
    rseq_forget(thread);
    return 0;
}

void rseq_inherit(struct thread *child, const struct thread *parent)
{
    child->rseq_area = parent->rseq_area;
    child->rseq_size = parent->rseq_size;
    child->rseq_signature = parent->rseq_signature;
    child->rseq_due = true;
}

void rseq_forget(struct thread *thread)
{
    thread->rseq_area = 0;
    thread->rseq_size = thread->rseq_signature = 0;
}

/* Is the description one of a sequence that may be ended? */
static bool is_sound(const struct rseq_sequence *sequence, uint32_t signature)
{
    uint32_t found;
    if (sequence->start_ip >= user_end || sequence->abort_ip >= user_end ||
        sequence->length >= user_end - sequence->start_ip || sequence->version)
        return false;
    if (sequence->abort_ip - sequence->start_ip < sequence->length)
        return false;
    return copy_from_user(&found, sequence->abort_ip - sizeof(found), sizeof(found)) == 0 &&
           found == signature;
}

/* End the sequence that the area names, if the thread is in it; it is none any more in either
 * case. */
static int end_sequence(struct trap_frame *frame, struct rseq *content, uint32_t signature)
{
    struct rseq_sequence sequence;
    bool inside;
    if (copy_from_user(&sequence, content->sequence, sizeof(sequence)) ||
        !is_sound(&sequence, signature))
        return -EFAULT;
    inside = frame->epc - sequence.start_ip < sequence.length;
    if (inside && (content->flags || sequence.flags))
        return -EFAULT;
    content->sequence = 0;
    if (inside)
        frame->epc = sequence.abort_ip;
    return 0;
}

/* If the thread is moved behind the look at the hart, it is due once more. */
int rseq_interrupt(struct trap_frame *frame)
{
    const struct thread *thread = current_thread();
    struct rseq before, content;
    uint64_t state;
    uint32_t hart;
    if (!thread->rseq_area)
        return 0;
    state = interrupts_disable();
    hart = hart_index();
    interrupts_restore(state);
    if (copy_from_user(&before, thread->rseq_area, RSEQ_SIZE))
        return -EFAULT;
    content = before;
    if (content.sequence && end_sequence(frame, &content, thread->rseq_signature))
        return -EFAULT;
    set_place(&content, hart, hart, hart);
    if (memcmp(&before, &content, RSEQ_SIZE) == 0)
        return 0;
    return copy_to_user(thread->rseq_area, &content, RSEQ_SIZE);
}

void rseq_resume(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    thread->rseq_due = false;
    if (!thread->rseq_area)
        return;
    interrupts_enable();
    if (rseq_interrupt(frame))
        signal_force(SIGSEGV, SI_KERNEL, 0);
    interrupts_disable();
}

/* Each hart answers the fence in an interrupt, and on the way back to user mode from that finds
 * that it has to give way, which ends sequences. */
void rseq_interrupt_harts(uint64_t harts)
{
    for (unsigned i = 0; i < hart_count(); i++) {
        if (harts >> i & 1)
            hart_kick(i);
    }
    instruction_fence_all();
}
