/*
 * Floating-point registers of user threads (fp.h).
 *
 * sstatus.FS in a thread's trap frame tells Dirty (the registers differ from thread->fp) from
 * Clean. The hart has a thread's registers if its fp_owner is the thread's state and the state says
 * that this hart had it last: a state that was loaded on another hart since, or is a new one at the
 * old address, does not.
 */
#include "arch/riscv/fp.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "lib/string.h"

static inline void set_clean(struct trap_frame *frame)
{
    frame->status = (frame->status & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
}

/* The kernel's own sstatus after a trap is what the user had; the registers are reached anyway. */
static inline void enable(void)
{
    csr_set(sstatus, SSTATUS_FS_INITIAL);
}

void fp_init_hart(void)
{
    enable();
}

static void put_away(struct thread *thread)
{
    if (thread->process && (thread->frame->status & SSTATUS_FS) == SSTATUS_FS) {
        enable();
        fp_save(&thread->fp);
        set_clean(thread->frame);
    }
}

static void load(struct thread *thread, struct hart *hart)
{
    enable();
    fp_restore(&thread->fp);
    thread->fp.hart = hart->index + 1;
    hart->fp_owner = &thread->fp;
    set_clean(thread->frame);
}

void fp_switch(struct thread *from, struct thread *to)
{
    struct hart *hart = current_hart();

    put_away(from);
    if (to->process && (hart->fp_owner != &to->fp || to->fp.hart != hart->index + 1))
        load(to, hart);
}

void fp_sync(void)
{
    uint64_t state = interrupts_disable();
    put_away(current_thread());
    interrupts_restore(state);
}

void fp_reload(void)
{
    uint64_t state = interrupts_disable();
    load(current_thread(), current_hart());
    interrupts_restore(state);
}

void fp_reset(void)
{
    memset(&current_thread()->fp, 0, sizeof(struct fp_state));
    fp_reload();
}

void fp_copy_to(struct thread *child)
{
    fp_sync();
    child->fp = current_thread()->fp;
    child->fp.hart = 0;
}
