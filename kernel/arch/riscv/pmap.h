/*
 * pmap: the page tables of one address space, and the TLB. The page tables are a cache of what
 * regions, amaps and objects say: any entry may be dropped, and a fault finds it again.
 *
 * Facts of the architecture (RISC-V privileged specification, "Supervisor-Level ISA"):
 *  - a writable entry must be readable: W implies R;
 *  - A and D are set by hardware or trap, as the implementation likes: entries are made with A, and
 *    with D when writable, and a trap for either is resolved like any other fault;
 *  - making an entry valid or more permissive needs no flush: a hart that still sees the old one
 *    takes a spurious fault. Invalidating, or taking permissions, needs one on every hart that may
 *    hold it;
 *  - instructions written through data are seen by fetches only after fence.i on the fetching hart.
 *
 * Flushes are gathered: verbs put what they invalidate, and the frames it freed, into a tlb_gather,
 * and flush once. The frames are freed after every hart has flushed, never before.
 *
 * A hart that runs the address space is interrupted and answers in software, with interrupts on. So
 * a hart that walks the tables with interrupts off (user copies, core/user.c) keeps every frame
 * that it finds valid from being freed until it turns them on again. A hart that only ran it
 * earlier is marked stale, and flushes before it runs it again.
 */
#ifndef MAPIX_ARCH_RISCV_PMAP_H
#define MAPIX_ARCH_RISCV_PMAP_H

#include "arch/riscv/layout.h"
#include "core/lock.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct amap;
struct page;

/* Protection bits of pmap calls and regions: the values of PROT_READ, PROT_WRITE, PROT_EXEC. */
#define ACCESS_READ    1u
#define ACCESS_WRITE   2u
#define ACCESS_EXECUTE 4u

struct pmap {
    struct spinlock lock;
    paddr_t root;
    uint64_t identifier;   /* atomic: generation << 16 | ASID (asid.c) */
    uint64_t active_harts; /* atomic: harts whose satp holds this root now */
    uint64_t used_harts;   /* atomic: harts that may hold translations of it */
    uint64_t stale_harts;  /* atomic: harts to flush before they activate it again */
    uint64_t unflushed;    /* atomic, grows with (lock): gathers with removed entries that harts may
                              hold still */
    uint64_t resident;     /* (lock) valid leaf entries */
    uint64_t resident_peak; /* (lock) the most that were, before the last one went */
    uint64_t tables;        /* (lock) page table frames, the root included */
};

extern struct pmap kernel_pmap; /* of harts that run no process: nothing in the user's half */

/* Why a flush was made, for the counts in /proc/vmstat. */
enum flush_cause {
    FLUSH_UNMAP,
    FLUSH_PROTECT,
    FLUSH_FORK,
    FLUSH_COPY,
    FLUSH_CLEAN,
    FLUSH_RECLAIM,
    FLUSH_TRUNCATE,
    FLUSH_CAUSES
};

#define GATHER_SHARED 32

/*
 * What a verb has invalidated and given up. The harts to flush are noted as each entry is
 * invalidated (those that run the address space then; others that may hold it are marked stale), so
 * one gather may serve several address spaces, and none of them is looked at again by the flush.
 */
struct tlb_gather {
    struct pmap *pmap;     /* the only one that is changed; NULL: any */
    vaddr_t start, end;    /* range invalidated; empty when start >= end */
    uint64_t invalidated;  /* entries */
    uint64_t identifier;   /* of the address space changed; 0: none yet, or several */
    bool several;          /* the address spaces changed are more than one */
    bool unflushed;        /* counted in pmap->unflushed */
    uint64_t harts;        /* to flush: had one of them loaded when it was changed */
    struct list pages;     /* frames to free after the flush, through page->link */
    struct list tables;    /* page tables that became empty, likewise */
    unsigned shared_count; /* pages that others hold too, and may gather at the same time */
    struct page *shared[GATHER_SHARED];
    enum flush_cause cause;
};

extern uint64_t tlb_flush_counts[FLUSH_CAUSES]; /* flushes made, by cause */
extern uint64_t tlb_interrupts_sent;

/* An empty address space: the kernel's half only. -ENOMEM. May sleep. */
int pmap_init(struct pmap *pmap);

/* Free all tables. No thread uses it, and none will; harts that have it loaded still without
 * running it are made to load the kernel's own. Interrupts on, no spinlock held. */
void pmap_destroy(struct pmap *pmap);

/*
 * Map the page at address with access (ACCESS_WRITE: the entry gets W and D). Replaces what was
 * there; a replaced translation to another frame, or with more permissions, is added to gather.
 * -ENOMEM when a table is needed and there is no memory: nothing changed. Does not sleep. The
 * caller holds the lock of the page's owner.
 *
 * below (or NULL): where the region's amap would be, if the page is not the amap's and its lock is
 * not held. -EAGAIN: there is one now, and the page may be hidden by one of its own: nothing
 * changed.
 */
