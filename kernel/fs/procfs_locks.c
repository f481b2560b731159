/*
 * /proc/locks: the advisory locks that are held, each with those that wait for it behind it
 * (proc(5)); and those of one open file, for fdinfo.
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "fs/file_lock.h"
#include "fs/lease.h"
#include "fs/procfs.h"
#include "vm/kmem.h"

#define ROOM 16 /* for locks that are taken while the list is made */

static void write_lock(struct text *text, unsigned number, const struct file_lock_info *info)
{
    static const char *const kinds[] = {
        [LOCK_OF_PROCESS] = "POSIX ", [LOCK_OF_FILE] = "OFDLCK", [LOCK_WHOLE] = "FLOCK "};

    text_format(text, "%u: %s%s ADVISORY  %s %d %02x:%02x:%lu %lu ", number,
                info->waits ? "-> " : "", kinds[info->kind],
                info->mode == LOCK_EXCLUSIVE ? "WRITE" : "READ", info->pid,
                device_major(info->device), device_minor(info->device), info->inode, info->start);
    if (info->last == INT64_MAX)
        text_format(text, "EOF\n");
    else
        text_format(text, "%lu\n", info->last);
}

/* All locks: 0 or -ENOMEM. The caller frees the list. */
static int get_locks(struct file_lock_info **list, size_t *count)
{
    size_t capacity;

    *list = NULL;
    *count = file_locks_list(NULL, 0);
    do {
        kfree(*list);
        capacity = *count + ROOM;
        *list = kmalloc(capacity * sizeof(**list));
        if (!*list)
            return -ENOMEM;
        *count = file_locks_list(*list, capacity);
    } while (*count > capacity);
    return 0;
}

int procfs_write_locks(uint64_t key, struct text *text)
{
    struct file_lock_info *list;
    size_t count;
    int error = get_locks(&list, &count);

    (void)key;
    if (error)
        return error;
    for (size_t n = 0; n < count; n++)
        write_lock(text, list[n].number + 1, &list[n]);
    leases_write(text, "", NULL, count ? list[count - 1].number + 2 : 1);
    kfree(list);
    return 0;
}

/* Those of whole files come first, as on Linux. */
int procfs_write_file_locks(const struct file *file, const struct file_table *files,
                            struct text *text)
{
    struct file_lock_info *list;
    unsigned number = 0;
    size_t count;
    int error = get_locks(&list, &count);

    if (error)
        return error;
    for (size_t n = 0; n < 2 * count; n++) {
        const struct file_lock_info *info = &list[n % count];
        if (info->waits || info->file != file || (info->kind == LOCK_WHOLE) != (n < count) ||
            (info->kind == LOCK_OF_PROCESS && info->owner != files))
            continue;
        text_format(text, "lock:\t");
        write_lock(text, ++number, info);
    }
    leases_write(text, "lock:\t", file, number + 1);
    kfree(list);
    return 0;
}
