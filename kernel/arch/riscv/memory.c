/*
 * Physical memory at boot.
 *
 *   ram         what the device tree's memory nodes say, below the end of the direct map
 *   mapped      ram without what must not be mapped: becomes the direct map
 *   usable      ram without all that is reserved, the kernel, the device tree and the RAM disk;
 *               page tables and the page array are carved from it, the rest is the allocator's
 *
 * Parts of pages count as reserved. The kernel's text and constants are read-only in the direct map
 * too, and nothing in it is executable.
 */
#include "arch/riscv/memory.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/kernel_map.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/range.h"
#include "core/printk.h"
#include "dev/fdt.h"
#include "lib/string.h"
#include "vm/page.h"

extern char image_start[], text_end[], rodata_end[], image_end[]; /* kernel.ld */
extern paddr_t image_physical;                                    /* boot.S */

static struct range_set ram, mapped, usable;
paddr_t initrd_start;
uint64_t initrd_size;

static paddr_t image_address(const char *symbol)
{
    return image_physical + (uint64_t)(symbol - image_start);
}

static void add_memory(uint64_t start, uint64_t size)
{
    uint64_t end = start + size < start ? UINT64_MAX : start + size;
    if (end > DIRECT_MAP_SIZE)
        end = DIRECT_MAP_SIZE;
    start = page_round_up(start);
    end = page_round_down(end);
    range_add(&ram, start, end);
    range_add(&mapped, start, end);
    range_add(&usable, start, end);
}

static void reserve(uint64_t start, uint64_t size, bool map)
{
    uint64_t end = start + size < start ? UINT64_MAX - PAGE_MASK : start + size;
    range_remove(&usable, page_round_down(start), page_round_up(end));
    if (!map)
        range_remove(&mapped, page_round_down(start), page_round_up(end));
}

static void find_memory(void)
{
    struct fdt_node root, node = {0};
    uint64_t start, size;

    if (!fdt_find("/", &root))
        return;
    while (fdt_next_child(&root, &node)) {
        const char *type = fdt_string(&node, "device_type");
        if (!type || strcmp(type, "memory"))
            continue;
        for (unsigned i = 0; fdt_reg(&node, i, &start, &size); i++)
            add_memory(start, size);
    }
}

static void find_reserved(void)
{
    struct fdt_node parent, node = {0};
    uint64_t start, size;
    size_t length;

    for (unsigned i = 0; fdt_reservation(i, &start, &size); i++)
        reserve(start, size, true);
    if (!fdt_find("/reserved-memory", &parent))
        return;
    while (fdt_next_child(&parent, &node)) {
        bool map = !fdt_property(&node, "no-map", &length);
        for (unsigned i = 0; fdt_reg(&node, i, &start, &size); i++)
            reserve(start, size, map);
    }
}

/* A property of /chosen that is an address, of four or eight bytes. */
static bool chosen_address(const char *name, uint64_t *address)
{
    struct fdt_node chosen;
    size_t length;
    const unsigned char *bytes;

    if (!fdt_find("/chosen", &chosen) || !(bytes = fdt_property(&chosen, name, &length)) ||
        (length != 4 && length != 8))
        return false;
    *address = 0;
    for (size_t i = 0; i < length; i++)
        *address = *address << 8 | bytes[i];
    return true;
}

static void find_initrd(void)
{
    uint64_t start, end;
    if (chosen_address("linux,initrd-start", &start) && chosen_address("linux,initrd-end", &end) &&
        start < end) {
        initrd_start = start;
        initrd_size = end - start;
        reserve(start, initrd_size, true);
    }
}

paddr_t memory_carve(uint64_t size)
{
    for (unsigned i = 0; i < usable.count; i++) {
        struct range *range = &usable.ranges[i];
        paddr_t start = range->start;
        if (range->end - start < size)
            continue;
        range_remove(&usable, start, start + size);
        memset(physical_to_virtual(start), 0, size);
        return start;
    }
    return 0;
}

static void map_or_panic(vaddr_t address, paddr_t start, paddr_t end, enum kernel_access access)
{
    if (start < end && !kernel_map(address, start, end - start, access))
        panic("no memory for the kernel's page tables");
}

static void map_direct(paddr_t start, paddr_t end, enum kernel_access access)
{
    map_or_panic(DIRECT_MAP_BASE + start, start, end, access);
}

static void map_image(void)
{
    vaddr_t start = (vaddr_t)image_start;
    paddr_t text = image_address(image_start), rodata = image_address(text_end);
    paddr_t data = image_address(rodata_end), end = page_round_up(image_address(image_end));

    map_or_panic(start, text, rodata, KERNEL_TEXT);
    map_or_panic((vaddr_t)text_end, rodata, data, KERNEL_READ);
    map_or_panic((vaddr_t)rodata_end, data, end, KERNEL_DATA);
}

static void map_memory(void)
{
    paddr_t text = image_address(image_start), data = image_address(rodata_end);

    range_remove(&mapped, text, data);
    map_direct(text, data, KERNEL_READ);
    for (unsigned i = 0; i < mapped.count; i++)
        map_direct(mapped.ranges[i].start, mapped.ranges[i].end, KERNEL_DATA);
}

/* boot.S has loaded the larger mode that the machine takes. */
static void choose_paging(void)
{
    char mode[8];
    bool sv39 = csr_read(satp) >> SATP_MODE_SHIFT == SATP_SV39;

    if (boot_argument("paging", mode, sizeof(mode)) && !strcmp(mode, "sv39"))
        sv39 = true;
    pmap_levels = sv39 ? 3 : 4;
    user_end = sv39 ? USER_END_SV39 : USER_END_SV48;
}

static void give_to_allocator(void)
{
    paddr_t start = ram.ranges[0].start, end = ram.ranges[ram.count - 1].end;
    paddr_t array = memory_carve(page_round_up(page_array_size(start, end)));

    if (!array)
        panic("no memory for the page array");
    page_array_init(start, end, physical_to_virtual(array));
    for (unsigned i = 0; i < usable.count; i++)
        page_allocator_add(usable.ranges[i].start, usable.ranges[i].end);
}

uint64_t memory_size(void)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < ram.count; i++)
        size += ram.ranges[i].end - ram.ranges[i].start;
    return size;
}

void memory_init(paddr_t device_tree)
{
    find_memory();
    if (ram.count == 0)
        panic("the device tree tells of no memory");
    reserve(image_physical, (uint64_t)(image_end - image_start), true);
    reserve(device_tree, fdt_size(), true);
    find_reserved();
    find_initrd();
    choose_paging();
    kernel_map_init();
    map_image();
    map_memory();
    /* The device tree need not lie in what is called memory. */
    map_direct(page_round_down(device_tree), page_round_up(device_tree + fdt_size()), KERNEL_READ);
    kernel_map_load();
    give_to_allocator();
}
