/* The model of vm_model.h. */
#include "vm_model.h"
#include "abi/errno.h"
#include "abi/madvise.h"
#include "arch/riscv/gather.h"
#include "core/thread.h"
#include "fs/vnode.h"
#include "machine.h"
#include "model_store.h"
#include "model_swap.h"
#include "shim.h"
#include "vm/evict.h"
#include "vm/reclaim.h"
#include "vm/vm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES    4
#define WINDOW       40 /* pages of each address space that are used */
#define BASE         0x100000ul
#define FILES        2
#define FILE_PAGES   24
#define SHARED       64 /* shared anonymous objects in one run */
#define SHARED_PAGES 12
#define HARTS        2
#define CELL_SIZE    2048u

uint64_t vm_model_loads;

void difference(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "difference: %s (%lx, %lx)\n", what, a, b);
    abort();
}

/* What the model knows. */

enum kind { UNMAPPED, ANONYMOUS, SHARED_ANONYMOUS, FILE_PRIVATE, FILE_SHARED };

struct model_page {
    enum kind kind;
    unsigned access;
    unsigned thing; /* file or shared object */
    unsigned index; /* page in it */
    bool copied;    /* private: has a copy of its own */
    bool locked, no_fork, wipe;
    bool offered; /* MADV_FREE: may have become zeros */
    uint8_t cells[2];
};

struct model_process {
    bool alive;
    struct aspace *aspace;
    struct model_page pages[WINDOW];
};

struct model_file {
    struct model_store store;
    uint8_t pages[FILE_PAGES][PAGE_SIZE]; /* of the store */
    uint8_t cells[FILE_PAGES][2];         /* what the model says */
    unsigned size;                        /* in halves of a page */
};

static struct model_process processes[PROCESSES];
static struct model_file files[FILES];
static uint8_t shared_cells[SHARED][SHARED_PAGES][2];
static unsigned shared_sizes[SHARED]; /* pages */
static unsigned shared_count;

/* The harts' translation caches. */

struct translation {
    bool valid;
    unsigned access;
    struct page *page;
};

static struct translation translations[HARTS][PROCESSES][WINDOW];
/* Forget exactly what the gather names, nothing more. */
static void forget(const struct tlb_gather *gather, unsigned hart, unsigned p)
{
    if (!processes[p].alive ||
        (!gather->several && gather->identifier != processes[p].aspace->pmap.identifier))
        return;
    for (unsigned i = 0; i < WINDOW; i++) {
        vaddr_t address = BASE + i * PAGE_SIZE;
        if (gather->several || (address >= gather->start && address < gather->end))
            translations[hart][p][i].valid = false;
    }
}

void tlb_flush(struct tlb_gather *gather)
{
    for (unsigned hart = 0; hart < HARTS; hart++) {
        for (unsigned p = 0; p < PROCESSES && (gather->harts >> hart & 1); p++)
            forget(gather, hart, p);
    }
    gather_free(gather);
}

/* Both harts run the address space all the time. */
static void load_everywhere(struct aspace *aspace, unsigned p)
{
    aspace->pmap.identifier = p + 1;
    aspace->pmap.active_harts = aspace->pmap.used_harts = (1u << HARTS) - 1;
}

/* Access to memory as a program has it. */

enum access_result { ACCESSED, SEGMENT_FAULT, BUS_FAULT, OUT_OF_MEMORY };

static enum access_result result_of(enum fault_result fault)
{
    if (fault == FAULT_BUS)
        return BUS_FAULT;
    return fault == FAULT_NO_MEMORY ? OUT_OF_MEMORY : SEGMENT_FAULT;
}

/* Find the page as hart does: its translation cache, else the tables, else a fault. */
static enum access_result translate(unsigned p, unsigned i, unsigned hart, unsigned access,
                                    struct page **page)
{
    struct translation *cached = &translations[hart][p][i];
    struct pmap *pmap = &processes[p].aspace->pmap;
    vaddr_t address = BASE + i * PAGE_SIZE;

    for (unsigned tries = 0; tries < 10; tries++) {
        paddr_t frame;
        unsigned allowed;
        bool present = pmap_query(pmap, address, &frame, &allowed);
        if (cached->valid && (cached->access & access) == access) {
            *page = cached->page;
            return ACCESSED;
        }
        if (present && (allowed & access) == access) {
            *cached = (struct translation){true, allowed, page_of(frame)};
            continue;
        }
        enum fault_result fault = aspace_fault(processes[p].aspace, address, access);
        if (fault != FAULT_OK)
            return result_of(fault);
    }
    difference("a fault is resolved again and again", address, access);
    return SEGMENT_FAULT;
}

