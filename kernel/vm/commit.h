/*
 * How much memory may be promised (/proc/sys/vm/overcommit_memory, proc(5)).
 *
 * Committed is what programs could come to need at the worst: all private memory that can be stored
 * to, or could be and may have pages of its own, if it was not mapped with MAP_NORESERVE
 * (REGION_COMMITTED); all of shared memory, and what is in tmpfs.
 */
#ifndef MAPIX_VM_COMMIT_H
#define MAPIX_VM_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

struct aspace;

enum overcommit_policy {
    OVERCOMMIT_HEURISTIC, /* refuse only what exceeds all memory and swap at once */
    OVERCOMMIT_ALWAYS,    /* refuse nothing */
    OVERCOMMIT_NEVER,     /* refuse what exceeds the limit together with all that is committed */
};

extern unsigned overcommit_policy; /* atomic */
extern unsigned overcommit_ratio;  /* atomic: percent of memory that the limit is, with all swap */

/* Is a promise of so many pages more refused? aspace: to whom; NULL: to nobody in particular. */
bool overcommit_refuses(const struct aspace *aspace, uint64_t pages);

/* So many pages more (negative: fewer) are committed. */
void commit_change(int64_t pages);

uint64_t commit_total(void); /* pages committed */
uint64_t commit_limit(void); /* pages */

#endif
