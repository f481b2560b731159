/*
 * Copies between the kernel and user memory (user.h).
 *
 * A page is found in the page tables and copied with interrupts off: a hart that wants to free the
 * frame has to wait until this one has answered its flush (arch/riscv/pmap.h), which it cannot
 * before the copy is done. So no reference is taken and no lock.
 */
#include "core/user.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/page.h"

#define STRING_STEP 64 /* bytes of a string copied at first; most are short */

/* Which way the bytes go: exactly one of the pointers, to memory of the kernel, is given. */
struct copy {
    char *destination;
    const char *source;
};

/* How much of [address, address + size) lies in user space. */
static size_t user_part(vaddr_t address, size_t size)
{
    if (address >= user_end)
        return 0;
    return size < user_end - address ? size : user_end - address;
}

/* Copy within one page; false: it is not mapped. */
static inline bool copy_piece(struct pmap *pmap, const struct copy *copy, vaddr_t address,
                              size_t done, size_t size)
{
    unsigned access = copy->destination ? ACCESS_READ : ACCESS_WRITE;
    uint64_t state = interrupts_disable();
    char *byte = pmap_user_byte(pmap, address, access);
    if (byte) {
        if (copy->destination)
            memcpy(copy->destination + done, byte, size);
        else
            memcpy(byte, copy->source + done, size);
    }
    interrupts_restore(state);
    return byte != NULL;
}

static inline size_t copy_user(const struct copy *copy, vaddr_t address, size_t size,
                               bool may_fault)
{
    struct pmap *pmap = &current_thread()->aspace->pmap;
    size_t done = 0, end = user_part(address, size);
    while (done < end) {
        size_t piece = rest_of_page(address + done, end - done);
        if (copy_piece(pmap, copy, address + done, done, piece))
            done += piece;
        else if (!may_fault ||
                 user_fault_in(address + done, copy->destination ? ACCESS_READ : ACCESS_WRITE))
            break;
    }
    return done;
}

int user_fault_in(vaddr_t address, unsigned access)
{
    struct aspace *aspace = current_thread()->aspace;
    if (address >= user_end)
        return -EFAULT;
    for (;;) {
        current_thread()->allocation_failed = false;
        enum fault_result result = aspace_fault(aspace, address, access);
        if (result == FAULT_OK)
            return 0;
        if (result != FAULT_NO_MEMORY || !out_of_memory_kill() || thread_killed())
            return -EFAULT;
    }
}

bool user_load_word_resident(vaddr_t address, uint32_t *value)
{
    struct pmap *pmap = &current_thread()->aspace->pmap;
    uint64_t state = interrupts_disable();
    const uint32_t *word = address < user_end ? pmap_user_byte(pmap, address, ACCESS_READ) : NULL;
    if (word)
        *value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    interrupts_restore(state);
    return word;
}

