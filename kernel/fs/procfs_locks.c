/*
 * /proc/locks: the advisory locks that are held, each with those that wait for it behind it
 * (proc(5)).
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "fs/file_lock.h"
#include "fs/lease.h"
#include "fs/procfs.h"
#include "vm/kmem.h"

#define ROOM 16 /* for locks that are taken while the list is made */

static void write_lock(struct text *text, const struct file_lock_info *info)
{
    static const char *const kinds[] = {
        [LOCK_OF_PROCESS] = "POSIX ", [LOCK_OF_FILE] = "OFDLCK", [LOCK_WHOLE] = "FLOCK "};

    text_format(text, "%u: %s%s ADVISORY  %s %d %02x:%02x:%lu %lu ", info->number + 1,
                info->waits ? "-> " : "", kinds[info->kind],
                info->mode == LOCK_EXCLUSIVE ? "WRITE" : "READ", info->pid,
                device_major(info->device), device_minor(info->device), info->inode, info->start);
    if (info->last == INT64_MAX)
        text_format(text, "EOF\n");
    else
        text_format(text, "%lu\n", info->last);
}

int procfs_write_locks(uint64_t key, struct text *text)
{
    struct file_lock_info *list = NULL;
    size_t count = file_locks_list(NULL, 0), capacity;

    (void)key;
    do {
        kfree(list);
        capacity = count + ROOM;
        list = kmalloc(capacity * sizeof(*list));
        if (!list)
            return -ENOMEM;
        count = file_locks_list(list, capacity);
    } while (count > capacity);
    for (size_t n = 0; n < count; n++)
        write_lock(text, &list[n]);
    leases_write(text, count ? list[count - 1].number + 2 : 1);
    kfree(list);
    return 0;
}
