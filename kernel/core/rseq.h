/*
 * Restartable sequences (rseq(2)): an area of a thread's memory says on which processor it runs,
 * and a piece of its program that it names begins anew if the thread is interrupted in it: moved to
 * another processor, made to wait for others on its own, or sent to a signal handler.
 *
 * What has happened is noted in thread->rseq_due; the area is looked at and written on the way back
 * to user mode.
 */
#ifndef MAPIX_CORE_RSEQ_H
#define MAPIX_CORE_RSEQ_H

#include "arch/riscv/layout.h"
#include "core/thread.h"

/* Something has happened that ends the sequences of a thread: the current one, or one that does not
 * run. */
static inline void rseq_note(struct thread *thread)
{
    if (thread->rseq_area)
        thread->rseq_due = true;
}

/* Let the current thread have an area, or none again: 0, -EINVAL, -EPERM: another signature,
 * -EBUSY, -EFAULT. */
int rseq_register(vaddr_t area, uint32_t size, uint32_t signature);
int rseq_unregister(vaddr_t area, uint32_t size, uint32_t signature);

/* The area as a new process inherits it, which has a copy of the memory; and its end, when the
 * thread gets other memory. */
void rseq_inherit(struct thread *child, const struct thread *parent);
void rseq_forget(struct thread *thread);

/* End the sequence that the current thread is in by going to its abort handler, and write where it
 * runs: 0, -EFAULT: the area, or the description of the sequence, is not as it must be. */
int rseq_interrupt(struct trap_frame *frame);

/* Do that, as thread->rseq_due asks for; SIGSEGV if it fails. Interrupts off, here and then; on in
 * between. */
void rseq_resume(struct trap_frame *frame);

/* Let the sequences of all other threads that run now on the harts of a set end (membarrier(2)). */
void rseq_interrupt_harts(uint64_t harts);

#endif
