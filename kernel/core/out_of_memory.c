/*
 * When no frame can be had: one process is ended so that the others go on. The one with the most
 * pages in memory and swap areas is chosen; one that is dying already is waited for, and one that
 * has died until its frames are free, but not for ever: it may need a frame itself, or a lock of
 * one that does.
 */
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/process.h"
#include "vm/aspace.h"
#include "vm/swap.h"

#define MILLISECOND 1000000ul
#define PAUSE       (5 * MILLISECOND)
#define ROUNDS_MAX  400 /* pauses given to one victim */
#define RELIEF_MAX  100 /* pauses given to frames that are being freed */

static uint32_t giving_back;  /* atomic: processes whose frames are being freed */
static uint32_t relief_waits; /* atomic: pauses given to these, since one was done */

void out_of_memory_relief(bool begins)
{
    if (begins) {
        __atomic_fetch_add(&giving_back, 1, __ATOMIC_ACQ_REL);
        return;
    }
    __atomic_store_n(&relief_waits, 0, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&giving_back, 1, __ATOMIC_ACQ_REL);
}

static bool relief_comes(void)
{
    return __atomic_load_n(&giving_back, __ATOMIC_ACQUIRE) > 0 &&
           __atomic_fetch_add(&relief_waits, 1, __ATOMIC_RELAXED) < RELIEF_MAX;
}

/* The pages that it has, in memory and in swap areas, those of its page tables, and so many
 * thousandths of all pages as its adjustment says; false: it has no memory, or is never ended. */
static bool adjusted_pages(struct process *process, int64_t *pages)
{
    const struct aspace *aspace;

    spin_lock(&process->signal_lock);
    if ((aspace = process->aspace))
        *pages = (int64_t)(aspace->pmap.resident + aspace->pmap.tables + aspace->swapped_pages);
    spin_unlock(&process->signal_lock);
    *pages += process->badness_adjustment * (int64_t)(swap_and_memory_pages() / BADNESS_SCALE);
    return aspace && process != init_process && process->state == PROCESS_ALIVE &&
           process->badness_adjustment != -BADNESS_SCALE;
}

static uint64_t badness(struct process *process)
{
    int64_t pages = 0;

    if (!adjusted_pages(process, &pages) || process->kill_rounds >= ROUNDS_MAX)
        return 0;
    return pages > 0 ? (uint64_t)pages : 1;
}

/* Two thirds of the thousandths, as Linux scales it. */
unsigned out_of_memory_score(struct process *process)
{
    int64_t pages = 0;

    if (!adjusted_pages(process, &pages))
        return 0;
    int64_t thousandths = pages * BADNESS_SCALE / (int64_t)swap_and_memory_pages();
    return thousandths > -BADNESS_SCALE ? (unsigned)((thousandths + BADNESS_SCALE) * 2 / 3) : 0;
}

/* A process that is dying, else the worst one. process_tree_lock held. */
static struct process *choose(void)
{
    struct process *worst = NULL;
    uint64_t worst_badness = 0;
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        uint64_t pages = badness(p);
        if (pages && p->exiting)
            return p;
        if (pages > worst_badness) {
            worst = p;
            worst_badness = pages;
        }
    }
    return worst;
}

bool out_of_memory_kill(void)
{
    struct process *victim;
    bool other = false;
    if (!current_thread()->allocation_failed)
        return true; /* there is memory: the failure was injected */
    /* The caller may hold locks that come behind this one; and who has it may need a frame too. */
    if (relief_comes() || !mutex_trylock(&process_tree_lock)) {
        if (!thread_killed())
            thread_sleep(PAUSE, WAIT_KILLABLE);
        return true;
    }
    victim = choose();
    if (victim) {
        if (!victim->exiting)
            printk("out of memory: %s (%d) is ended\n", victim->leader->name, victim->pid);
        signal_send(victim, SIGKILL);
        victim->kill_rounds++;
        other = victim != current_process();
    }
    mutex_unlock(&process_tree_lock);
    if (other && !thread_killed())
        thread_sleep(PAUSE, WAIT_KILLABLE);
    return other;
}
