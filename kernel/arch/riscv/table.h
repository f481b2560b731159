/*
 * Frames for page tables. A table's struct page counts its valid entries, in index; in block_flags,
 * bit n says that one of the n-th group of entries has led to a lower table.
 */
#ifndef MAPIX_ARCH_RISCV_TABLE_H
#define MAPIX_ARCH_RISCV_TABLE_H

#include "lib/list.h"
#include "vm/page.h"

/* A table of zeros with no valid entry, or NULL. Never sleeps; any lock below RANK_FRAMES. */
struct page *table_allocate(void);

/* Give a table back that is all zeros again. No hart can reach it. */
void table_free(struct page *table);

/* As table_free for a list linked through page->link, which is empty afterwards. */
void table_free_list(struct list *tables);

/* The page of the table that this entry is in. */
static inline struct page *table_of(const uint64_t *entry)
{
    return page_of(page_round_down(virtual_to_physical(entry)));
}

#define TABLE_GROUP 16u /* entries: 512 / 32 */

/* An empty entry is about to lead to a lower table. */
static inline void table_note_lower(const uint64_t *entry)
{
    struct page *page = table_of(entry);
    size_t index = ((uintptr_t)entry & PAGE_MASK) / sizeof(*entry);

    page->index++;
    page->block_flags |= 1u << index / TABLE_GROUP;
}

static inline uint64_t *table_entries(const struct page *table)
{
    return page_data(table);
}

#endif
