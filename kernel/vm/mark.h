/*
 * mark: what single pages of an address space are marked with, besides what their region says:
 * protected, so that a program is asked about the next store (vm/userfault.h), or poisoned, so that
 * every access fails. Marks are kept by address: they stay whatever becomes of translations and of
 * the pages, and go with the mapping.
 *
 * They are set and cleared with the address space locked for writing. A fault looks at them with it
 * locked for reading, so it enters no translation that a mark forbids.
 */
#ifndef MAPIX_VM_MARK_H
#define MAPIX_VM_MARK_H

#include "vm/aspace.h"

enum mark {
    MARK_PROTECTED = 1 << 0,
    MARK_POISONED = 1 << 1,
};

/* Is any page marked? */
static inline bool marks_exist(const struct aspace *aspace)
{
    return aspace->marks.count;
}

/* The marks of the page at address. Locked. */
unsigned marks_of(const struct aspace *aspace, vaddr_t address);

/* The first address at or above start, below end, whose page is marked; end: there is none. */
vaddr_t mark_next(const struct aspace *aspace, vaddr_t start, vaddr_t end);

/* Mark the page at address as well: 0 or -ENOMEM. Locked for writing. */
int mark_set(struct aspace *aspace, vaddr_t address, enum mark mark);

/* Take marks from the pages of [start, end). Locked for writing. */
void marks_clear(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned marks);

/* Give the pages of other from to on the marks that those of [start, end) have, as far as they are
 * among marks: 0 or -ENOMEM (a part is done). Both are locked for writing, or other is new. */
int marks_copy(const struct aspace *aspace, vaddr_t start, vaddr_t end, struct aspace *other,
               vaddr_t to, unsigned marks);

#endif
