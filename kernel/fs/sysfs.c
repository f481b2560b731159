/*
 * The files of /sys (sysfs.h). Nothing can be written. Keys are the numbers of harts and of disks.
 */
#include "fs/sysfs.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "dev/block.h"
#include "fs/pseudo.h"
#include "fs/sysfs_disk.h"
#include "fs/vnode.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/page.h"
#include "vm/page_queue.h"

#define WORD_BITS  32u
#define DISK_RANGE 16u /* minor numbers of a disk */
#define KIB(pages) ((pages) * (PAGE_SIZE / 1024))

enum type_number {
    ROOT_TYPE = 1,
    DIRECTORY_TYPE, /* one with fixed entries only; which one, its key tells */
    HARTS_TYPE = 16,
    HART_TYPE,
    TOPOLOGY_TYPE,
    DISKS_TYPE,
    DISK_TYPE,
    QUEUE_TYPE,
    DISK_CLASS_TYPE,
    DISK_NUMBERS_TYPE,
    DISK_LINK_TYPE,
    DISK_NUMBER_TYPE,
    NODE_TYPE,
    TEXT_TYPE_FIRST = 64
};

/* Several files of one type in a directory get keys that differ above the numbers. */
#define NTH(n)      ((uint64_t)(n) << 32)
#define NUMBER(key) ((uint32_t)(key))

/* Texts: a number that is the same for all, or one of a hart or a disk. */

static int write_zero(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "0\n");
    return 0;
}

static int write_one(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "1\n");
    return 0;
}

static int write_nothing(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "\n");
    return 0;
}

/* Harts */

static void write_range(struct text *text, unsigned first, unsigned last)
{
    if (first == last)
        text_format(text, "%u\n", first);
    else
        text_format(text, "%u-%u\n", first, last);
}

static int write_harts(uint64_t key, struct text *text)
{
    (void)key;
    write_range(text, 0, hart_count() - 1);
    return 0;
}

static int write_last_hart(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "%u\n", HART_MAX - 1);
    return 0;
}

/* A set of harts as hexadecimal words of 32, the highest first. */
static void write_mask(struct text *text, uint64_t harts)
{
    unsigned words = (hart_count() + WORD_BITS - 1) / WORD_BITS;
    for (unsigned i = words; i > 0; i--) {
        unsigned bits = hart_count() - (i - 1) * WORD_BITS;
        unsigned digits = i == words && bits < WORD_BITS ? (bits + 3) / 4 : WORD_BITS / 4;
        text_format(text, "%0*x%s", (int)digits, (uint32_t)(harts >> (i - 1) * WORD_BITS),
                    i > 1 ? "," : "\n");
    }
}

static int write_hart_mask(uint64_t key, struct text *text)
{
    write_mask(text, 1ul << NUMBER(key));
    return 0;
}

static int write_all_mask(uint64_t key, struct text *text)
{
    (void)key;
    write_mask(text, all_harts());
    return 0;
}

static int write_hart_number(uint64_t key, struct text *text)
{
    text_format(text, "%u\n", NUMBER(key));
    return 0;
}

static bool next_hart(uint64_t key, uint64_t *number, uint64_t *hart,
                      char name[PSEUDO_NAME_MAX + 1])
{
    (void)key;
    format(name, PSEUDO_NAME_MAX + 1, "cpu%lu", *number);
    *hart = *number;
    return *number < hart_count();
}

static int find_hart(uint64_t key, const struct name *name, uint64_t *hart)
{
    (void)key;
    return pseudo_parse_name(name, "cpu", hart) && *hart < hart_count() ? 0 : -ENOENT;
}

/* Disks */

struct block_device *sysfs_disk(uint64_t number)
{
    struct block_device *device = block_next(NULL);
    while (device && number-- > 0)
        device = block_next(device);
    return device;
}

static int write_disk_size(uint64_t key, struct text *text)
{
    text_format(text, "%lu\n", sysfs_disk(NUMBER(key))->sectors);
    return 0;
}

static int write_disk_counts(uint64_t key, struct text *text)
{
    disk_write_counts(text, sysfs_disk(NUMBER(key)));
    return 0;
}

static int write_disk_number(uint64_t key, struct text *text)
{
    uint64_t number = sysfs_disk(NUMBER(key))->number;
    text_format(text, "%u:%u\n", device_major(number), device_minor(number));
    return 0;
}

static int write_disk_read_only(uint64_t key, struct text *text)
{
    text_format(text, "%u\n", sysfs_disk(NUMBER(key))->read_only);
    return 0;
}

