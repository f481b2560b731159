/*
 * Extensions of the harts (isa.h). The device tree has them as one string ("riscv,isa":
 * "rv64imafdc_sstc_zicsr") or, newer, as a list of strings ("riscv,isa-extensions").
 */
#include "arch/riscv/isa.h"
#include "dev/fdt.h"
#include "lib/string.h"

#define BASE_LENGTH 4 /* of "rv64" */

static uint64_t letters; /* of all harts */

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

bool isa_has(const char *extension)
{
    struct fdt_node cpus, cpu = {0};
    bool found = false;
    if (!fdt_find("/cpus", &cpus))
        return false;
    while (next_hart(&cpus, &cpu)) {
        if (!hart_has(&cpu, extension))
            return false;
        found = true;
    }
    return found;
}

void isa_init(void)
{
    struct fdt_node cpus, cpu = {0};
    bool found = false;
    letters = UINT64_MAX;
    if (!fdt_find("/cpus", &cpus)) {
        letters = 0;
        return;
    }
    while (next_hart(&cpus, &cpu)) {
        letters &= hart_letters(&cpu);
        found = true;
    }
    if (!found)
        letters = 0;
}

uint64_t isa_letters(void)
{
    return letters;
}
