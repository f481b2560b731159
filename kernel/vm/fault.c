/*
 * Page faults.
 *
 *   private, the page is in the amap ("upper")
 *       1A  sole owner, or a read          map it; writable if owned, and not offered (MADV_FREE):
 *                                          a store withdraws the offer
 *       1B  store to a page that a forked  copy it, put the copy in the slot, map that
 *           process has too
 *   otherwise ("lower")
 *       2A  the object has it, shared      map it; writable once it is dirty
 *           ... private, a read            map it read-only
 *       2B  private store                  copy it into the amap ("promote"), map the copy
 *       2Z  no object                      a read maps the page of zeros, a store promotes one
 *
 *      amap      [ 1A ] [ 1B ] [    ] [    ] [    ]
 *      object    [    ] [    ] [ 2A ] [ 2B ] [ -> not resident: read it, start again ]
 *
 * Phases: lookup, upper, lower, enter. A phase that needs something which cannot be had with the
 * locks held (a frame, a page from the store, space in the store, a larger stack) says so, every
 * lock is dropped, fault_resolve gets it, and the fault starts from lookup again; the world may
 * have changed.
 *
 * A debugger reaches what the program itself may not: a forced access finds the page as a fault
 * does, in the region's own copy if it is a store to private memory, and copies bytes where the
 * fault would enter the page.
 */
#include "abi/errno.h"
#include "abi/userfaultfd.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/around.h"
#include "vm/evict.h"
#include "vm/fault.h"
#include "vm/mark.h"

struct page *zero_page;

static enum outcome fail(struct fault *fault, enum fault_result result)
{
    fault->result = result;
    return FAILED;
}

static bool is_store(const struct fault *fault)
{
    return fault->access & ACCESS_WRITE;
}

/* What a forced access may do is what mprotect could allow; but what others would see in a shared
 * region, only what is allowed. */
static unsigned permitted_access(const struct fault *fault, const struct region *region)
{
    unsigned access = region_hardware_access(region);

    if (fault->forced)
        access |= region->max_access & (region->shared ? ACCESS_READ : ACCESS_READ | ACCESS_WRITE);
    return access;
}

static enum outcome lookup(struct fault *fault)
{
    struct region *region = region_find(fault->aspace, fault->address);

    if (!region)
        return region_reaches_down(fault->aspace, fault->address) ? NEED_STACK
                                                                  : fail(fault, FAULT_NO_REGION);
    if (fault->access & ~permitted_access(fault, region))
        return fail(fault, FAULT_ACCESS);
    fault->region = region;
    fault->object = region->object;
    fault->amap = region->shared ? NULL : __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);
    fault->index = region->object ? region_object_index(region, fault->address) : 0;
    fault->marks = marks_exist(fault->aspace) ? marks_of(fault->aspace, fault->address) : 0;
    return fault->marks & MARK_POISONED ? fail(fault, FAULT_POISON) : DONE;
}

/* Copy the bytes of a forced access. The page may be a new one: what is mapped now goes. */
static enum outcome copy_forced(struct fault *fault, struct page *page)
{
    const struct forced *forced = fault->forced;
    char *byte = (char *)page_data(page) + (forced->address & PAGE_MASK);

    if (!is_store(fault)) {
        memcpy(forced->buffer, byte, forced->size);
        return DONE;
    }
    memcpy(byte, forced->buffer, forced->size);
    pmap_remove(&fault->aspace->pmap, fault->address, fault->address + PAGE_SIZE, fault->gather);
    return DONE;
}

/* Map page with access, fetching instructions from it only after every hart can see them. */
static enum outcome enter(struct fault *fault, vaddr_t address, struct page *page, unsigned access)
{
    if (fault->forced)
        return copy_forced(fault, page);
    if ((access & ACCESS_EXECUTE) && !page_is(page, PAGE_CODE)) {
        instruction_fence_all();
        page_set(page, PAGE_CODE);
    }
    if ((fault->marks & MARK_PROTECTED) && (fault->region->flags & REGION_ASK_PROTECTED))
        access &= ~ACCESS_WRITE;
    /* A region without amap may get one, and a page in it, while this fault maps what is below. */
    struct amap *const *below = fault->amap ? NULL : &fault->region->amap;
    int error = pmap_enter(&fault->aspace->pmap, address, page, access, below, fault->gather);
    return error == -EAGAIN ? AGAIN : error ? NEED_TABLE : DONE;
}

/* Use the frame reserved before, or take one if that needs no waiting. */
static struct page *take_frame(struct fault *fault)
{
    struct page *page = fault->spare;

    fault->spare = NULL;
    return page ? page : page_allocate(0, PAGE_NOWAIT | PAGE_USER);
}

bool region_shows_zeros(const struct region *region, vaddr_t address)
{
    paddr_t frame;
    unsigned access;

    return pmap_query(&region->aspace->pmap, address, &frame, &access) &&
           frame == page_address(zero_page);
}

/* Does a program supply the page that is missing? It has not been, if zeros are shown. The page's
 * owner is locked. */
