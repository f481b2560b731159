/*
 * Marks of single pages; see mark.h. An entry of the tree is the marks of a page, above bit 0: an
 * odd pointer would name a swap area's slot elsewhere.
 */
#include "vm/mark.h"
#include "abi/errno.h"

static void *entry_of(unsigned marks)
{
    return (void *)((uintptr_t)marks << 1);
}

static unsigned marks_in(const void *entry)
{
    return (unsigned)((uintptr_t)entry >> 1);
}

unsigned marks_of(const struct aspace *aspace, vaddr_t address)
{
    return marks_in(radix_lookup(&aspace->marks, address >> PAGE_SHIFT));
}

vaddr_t mark_next(const struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    uint64_t page;

    if (!radix_next(&aspace->marks, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT, &page))
        return end;
    return page << PAGE_SHIFT;
}

int mark_set(struct aspace *aspace, vaddr_t address, enum mark mark)
{
    uint64_t page = address >> PAGE_SHIFT;
    unsigned marks = marks_of(aspace, address);

    if (!marks)
        return radix_insert(&aspace->marks, page, entry_of(mark));
    radix_replace(&aspace->marks, page, entry_of(marks | mark));
    return 0;
}

void marks_clear(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned marks)
{
    uint64_t page = start >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
    void *entry;

    for (; (entry = radix_next(&aspace->marks, page, last, &page)); page++) {
        unsigned left = marks_in(entry) & ~marks;
        if (left)
            radix_replace(&aspace->marks, page, entry_of(left));
        else
            radix_remove(&aspace->marks, page);
        if (page == last)
            break;
    }
}

int marks_copy(const struct aspace *aspace, vaddr_t start, vaddr_t end, struct aspace *other,
               vaddr_t to, unsigned marks)
{
    uint64_t first = start >> PAGE_SHIFT, page = first, last = (end - 1) >> PAGE_SHIFT;
    int error = 0;
    void *entry;

    for (; !error && (entry = radix_next(&aspace->marks, page, last, &page)); page++) {
        unsigned copied = marks_in(entry) & marks;
        if (copied)
            error =
                radix_insert(&other->marks, (to >> PAGE_SHIFT) + (page - first), entry_of(copied));
        if (page == last)
            break;
    }
    return error;
}