static uint8_t *cell_of(struct page *page, unsigned cell)
{
    return (uint8_t *)page_data(page) + cell * CELL_SIZE + 8;
}

/* What the model says about an access. */
static enum access_result expected(const struct model_page *page, unsigned access)
{
    unsigned allowed = page->access & ACCESS_WRITE ? page->access | ACCESS_READ : page->access;

    if (page->kind == UNMAPPED || (access & ~allowed))
        return SEGMENT_FAULT;
    if (page->kind == SHARED_ANONYMOUS && page->index >= shared_sizes[page->thing])
        return BUS_FAULT;
    bool file = page->kind == FILE_PRIVATE || page->kind == FILE_SHARED;
    if (file && !page->copied && page->index >= (files[page->thing].size + 1) / 2)
        return BUS_FAULT;
    return ACCESSED;
}

/* The model's cells of a page; NULL: they are not defined (behind the end of the file, in its last
 * page). */
static uint8_t *model_cell(struct model_page *page, unsigned cell)
{
    if (page->copied || page->kind == ANONYMOUS)
        return &page->cells[cell];
    if (page->kind == SHARED_ANONYMOUS)
        return &shared_cells[page->thing][page->index][cell];
    if (page->index * 2 + cell >= files[page->thing].size)
        return NULL;
    return &files[page->thing].cells[page->index][cell];
}

/* If the page, which is there, was offered and has become zeros, the model learns of it. */
static void notice_freed(struct model_page *model, struct page *page)
{
    if (!model->offered || model->kind != ANONYMOUS)
        return;
    if (*cell_of(page, 0) == 0 && *cell_of(page, 1) == 0)
        model->cells[0] = model->cells[1] = 0;
}

static void do_load(unsigned p, unsigned i, unsigned hart, unsigned cell)
{
    struct model_page *model = &processes[p].pages[i];
    struct page *page;
    enum access_result result = translate(p, i, hart, ACCESS_READ, &page);

    if (result == OUT_OF_MEMORY)
        return;
    if (result != expected(model, ACCESS_READ))
        difference("result of a load", result, expected(model, ACCESS_READ));
    if (result != ACCESSED)
        return;
    notice_freed(model, page);
    uint8_t *want = model_cell(model, cell), got = *cell_of(page, cell);
    if (want && got != *want)
        difference("value of a load", got, *want);
    vm_model_loads++;
}

static void do_store(unsigned p, unsigned i, unsigned hart, unsigned cell, uint8_t value)
{
    struct model_page *model = &processes[p].pages[i];
    struct page *page;
    enum access_result result = translate(p, i, hart, ACCESS_WRITE, &page);

    if (result == OUT_OF_MEMORY)
        return;
    if (result != expected(model, ACCESS_WRITE))
        difference("result of a store", result, expected(model, ACCESS_WRITE));
    if (result != ACCESSED)
        return;
    if (model->kind == FILE_PRIVATE && !model->copied) {
        for (unsigned k = 0; k < 2; k++) {
            uint8_t *from = model_cell(model, k);
            model->cells[k] = from ? *from : *cell_of(page, k);
        }
        model->copied = true;
    }
    notice_freed(model, page);
    for (unsigned k = 0; k < 2 && model->offered; k++) {
        if (*cell_of(page, k) != model->cells[k])
            difference("value of an offered page before a store", *cell_of(page, k), k);
    }
    model->offered = false;
    *cell_of(page, cell) = value;
    uint8_t *want = model_cell(model, cell);
    if (want)
        *want = value;
}

/* Mapping calls. */

static void model_unmap(struct model_process *process, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        process->pages[i] = (struct model_page){0};
}