static bool is_supplied(const struct fault *fault)
{
    const struct region *region = fault->region;

    return (region->flags & REGION_ASK_MISSING) && !region_shows_zeros(region, fault->address);
}

/* Is the program asked before the object's page, which is in memory, is mapped? The object is
 * locked. */
static bool is_asked_first(const struct fault *fault)
{
    paddr_t frame;
    unsigned access;

    return (fault->region->flags & REGION_ASK_MINOR) && !fault->forced && !fault->brought &&
           !pmap_query(&fault->aspace->pmap, fault->address, &frame, &access);
}

/* Is the store one to a page that is protected from it? */
static bool is_protected(const struct fault *fault)
{
    return is_store(fault) && !fault->forced && (fault->marks & MARK_PROTECTED) &&
           (fault->region->flags & REGION_ASK_PROTECTED);
}

/* Tell the program, with these flags of the message. The page's owner is locked. */
static enum outcome ask_user(struct fault *fault, unsigned flags)
{
    fault->wait.address = fault->exact;
    fault->wait.flags = flags | (is_store(fault) ? UFFD_PAGEFAULT_FLAG_WRITE : 0);
    return userfault_join(fault->region->userfault, &fault->wait, fault->by_user)
               ? NEED_USER
               : fail(fault, FAULT_BUS);
}

/* A store to a protected page. */
static enum outcome ask_about_store(struct fault *fault)
{
    return fault->region->userfault->unasked ? NEED_MARK : ask_user(fault, UFFD_PAGEFAULT_FLAG_WP);
}

/* May neighbours be mapped as well? Not what has to be asked about, or is marked. */
static bool maps_around(const struct fault *fault)
{
    return !fault->forced && !marks_exist(fault->aspace) &&
           !(fault->region->flags & REGION_ASK_MINOR);
}

/* Cases 1A and 1B: page is in the amap, which is locked. */
static enum outcome upper(struct fault *fault, struct page *page)
{
    struct region *region = fault->region;
    unsigned access = region_hardware_access(region);
    bool offered = !(region->flags & REGION_DROPPABLE) && amap_is_offered(fault->amap, fault->slot);

    if (is_protected(fault))
        return ask_about_store(fault);
    if (offered && is_store(fault))
        amap_withdraw(fault->amap, fault->slot);
    else if (offered)
        access &= ~ACCESS_WRITE;
    if (amap_owns(page)) {
        enum outcome outcome = enter(fault, fault->address, page, access);
        if (outcome == DONE && maps_around(fault))
            around_amap(region, fault->amap, fault->address);
        return outcome;
    }
    if (is_store(fault)) {
        struct page *copy = take_frame(fault);
        if (!copy)
            return NEED_FRAME;
        page_copy(page_data(copy), page_data(page));
        amap_replace(fault->amap, fault->slot, copy, fault->gather);
        page = copy;
    } else {
        access &= ~ACCESS_WRITE;
    }
    return enter(fault, fault->address, page, access);
}

/* Put a copy of source (NULL: zeros) into the amap, which is locked and has none, and map it. */
static enum outcome promote(struct fault *fault, struct page *source)
{
    struct page *copy = take_frame(fault);

    if (!copy)
        return NEED_FRAME;
    if (source)
        page_copy(page_data(copy), page_data(source));
    else
        page_zero(page_data(copy));
    if (amap_insert(fault->amap, region_slot(fault->region, fault->address), copy)) {
        fault->spare = copy;
        return NEED_TABLE;
    }
    if (fault->region->flags & REGION_DROPPABLE) {
        amap_offer(fault->amap, fault->slot, fault->slot);
        evict_note_offered(fault->aspace);
    }
    return enter(fault, fault->address, copy, region_hardware_access(fault->region));
}

/* A store to a shared page makes it dirty. Object locked, page valid. */
static enum outcome store_to_shared(struct fault *fault, struct page *page)
{
    if (!page_is(page, PAGE_BACKED)) {
        page_reference(page);
        fault->page = page;
        return NEED_SPACE;
    }
    enum outcome outcome =
        enter(fault, fault->address, page, region_hardware_access(fault->region));
    if (outcome == DONE) {
        page->block_flags = UINT32_MAX;
        object_dirty_locked(fault->object, page);
    }
    /* Of a page that write(2) made dirty, too: the file's times move with this store. */
    if (outcome == DONE && !fault->stored) {
        object_reference(fault->object);
        fault->stored = fault->object;
    }
    return outcome;
}

/* Cases 2A and 2B: the object's page is valid. Object locked. */
static enum outcome lower_resident(struct fault *fault, struct page *page)
{
    struct region *region = fault->region;

    if (is_asked_first(fault))
        return ask_user(fault, UFFD_PAGEFAULT_FLAG_MINOR);
    if (is_protected(fault))
        return ask_about_store(fault);
    if (is_store(fault))
        return region->shared ? store_to_shared(fault, page) : promote(fault, page);
    enum outcome outcome = enter(fault, fault->address, page, around_access(region, page));
    if (outcome == DONE && maps_around(fault))
        around_object(region, fault->amap, fault->address);
    return outcome;
}

