/* Namespaces as files (namespace.h). */
#include "fs/namespace.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/file.h"

#define NUMBER_NEXT 0xf0000000u /* behind those of the first namespaces, as on Linux */

static const struct file_operations namespace_operations;

int namespace_open(struct vnode *vnode, struct file *file)
{
    (void)vnode;
    if ((file->flags & O_ACCMODE) != O_RDONLY)
        return -EPERM; /* it cannot be changed */
    file->operations = &namespace_operations;
    return 0;
}

uint64_t namespace_new_number(void)
{
    static uint64_t next = NUMBER_NEXT;

    return __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
}