static int write_disk_range(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "%u\n", DISK_RANGE);
    return 0;
}

static int write_sector_size(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "%u\n", SECTOR_SIZE);
    return 0;
}

static bool next_disk(uint64_t key, uint64_t *number, uint64_t *disk,
                      char name[PSEUDO_NAME_MAX + 1])
{
    struct block_device *device = sysfs_disk(*number);

    (void)key;
    if (device)
        string_copy(name, device->name, PSEUDO_NAME_MAX + 1);
    *disk = *number;
    return device;
}

static bool next_disk_number(uint64_t key, uint64_t *number, uint64_t *disk,
                             char name[PSEUDO_NAME_MAX + 1])
{
    struct block_device *device = sysfs_disk(*number);

    (void)key;
    if (device)
        format(name, PSEUDO_NAME_MAX + 1, "%u:%u", device_major(device->number),
               device_minor(device->number));
    *disk = *number;
    return device;
}

/* The entry with this name, among those that next lists. */
static int find_listed(bool (*next)(uint64_t, uint64_t *, uint64_t *, char *),
                       const struct name *name, uint64_t *disk)
{
    char text[PSEUDO_NAME_MAX + 1];

    for (uint64_t number = 0; next(0, &number, disk, text); number++) {
        if (strlen(text) == name->length && !memcmp(text, name->bytes, name->length))
            return 0;
    }
    return -ENOENT;
}

static int find_disk(uint64_t key, const struct name *name, uint64_t *disk)
{
    (void)key;
    return find_listed(next_disk, name, disk);
}

static int find_disk_number(uint64_t key, const struct name *name, uint64_t *disk)
{
    (void)key;
    return find_listed(next_disk_number, name, disk);
}

static long read_disk_link(uint64_t key, char *buffer, size_t size)
{
    char text[sizeof("../../block/") + PSEUDO_NAME_MAX];

    format(text, sizeof(text), "../../block/%s", sysfs_disk(NUMBER(key))->name);
    return pseudo_copy_link(text, buffer, size);
}

/* Memory */

static int write_huge_pages(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "always madvise [never]\n");
    return 0;
}

static int write_huge_page_defragmentation(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "always defer defer+madvise madvise [never]\n");
    return 0;
}

static int write_huge_page_size(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "%lu\n", PAGE_SIZE << 9);
    return 0;
}

static int write_distance(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "10\n");
    return 0;
}

static int write_node_memory(uint64_t key, struct text *text)
{
    uint64_t total = page_count_total(), free = page_count_free();

    (void)key;
    text_format(text, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\n",
                KIB(total), KIB(free));
    text_format(text, "Node 0 MemUsed:        %8lu kB\nNode 0 FilePages:      %8lu kB\n",
                KIB(total - free), KIB(page_queue_files()));
    return 0;
}

/* Types of files */

#define TEXT_TYPE(name, offset, function)                                                          \
    static const struct pseudo_type name = {.number = TEXT_TYPE_FIRST + (offset),                  \
                                            .mode = S_IFREG | 0444,                                \
                                            .keyed = true,                                         \
                                            .strict = true,                                        \
                                            .write_text = function}
TEXT_TYPE(zero, 0, write_zero);
TEXT_TYPE(one, 1, write_one);
TEXT_TYPE(nothing, 2, write_nothing);
TEXT_TYPE(harts_range, 3, write_harts);
TEXT_TYPE(last_hart, 4, write_last_hart);
TEXT_TYPE(hart_mask, 5, write_hart_mask);
TEXT_TYPE(all_mask, 6, write_all_mask);
TEXT_TYPE(hart_number, 7, write_hart_number);
TEXT_TYPE(disk_size, 8, write_disk_size);
TEXT_TYPE(disk_number, 9, write_disk_number);
TEXT_TYPE(disk_read_only, 10, write_disk_read_only);
TEXT_TYPE(disk_range, 11, write_disk_range);
TEXT_TYPE(sector_size, 12, write_sector_size);
TEXT_TYPE(huge_pages, 13, write_huge_pages);
TEXT_TYPE(huge_page_defragmentation, 14, write_huge_page_defragmentation);
TEXT_TYPE(huge_page_size, 15, write_huge_page_size);
TEXT_TYPE(distance, 16, write_distance);
TEXT_TYPE(node_memory, 17, write_node_memory);
TEXT_TYPE(disk_counts, 18, write_disk_counts);

/* Directories */

