/* The swap area of model_swap.h. */
#include "model_swap.h"
#include "abi/errno.h"
#include "model_store.h"
#include "shim.h"
#include "vm/swap.h"
#include "vm/vm.h"
#include "vm_model.h"

#define SLOTS    40u
#define BAD_SLOT 7u

static struct model_store area;
static uint8_t pages[SLOTS][PAGE_SIZE];
static bool wanted, used;

static void use(void)
{
    const uint32_t bad = BAD_SLOT;
    const struct swap_description description = {
        .object = &area.object, .slots = SLOTS, .priority = -1, .bad = &bad, .bad_count = 1};
    int error = swap_on(&description);

    if (error && !(error == -ENOMEM && shim_allocation_failed()))
        difference("swap_on", (uint64_t)error, 0);
    used = !error;
    if (used && swap_on(&description) != -EBUSY && !shim_allocation_failed())
        difference("an area is used twice", 0, 0);
}

void model_swap_start(bool swapping)
{
    model_store_init(&area, pages, SLOTS, SLOTS * PAGE_SIZE);
    wanted = swapping;
    used = false;
    if (wanted)
        use();
}

bool model_swap_is_used(void)
{
    return used;
}

uint64_t model_swap_pages(void)
{
    struct swap_counts counts;

    swap_count(&counts);
    return counts.in;
}

void model_swap_write(void)
{
    (void)object_write_back(&area.object, 0, UINT64_MAX, false);
}

/* Nothing of the area stays in memory. */
static void give_up(void)
{
    struct swap_counts counts;

    swap_count(&counts);
    if (counts.total || counts.free || counts.cached)
        difference("slots when there is no area", counts.total, counts.free);
    used = false;
}

void model_swap_renew(void)
{
    if (!wanted)
        return;
    int error = used ? swap_off(&area.object) : 0;
    if (error && !(error == -ENOMEM && shim_allocation_failed()))
        difference("swap_off", (uint64_t)error, 0);
    if (error)
        return;
    give_up();
    if (swap_off(&area.object) != -EINVAL)
        difference("an area is given up twice", 0, 0);
    use();
}

void model_swap_end(void)
{
    struct swap_counts counts;

    swap_count(&counts);
    if (counts.free != counts.total || counts.total != (used ? SLOTS - 2 : 0))
        difference("slots that nothing names are in use", counts.free, counts.total);
    if (used && swap_off(&area.object))
        difference("swap_off of an empty area", 0, 0);
    if (used)
        give_up();
    object_destroy(&area.object);
}
