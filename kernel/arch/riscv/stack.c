/*
 * Kernel stacks. The area of KERNEL_STACKS is cut into slots of 32 KiB: the upper half of a slot is
 * a stack, the lower half is never mapped (trap.S relies on the sizes). Stacks that are freed stay
 * mapped, linked through their first bytes, until memory is short; then the slot is unmapped on all
 * harts before its frames are given away.
 */
#include "arch/riscv/stack.h"
#include "arch/riscv/kernel_map.h"
#include "arch/riscv/offsets.h"
#include "arch/riscv/pte.h"
#include "arch/riscv/tlb.h"
#include "core/lock.h"
#include "vm/page.h"

#define SLOT_SIZE   (2 * KERNEL_STACK_SIZE)
#define SLOTS       (KERNEL_STACK_AREA / SLOT_SIZE)
#define STACK_PAGES (KERNEL_STACK_SIZE / PAGE_SIZE)

_Static_assert(KERNEL_STACK_SIZE == 1ul << STACK_SIZE_SHIFT, "trap.S knows the size");

static struct spinlock stack_lock = {.rank = RANK_SLAB, .name = "kernel stacks"};
static uint64_t slots_used[SLOTS / 64]; /* (stack_lock) bit n: slot n is mapped or being so */
static uint64_t slot_hint;              /* (stack_lock) no slot below this word is free */
static struct list kept = LIST_INITIALIZER(kept); /* (stack_lock) */
static uint64_t kept_count;                       /* (stack_lock) */

static uint64_t slot_stack(uint64_t slot)
{
    return KERNEL_STACKS + slot * SLOT_SIZE + KERNEL_STACK_SIZE;
}

bool kernel_stack_is_guard(uint64_t address)
{
    return address >= KERNEL_STACKS && address < KERNEL_STACKS + KERNEL_STACK_AREA &&
           !(address & KERNEL_STACK_SIZE);
}

/* Take a free slot; SLOTS: there is none. */
static uint64_t slot_take(void)
{
    uint64_t slot = SLOTS;

    spin_lock(&stack_lock);
    while (slot_hint < SLOTS / 64 && !~slots_used[slot_hint])
        slot_hint++;
    if (slot_hint < SLOTS / 64) {
        unsigned bit = (unsigned)__builtin_ctzl(~slots_used[slot_hint]);
        slots_used[slot_hint] |= 1ul << bit;
        slot = slot_hint * 64 + bit;
    }
    spin_unlock(&stack_lock);
    return slot;
}

static void slot_give(uint64_t slot)
{
    spin_lock(&stack_lock);
    slots_used[slot / 64] &= ~(1ul << slot % 64);
    if (slot / 64 < slot_hint)
        slot_hint = slot / 64;
    spin_unlock(&stack_lock);
}

/* Unmap the first count pages of a stack, leaving their frames on a list. */
static void unmap_pages(uint64_t stack, unsigned count, struct list *frames)
{
    for (unsigned i = 0; i < count; i++) {
        paddr_t frame = kernel_unmap(stack + i * PAGE_SIZE);
        list_push_back(frames, &page_of(frame)->link);
    }
}

static void free_frames(struct list *frames)
{
    struct list *link;
    while ((link = list_pop_front(frames)))
        page_release(container_of(link, struct page, link));
}

/* Map fresh frames at the slot's stack; false: no memory, and nothing is mapped. */
static bool map_stack(uint64_t stack)
{
    struct list frames;
    unsigned mapped = 0;

    while (mapped < STACK_PAGES) {
        struct page *page = page_allocate(0, 0);
        if (!page)
            break;
        if (!kernel_map(stack + mapped * PAGE_SIZE, page_address(page), PAGE_SIZE, KERNEL_DATA)) {
            page_release(page);
            break;
        }
        mapped++;
    }
    if (mapped == STACK_PAGES) {
        /* A hart may remember that there was nothing, and could not even take the trap. */
        tlb_flush_all();
        return true;
    }
    list_init(&frames);
    unmap_pages(stack, mapped, &frames);
    tlb_flush_all();
    free_frames(&frames);
    return false;
}

void *kernel_stack_allocate(void)
{
    struct list *link;

    spin_lock(&stack_lock);
    link = list_pop_front(&kept);
    if (link)
        kept_count--;
    spin_unlock(&stack_lock);
    if (link)
        return link;

    uint64_t slot = slot_take();
    if (slot == SLOTS)
        return NULL;
    if (!map_stack(slot_stack(slot))) {
        slot_give(slot);
        return NULL;
    }
    return (void *)slot_stack(slot);
}

void kernel_stack_free(void *stack)
{
    spin_lock(&stack_lock);
    list_push_front(&kept, stack);
    kept_count++;
    spin_unlock(&stack_lock);
}

unsigned kernel_stacks_drop(void)
{
    struct list *link, frames;
    uint64_t freed[16];
    unsigned count = 0;

    list_init(&frames);
    while (count < sizeof(freed) / sizeof(freed[0])) {
        spin_lock(&stack_lock);
        link = list_pop_front(&kept);
        if (link)
            kept_count--;
        spin_unlock(&stack_lock);
        if (!link)
            break;
        freed[count++] = (uint64_t)link;
        unmap_pages((uint64_t)link, STACK_PAGES, &frames);
    }
    if (count == 0)
        return 0;
    tlb_flush_all();
    free_frames(&frames);
    for (unsigned i = 0; i < count; i++)
        slot_give((freed[i] - KERNEL_STACKS) / SLOT_SIZE);
    return count * STACK_PAGES;
}

uint64_t kernel_stacks_cached(void)
{
    return __atomic_load_n(&kept_count, __ATOMIC_RELAXED) * STACK_PAGES;
}
