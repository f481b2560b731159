/*
 * Reading the flattened device tree (fdt.h): a block of tokens, each node's properties before its
 * children, all big-endian. Every search runs from the beginning, keeping the cell sizes of the
 * nodes above the current one; a tree has some hundred nodes, and this is for booting.
 *
 * All reads go through bytes_at, which knows the ends of the blocks.
 */
#include "dev/fdt.h"
#include "lib/string.h"

#define FDT_MAGIC 0xd00dfeedu
#define DEPTH_MAX 16 /* deeper nodes are not seen */

enum token { TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4 };

/* Offsets in the header, in words. */
enum header_word {
    HEADER_MAGIC = 0,
    HEADER_TOTAL_SIZE = 1,
    HEADER_STRUCTURE = 2,
    HEADER_STRINGS = 3,
    HEADER_RESERVATIONS = 4,
    HEADER_VERSION = 5,
    HEADER_STRINGS_SIZE = 8,
    HEADER_STRUCTURE_SIZE = 9
};

static const unsigned char *blob;
static uint32_t total_size;
static uint32_t structure, structure_size, strings, strings_size;

uint32_t fdt_word(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* size bytes of the structure block, or NULL. */
static const unsigned char *bytes_at(uint32_t offset, uint32_t size)
{
    if (offset > structure_size || size > structure_size - offset)
        return NULL;
    return blob + structure + offset;
}

/* A 32-bit word of the structure block; 0, which is no token, behind the end. */
static uint32_t word_at(uint32_t offset)
{
    const unsigned char *bytes = bytes_at(offset, 4);
    return bytes ? fdt_word(bytes) : 0;
}

static uint32_t round_up4(uint32_t size)
{
    return (size + 3) & ~3u;
}

bool fdt_init(const void *tree)
{
    const unsigned char *header = tree;
    uint32_t size = fdt_word(header + 4 * HEADER_TOTAL_SIZE);

    if (fdt_word(header) != FDT_MAGIC || size < 40 || size > 1u << 30 ||
        fdt_word(header + 4 * HEADER_VERSION) < 17)
        return false;
    structure = fdt_word(header + 4 * HEADER_STRUCTURE);
    structure_size = fdt_word(header + 4 * HEADER_STRUCTURE_SIZE);
    strings = fdt_word(header + 4 * HEADER_STRINGS);
    strings_size = fdt_word(header + 4 * HEADER_STRINGS_SIZE);
    if (structure > size || structure_size > size - structure || strings > size ||
        strings_size > size - strings)
        return false;
    blob = header;
    total_size = size;
    return true;
}

size_t fdt_size(void)
{
    return total_size;
}

/* The property whose token is at offset. */
struct property {
    const char *name;
    const unsigned char *value;
    uint32_t length, next;
};

static bool read_property(uint32_t offset, struct property *property)
{
    uint32_t name = word_at(offset + 8);

    property->length = word_at(offset + 4);
    property->value = bytes_at(offset + 12, property->length);
    if (!property->value || name >= strings_size)
        return false;
    property->name = (const char *)blob + strings + name;
    property->next = offset + 12 + round_up4(property->length);
    return strnlen(property->name, strings_size - name) < strings_size - name;
}

/* A walk over all nodes in order. */
struct scan {
    uint32_t position;
    uint32_t depth; /* nodes that are open */
    uint32_t address_cells[DEPTH_MAX + 1], size_cells[DEPTH_MAX + 1];
};

static void scan_begin(struct scan *scan)
{
    *scan = (struct scan){0};
}

/* A node begins at the position. */
static bool enter_node(struct scan *scan, struct fdt_node *node)
{
    uint32_t name = scan->position + 4;
    const unsigned char *bytes = bytes_at(name, 1);
    uint32_t rest = bytes ? structure_size - name : 0;
    size_t length = bytes ? strnlen((const char *)bytes, rest) : 0;

    if (length >= rest || scan->depth >= DEPTH_MAX)
        return false;
    scan->position = name + round_up4((uint32_t)length + 1);
    node->name = (const char *)bytes;
    node->offset = scan->position;
    node->depth = scan->depth;
    node->address_cells = scan->address_cells[scan->depth];
    node->size_cells = scan->size_cells[scan->depth];
    scan->depth++;
    scan->address_cells[scan->depth] = 2; /* the specification's defaults */
    scan->size_cells[scan->depth] = 1;
    return true;
}

/* A property of the innermost open node is at the position. */
static bool pass_property(struct scan *scan)
{
    struct property property;

    if (!read_property(scan->position, &property))
        return false;
    scan->position = property.next;
    if (property.length == 4 && !strcmp(property.name, "#address-cells"))
        scan->address_cells[scan->depth] = fdt_word(property.value);
    if (property.length == 4 && !strcmp(property.name, "#size-cells"))
        scan->size_cells[scan->depth] = fdt_word(property.value);
    return true;
}

/* The next node of the walk; false at the end, and where the tree is damaged. */
static bool scan_next(struct scan *scan, struct fdt_node *node)
{
    for (;;) {
        switch (word_at(scan->position)) {
        case TOKEN_BEGIN:
            return enter_node(scan, node);
        case TOKEN_END:
            if (scan->depth == 0)
                return false;
            scan->depth--;
            scan->position += 4;
            break;
        case TOKEN_PROPERTY:
            if (!pass_property(scan))
                return false;
            break;
        case TOKEN_NOP:
            scan->position += 4;
            break;
        default:
            return false;
        }
    }
}

const void *fdt_property(const struct fdt_node *node, const char *name, size_t *length)
{
    struct property property;
    uint32_t offset = node->offset;

    while (word_at(offset) == TOKEN_NOP)
        offset += 4;
    while (word_at(offset) == TOKEN_PROPERTY && read_property(offset, &property)) {
        if (!strcmp(property.name, name)) {
            *length = property.length;
            return property.value;
        }
        offset = property.next;
        while (word_at(offset) == TOKEN_NOP)
            offset += 4;
    }
    return NULL;
}

const char *fdt_string(const struct fdt_node *node, const char *name)
{
    size_t length;
    const char *value = fdt_property(node, name, &length);
    return value && strnlen(value, length) < length ? value : NULL;
}

bool fdt_u32(const struct fdt_node *node, const char *name, uint32_t *value)
{
    size_t length;
    const unsigned char *bytes = fdt_property(node, name, &length);
    if (!bytes || length < 4)
        return false;
    *value = fdt_word(bytes);
    return true;
}

bool fdt_is_compatible(const struct fdt_node *node, const char *compatible)
{
    size_t length, used = 0;
    const char *list = fdt_property(node, "compatible", &length);

    while (list && used < length) {
        size_t size = strnlen(list + used, length - used);
        if (size < length - used && !strcmp(list + used, compatible))
            return true;
        used += size + 1;
    }
    return false;
}

bool fdt_is_enabled(const struct fdt_node *node)
{
    const char *status = fdt_string(node, "status");
    return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

bool fdt_next_compatible(struct fdt_node *node, const char *compatible)
{
    struct scan scan;
    struct fdt_node found;

    scan_begin(&scan);
    while (scan_next(&scan, &found)) {
        if (found.offset > node->offset && (!compatible || fdt_is_compatible(&found, compatible))) {
            *node = found;
            return true;
        }
    }
    return false;
}

bool fdt_next_child(const struct fdt_node *parent, struct fdt_node *child)
{
    struct scan scan;
    struct fdt_node found;
    uint32_t after = child->offset > parent->offset ? child->offset : parent->offset;

    scan_begin(&scan);
    while (scan_next(&scan, &found)) {
        if (found.offset <= parent->offset)
            continue;
        if (found.depth <= parent->depth)
            return false;
        if (found.depth == parent->depth + 1 && found.offset > after) {
            *child = found;
            return true;
        }
    }
    return false;
}

/* Is this component of a path the node's name? The unit address may be left out. */
static bool names_node(const char *component, size_t length, const char *name)
{
    return !strncmp(name, component, length) && (name[length] == 0 || name[length] == '@');
}

bool fdt_find(const char *path, struct fdt_node *node)
{
    struct fdt_node current = {0};

    if (*path != '/' || !fdt_next_compatible(&current, NULL))
        return false;
    while (*++path) {
        const char *slash = strchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        struct fdt_node child = {0};
        do {
            if (!fdt_next_child(&current, &child))
                return false;
        } while (!names_node(path, length, child.name));
        current = child;
        path += length;
        if (!*path)
            break;
    }
    *node = current;
    return true;
}

/* A number of so many cells; cells above the lowest two are dropped. */
static uint64_t read_cells(const unsigned char *bytes, uint32_t cells)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < cells; i++)
        value = value << 32 | fdt_word(bytes + 4 * i);
    return value;
}

bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size)
{
    size_t length, step = 4 * ((size_t)node->address_cells + node->size_cells);
    const unsigned char *bytes = fdt_property(node, "reg", &length);

    if (!bytes || node->address_cells > 4 || node->size_cells > 4 || step == 0 ||
        length / step <= index)
        return false;
    bytes += index * step;
    *address = read_cells(bytes, node->address_cells);
    *size = read_cells(bytes + 4 * node->address_cells, node->size_cells);
    return true;
}

bool fdt_phandle(uint32_t phandle, struct fdt_node *node)
{
    uint32_t value;

    *node = (struct fdt_node){0};
    while (fdt_next_compatible(node, NULL)) {
        if (fdt_u32(node, "phandle", &value) && value == phandle)
            return true;
    }
    return false;
}

bool fdt_reservation(unsigned index, uint64_t *address, uint64_t *size)
{
    uint32_t start, offset;

    if (!blob)
        return false;
    start = fdt_word(blob + 4 * HEADER_RESERVATIONS);
    if (start > total_size || (total_size - start) / 16 <= index)
        return false;
    offset = start + 16 * index;
    *address = read_cells(blob + offset, 2);
    *size = read_cells(blob + offset + 8, 2);
    return *address != 0 || *size != 0;
}

const char *boot_arguments(void)
{
    struct fdt_node chosen;
    const char *arguments = fdt_find("/chosen", &chosen) ? fdt_string(&chosen, "bootargs") : NULL;
    return arguments ? arguments : "";
}

bool boot_argument(const char *name, char *buffer, size_t size)
{
    size_t length = strlen(name);

    for (const char *word = boot_arguments(); *word;) {
        const char *end = word;
        while (*end && *end != ' ')
            end++;
        if (!strncmp(word, name, length) && (word[length] == '=' || word + length == end)) {
            const char *value = word + length + (word[length] == '=');
            size_t count = (size_t)(end - value) < size ? (size_t)(end - value) : size - 1;
            memcpy(buffer, value, count);
            buffer[count] = 0;
            return true;
        }
        while (*end == ' ')
            end++;
        word = end;
    }
    return false;
}