bool user_exchange_word_resident(vaddr_t address, uint32_t *expected, uint32_t next)
{
    struct pmap *pmap = &current_thread()->aspace->pmap;
    uint64_t state = interrupts_disable();
    uint32_t *word = address < user_end ? pmap_user_byte(pmap, address, ACCESS_WRITE) : NULL;
    if (word)
        __atomic_compare_exchange_n(word, expected, next, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
    interrupts_restore(state);
    return word;
}

int copy_from_user(void *destination, vaddr_t source, size_t size)
{
    struct copy copy = {.destination = destination};
    return copy_user(&copy, source, size, true) == size ? 0 : -EFAULT;
}

int copy_to_user(vaddr_t destination, const void *source, size_t size)
{
    struct copy copy = {.source = source};
    return copy_user(&copy, destination, size, true) == size ? 0 : -EFAULT;
}

/* Copy those of the values that go to the page of destination, if that is mapped: how many. */
static unsigned copy_halves_to_page(vaddr_t destination, size_t stride, const int16_t *values,
                                    unsigned count)
{
    unsigned fit = (unsigned)((PAGE_SIZE - sizeof(*values) - (destination & PAGE_MASK)) / stride);
    unsigned part = fit + 1 < count ? fit + 1 : count;
    uint64_t state = interrupts_disable();
    char *byte = pmap_user_byte(&current_thread()->aspace->pmap, destination, ACCESS_WRITE);
    if (byte) {
        for (unsigned i = 0; i < part; i++, byte += stride)
            memcpy(byte, &values[i], sizeof(*values));
    }
    interrupts_restore(state);
    return byte ? part : 0;
}

int copy_halves_to_user(vaddr_t destination, size_t stride, const int16_t *values, unsigned count)
{
    while (count > 0) {
        unsigned part = 0;
        if (user_part(destination, sizeof(*values)) < sizeof(*values))
            return -EFAULT;
        if (rest_of_page(destination, sizeof(*values)) == sizeof(*values))
            part = copy_halves_to_page(destination, stride, values, count);
        if (!part && copy_to_user(destination, values, sizeof(*values)))
            return -EFAULT;
        part = part ? part : 1;
        destination += part * stride;
        values += part;
        count -= part;
    }
    return 0;
}

size_t copy_from_user_partly(void *destination, vaddr_t source, size_t size)
{
    struct copy copy = {.destination = destination};
    return copy_user(&copy, source, size, true);
}

size_t copy_to_user_partly(vaddr_t destination, const void *source, size_t size)
{
    struct copy copy = {.source = source};
    return copy_user(&copy, destination, size, true);
}

size_t copy_to_user_resident(vaddr_t destination, const void *source, size_t size)
{
    struct copy copy = {.source = source};
    return copy_user(&copy, destination, size, false);
}

long copy_string_from_user(char *destination, vaddr_t source, size_t size)
{
    size_t done = 0, step = STRING_STEP;
    while (done < size) {
        size_t want = size - done < step ? size - done : step;
        size_t piece = rest_of_page(source + done, want);
        size_t copied = copy_from_user_partly(destination + done, source + done, piece);
        const char *end = memchr(destination + done, '\0', copied);
        if (end)
            return end - destination + 1;
        if (copied < piece)
            return -EFAULT;
        done += piece;
        step *= 2;
    }
    return -ENAMETOOLONG;
}

/* Transfers */

/* On by what was moved, and over empty pieces; behind the last byte the piece does not matter. */
static inline void advance(struct transfer *transfer, size_t size)
{
    transfer->offset += size;
    transfer->remaining -= size;
    while (transfer->remaining && transfer->offset == transfer->pieces->size) {
        transfer->pieces++;
        transfer->count--;
        transfer->offset = 0;
    }
}

/* Copy within kernel memory, for transfers of the kernel's own. */
static size_t copy_kernel(const struct copy *copy, uint64_t address, size_t size)
{
    if (copy->destination)
        memcpy(copy->destination, (const void *)address, size);
    else
        memcpy((void *)address, copy->source, size);
    return size;
}

/* Move all at once if it is in one page of user memory that is mapped, as it mostly is. */
static inline bool move_in_page(struct transfer *transfer, const struct copy *copy, size_t size)
{
    vaddr_t address = transfer->pieces->address + transfer->offset;
    if (transfer->kernel || size > transfer->pieces->size - transfer->offset ||
        address >= user_end || size > PAGE_SIZE - (address & PAGE_MASK) ||
        !copy_piece(&current_thread()->aspace->pmap, copy, address, 0, size))
        return false;
    advance(transfer, size);
    return true;
}

/* The same piece by piece and page by page. */
static __attribute__((noinline)) size_t move_pieces(struct transfer *transfer, struct copy copy,
                                                    size_t size, bool may_fault)
{
    size_t done = 0;
    while (done < size) {
        uint64_t address = transfer->pieces->address + transfer->offset;
        size_t piece = transfer->pieces->size - transfer->offset, copied;
        if (piece > size - done)
            piece = size - done;
        copied = transfer->kernel ? copy_kernel(&copy, address, piece)
                                  : copy_user(&copy, address, piece, may_fault);
        advance(transfer, copied);
        done += copied;
        if (copied < piece)
            break;
        if (copy.destination)
            copy.destination += copied;
        else
            copy.source += copied;
    }
    return done;
}

static inline size_t move(struct transfer *transfer, struct copy copy, size_t size, bool may_fault)
{
    if (size > transfer->remaining)
        size = transfer->remaining;
    if (size == 0 || move_in_page(transfer, &copy, size))
        return size;
    return move_pieces(transfer, copy, size, may_fault);
}

size_t transfer_take(struct transfer *transfer, void *destination, size_t size)
{
    return move(transfer, (struct copy){.destination = destination}, size, true);
}

size_t transfer_give(struct transfer *transfer, const void *source, size_t size)
{
    return move(transfer, (struct copy){.source = source}, size, true);
}

size_t transfer_take_resident(struct transfer *transfer, void *destination, size_t size)
{
    return move(transfer, (struct copy){.destination = destination}, size, false);
}

size_t transfer_give_resident(struct transfer *transfer, const void *source, size_t size)
{
    return move(transfer, (struct copy){.source = source}, size, false);
}

int transfer_fault_in(struct transfer *transfer, unsigned access)
{
    advance(transfer, 0); /* over empty pieces */
    if (transfer->kernel || transfer->remaining == 0)
        return 0;
    return user_fault_in(transfer->pieces->address + transfer->offset, access);
}

/* The page of user memory that holds address, faulted in for reading, referenced; NULL: there is
 * none. */
static struct page *reference_page(vaddr_t address)
{
    struct pmap *pmap = &current_thread()->aspace->pmap;
    struct page *page = NULL;

    do {
        uint64_t state = interrupts_disable();
        const char *byte = address < user_end ? pmap_user_byte(pmap, address, ACCESS_READ) : NULL;
        if (byte) {
            page = page_of(virtual_to_physical(byte));
            page_reference(page);
        }
        interrupts_restore(state);
    } while (!page && !user_fault_in(address, ACCESS_READ));
    return page;
}

bool transfer_lend(struct transfer *transfer, struct page_piece *piece)
{
    advance(transfer, 0); /* over empty pieces */
    if (transfer->remaining == 0)
        return false;
    vaddr_t address = transfer->pieces->address + transfer->offset;
    size_t size = rest_of_page(address, transfer->pieces->size - transfer->offset);
    struct page *page = reference_page(address);
    if (!page)
        return false;
    *piece = (struct page_piece){page, (uint32_t)(address & PAGE_MASK), (uint32_t)size};
    advance(transfer, size);
    return true;
}