static void do_map(unsigned p, enum kind kind, unsigned first, unsigned count, unsigned access,
                   unsigned thing, unsigned index)
{
    struct model_process *process = &processes[p];
    struct map_request request = {.address = BASE + first * PAGE_SIZE,
                                  .length = count * PAGE_SIZE,
                                  .access = access,
                                  .max_access = 7,
                                  .flags = MAPPING_FIXED};
    struct object *object = NULL;
    vaddr_t address;

    if (kind == SHARED_ANONYMOUS) {
        if (shared_count == SHARED || count > SHARED_PAGES)
            return;
        object = object_create_anonymous(count * PAGE_SIZE, true);
        if (!object)
            return;
        shared_sizes[shared_count] = count;
        thing = shared_count++;
        index = 0;
        memset(shared_cells[thing], 0, sizeof(shared_cells[thing]));
    } else if (kind == FILE_PRIVATE || kind == FILE_SHARED) {
        object = &files[thing].store.object;
        object_reference(object);
    }
    if (kind == SHARED_ANONYMOUS || kind == FILE_SHARED)
        request.flags |= MAPPING_SHARED;
    request.object = object;
    request.offset = index * PAGE_SIZE;
    int error = aspace_map(process->aspace, &request, &address);
    if (object)
        object_release(object);
    if (error == -ENOMEM && shim_allocation_failed())
        return;
    if (error || address != request.address)
        difference("result of a fixed map", (uint64_t)error, address);
    model_unmap(process, first, count);
    for (unsigned i = 0; i < count; i++)
        process->pages[first + i] =
            (struct model_page){.kind = kind, .access = access, .thing = thing, .index = index + i};
}

/* Let the kernel choose the place of anonymous memory. */
static void do_map_anywhere(unsigned p, unsigned hint, unsigned count)
{
    struct model_process *process = &processes[p];
    struct map_request request = {.address = hint ? BASE + hint * PAGE_SIZE : 0,
                                  .length = count * PAGE_SIZE,
                                  .access = ACCESS_READ | ACCESS_WRITE,
                                  .max_access = 7};
    vaddr_t address;
    int error = aspace_map(process->aspace, &request, &address);

    if (error)
        return;
    if (address < BASE || address + request.length > BASE + WINDOW * PAGE_SIZE) {
        if (aspace_unmap(process->aspace, address, request.length) && !shim_allocation_failed())
            difference("unmap", address, 0);
        return;
    }
    unsigned first = (unsigned)((address - BASE) / PAGE_SIZE);
    for (unsigned i = first; i < first + count; i++) {
        if (process->pages[i].kind != UNMAPPED)
            difference("a chosen place is not free", address, i);
        process->pages[i] =
            (struct model_page){.kind = ANONYMOUS, .access = ACCESS_READ | ACCESS_WRITE};
    }
}

static void do_unmap(unsigned p, unsigned first, unsigned count)
{
    int error = aspace_unmap(processes[p].aspace, BASE + first * PAGE_SIZE, count * PAGE_SIZE);

    if (error == -ENOMEM && shim_allocation_failed())
        return;
    if (error)
        difference("result of unmap", (uint64_t)error, 0);
    model_unmap(&processes[p], first, count);
}

static void do_protect(unsigned p, unsigned first, unsigned count, unsigned access)
{
    struct model_process *process = &processes[p];
    bool failed_before = shim_allocation_failed();
    int error = aspace_protect(process->aspace, BASE + first * PAGE_SIZE, count * PAGE_SIZE, access,
                               PROTECT_RANGE);
    int want = 0;

    if (error && !failed_before && shim_allocation_failed())
        return;
    for (unsigned i = first; i < first + count && !want; i++) {
        if (process->pages[i].kind == UNMAPPED)
            want = -ENOMEM;
        else
            process->pages[i].access = access;
    }
    if (error != want)
        difference("result of protect", (uint64_t)error, (uint64_t)want);
}

/* A page of model that was mapped next to another, in an object that goes on. */
static struct model_page page_after(const struct model_page *page, unsigned distance)
{
    struct model_page next = *page;

    next.index += distance;
    next.copied = next.offered = false;
    next.cells[0] = next.cells[1] = 0;
    return next;
}

/* Forget a range after a call that failed on the way. */
static void forget_range(unsigned p, unsigned first, unsigned count)
{
    if (aspace_unmap(processes[p].aspace, BASE + first * PAGE_SIZE, count * PAGE_SIZE))
        difference("unmap after a failure", first, count);
    model_unmap(&processes[p], first, count);
}

