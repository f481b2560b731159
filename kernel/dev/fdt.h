/*
 * The flattened device tree that the firmware hands over (Devicetree Specification 0.4, chapter 5).
 * Read in place, bounds-checked; a damaged tree gives "not found", never a wild access.
 */
#ifndef MAPIX_DEV_FDT_H
#define MAPIX_DEV_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A node: the offset of its first token behind the name, in the structure block. */
struct fdt_node {
    uint32_t offset;
    uint32_t depth;
    const char *name;
    uint32_t address_cells, size_cells; /* of the parent: how to read reg */
};

/* Use the tree at this address (direct map); false: no valid header. */
bool fdt_init(const void *tree);
size_t fdt_size(void);

/*
 * The next node after *node in document order (zeroed: the first) that is compatible with the
 * string (NULL: any); false at the end.
 */
bool fdt_next_compatible(struct fdt_node *node, const char *compatible);

/* The node at an absolute path such as "/chosen" or "/cpus". */
bool fdt_find(const char *path, struct fdt_node *node);

/* The next child of parent after *child (zeroed: the first). */
bool fdt_next_child(const struct fdt_node *parent, struct fdt_node *child);

/* A property's bytes and length; NULL if the node has none of that name. */
const void *fdt_property(const struct fdt_node *node, const char *name, size_t *length);

/* The same as a string (NULL: none, or not a string), or as a number of 32 bits. */
const char *fdt_string(const struct fdt_node *node, const char *name);
bool fdt_u32(const struct fdt_node *node, const char *name, uint32_t *value);

/* The number of 32 bits at bytes of a property. */
uint32_t fdt_word(const unsigned char *bytes);

/* The index-th (address, size) pair of reg. */
bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size);

bool fdt_is_compatible(const struct fdt_node *node, const char *compatible);

/* The node's status is "okay", or it has none. */
bool fdt_is_enabled(const struct fdt_node *node);

/* The node whose phandle this is. */
bool fdt_phandle(uint32_t phandle, struct fdt_node *node);

/* The index-th memory reservation of the header. */
bool fdt_reservation(unsigned index, uint64_t *address, uint64_t *size);

/* A boot argument "name=value" of /chosen bootargs: copies the value into buffer; false: absent. A
 * bare word counts as an empty value. */
bool boot_argument(const char *name, char *buffer, size_t size);
const char *boot_arguments(void);

#endif
