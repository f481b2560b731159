/*
 * Robust lists (set_robust_list(2)): the locks of a thread that ends, or leaves its memory, say
 * that their owner has died.
 */
#include "core/futex.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "core/user.h"
#include "vm/aspace.h"

/* Leave word at a word of the list that its owner has died, and wake one who waits for it; pending:
 * the thread was about to take or to release it. -EFAULT. */
static int end_word(vaddr_t address, bool inheriting, bool pending)
{
    uint32_t seen = 0, id = (uint32_t)current_thread()->id;
    if (address % sizeof(uint32_t) || user_fault_in(address, ACCESS_WRITE))
        return -EFAULT;
    for (;;) {
        uint32_t word = seen;
        bool owned = (word & FUTEX_TID_MASK) == id;
        uint32_t next = owned ? (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED : word;
        if (!user_exchange_word_resident(address, &seen, next)) {
            if (user_fault_in(address, ACCESS_WRITE))
                return -EFAULT;
            continue;
        }
        if (seen != word)
            continue;
        if (!inheriting && (owned ? word & FUTEX_WAITERS : pending && word == 0))
            (void)futex_wake(address, true, 1, FUTEX_BITSET_MATCH_ANY);
        return 0;
    }
}

void futex_end_robust_list(vaddr_t address)
{
    struct robust_list_head head;
    uint64_t entry, next, pending;
    if (!address || copy_from_user(&head, address, sizeof(head)))
        return;
    pending = head.pending & ~1ul;
    entry = head.first;
    for (unsigned i = 0; (entry & ~1ul) != address && i < ROBUST_LIST_LIMIT; i++) {
        vaddr_t place = entry & ~1ul;
        bool readable = copy_from_user(&next, place, sizeof(next)) == 0;
        if (place != pending && end_word(place + (uint64_t)head.offset, entry & 1, false))
            return;
        if (!readable)
            return;
        entry = next;
    }
    if (pending)
        (void)end_word(pending + (uint64_t)head.offset, head.pending & 1, true);
}