#define DIRECTORY(name, number_, parent_, entries_)                                                \
    static const struct pseudo_type name = {                                                       \
        .number = (number_), .mode = S_IFDIR | 0555, .parent = &(parent_), .entries = (entries_)}
#define KEYED_DIRECTORY(name, number_, parent_, entries_)                                          \
    static const struct pseudo_type name = {.number = (number_),                                   \
                                            .mode = S_IFDIR | 0555,                                \
                                            .keyed = true,                                         \
                                            .parent = &(parent_),                                  \
                                            .entries = (entries_)}

static const struct pseudo_type root, devices, system_devices, harts_directory, hart_directory,
    nodes_directory, disks_directory, class_directory, device_numbers, kernel_directory,
    kernel_memory, file_systems;

static const struct pseudo_entry empty[] = {{NULL, NULL, 0}};

static const struct pseudo_entry topology_entries[] = {
    {"core_cpus", &hart_mask, NTH(1)},
    {"core_cpus_list", &hart_number, NTH(2)},
    {"core_id", &hart_number, NTH(3)},
    {"core_siblings", &all_mask, NTH(1)},
    {"core_siblings_list", &harts_range, NTH(1)},
    {"package_cpus", &all_mask, NTH(2)},
    {"package_cpus_list", &harts_range, NTH(2)},
    {"physical_package_id", &zero, NTH(1)},
    {"thread_siblings", &hart_mask, NTH(2)},
    {"thread_siblings_list", &hart_number, NTH(4)},
    {NULL, NULL, 0},
};
KEYED_DIRECTORY(topology, TOPOLOGY_TYPE, hart_directory, topology_entries);

static const struct pseudo_entry hart_entries[] = {
    {"topology", &topology, 0},
    {NULL, NULL, 0},
};
KEYED_DIRECTORY(hart_directory, HART_TYPE, harts_directory, hart_entries);

static const struct pseudo_entry harts_entries[] = {
    {"isolated", &nothing, NTH(1)},
    {"kernel_max", &last_hart, 0},
    {"offline", &nothing, NTH(2)},
    {"online", &harts_range, NTH(3)},
    {"possible", &harts_range, NTH(4)},
    {"present", &harts_range, NTH(5)},
    {NULL, NULL, 0},
};
static const struct pseudo_type harts_directory = {.number = HARTS_TYPE,
                                                   .mode = S_IFDIR | 0555,
                                                   .parent = &system_devices,
                                                   .entries = harts_entries,
                                                   .other = &hart_directory,
                                                   .find = find_hart,
                                                   .next = next_hart};

static const struct pseudo_entry node_entries[] = {
    {"cpulist", &harts_range, NTH(6)},
    {"cpumap", &all_mask, NTH(3)},
    {"distance", &distance, 0},
    {"meminfo", &node_memory, 0},
    {NULL, NULL, 0},
};
DIRECTORY(node_directory, NODE_TYPE, nodes_directory, node_entries);

static const struct pseudo_entry nodes_entries[] = {
    {"has_cpu", &zero, NTH(2)},
    {"has_memory", &zero, NTH(3)},
    {"has_normal_memory", &zero, NTH(4)},
    {"node0", &node_directory, 0},
    {"online", &zero, NTH(5)},
    {"possible", &zero, NTH(6)},
    {NULL, NULL, 0},
};
DIRECTORY(nodes_directory, DIRECTORY_TYPE, system_devices, nodes_entries);

static const struct pseudo_entry system_entries[] = {
    {"cpu", &harts_directory, 0}, {"node", &nodes_directory, 0}, {NULL, NULL, 0}};
DIRECTORY(system_devices, DIRECTORY_TYPE + 1, devices, system_entries);

static const struct pseudo_entry device_entries[] = {{"system", &system_devices, 0},
                                                     {NULL, NULL, 0}};
DIRECTORY(devices, DIRECTORY_TYPE + 2, root, device_entries);

static const struct pseudo_entry queue_entries[] = {
    {"hw_sector_size", &sector_size, NTH(1)},
    {"logical_block_size", &sector_size, NTH(2)},
    {"minimum_io_size", &sector_size, NTH(3)},
    {"optimal_io_size", &zero, NTH(7)},
    {"physical_block_size", &sector_size, NTH(4)},
    {"rotational", &one, NTH(1)},
    {NULL, NULL, 0},
};
KEYED_DIRECTORY(queue_directory, QUEUE_TYPE, sysfs_disk_directory, queue_entries);