/* The object is to give the page. */
static enum outcome lower(struct fault *fault)
{
    struct object *object = fault->object;
    enum outcome outcome;
    struct page *busy;

    mutex_lock(&object->lock);
    struct page *page =
        fault->index < object_pages(object) ? object_find_page(object, fault->index, &busy) : NULL;
    if (fault->index >= object_pages(object)) {
        outcome = fail(fault, FAULT_BUS);
    } else if (page) {
        outcome = lower_resident(fault, page);
        page_release(page);
    } else if (!busy && object->anonymous && !radix_lookup(&object->swapped, fault->index) &&
               is_supplied(fault)) {
        outcome = ask_user(fault, 0);
    } else {
        fault->page = busy;
        outcome = busy ? NEED_WAIT : NEED_READ;
        fault->brought = !busy && !radix_lookup(&object->swapped, fault->index);
    }
    if (outcome == NEED_READ || outcome == NEED_WAIT || outcome == NEED_SPACE)
        object_reference(object); /* resolve uses it without the locks */
    mutex_unlock(&object->lock);
    return outcome;
}

/* A private region: amap first, then the object or zeros. */
static enum outcome private_page(struct fault *fault)
{
    enum outcome outcome = DONE;

    if (!fault->amap && (is_store(fault) || fault->region->userfault) &&
        !(fault->amap = region_make_amap(fault->region)))
        return NEED_TABLE;
    if (!fault->amap)
        return fault->object ? lower(fault)
                             : enter(fault, fault->address, zero_page,
                                     region_hardware_access(fault->region) & ~ACCESS_WRITE);
    mutex_lock(&fault->amap->lock);
    fault->slot = region_slot(fault->region, fault->address);
    struct page *page = amap_page(fault->amap, fault->slot);
    if (page) {
        outcome = upper(fault, page);
    } else if (amap_is_swapped(fault->amap, fault->slot)) {
        amap_reference(fault->amap); /* resolve uses it without the locks */
        outcome = NEED_SWAP;
    } else if (fault->object) {
        outcome = lower(fault);
    } else if (is_supplied(fault)) {
        outcome = ask_user(fault, 0);
    } else if (is_protected(fault)) {
        outcome = ask_about_store(fault);
    } else if (is_store(fault)) {
        outcome = promote(fault, NULL);
        if (outcome == DONE && maps_around(fault))
            around_ahead(fault->region, fault->amap, fault->address);
    } else {
        outcome = enter(fault, fault->address, zero_page,
                        region_hardware_access(fault->region) & ~ACCESS_WRITE);
    }
    mutex_unlock(&fault->amap->lock);
    return outcome;
}

/* One attempt, with the locks. */
static enum outcome attempt(struct fault *fault)
{
    rwlock_read(&fault->aspace->lock);
    enum outcome outcome = lookup(fault);
    if (outcome == DONE)
        outcome = fault->region->shared ? lower(fault) : private_page(fault);
    rwlock_read_done(&fault->aspace->lock);
    tlb_flush(fault->gather);
    return outcome;
}

/* A store has made a page of an object dirty, whose reference goes. Who stores to a file's pages
 * faster than they are written waits for the disk; but not in a system call, which may have locks.
 */
static void has_stored(const struct fault *fault)
{
    struct object *object = fault->stored;
    bool is_file = !object->anonymous;

    if (object->pager->stored)
        object->pager->stored(object);
    object_release(object);
    if (is_file && fault->by_user)
        write_back_throttle();
}

/* Attempt and resolve until it is done, or cannot be. */
static enum fault_result run(struct fault *fault, vaddr_t address)
{
    struct tlb_gather gather;
    enum outcome outcome;

    if (address >= user_end)
        return FAULT_NO_REGION;
    fault->exact = address;
    fault->address = page_round_down(address);
    fault->gather = &gather;
    tlb_gather_init(&gather, &fault->aspace->pmap, FLUSH_COPY);
    do {
        outcome = attempt(fault);
    } while (outcome != DONE && outcome != FAILED && fault_resolve(fault, outcome));
    if (fault->spare)
        page_release(fault->spare);
    if (fault->stored)
        has_stored(fault);
    return fault->result;
}

enum fault_result aspace_fault(struct aspace *aspace, vaddr_t address, unsigned access)
{
    struct fault fault = {.aspace = aspace,
                          .access = access & ~FAULT_BY_USER,
                          .result = FAULT_OK,
                          .by_user = access & FAULT_BY_USER};

    if (address < user_end)
        __atomic_fetch_add(&aspace->minor_faults, 1, __ATOMIC_RELAXED);
    return run(&fault, address);
}

enum fault_result fault_forced(struct aspace *aspace, vaddr_t address, void *buffer, size_t size,
                               unsigned access)
{
    struct forced forced = {.buffer = buffer, .address = address, .size = size};
    struct fault fault = {
        .aspace = aspace, .access = access, .result = FAULT_OK, .forced = &forced};

    return run(&fault, address);
}