/* What a successful remap from first to the address has done. */
static void model_remap(unsigned p, unsigned first, unsigned count, vaddr_t address,
                        unsigned new_count, bool kept)
{
    struct model_page moved[WINDOW * 2], *pages = processes[p].pages;
    unsigned target = (unsigned)((address - BASE) / PAGE_SIZE);
    bool inside = address >= BASE && target + new_count <= WINDOW;

    if (address == BASE + first * PAGE_SIZE && new_count > count) {
        for (unsigned i = count; i < new_count; i++) {
            if (pages[first + i].kind != UNMAPPED)
                difference("memory grew into what is mapped", first + i, count);
        }
    }
    for (unsigned i = 0; i < new_count; i++)
        moved[i] =
            i < count ? pages[first + i] : page_after(&pages[first + count - 1], i - count + 1);
    for (unsigned i = 0; i < count; i++) {
        if (kept) {
            pages[first + i] = page_after(&pages[first + i], 0);
            pages[first + i].locked = false;
        } else {
            pages[first + i] = (struct model_page){0};
        }
    }
    if (inside)
        memcpy(&pages[target], moved, new_count * sizeof(moved[0]));
    else if (aspace_unmap(processes[p].aspace, address, new_count * PAGE_SIZE) &&
             !shim_allocation_failed())
        difference("unmap of what was moved out of the window", address, new_count);
}

/* Is the whole range mapped, so that it can only be refused because it is several regions? */
static bool is_mapped(unsigned p, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (processes[p].pages[i].kind == UNMAPPED)
            return false;
    }
    return true;
}

/* What becomes one region with one that is kept is unlocked with it, and the model does not know
 * regions. */
static bool may_keep(unsigned p)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        if (processes[p].pages[i].locked)
            return false;
    }
    return true;
}

static void do_remap(unsigned p, unsigned first, unsigned count, unsigned target,
                     unsigned new_count, unsigned flags)
{
    struct remap_request request = {.address = BASE + first * PAGE_SIZE,
                                    .old_length = count * PAGE_SIZE,
                                    .new_length = new_count * PAGE_SIZE,
                                    .new_address = BASE + target * PAGE_SIZE,
                                    .flags = flags};
    bool fixed = flags & REMAP_FIXED,
         apart = first + count <= target || target + new_count <= first;
    bool whole = is_mapped(p, first, count < new_count ? count : new_count);
    vaddr_t address;

    if ((fixed && (!apart || target + new_count > WINDOW)) || first + new_count > WINDOW ||
        ((flags & REMAP_KEEP) && (new_count != count || !may_keep(p))))
        return;
    int error = aspace_remap(processes[p].aspace, &request, &address);
    if (error && shim_allocation_failed()) {
        forget_range(p, first, count);
        if (fixed)
            forget_range(p, target, new_count);
        return;
    }
    if (error == -EFAULT || error == -ENOMEM || error == -EAGAIN)
        return;
    if (error || (fixed && address != request.new_address))
        difference("result of a remap", (uint64_t)error, address);
    if (!whole && fixed && count == new_count)
        ; /* holes move along */
    else if (!whole && (flags & (REMAP_FIXED | REMAP_KEEP) || new_count > count))
        difference("a hole was moved", first, count);
    if (new_count < count) {
        model_unmap(&processes[p], first + new_count, count - new_count);
        count = new_count;
    }
    if (!whole && !fixed)
        return;
    if (fixed && (count == new_count) && !whole) {
        /* Where the holes go, the new place keeps what it has. */
        for (unsigned i = 0; i < count; i++) {
            if (processes[p].pages[first + i].kind != UNMAPPED)
                model_remap(p, first + i, 1, address + i * PAGE_SIZE, 1, flags & REMAP_KEEP);
        }
        return;
    }
    if (address != request.address || new_count > count)
        model_remap(p, first, count, address, new_count, flags & REMAP_KEEP);
}

/* DONTNEED or FREE, up to a page for which it is not allowed. */
static void do_discard(unsigned p, unsigned first, unsigned count, int advice)
{
    int error =
        aspace_advise(processes[p].aspace, BASE + first * PAGE_SIZE, count * PAGE_SIZE, advice);
    int want = 0;

    for (unsigned i = first; i < first + count && want != -EINVAL; i++) {
        struct model_page *page = &processes[p].pages[i];
        if (page->locked)
            want = -EINVAL;
        else if (page->kind == UNMAPPED)
            want = -ENOMEM;
        else if (advice == MADV_FREE && page->kind != ANONYMOUS)
            want = -EINVAL;
        else if (advice == MADV_FREE)
            page->offered = true;
        else
            *page = page_after(page, 0);
    }
    if (error != want)
        difference("result of a discard", (uint64_t)error, (uint64_t)want);
}

