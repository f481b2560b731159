/*
 * Orphans: inodes without a name that are still open. They form a list on the disk, from the
 * superblock's last_orphan through dtime of each, so that they are found and deleted when the
 * machine stops before they are closed. The list in memory has the same order.
 */
#include "core/printk.h"
#include "fs/ext/ext.h"

static struct ext_inode *orphan_of(struct list *link)
{
    return container_of(link, struct ext_inode, orphan_link);
}

void ext_orphan_add(struct ext_operation *operation, struct ext_inode *inode)
{
    struct ext *ext = operation->ext;

    mutex_lock(&ext->orphan_lock);
    if (list_empty(&inode->orphan_link)) {
        inode->dtime = ext->super->last_orphan;
        list_push_front(&ext->orphans, &inode->orphan_link);
        ext_operation_inode(operation, inode);
        ext->super->last_orphan = (uint32_t)inode->vnode.number;
        ext_super_changed(ext);
    }
    mutex_unlock(&ext->orphan_lock);
}

void ext_orphan_remove(struct ext_operation *operation, struct ext_inode *inode)
{
    struct ext *ext = operation->ext;

    mutex_lock(&ext->orphan_lock);
    if (!list_empty(&inode->orphan_link)) {
        struct list *before = inode->orphan_link.previous;
        if (before == &ext->orphans) {
            ext->super->last_orphan = inode->dtime;
            ext_super_changed(ext);
        } else {
            /* Stored at once: it may be gone before this operation ends. */
            orphan_of(before)->dtime = inode->dtime;
            ext_inode_store(operation, orphan_of(before));
        }
        list_remove(&inode->orphan_link);
        inode->dtime = 0;
    }
    mutex_unlock(&ext->orphan_lock);
}

/* Put an inode that is on the disk's list on the one in memory too, behind the others. */
static bool adopt(struct ext *ext, uint32_t number, uint32_t *next)
{
    struct ext_inode *inode;

    if (ext_inode_get(ext, number, true, &inode))
        return false;
    bool known = !list_empty(&inode->orphan_link) || inode->vnode.links;
    if (!known) {
        *next = inode->dtime;
        list_push_back(&ext->orphans, &inode->orphan_link);
    }
    if (known)
        vnode_release(&inode->vnode);
    return !known;
}

void ext_orphans_recover(struct ext *ext)
{
    uint32_t number = ext->super->last_orphan, count = 0;
    struct list *link;

    while (number && adopt(ext, number, &number))
        count++;
    if (number) {
        ext_error(ext, "the list of orphans is damaged", number);
        if (count) {
            orphan_of(ext->orphans.previous)->dtime = 0;
        } else {
            ext->super->last_orphan = 0;
            ext_super_changed(ext);
        }
    }
    while ((link = list_first(&ext->orphans)))
        vnode_release(&orphan_of(link)->vnode); /* without links: this deletes it */
    if (count)
        printk("%s: %u deleted files removed that had been open\n", ext->device->name, count);
}

void ext_orphans_delete(struct ext *ext)
{
    struct list *link;

    while ((link = list_first(&ext->orphans))) {
        struct ext_inode *inode = orphan_of(link);
        ext_inode_delete(inode);
        if (!list_empty(&inode->orphan_link))
            break; /* the disk takes no changes */
    }
}
