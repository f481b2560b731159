/*
 * Waiting for a page: sleepers share a few queues, found by hashing the page's address.
 */
#include "core/wait.h"
#include "vm/page.h"
#include "vm/vm.h"

#define PAGE_QUEUES 64

static struct wait_queue page_queues[PAGE_QUEUES];

void page_wait_init(void)
{
    for (unsigned i = 0; i < PAGE_QUEUES; i++)
        wait_queue_init(&page_queues[i], "page");
}

static struct wait_queue *queue_of(const struct page *page)
{
    return &page_queues[(uintptr_t)page / sizeof(*page) % PAGE_QUEUES];
}

/* Announce a waiter, then look: page_finish clears the flag before it looks for waiters. */
static bool finished(struct page *page, uint32_t flags)
{
    page_set(page, PAGE_WANTED);
    return !page_is(page, flags);
}

void page_wait(struct page *page, uint32_t flags)
{
    if (page_is(page, flags))
        wait_event(queue_of(page), finished(page, flags));
}

void page_finish(struct page *page, uint32_t flag)
{
    if (page_clear(page, flag | PAGE_WANTED) & PAGE_WANTED)
        wake_all(queue_of(page));
}
