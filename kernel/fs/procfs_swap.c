/*
 * /proc/swaps: the swap areas in use (proc(5), swapon(8)).
 */
#include "abi/errno.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "lib/string.h"
#include "vm/kmem.h"
#include "vm/swap.h"

#define PATH_COLUMN 40
#define WIDE        10000000ul /* numbers from here on need no second tab */
#define KIB(pages)  ((pages) * (PAGE_SIZE / 1024))

static void write_area(struct text *text, const struct swap_area_info *info, const char *path)
{
    uint64_t size = KIB(info->size), used = KIB(info->used);
    size_t length = strlen(path);

    text_format(text, "%s", path);
    do
        text_add(text, " ", 1);
    while (++length < PATH_COLUMN);
    text_format(text, "%s\t%lu\t%s%lu\t%s%d\n", info->is_disk ? "partition" : "file\t", size,
                size < WIDE ? "\t" : "", used, used < WIDE ? "\t" : "", info->priority);
}

int procfs_write_swaps(uint64_t key, struct text *text)
{
    char *path = kmalloc(PATH_MAX);
    struct swap_area_info info;

    (void)key;
    if (!path)
        return -ENOMEM;
    text_format(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    for (unsigned n = 0; swap_area_info(n, &info); n++) {
        if (vnode_path(info.vnode, path, PATH_MAX) >= 0)
            write_area(text, &info, path);
        vnode_release(info.vnode);
    }
    kfree(path);
    return 0;
}
