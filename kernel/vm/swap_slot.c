/*
 * The slots of a swap area, and what its object has in memory for them; see swap_area.h.
 */
#include "abi/errno.h"
#include "vm/kmem.h"
#include "vm/swap_area.h"
#include "vm/vm.h"

#define CHUNK_SLOTS 1024u /* slots whose counts are in one page */
#define BAD         UINT32_MAX

struct swap_chunk {
    uint32_t *counts; /* entries that name each slot; BAD: never to be used */
    uint32_t free;
};

uint64_t swap_slots_left;

uint32_t *swap_slot_count(const struct swap_area *area, uint64_t slot)
{
    return &area->chunks[slot / CHUNK_SLOTS].counts[slot % CHUNK_SLOTS];
}

static void use_slot(struct swap_area *area, uint64_t slot)
{
    *swap_slot_count(area, slot) = 1;
    area->chunks[slot / CHUNK_SLOTS].free--;
    area->used++;
    __atomic_fetch_sub(&swap_slots_left, 1, __ATOMIC_RELAXED);
}

void swap_slot_free(struct swap_area *area, uint64_t slot)
{
    *swap_slot_count(area, slot) = 0;
    area->chunks[slot / CHUNK_SLOTS].free++;
    area->used--;
    if (!area->leaving)
        __atomic_fetch_add(&swap_slots_left, 1, __ATOMIC_RELAXED);
}

/* The first free slot of [start, end), or end. */
static uint64_t find_free(const struct swap_area *area, uint64_t start, uint64_t end)
{
    for (uint64_t slot = start; slot < end; slot++) {
        if (area->chunks[slot / CHUNK_SLOTS].free == 0)
            slot |= CHUNK_SLOTS - 1;
        else if (*swap_slot_count(area, slot) == 0)
            return slot;
    }
    return end;
}

bool swap_slot_take(struct swap_area *area, uint64_t *slot)
{
    *slot = find_free(area, area->cursor, area->slots);
    if (*slot >= area->slots)
        *slot = find_free(area, 1, area->cursor);
    if (*slot >= area->slots || *swap_slot_count(area, *slot) != 0)
        return false;
    use_slot(area, *slot);
    area->cursor = *slot + 1;
    return true;
}

void swap_slot_mark_bad(struct swap_area *area, uint64_t slot)
{
    if (slot >= area->slots || *swap_slot_count(area, slot) == BAD)
        return;
    *swap_slot_count(area, slot) = BAD;
    area->chunks[slot / CHUNK_SLOTS].free--;
    area->bad++;
}

void swap_slots_destroy(struct swap_chunk *chunks, uint64_t slots)
{
    for (uint64_t i = 0; chunks && i * CHUNK_SLOTS < slots; i++)
        kfree(chunks[i].counts);
    kfree(chunks);
}

struct swap_chunk *swap_slots_make(uint64_t slots)
{
    uint64_t count = (slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
    struct swap_chunk *chunks = kmalloc_zeroed(count * sizeof(*chunks));

    for (uint64_t i = 0; chunks && i < count; i++) {
        chunks[i].counts = kmalloc_zeroed(CHUNK_SLOTS * sizeof(uint32_t));
        chunks[i].free = CHUNK_SLOTS;
        if (!chunks[i].counts) {
            swap_slots_destroy(chunks, slots);
            return NULL;
        }
    }
    for (uint64_t slot = slots; chunks && slot < count * CHUNK_SLOTS; slot++) {
        chunks[count - 1].counts[slot % CHUNK_SLOTS] = BAD;
        chunks[count - 1].free--;
    }
    return chunks;
}

void swap_slot_forget(struct object *object, struct page *page)
{
    object_forget_page(object, page);
    page_clear(page, PAGE_SWAP | PAGE_BACKED | PAGE_REFERENCED | PAGE_REUSED);
    page->owner = NULL;
    page_release(page);
}

bool swap_slot_clear(struct object *object, uint64_t slot)
{
    struct page *page = radix_lookup(&object->pages, slot);

    if (page && page_is(page, PAGE_BUSY | PAGE_WRITEBACK))
        return false;
    if (page)
        swap_slot_forget(object, page);
    return true;
}
