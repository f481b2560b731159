/*
 * The mappings of a process: maps, smaps, smaps_rollup (proc(5)).
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"
#include "vm/region.h"

#define PATH_COLUMN 73  /* where paths begin */
#define VALUE_END   24u /* of smaps: where numbers end */
#define KIB(pages)  ((pages) * (PAGE_SIZE / 1024))

/* A name, in one line whatever is in it. */
static void write_name(struct text *text, const char *name)
{
    const char *end = name;

    for (; *end; end++) {
        if (*end == '\n') {
            text_add(text, name, (size_t)(end - name));
            text_add(text, "\\012", 4);
            name = end + 1;
        }
    }
    text_add(text, name, (size_t)(end - name));
}

/* Memory with the name of a file is on a device of its own, as on Linux. */
#define MEMORY_DEVICE device_number(0, 1)

/* The first line up to the device, at line: what is behind it. */
static char *write_range(char *line, const struct region_info *info, uint64_t device)
{
    line = format_hexadecimal(line, info->start, 8);
    *line++ = '-';
    line = format_hexadecimal(line, info->end, 8);
    *line++ = ' ';
    *line++ = info->access & ACCESS_READ ? 'r' : '-';
    *line++ = info->access & ACCESS_WRITE ? 'w' : '-';
    *line++ = info->access & ACCESS_EXECUTE ? 'x' : '-';
    *line++ = info->shared ? 's' : 'p';
    *line++ = ' ';
    line = format_hexadecimal(line, info->offset, 8);
    *line++ = ' ';
    line = format_hexadecimal(line, device_major(device), 2);
    *line++ = ':';
    return format_hexadecimal(line, device_minor(device), 2);
}

/* The first line of a region, the one of maps. path is PATH_MAX bytes to work in. */
static void write_region(struct text *text, const struct region_info *info, char *path)
{
    struct stat status = {0};
    char line[128];
    const char *name = info->name;

    if (info->vnode) {
        vnode_status(info->vnode, &status);
        if (vnode_path(info->vnode, path, PATH_MAX) >= 0)
            name = path;
    } else if (name && name[0] == '/') {
        status.device = MEMORY_DEVICE;
        status.number = info->number;
    }
    char *end = write_range(line, info, status.device);
    size_t length = (size_t)(end - line);
    length += format(end, sizeof(line) - length, " %lu ", status.number);
    if (name && length < PATH_COLUMN) {
        memset(line + length, ' ', PATH_COLUMN - length);
        length = PATH_COLUMN;
    }
    text_add(text, line, length);
    if (name)
        write_name(text, name);
    text_add(text, "\n", 1);
}

/* A sum of shares in KiB. */
static uint64_t share_kib(uint64_t share)
{
    return share / SHARE_UNIT / 1024;
}

static void write_line(struct text *text, const char *name, uint64_t kib)
{
    text_add_kib(text, name, VALUE_END, kib);
}

/* What there is none of here; Linux has a line for each. */
static void write_zeros(struct text *text)
{
    static const char *const names[] = {"AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
                                        "Shared_Hugetlb:", "Private_Hugetlb:"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_line(text, names[i], 0);
}

/* The counts of one mapping, or of all. */
static void write_counts(struct text *text, const struct region_info *info, bool all)
{
    uint64_t private_pages = info->resident - info->shared_pages;
    uint64_t private_dirty = info->dirty - info->shared_dirty;

    write_line(text, "Rss:", KIB(info->resident));
    write_line(text, "Pss:", share_kib(info->share));
    write_line(text, "Pss_Dirty:", share_kib(info->dirty_share));
    if (all) {
        write_line(text, "Pss_Anon:", share_kib(info->anonymous_share));
        write_line(text,
                   "Pss_File:", share_kib(info->share - info->anonymous_share - info->shmem_share));
        write_line(text, "Pss_Shmem:", share_kib(info->shmem_share));
    }
    write_line(text, "Shared_Clean:", KIB(info->shared_pages - info->shared_dirty));
    write_line(text, "Shared_Dirty:", KIB(info->shared_dirty));
    write_line(text, "Private_Clean:", KIB(private_pages - private_dirty));
    write_line(text, "Private_Dirty:", KIB(private_dirty));
    write_line(text, "Referenced:", KIB(info->referenced));
    write_line(text, "Anonymous:", KIB(info->anonymous));
    write_line(text, "KSM:", 0);
    write_line(text, "LazyFree:", KIB(info->offered));
    write_zeros(text);
    write_line(text, "Swap:", KIB(info->swapped));
    write_line(text, "SwapPss:", share_kib(info->swapped_share));
    write_line(text, "Locked:", info->flags & REGION_LOCKED ? share_kib(info->share) : 0);
}

/* The flags as smaps has them, in its order. */
static void write_flags(struct text *text, const struct region_info *info)
{
    unsigned may = info->max_access;
    const struct {
        const char *name;
        bool holds;
    } flags[] = {
        {"rd", info->access & ACCESS_READ},
        {"wr", info->access & ACCESS_WRITE},
        {"ex", info->access & ACCESS_EXECUTE},
        {"sh", info->shared && (may & ACCESS_WRITE)},
        {"mr", may & ACCESS_READ},
        {"mw", may & ACCESS_WRITE},
        {"me", may & ACCESS_EXECUTE},
        {"ms", info->shared},
        {"gd", info->grows_down},
        {"lo", info->flags & REGION_LOCKED},
        {"sr", info->flags & REGION_SEQUENTIAL},
        {"rr", info->flags & REGION_RANDOM},
        {"dc", info->flags & REGION_NO_FORK},
        {"lf", info->flags & REGION_LOCK_ON_FAULT},
        {"ac", info->flags & REGION_COMMITTED},
        {"nr", info->no_reserve},
        {"wf", info->flags & REGION_WIPE_ON_FORK},
        {"dd", info->flags & REGION_NO_DUMP},
        {"dp", info->flags & REGION_DROPPABLE},
        {"um", info->flags & REGION_ASK_MISSING},
        {"uw", info->flags & REGION_ASK_PROTECTED},
        {"ui", info->flags & REGION_ASK_MINOR},
        {"sl", info->flags & REGION_SEALED},
    };

    text_format(text, "VmFlags: ");
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].holds)
            text_format(text, "%s ", flags[i].name);
    }
    text_format(text, "\n");
}

