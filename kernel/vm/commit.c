/*
 * How much memory may be promised (/proc/sys/vm/overcommit_memory): heuristically, which refuses
 * only what exceeds all memory at once, or without limit. Strict accounting is not there.
 */
#include "vm/aspace.h"
#include "vm/swap.h"

unsigned overcommit_policy = OVERCOMMIT_HEURISTIC;

bool overcommit_refuses(uint64_t pages)
{
    return __atomic_load_n(&overcommit_policy, __ATOMIC_RELAXED) == OVERCOMMIT_HEURISTIC &&
           pages > swap_and_memory_pages();
}