/* Let the pages of a range, or some of any process, go to the swap area. */
static void do_page_out(unsigned p, unsigned first, unsigned count)
{
    int error = aspace_advise(processes[p].aspace, BASE + first * PAGE_SIZE, count * PAGE_SIZE,
                              MADV_PAGEOUT);
    int want = 0;

    for (unsigned i = first; i < first + count && want != -EINVAL; i++) {
        if (processes[p].pages[i].locked)
            want = -EINVAL;
        else if (processes[p].pages[i].kind == UNMAPPED)
            want = -ENOMEM;
    }
    if (error != want)
        difference("result of MADV_PAGEOUT", (uint64_t)error, (uint64_t)want);
}

static void do_evict(unsigned wanted)
{
    bool contended = false;

    evict_private(wanted, UINT64_MAX, &contended);
    if (contended)
        difference("a lock was held", wanted, 0);
}

/* Set or clear an attribute of a range. */
static void do_attribute(unsigned p, unsigned first, unsigned count, unsigned which)
{
    static const int advice[] = {MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK};
    vaddr_t start = BASE + first * PAGE_SIZE;
    struct aspace *aspace = processes[p].aspace;
    int want = 0, error;

    if (which < 4)
        error = aspace_advise(aspace, start, count * PAGE_SIZE, advice[which]);
    else
        error = aspace_lock(aspace, start, count * PAGE_SIZE, which & 1 ? REGION_LOCKED_FLAGS : 0);
    if (error && shim_allocation_failed()) {
        forget_range(p, first, count);
        return;
    }
    for (unsigned i = first; i < first + count && want != -EINVAL; i++) {
        struct model_page *page = &processes[p].pages[i];
        if (page->kind == UNMAPPED)
            want = -ENOMEM;
        else if (which == 2 && page->kind != ANONYMOUS)
            want = -EINVAL;
        if (want == -EINVAL || (want && which >= 4))
            break;
        if (page->kind == UNMAPPED)
            continue;
        if (which < 2)
            page->no_fork = which == 0;
        else if (which < 4)
            page->wipe = which == 2;
        else
            page->locked = which & 1;
    }
    if (error != want)
        difference("result of an attribute", (uint64_t)error, (uint64_t)want);
}

/* What was stored to is in memory, or in the swap area. */
static void do_incore(unsigned p, unsigned first, unsigned count)
{
    uint8_t vector[WINDOW];
    int error = aspace_resident(processes[p].aspace, BASE + first * PAGE_SIZE, count, vector);

    if (error != (is_mapped(p, first, count) ? 0 : -ENOMEM))
        difference("result of incore", (uint64_t)error, first);
    for (unsigned i = 0; i < count && !error; i++) {
        const struct model_page *page = &processes[p].pages[first + i];
        bool stored = page->copied || (!page->offered && page->kind == ANONYMOUS &&
                                       (page->cells[0] | page->cells[1]));
        if (stored && !(vector[i] & 1) && !model_swap_is_used())
            difference("a page with contents is not in memory", first + i, vector[i]);
    }
}

/* Processes. */

/* What the pages of a new child have lost. */
static void inherit(struct model_process *child)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        struct model_page *page = &child->pages[i];
        page->locked = false;
        if (page->no_fork)
            *page = (struct model_page){0};
        else if (page->wipe)
            page->cells[0] = page->cells[1] = 0;
    }
}

static void do_fork(unsigned parent, unsigned child)
{
    struct aspace *aspace;

    if (processes[child].alive || aspace_fork(processes[parent].aspace, &aspace))
        return;
    processes[child] = processes[parent];
    processes[child].aspace = aspace;
    inherit(&processes[child]);
    load_everywhere(aspace, child);
    for (unsigned hart = 0; hart < HARTS; hart++)
        memset(translations[hart][child], 0, sizeof(translations[hart][child]));
}

static void do_exit(unsigned p)
{
    aspace_release(processes[p].aspace);
    memset(&processes[p], 0, sizeof(processes[p]));
    for (unsigned hart = 0; hart < HARTS; hart++)
        memset(translations[hart][p], 0, sizeof(translations[hart][p]));
}

/* Files. */