static const struct pseudo_entry disk_entries[] = {
    {"dev", &disk_number, 0},  {"loop", &sysfs_loop, 0},     {"queue", &queue_directory, 0},
    {"range", &disk_range, 0}, {"removable", &zero, NTH(8)}, {"ro", &disk_read_only, 0},
    {"size", &disk_size, 0},   {"stat", &disk_counts, 0},    {NULL, NULL, 0},
};
const struct pseudo_type sysfs_disk_directory = {.number = DISK_TYPE,
                                                 .mode = S_IFDIR | 0555,
                                                 .keyed = true,
                                                 .parent = &disks_directory,
                                                 .entries = disk_entries};

static const struct pseudo_type disks_directory = {.number = DISKS_TYPE,
                                                   .mode = S_IFDIR | 0555,
                                                   .parent = &root,
                                                   .other = &sysfs_disk_directory,
                                                   .find = find_disk,
                                                   .next = next_disk};

static const struct pseudo_type disk_link = {
    .number = DISK_LINK_TYPE, .mode = S_IFLNK | 0777, .keyed = true, .read_link = read_disk_link};
static const struct pseudo_type disk_number_link = {
    .number = DISK_NUMBER_TYPE, .mode = S_IFLNK | 0777, .keyed = true, .read_link = read_disk_link};

static const struct pseudo_type disk_class = {.number = DISK_CLASS_TYPE,
                                              .mode = S_IFDIR | 0555,
                                              .parent = &class_directory,
                                              .other = &disk_link,
                                              .find = find_disk,
                                              .next = next_disk};
static const struct pseudo_type disk_numbers = {.number = DISK_NUMBERS_TYPE,
                                                .mode = S_IFDIR | 0555,
                                                .parent = &device_numbers,
                                                .other = &disk_number_link,
                                                .find = find_disk_number,
                                                .next = next_disk_number};

static const struct pseudo_entry class_entries[] = {{"block", &disk_class, 0}, {NULL, NULL, 0}};
DIRECTORY(class_directory, DIRECTORY_TYPE + 3, root, class_entries);

static const struct pseudo_entry number_entries[] = {{"block", &disk_numbers, 0}, {NULL, NULL, 0}};
DIRECTORY(device_numbers, DIRECTORY_TYPE + 4, root, number_entries);

static const struct pseudo_entry huge_page_entries[] = {
    {"defrag", &huge_page_defragmentation, 0},
    {"enabled", &huge_pages, 0},
    {"hpage_pmd_size", &huge_page_size, 0},
    {"use_zero_page", &zero, NTH(9)},
    {NULL, NULL, 0},
};
DIRECTORY(transparent_huge_pages, DIRECTORY_TYPE + 5, kernel_memory, huge_page_entries);

static const struct pseudo_entry kernel_memory_entries[] = {
    {"transparent_hugepage", &transparent_huge_pages, 0},
    {NULL, NULL, 0},
};
DIRECTORY(kernel_memory, DIRECTORY_TYPE + 7, kernel_directory, kernel_memory_entries);

static const struct pseudo_entry kernel_entries[] = {{"mm", &kernel_memory, 0}, {NULL, NULL, 0}};
DIRECTORY(kernel_directory, DIRECTORY_TYPE + 8, root, kernel_entries);

DIRECTORY(control_groups, DIRECTORY_TYPE + 9, file_systems, empty);
static const struct pseudo_entry file_system_entries[] = {{"cgroup", &control_groups, 0},
                                                          {NULL, NULL, 0}};
DIRECTORY(file_systems, DIRECTORY_TYPE + 10, root, file_system_entries);

DIRECTORY(modules, DIRECTORY_TYPE + 11, root, empty);

static const struct pseudo_entry root_entries[] = {
    {"block", &disks_directory, 0}, {"class", &class_directory, 0},
    {"dev", &device_numbers, 0},    {"devices", &devices, 0},
    {"fs", &file_systems, 0},       {"kernel", &kernel_directory, 0},
    {"module", &modules, 0},        {NULL, NULL, 0},
};

static const struct pseudo_type root = {
    .number = ROOT_TYPE, .mode = S_IFDIR | 0555, .entries = root_entries};

/* Mounting */

static void status(struct volume *volume, struct statfs *status)
{
    (void)volume;
    status->type = SYSFS_MAGIC;
}

static int mount_sysfs(struct volume *volume, const char *options)
{
    if (*options)
        return -EINVAL;
    static const struct volume_operations operations = {.status = status};
    return pseudo_mount(volume, &root, &operations);
}

void sysfs_init(void)
{
    static struct file_system type = {.name = "sysfs", .single = true, .mount = mount_sysfs};
    file_system_register(&type);
}
