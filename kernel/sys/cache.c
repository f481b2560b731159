/*
 * cachestat(2): how much of a file is in memory.
 */
#include "abi/cachestat.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/vnode.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/object.h"

/* Who could write to it may know, as with mincore(2). */
static bool may_know(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY || vnode_is_owner(file->vnode) ||
           vnode_permission(file->vnode, 2) == 0;
}

static struct cachestat survey(struct object *object, const struct cachestat_range *range)
{
    struct object_survey found;
    uint64_t last = range->length ? (range->offset + range->length - 1) >> PAGE_SHIFT
                                  : UINT64_MAX >> PAGE_SHIFT;

    object_survey(object, range->offset >> PAGE_SHIFT, last, &found);
    return (struct cachestat){.cached = found.resident,
                              .dirty = found.dirty,
                              .writing = found.writing,
                              .evicted = found.swapped};
}

long sys_cachestat(const uint64_t argument[6])
{
    struct cachestat_range range;
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    if (copy_from_user(&range, argument[1], sizeof(range)))
        result = -EFAULT;
    else if (!may_know(file))
        result = -EPERM;
    else if ((uint32_t)argument[3])
        result = -EINVAL;
    if (!result) {
        struct cachestat told = survey(&file->vnode->object, &range);
        result = copy_to_user(argument[2], &told, sizeof(told));
    }
    file_release(file);
    return result;
}