static void do_truncate(unsigned f, unsigned size)
{
    struct model_file *file = &files[f];

    if (size < file->size) {
        if (object_truncate(&file->store.object, size * CELL_SIZE))
            return;
        for (unsigned i = size; i < FILE_PAGES * 2; i++)
            memset(&file->pages[i / 2][i % 2 * CELL_SIZE], 0, CELL_SIZE);
    } else {
        object_grow(&file->store.object, size * CELL_SIZE);
    }
    for (unsigned i = size < file->size ? size : file->size; i < FILE_PAGES * 2; i++)
        file->cells[i / 2][i % 2] = 0;
    file->size = size;
    for (unsigned p = 0; p < PROCESSES; p++) {
        for (unsigned i = 0; i < WINDOW; i++) {
            struct model_page *page = &processes[p].pages[i];
            if (page->kind == FILE_PRIVATE && page->thing == f && page->index >= (size + 1) / 2)
                page->copied = false;
        }
    }
}

static void do_write(unsigned f, unsigned cell, unsigned count, uint8_t value)
{
    struct model_file *file = &files[f];
    uint8_t buffer[8 * CELL_SIZE];
    struct transfer_piece piece = {(uint64_t)buffer, count * CELL_SIZE};
    struct transfer transfer = {
        .pieces = &piece, .count = 1, .remaining = piece.size, .kernel = true};

    if (cell + count > FILE_PAGES * 2)
        return;
    memset(buffer, value, sizeof(buffer));
    long done = object_write(&file->store.object, cell * CELL_SIZE, &transfer);
    if (done < 0 && shim_allocation_failed())
        return;
    for (unsigned i = file->size; i < cell; i++)
        file->cells[i / 2][i % 2] = 0;
    for (unsigned i = cell; i < cell + (unsigned)done / CELL_SIZE; i++)
        file->cells[i / 2][i % 2] = value;
    if (cell + (unsigned)done / CELL_SIZE > file->size)
        file->size = cell + (unsigned)done / CELL_SIZE;
    if (done != (long)piece.size && !shim_allocation_failed())
        difference("bytes written", (uint64_t)done, piece.size);
    if (file->store.object.size != file->size * CELL_SIZE)
        difference("size after a write", file->store.object.size, file->size * CELL_SIZE);
}

static void do_read(unsigned f, unsigned cell, unsigned count)
{
    struct model_file *file = &files[f];
    uint8_t buffer[8 * CELL_SIZE];
    struct transfer_piece piece = {(uint64_t)buffer, count * CELL_SIZE};
    struct transfer transfer = {
        .pieces = &piece, .count = 1, .remaining = piece.size, .kernel = true};
    long done = object_read(&file->store.object, cell * CELL_SIZE, &transfer);
    unsigned want = cell >= file->size ? 0 : file->size - cell < count ? file->size - cell : count;

    if (shim_allocation_failed() && done != (long)(want * CELL_SIZE))
        return;
    if (done != (long)(want * CELL_SIZE))
        difference("bytes read", (uint64_t)done, want * CELL_SIZE);
    for (unsigned i = 0; i < want; i++) {
        unsigned k = cell + i;
        if (buffer[i * CELL_SIZE + 8] != file->cells[k / 2][k % 2])
            difference("value read", buffer[i * CELL_SIZE + 8], file->cells[k / 2][k % 2]);
    }
}

