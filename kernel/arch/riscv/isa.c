/*
 * Extensions of the harts (isa.h). The device tree has them as one string ("riscv,isa":
 * "rv64imafdc_sstc_zicsr") or, newer, as a list of strings ("riscv,isa-extensions").
 */
#include "arch/riscv/isa.h"
#include "arch/riscv/sbi.h"
#include "dev/fdt.h"
#include "lib/string.h"

#define BASE_LENGTH 4 /* of "rv64" */

struct isa_maker isa_maker;

/* Of all harts: isa_bit each; 1 << isa_extension each. */
static uint64_t letters;
static unsigned extensions;

static const char *const names[ISA_EXTENSIONS] = {[ISA_SSTC] = "sstc",
                                                  [ISA_ZBA] = "zba",
                                                  [ISA_ZBB] = "zbb",
                                                  [ISA_ZBC] = "zbc",
                                                  [ISA_ZBS] = "zbs"};

/* Does a string such as "rv64imafdc_sstc_zicsr" name this extension of several letters? */
static bool names_extension(const char *list, const char *extension)
{
    size_t length = strlen(extension);
    for (list = strchr(list, '_'); list; list = strchr(list, '_')) {
        list++;
        if (!strncmp(list, extension, length) && (list[length] == '_' || list[length] == 0))
            return true;
    }
    return false;
}

/* Single letters come first, up to the first '_' or the first that begins a longer name. */
static uint64_t letters_of(const char *list)
{
    uint64_t found = 0;
    if (strnlen(list, BASE_LENGTH) < BASE_LENGTH)
        return 0;
    for (list += BASE_LENGTH; *list >= 'a' && *list <= 'z'; list++) {
        if (*list == 'z' || *list == 'x')
            break;
        found |= isa_bit(*list);
    }
    return found;
}

/* The next string of a list property of size bytes, after *used of them; NULL: no more. */
static const char *next_string(const char *list, size_t size, size_t *used)
{
    const char *string = list + *used;
    size_t left = size - *used, length;
    if (!list || left == 0)
        return NULL;
    length = strnlen(string, left);
    *used += length + 1;
    return length < left ? string : NULL;
}

static bool hart_has(const struct fdt_node *cpu, const char *extension)
{
    const char *list = fdt_string(cpu, "riscv,isa"), *string;
    size_t size, used = 0;
    if (list && names_extension(list, extension))
        return true;
    list = fdt_property(cpu, "riscv,isa-extensions", &size);
    while ((string = next_string(list, size, &used))) {
        if (!strcmp(string, extension))
            return true;
    }
    return false;
}

static uint64_t hart_letters(const struct fdt_node *cpu)
{
    const char *list = fdt_string(cpu, "riscv,isa"), *string;
    uint64_t found = list ? letters_of(list) : 0;
    size_t size, used = 0;
    list = fdt_property(cpu, "riscv,isa-extensions", &size);
    while ((string = next_string(list, size, &used))) {
        if (string[0] >= 'a' && string[0] <= 'z' && string[1] == '\0')
            found |= isa_bit(string[0]);
    }
    return found;
}

static unsigned hart_extensions(const struct fdt_node *cpu)
{
    unsigned found = 0;
    for (unsigned i = 0; i < ISA_EXTENSIONS; i++)
        found |= (unsigned)hart_has(cpu, names[i]) << i;
    return found;
}

/* The next hart of the tree that may be used, after *cpu (zeroed: the first). */
static bool next_hart(const struct fdt_node *cpus, struct fdt_node *cpu)
{
    while (fdt_next_child(cpus, cpu)) {
        const char *type = fdt_string(cpu, "device_type");
        if (type && !strcmp(type, "cpu") && fdt_is_enabled(cpu))
            return true;
    }
    return false;
}

void isa_init(void)
{
    struct fdt_node cpus, cpu = {0};
    bool found = false;

    isa_maker = (struct isa_maker){sbi_vendor(), sbi_architecture(), sbi_implementation()};
    letters = UINT64_MAX;
    extensions = ~0u;
    if (fdt_find("/cpus", &cpus)) {
        for (; next_hart(&cpus, &cpu); found = true) {
            letters &= hart_letters(&cpu);
            extensions &= hart_extensions(&cpu);
        }
    }
    if (!found)
        letters = extensions = 0;
}

bool isa_has(enum isa_extension extension)
{
    return extensions >> extension & 1;
}

uint64_t isa_letters(void)
{
    return letters;
}
