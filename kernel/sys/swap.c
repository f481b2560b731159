/*
 * swapon(2) and swapoff(2): what a path names is checked here, and handed to vm/swap_area.c.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/swap.h"
#include "core/process.h"
#include "core/user.h"
#include "dev/block.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/kmem.h"
#include "vm/swap.h"

/* The object whose pages a disk or a regular file has: 0, -EINVAL, -EISDIR, -ENXIO. */
static int find_object(struct vnode *vnode, struct object **object)
{
    struct block_device *device;

    switch (vnode_type(vnode)) {
    case S_IFBLK:
        device = block_find_number(vnode->device);
        if (!device)
            return -ENXIO;
        *object = &device->object;
        return 0;
    case S_IFREG:
        *object = &vnode->object;
        return vnode->object.anonymous || !vnode->volume ? -EINVAL : 0;
    case S_IFDIR:
        return -EISDIR;
    default:
        return -EINVAL;
    }
}

/* Read the header and check it: 0, -EINVAL, -EIO, -ENOMEM. */
static int read_header(struct object *object, struct swap_header *header)
{
    struct transfer_piece piece;
    struct transfer transfer;

    transfer_init(&transfer, &piece, (uint64_t)header, sizeof(*header), true);
    long got = object_read(object, 0, &transfer);
    if (got < 0)
        return (int)got;
    if ((size_t)got < sizeof(*header) || header->version != SWAP_VERSION ||
        memcmp(header->signature, SWAP_SIGNATURE, sizeof(header->signature)) != 0 ||
        header->last_page == 0 || header->bad_count > SWAP_BAD_MAX)
        return -EINVAL;
    return 0;
}

/* Has every page of the file space on the disk? The blocks of its map are counted as well, so a few
 * holes in a large file are not seen; what is written to them gets space then. */
static bool has_holes(const struct vnode *vnode, uint64_t slots)
{
    return vnode_type(vnode) == S_IFREG && vnode->blocks < slots * (PAGE_SIZE / 512);
}

static int add_area(struct vnode *vnode, struct object *object, unsigned flags,
                    struct swap_header *header)
{
    struct swap_description description = {
        .vnode = vnode,
        .object = object,
        .priority = flags & SWAP_FLAG_PREFER ? (int)(flags & SWAP_FLAG_PRIO_MASK) : -1,
        .is_disk = vnode_type(vnode) == S_IFBLK,
        .bad = header->bad,
    };
    int error = read_header(object, header);

    if (error)
        return error;
    description.bad_count = header->bad_count;
    description.slots = object->size / PAGE_SIZE;
    if (description.slots > (uint64_t)header->last_page + 1)
        description.slots = (uint64_t)header->last_page + 1;
    if (has_holes(vnode, description.slots))
        return -EINVAL;
    return swap_on(&description);
}

/* A file that is swapped to may not be written to: it is held as an executed one is. */
static int hold(struct vnode *vnode)
{
    if (vnode_type(vnode) != S_IFREG) {
        block_hold(block_find_number(vnode->device));
        return 0;
    }
    return vnode_execute_begin(vnode) ? -EBUSY : 0;
}

static void release(struct vnode *vnode)
{
    if (vnode_type(vnode) == S_IFREG)
        vnode_execute_end(vnode);
    else
        block_let_go(block_find_number(vnode->device));
}

long sys_swapon(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];
    struct vnode *vnode;

    if (flags & ~(unsigned)SWAP_FLAGS_VALID)
        return -EINVAL;
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    int error = at_lookup(AT_FDCWD, argument[0], 0, &vnode);
    if (error)
        return error;
    struct swap_header *header = kmalloc(sizeof(*header));
    struct object *object;
    error = header ? find_object(vnode, &object) : -ENOMEM;
    if (!error)
        error = hold(vnode);
    if (!error) {
        error = add_area(vnode, object, flags, header);
        if (error)
            release(vnode);
        else
            __atomic_store_n(&vnode->swapped_to, true, __ATOMIC_RELAXED);
    }
    kfree(header);
    vnode_release(vnode);
    return error;
}

long sys_swapoff(const uint64_t argument[6])
{
    struct vnode *vnode;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    int error = at_lookup(AT_FDCWD, argument[0], 0, &vnode);
    if (error)
        return error;
    struct object *object;
    error = find_object(vnode, &object);
    if (!error)
        error = swap_off(object);
    if (!error) {
        __atomic_store_n(&vnode->swapped_to, false, __ATOMIC_RELAXED);
        release(vnode);
    }
    vnode_release(vnode);
    return error;
}