/* One operation from five bytes. */
static void step(const uint8_t *b)
{
    unsigned p = b[1] % PROCESSES, first = b[2] % WINDOW, hart = b[1] / 4 % HARTS;
    unsigned count = 1 + b[3] % 8, cell = b[3] % 2, access = b[4] % 8, f = b[4] / 8 % FILES;
    unsigned place = b[3] / 8 % FILE_PAGES, size = b[2] % (FILE_PAGES * 2 + 1);

    if (!processes[p].alive)
        p = 0;
    if (first + count > WINDOW)
        count = WINDOW - first;
    switch (b[0] % 40) {
    case 0:
        return do_map(p, ANONYMOUS, first, count, access, 0, 0);
    case 1:
        return do_map(p, SHARED_ANONYMOUS, first, count, access, 0, 0);
    case 2:
    case 3:
        return do_map(p, FILE_PRIVATE, first, count, access | 1, f, place);
    case 4:
    case 5:
        return do_map(p, FILE_SHARED, first, count, access | 1, f, place);
    case 6:
        return do_unmap(p, first, count);
    case 7:
        return do_protect(p, first, count, access);
    case 8:
        return do_protect(p, first, count, ACCESS_READ | ACCESS_WRITE);
    case 9:
        return do_fork(p, b[4] % PROCESSES);
    case 10:
        return p ? do_exit(p) : (void)0;
    case 11:
        return do_truncate(f, size);
    case 12:
        (void)object_write_back(&files[f].store.object, 0, UINT64_MAX, b[2] & 1);
        return;
    case 13:
        return do_write(f, size, 1 + b[3] % 8, b[1]);
    case 14:
        return do_read(f, size, 1 + b[3] % 8);
    case 15:
        (void)reclaim_pages(b[2] % 16);
        return;
    case 16:
        return do_map_anywhere(p, b[4] & 1 ? first : 0, count);
    case 18:
        return do_remap(p, first, count, b[4] % WINDOW, 1 + b[3] / 8 % 8,
                        b[1] & 16 ? REMAP_MAY_MOVE : REMAP_MAY_MOVE | REMAP_FIXED);
    case 19:
        return do_remap(p, first, count, b[4] % WINDOW, count,
                        b[1] & 16 ? REMAP_MAY_MOVE | REMAP_FIXED
                                  : REMAP_MAY_MOVE | REMAP_FIXED | REMAP_KEEP);
    case 20:
        return b[1] & 16 ? do_discard(p, first, count, b[1] & 32 ? MADV_FREE : MADV_DONTNEED)
                         : do_remap(p, first, count, 0, 1 + b[3] / 8 % 8, 0);
    case 21:
        return b[1] & 16 ? do_attribute(p, first, count, b[4] % 6) : do_incore(p, first, count);
    case 22:
    case 24:
        return b[1] & 16 ? do_page_out(p, first, count) : do_evict(1 + b[2] % 16);
    case 23:
        return b[1] & 16 ? model_swap_write() : model_swap_renew();
    case 17:
        if (model_requests())
            model_request_finish(b[2] % model_requests());
        return;
    default:
        return b[0] & 1 ? do_load(p, first, hart, cell) : do_store(p, first, hart, cell, b[4]);
    }
}

static void start(bool swapping)
{
    shim_memory_start(4096);
    shim_wait_hook = model_request_finish_oldest;
    machine_start();
    shared_count = 0;
    model_requests_start();
    memset(processes, 0, sizeof(processes));
    memset(translations, 0, sizeof(translations));
    for (unsigned f = 0; f < FILES; f++) {
        struct model_file *file = &files[f];
        file->size = 11 + f * 20;
        model_store_init(&file->store, file->pages, FILE_PAGES, file->size * CELL_SIZE);
        memset(file->cells, 0, sizeof(file->cells));
        for (unsigned i = 0; i < file->size; i++)
            file->cells[i / 2][i % 2] = file->pages[i / 2][i % 2 * CELL_SIZE + 8] =
                (uint8_t)(i + f * 100);
    }
    processes[0].alive = true;
    processes[0].aspace = aspace_create();
    load_everywhere(processes[0].aspace, 0);
    aspace_set_layout(processes[0].aspace, 0, BASE + WINDOW * PAGE_SIZE, 0);
    model_swap_start(swapping);
}

static void finish(void)
{
    for (unsigned p = 0; p < PROCESSES; p++) {
        if (processes[p].alive)
            do_exit(p);
    }
    while (model_request_finish_oldest())
        ;
    for (unsigned f = 0; f < FILES; f++)
        object_destroy(&files[f].store.object);
    model_swap_end();
    machine_end();
    if (shim_locks_held())
        difference("locks held at the end", shim_locks_held(), 0);
    if (shim_live_frames() || shim_live_objects())
        difference("frames or objects leaked", shim_live_frames(), shim_live_objects());
    shim_end();
}

bool vm_model_run(const uint8_t *bytes, size_t size, uint64_t fail_at)
{
    start(size && bytes[0] & 64);
    shim_fail_allocation(fail_at);
    for (size_t i = 0; i + 5 <= size; i += 5) {
        step(bytes + i);
        for (unsigned p = 0; p < PROCESSES; p++) {
            if (processes[p].alive)
                aspace_check(processes[p].aspace);
        }
    }
    bool failed = shim_allocation_failed();
    finish();
    return failed;
}
