/* The machine of machine.h. */
#include "machine.h"
#include "abi/errno.h"
#include "arch/riscv/gather.h"
#include "arch/riscv/stack.h"
#include "arch/riscv/tlb.h"
#include "core/credentials.h"
#include "core/thread.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "shim.h"
#include "vm/vm.h"
#include <string.h>

static struct page *kernel_root;
static size_t transfer_limit = SIZE_MAX;
static bool fault_works;

uint64_t tlb_flush_counts[FLUSH_CAUSES];
uint64_t tlb_interrupts_sent;

void machine_start(void)
{
    kernel_root = page_allocate(0, PAGE_ZERO);
    kernel_pmap.root = page_address(kernel_root);
    transfer_limit = SIZE_MAX;
    vm_init();
    write_back_init();
}

void machine_end(void)
{
    page_release(zero_page);
    page_release(kernel_root);
    pmap_drop_tables();
}

__attribute__((weak)) void tlb_flush(struct tlb_gather *gather)
{
    gather_free(gather);
}

unsigned kernel_stacks_drop(void)
{
    return 0;
}

void tlb_leave(struct pmap *pmap)
{
    pmap->active_harts = 0;
}

void instruction_fence_all(void)
{
}

/* The parts of the kernel around. */

void vnode_reference(struct vnode *vnode)
{
    (void)vnode;
}

void vnode_release(struct vnode *vnode)
{
    (void)vnode;
}

int vnode_write_begin(struct vnode *vnode)
{
    (void)vnode;
    return 0;
}

void vnode_write_end(struct vnode *vnode)
{
    (void)vnode;
}

bool vnode_is_owner(const struct vnode *vnode)
{
    (void)vnode;
    return true;
}

int vnode_permission(const struct vnode *vnode, unsigned access)
{
    (void)vnode;
    (void)access;
    return 0;
}

int vfs_allocate(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t length)
{
    (void)vnode;
    (void)mode;
    (void)offset;
    (void)length;
    return -EOPNOTSUPP;
}

bool process_may_lock_memory(void)
{
    return false;
}

void vnode_write_back_all(bool wait)
{
    (void)wait;
}

unsigned vnode_cache_shrink(unsigned wanted)
{
    (void)wanted;
    return 0;
}

bool credentials_capable(unsigned capability)
{
    (void)capability;
    return false;
}

bool out_of_memory_kill(void)
{
    return false;
}

int kernel_thread_start(const char *name, void (*entry)(void *), void *argument)
{
    (void)name;
    (void)entry;
    (void)argument;
    return 0;
}

int thread_sleep(uint64_t nanoseconds, enum wait_kind kind)
{
    (void)kind;
    shim_time += nanoseconds;
    while (shim_wait_hook())
        ;
    return 0;
}

void machine_transfer(struct transfer *transfer, struct transfer_piece *piece, void *buffer,
                      size_t size)
{
    *piece = (struct transfer_piece){(uint64_t)buffer, size};
    *transfer = (struct transfer){.pieces = piece, .count = 1, .remaining = size, .kernel = true};
}

void machine_limit_transfers(size_t bytes, bool fault_succeeds)
{
    transfer_limit = bytes;
    fault_works = fault_succeeds;
}

/* How much of size is copied now; advances the transfer. */
static size_t advance(struct transfer *transfer, size_t size, char **memory)
{
    size_t count = size < transfer_limit ? size : transfer_limit;

    if (transfer_limit != SIZE_MAX)
        transfer_limit -= count;
    *memory = (char *)transfer->pieces->address + transfer->offset;
    transfer->offset += count;
    transfer->remaining -= count;
    return count;
}

size_t transfer_take_resident(struct transfer *transfer, void *destination, size_t size)
{
    char *memory;
    size_t count = advance(transfer, size, &memory);

    memcpy(destination, memory, count);
    return count;
}

size_t transfer_give_resident(struct transfer *transfer, const void *source, size_t size)
{
    char *memory;
    size_t count = advance(transfer, size, &memory);

    memcpy(memory, source, count);
    return count;
}

int transfer_fault_in(struct transfer *transfer, unsigned access)
{
    (void)transfer;
    (void)access;
    if (!fault_works)
        return -EFAULT;
    transfer_limit = SIZE_MAX;
    return 0;
}