int pmap_enter(struct pmap *pmap, vaddr_t address, struct page *page, unsigned access,
               struct amap *const *below, struct tlb_gather *gather);

/* A page that may be mapped beside one that a fault asked for. */
struct pmap_neighbour {
    struct page *page;
    unsigned access; /* 0: leave the address as it is */
};

/*
 * Map the neighbours at address and the addresses behind it, where there is no entry, or one to the
 * same page that allows less and nothing else; so there is nothing to flush. What needs
 * a table that cannot be had is left out. The caller holds the locks of the pages' owners. below:
 * as for pmap_enter.
 */
void pmap_enter_neighbours(struct pmap *pmap, vaddr_t address,
                           const struct pmap_neighbour *neighbours, unsigned count,
                           struct amap *const *below);

/* Invalidate all entries in [start, end), freeing tables that become empty through gather. */
void pmap_remove(struct pmap *pmap, vaddr_t start, vaddr_t end, struct tlb_gather *gather);

/*
 * Move all entries in [from, from + length) to [to, to + length), which has none: by whole tables
 * where both addresses begin one; what needs a table that cannot be had is dropped. The caller
 * keeps the pages from being taken from their owners until the gather is flushed, because nobody
 * would find the old translations of them.
 */
void pmap_move(struct pmap *pmap, vaddr_t from, vaddr_t to, uint64_t length,
               struct tlb_gather *gather);

/* Take from all entries in [start, end) the permissions not in access; never adds any. access
 * without ACCESS_READ removes the entries. */
void pmap_protect(struct pmap *pmap, vaddr_t start, vaddr_t end, unsigned access,
                  struct tlb_gather *gather);

/* The first address at or above start, below end, that has an entry; end if there is none. */
vaddr_t pmap_next(struct pmap *pmap, vaddr_t start, vaddr_t end);

/* The frames of count pages from start on, 0 where none is entered. Takes the pmap lock. */
void pmap_frames(struct pmap *pmap, vaddr_t start, unsigned count, paddr_t *frames);

/* The frame and permissions of the entry at address; false: none. Takes the pmap lock. */
bool pmap_query(struct pmap *pmap, vaddr_t address, paddr_t *frame, unsigned *access);

/*
 * The direct-map address of the user byte at address if an entry allows access (ACCESS_READ or
 * ACCESS_WRITE) to it, else NULL. Called with interrupts off, no lock; good until they are turned
 * on.
 */
void *pmap_user_byte(struct pmap *pmap, vaddr_t address, unsigned access);

/* The most valid leaf entries there ever were: VmHWM, ru_maxrss. */
static inline uint64_t pmap_resident_peak(const struct pmap *pmap)
{
    uint64_t now = __atomic_load_n(&pmap->resident, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&pmap->resident_peak, __ATOMIC_RELAXED);
    return now > peak ? now : peak;
}

/* The peak is what there is now (proc(5), clear_refs). */
void pmap_forget_peak(struct pmap *pmap);

/* Has the page at address an entry that was used since pmap_harvest? */
bool pmap_was_used(struct pmap *pmap, vaddr_t address);

/* Was the page at address used since the last call? Clears A, adding the entry to gather. */
bool pmap_harvest(struct pmap *pmap, vaddr_t address, struct tlb_gather *gather);

/* Load pmap on this hart (the kernel's own with NULL: used before a pmap is destroyed). Interrupts
 * off. Nothing is done when it is already loaded and not stale. */
void pmap_activate(struct pmap *pmap);

/* First address behind user space, as the paging mode has it; and the levels of tables in use. */
extern vaddr_t user_end;
extern unsigned pmap_levels;

/* An empty gather for changes of pmap only, or of any number of address spaces (NULL). */
void tlb_gather_init(struct tlb_gather *gather, struct pmap *pmap, enum flush_cause cause);

/*
 * Give up the caller's reference to page after the flush, freeing the frame if it is the last. Its
 * entries are invalidated already. The page is out of its owner's reach and on no list. When it is
 * the 33rd that others hold references to as well, the gather is flushed at once; so the conditions
 * of tlb_flush hold here.
 */
void tlb_gather_page(struct tlb_gather *gather, struct page *page);

/* Flush what was gathered on all harts that need it, wait for them, free the frames. Interrupts on,
 * no spinlock held. The gather is empty afterwards and may be used again. */
void tlb_flush(struct tlb_gather *gather);

/* fence.i on every hart, before new code is mapped executable. Same conditions. */
void instruction_fence_all(void);

/* Frames kept zeroed for new page tables: free memory, for those who count it. Drop them. */
uint64_t pmap_tables_cached(void);
void pmap_drop_tables(void);

#endif
