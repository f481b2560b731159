/*
 * Committed memory; see commit.h. The limit, and what it keeps back for root and for the last
 * programs of a user, are Linux's.
 */
#include "vm/commit.h"
#include "core/credentials.h"
#include "vm/aspace.h"
#include "vm/swap.h"

#define RATIO           50u
#define RESERVE_SHARE   32u   /* of memory, and of a program's own size */
#define ROOT_RESERVE    2048u /* pages that only root may have, at most */
#define PROGRAM_RESERVE 32768u

unsigned overcommit_policy = OVERCOMMIT_HEURISTIC;
unsigned overcommit_ratio = RATIO;

static int64_t committed; /* atomic: pages */

void commit_change(int64_t pages)
{
    __atomic_fetch_add(&committed, pages, __ATOMIC_RELAXED);
}

uint64_t commit_total(void)
{
    int64_t total = __atomic_load_n(&committed, __ATOMIC_RELAXED);
    return total > 0 ? (uint64_t)total : 0;
}

uint64_t commit_limit(void)
{
    uint64_t ratio = __atomic_load_n(&overcommit_ratio, __ATOMIC_RELAXED);
    uint64_t memory = page_count_total();

    return memory * ratio / 100 + swap_and_memory_pages() - memory;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is kept back from this address space. */
static uint64_t reserved(const struct aspace *aspace)
{
    uint64_t share = page_count_total() / RESERVE_SHARE, reserve = 0;

    if (!credentials_capable(CAP_SYS_ADMIN))
        reserve = least(share, ROOT_RESERVE);
    if (aspace)
        reserve += least(aspace->mapped_pages / RESERVE_SHARE, least(share, PROGRAM_RESERVE));
    return reserve;
}

bool overcommit_refuses(const struct aspace *aspace, uint64_t pages)
{
    switch (__atomic_load_n(&overcommit_policy, __ATOMIC_RELAXED)) {
    case OVERCOMMIT_HEURISTIC:
        return pages > swap_and_memory_pages();
    case OVERCOMMIT_NEVER:
        return commit_total() + pages + reserved(aspace) >= commit_limit();
    default:
        return false;
    }
}
