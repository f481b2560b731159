/*
 * memfd_create(2): regular files of a tmpfs that is mounted nowhere and has no limits.
 */
#include "fs/memory_file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/credentials.h"
#include "core/printk.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/regular.h"
#include "lib/format.h"

#define NAME_SIZE 256

static struct mount *memory_mount;

void memory_files_init(void)
{
    memory_mount = mount_nowhere("tmpfs", "size=0,nr_inodes=0");
    if (!memory_mount)
        panic("no memory for the file system of files without names");
}

/* What /proc calls the file: "/memfd:NAME (deleted)". */
static void set_name(struct vnode *vnode, const char *name)
{
    char text[NAME_SIZE];
    size_t length = format(text, sizeof(text), "memfd:%s", name);
    struct name shown = {text, (uint32_t)length};

    name_cache_enter_removed(memory_mount->root, &shown, vnode);
}

int memory_file_create(const char *name, uint32_t mode, uint32_t seals, struct file **file)
{
    const struct credentials *self = credentials_current();
    struct creation creation = {.mode = S_IFREG | mode, .uid = self->fsuid, .gid = self->fsgid};
    struct vnode *root = memory_mount->root, *vnode;
    int error = root->operations->create_unnamed(root, &creation, &vnode);

    if (error)
        return error;
    vnode->seals = seals;
    set_name(vnode, name);
    *file = file_create(vnode, &regular_operations, O_RDWR | O_LARGEFILE);
    if (!*file) {
        vnode_release(vnode);
        return -ENOMEM;
    }
    (*file)->mount = memory_mount;
    mount_hold(memory_mount);
    return 0;
}
