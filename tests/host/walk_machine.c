/*
 * What the files of kernel/fs that look paths up need around them: credentials of two users, files
 * that are opened but do nothing, objects without pages; nobody watches, locks or maps anything.
 */
#include "walk_machine.h"
#include "abi/errno.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/asynchronous.h"
#include "fs/epoll.h"
#include "fs/file_lock.h"
#include "fs/inode_flags.h"
#include "fs/lease.h"
#include "fs/mount_internal.h"
#include "fs/notify.h"
#include "fs/regular.h"
#include "fs/special.h"
#include "fs/vfs.h"
#include "fs/xattr.h"
#include "walk_store.h"
#include <string.h>

static struct credentials credentials;

void machine_set_user(uint32_t user)
{
    credentials = (struct credentials){.uid = user,
                                       .euid = user,
                                       .fsuid = user,
                                       .gid = user,
                                       .egid = user,
                                       .fsgid = user,
                                       .effective = user ? 0 : UINT64_MAX};
}

const struct credentials *credentials_current(void)
{
    return &credentials;
}

bool credentials_capable(unsigned capability)
{
    return credentials_have(&credentials, capability);
}

bool credentials_in_group(const struct credentials *self, uint32_t gid)
{
    return self->fsgid == gid;
}

bool credentials_have_group(const struct credentials *self, uint32_t gid)
{
    (void)self;
    (void)gid;
    return false;
}

const struct file_system *file_system_find(const char *name)
{
    return strcmp(name, store_type.name) ? NULL : &store_type;
}

struct block_device *block_find_number(uint64_t number)
{
    (void)number;
    return NULL;
}

void block_hold(struct block_device *device)
{
    (void)device;
}

void block_let_go(struct block_device *device)
{
    (void)device;
}

struct timestamp time_stamp(void)
{
    return (struct timestamp){1, 0};
}

/* Open files */

const struct file_operations regular_operations, directory_operations;

void asynchronous_forget(struct file *file)
{
    (void)file;
}

int fifo_open(struct vnode *vnode, struct file *file)
{
    (void)vnode;
    (void)file;
    return -ENXIO;
}

int device_open(struct vnode *vnode, struct file *file)
{
    (void)vnode;
    (void)file;
    return -ENXIO;
}

int vfs_resize(struct vnode *vnode, uint64_t size)
{
    (void)vnode;
    (void)size;
    return 0;
}

void epoll_forget(struct file *file)
{
    (void)file;
}

void file_lock_drop(struct vnode *vnode, enum file_lock_kind kind, const void *owner)
{
    (void)vnode;
    (void)kind;
    (void)owner;
}

uint32_t lease_count;

int lease_break_all(struct vnode *vnode, uint32_t flags)
{
    (void)vnode;
    (void)flags;
    return 0;
}

uint32_t inode_flags_inherited(const struct vnode *directory, uint32_t mode)
{
    (void)directory;
    (void)mode;
    return 0;
}

void lease_forget_file(struct file *file)
{
    (void)file;
}

void file_locks_free(struct vnode *vnode)
{
    (void)vnode;
}

void xattrs_free(struct vnode *vnode)
{
    (void)vnode;
}

/* Objects */

void object_init(struct object *object, const struct pager *pager, uint64_t size)
{
    *object = (struct object){.pager = pager, .size = size, .references = 1};
}

void object_destroy(struct object *object)
{
    (void)object;
}

int object_write_back(struct object *object, uint64_t start, uint64_t end, bool wait)
{
    (void)object;
    (void)start;
    (void)end;
    (void)wait;
    return 0;
}

void object_write_back_all(bool wait)
{
    (void)wait;
}

uint32_t object_error_sample(const struct object *object)
{
    (void)object;
    return 0;
}

uint64_t object_resident(const struct object *object)
{
    (void)object;
    return 0;
}

uint64_t object_stored(const struct object *object)
{
    (void)object;
    return 0;
}

/* Watches */

uint32_t notify_watches;

void notify_happened(struct vnode *vnode, unsigned event)
{
    (void)vnode;
    (void)event;
}

void notify_name_changed(struct vnode *directory, const struct name *name, struct vnode *target,
                         unsigned event, uint32_t cookie)
{
    (void)directory;
    (void)name;
    (void)target;
    (void)event;
    (void)cookie;
}

void vfs_accessed(const struct place *place)
{
    (void)place;
}

void notify_self(struct vnode *vnode, unsigned event)
{
    (void)vnode;
    (void)event;
}

void notify_moved(struct vnode *from, const struct name *from_name, struct vnode *to,
                  const struct name *to_name, struct vnode *source, struct vnode *target)
{
    (void)from;
    (void)from_name;
    (void)to;
    (void)to_name;
    (void)source;
    (void)target;
}

void notify_gone(struct vnode *vnode)
{
    (void)vnode;
}