static void write_details(struct text *text, const struct region_info *info)
{
    write_line(text, "Size:", (info->end - info->start) / 1024);
    write_line(text, "KernelPageSize:", KIB(1));
    write_line(text, "MMUPageSize:", KIB(1));
    write_counts(text, info, false);
    text_format(text, "THPeligible:           0\n");
    write_flags(text, info);
}

/* A piece of the text; the cursor is an address. */
static void write_some(struct aspace *aspace, uint64_t *cursor, struct text *text, char *path,
                       struct share_memo *memo)
{
    enum region_detail detail = memo ? REGION_SHARES : REGION_LAYOUT;
    struct region_info info;

    while (!text->error && text->length < PSEUDO_PIECE) {
        if (!aspace_region_info(aspace, *cursor, detail, memo, &info)) {
            *cursor = PSEUDO_END;
            break;
        }
        write_region(text, &info, path);
        if (memo)
            write_details(text, &info);
        if (info.vnode)
            vnode_release(info.vnode);
        *cursor = info.end;
    }
}

static struct share_memo *create_memo(void)
{
    struct share_memo *memo = kmalloc(sizeof(*memo));

    if (memo)
        memset(memo, 0, sizeof(*memo));
    return memo;
}

static int write_regions(uint64_t key, uint64_t *cursor, struct text *text, bool detailed)
{
    struct aspace *aspace;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace) {
        *cursor = PSEUDO_END;
        return error;
    }
    char *path = kmalloc(PATH_MAX);
    struct share_memo *memo = detailed ? create_memo() : NULL;
    if (!path || (detailed && !memo))
        error = -ENOMEM;
    else
        write_some(aspace, cursor, text, path, memo);
    aspace_release(aspace);
    kfree(memo);
    kfree(path);
    return error;
}

int procfs_write_maps(uint64_t key, uint64_t *cursor, struct text *text)
{
    return write_regions(key, cursor, text, false);
}

int procfs_write_smaps(uint64_t key, uint64_t *cursor, struct text *text)
{
    return write_regions(key, cursor, text, true);
}

static void add_counts(struct region_info *sum, const struct region_info *info)
{
    sum->resident += info->resident;
    sum->anonymous += info->anonymous;
    sum->swapped += info->swapped;
    sum->shared_pages += info->shared_pages;
    sum->dirty += info->dirty;
    sum->shared_dirty += info->shared_dirty;
    sum->referenced += info->referenced;
    sum->offered += info->offered;
    sum->swapped_share += info->swapped_share;
    sum->share += info->share;
    sum->dirty_share += info->dirty_share;
    sum->anonymous_share += info->anonymous_share;
    sum->shmem_share += info->shmem_share;
    sum->end = info->end;
}

int procfs_write_smaps_sum(uint64_t key, struct text *text)
{
    struct region_info sum = {0}, info;
    struct aspace *aspace;
    vaddr_t address = 0, start = 0;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    struct share_memo *memo = create_memo();
    while (memo && aspace_region_info(aspace, address, REGION_SHARES, memo, &info)) {
        if (address == 0)
            start = info.start;
        add_counts(&sum, &info);
        if (info.vnode)
            vnode_release(info.vnode);
        address = info.end;
    }
    aspace_release(aspace);
    kfree(memo);
    if (!memo)
        return -ENOMEM;
    text_format(text, "%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n",
                start, sum.end);
    write_counts(text, &sum, true);
    return 0;
}
