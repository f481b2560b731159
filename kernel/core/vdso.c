/*
 * The vDSO (vdso.h): two objects that every program maps, the page of clock data and right behind
 * it the ELF image; privately as Linux does, so that a debugger may put breakpoints into it.
 */
#include "core/vdso.h"
#include "abi/elf.h"
#include "arch/riscv/clock.h"
#include "core/printk.h"
#include "core/time.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/object.h"

extern const char vdso_image[], vdso_image_end[]; /* arch/riscv/vdso_image.S */

static struct object *clock_object, *image_object;
static uint64_t image_size; /* whole pages */

void vdso_init(void)
{
    size_t size = (size_t)(vdso_image_end - vdso_image);
    struct transfer_piece piece;
    struct transfer transfer;
    struct page *page;
    image_size = page_round_up(size);
    clock_object = object_create_anonymous(PAGE_SIZE, false);
    image_object = object_create_anonymous(image_size, false);
    transfer_init(&transfer, &piece, (uint64_t)vdso_image, size, true);
    if (!clock_object || !image_object || object_write(image_object, 0, &transfer) != (long)size ||
        object_get_page(clock_object, 0, &page))
        panic("no memory for the vDSO");
    time_move_clock(page_data(page)); /* the reference to the page keeps it where it is */
}

int vdso_map(struct aspace *aspace)
{
    struct map_request clock = {
        .length = PAGE_SIZE + image_size, /* room for the image, mapped over the rest below */
        .access = ACCESS_READ,
        .max_access = ACCESS_READ,
        .object = clock_object,
        .name = "[vvar]",
    };
    struct map_request image = {
        .length = image_size,
        .access = ACCESS_READ | ACCESS_EXECUTE,
        .max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
        .flags = MAPPING_FIXED,
        .object = image_object,
        .name = "[vdso]",
    };
    int result = aspace_map(aspace, &clock, &image.address);
    if (result)
        return result;
    image.address += PAGE_SIZE;
    return aspace_map(aspace, &image, &aspace->vdso);
}

vaddr_t vdso_signal_return(const struct aspace *aspace)
{
    return aspace->vdso + ((const struct elf_header *)vdso_image)->entry;
}
