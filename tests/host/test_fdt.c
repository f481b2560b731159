// sources: kernel/dev/fdt.c
/*
 * The reader of flattened device trees (kernel/dev/fdt.c): a tree of our own, whole and damaged.
 * Link with the kernel's file and nothing else; AddressSanitizer sees what is read outside of the
 * blob, which has exactly the size that its header tells.
 */
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "dev/fdt.h"

#define STRUCTURE_AT 72 /* behind the header and one reservation with its end */
#define BLOB_MAX     4096

/* A tree being written: the structure block, and the strings that it refers to. */
static unsigned char structure[BLOB_MAX], strings[BLOB_MAX];
static unsigned structure_size, strings_size;

static unsigned char *blob;
static unsigned blob_size;

static void put32(unsigned char *bytes, uint32_t value)
{
    bytes[0] = value >> 24;
    bytes[1] = value >> 16;
    bytes[2] = value >> 8;
    bytes[3] = value;
}

static void word(uint32_t value)
{
    put32(structure + structure_size, value);
    structure_size += 4;
}

static void bytes(const void *data, unsigned size)
{
    memset(structure + structure_size, 0, (size + 3) & ~3u);
    memcpy(structure + structure_size, data, size);
    structure_size += (size + 3) & ~3u;
}

static void begin(const char *name)
{
    word(1);
    bytes(name, strlen(name) + 1);
}

static void end(void)
{
    word(2);
}

static void property(const char *name, const void *data, unsigned size)
{
    word(3);
    word(size);
    word(strings_size);
    memcpy(strings + strings_size, name, strlen(name) + 1);
    strings_size += strlen(name) + 1;
    bytes(data, size);
}

static void property_words(const char *name, unsigned count, const uint32_t *values)
{
    unsigned char data[64];
    for (unsigned i = 0; i < count; i++)
        put32(data + 4 * i, values[i]);
    property(name, data, 4 * count);
}

static void write_nodes(void)
{
    begin("");
    property_words("#address-cells", 1, (uint32_t[]){2});
    property_words("#size-cells", 1, (uint32_t[]){2});
    word(4);
    begin("chosen");
    property("bootargs", "quiet root=vda1 paging=sv39 log=none", 37);
    end();
    begin("memory@80000000");
    property("device_type", "memory", 7);
    property_words("reg", 8, (uint32_t[]){0, 0x80000000, 0, 0x8000000, 1, 0, 0, 0x1000});
    end();
    begin("soc");
    property_words("#address-cells", 1, (uint32_t[]){1});
    property_words("#size-cells", 1, (uint32_t[]){0});
    begin("serial@10");
    property("compatible", "snps,uart\0ns16550a", 19);
    property_words("reg", 1, (uint32_t[]){0x10});
    property_words("phandle", 1, (uint32_t[]){7});
    end();
    begin("serial@20");
    property("compatible", "ns16550a", 9);
    property("status", "disabled", 9);
    end();
    end();
    end();
    word(9);
}

static void build(void)
{
    structure_size = strings_size = 0;
    write_nodes();
    blob_size = STRUCTURE_AT + structure_size + strings_size;
    blob = calloc(1, blob_size);
    put32(blob, 0xd00dfeed);
    put32(blob + 4, blob_size);
    put32(blob + 8, STRUCTURE_AT);
    put32(blob + 12, STRUCTURE_AT + structure_size);
    put32(blob + 16, 40);
    put32(blob + 20, 17);
    put32(blob + 24, 16);
    put32(blob + 32, strings_size);
    put32(blob + 36, structure_size);
    put32(blob + 44, 0x1234000);
    put32(blob + 52, 0x5000);
    memcpy(blob + STRUCTURE_AT, structure, structure_size);
    memcpy(blob + STRUCTURE_AT + structure_size, strings, strings_size);
}

static void finds_nodes(void)
{
    struct fdt_node node = {0}, soc;
    uint64_t address, size;
    uint32_t value;

    build();
    CHECK(fdt_init(blob) && fdt_size() == blob_size);
    CHECK(fdt_find("/soc/serial", &node) && !strcmp(node.name, "serial@10"));
    CHECK(fdt_find("/soc/serial@20", &node) && !fdt_is_enabled(&node));
    CHECK(!fdt_find("/soc/serial@2", &node) && !fdt_find("/so", &node) && !fdt_find("soc", &node));
    CHECK(fdt_find("/", &node) && node.depth == 0);

    node = (struct fdt_node){0};
    CHECK(fdt_next_compatible(&node, "ns16550a") && !strcmp(node.name, "serial@10"));
    CHECK(fdt_reg(&node, 0, &address, &size) && address == 0x10 && size == 0);
    CHECK(!fdt_reg(&node, 1, &address, &size));
    CHECK(fdt_u32(&node, "phandle", &value) && value == 7);
    CHECK(fdt_next_compatible(&node, "ns16550a") && !strcmp(node.name, "serial@20"));
    CHECK(!fdt_next_compatible(&node, "ns16550a"));
    CHECK(fdt_phandle(7, &node) && !strcmp(node.name, "serial@10") && !fdt_phandle(8, &node));

    CHECK(fdt_find("/soc", &soc));
    node = (struct fdt_node){0};
    CHECK(fdt_next_child(&soc, &node) && !strcmp(node.name, "serial@10"));
    CHECK(fdt_next_child(&soc, &node) && !strcmp(node.name, "serial@20"));
    CHECK(!fdt_next_child(&soc, &node));
    free(blob);
}

static void reads_memory(void)
{
    struct fdt_node node;
    uint64_t address, size;

    build();
    CHECK(fdt_init(blob) && fdt_find("/memory", &node));
    CHECK(!strcmp(fdt_string(&node, "device_type"), "memory"));
    CHECK(fdt_reg(&node, 0, &address, &size) && address == 0x80000000 && size == 0x8000000);
    CHECK(fdt_reg(&node, 1, &address, &size) && address == 1ul << 32 && size == 0x1000);
    CHECK(!fdt_reg(&node, 2, &address, &size));
    CHECK(fdt_reservation(0, &address, &size) && address == 0x1234000 && size == 0x5000);
    CHECK(!fdt_reservation(1, &address, &size));
    free(blob);
}

static void reads_boot_arguments(void)
{
    char value[8];

    build();
    CHECK(fdt_init(blob));
    CHECK(boot_argument("quiet", value, sizeof(value)) && value[0] == 0);
    CHECK(boot_argument("root", value, sizeof(value)) && !strcmp(value, "vda1"));
    CHECK(boot_argument("paging", value, 3) && !strcmp(value, "sv"));
    CHECK(boot_argument("log", value, sizeof(value)) && !strcmp(value, "none"));
    CHECK(!boot_argument("pag", value, sizeof(value)) && !boot_argument("sv39", value, 8));
    free(blob);
}

static void ask_everything(void)
{
    struct fdt_node node = {0}, child = {0};
    uint64_t address, size;
    char value[64];
    size_t length;

    while (fdt_next_compatible(&node, NULL)) {
        fdt_property(&node, "reg", &length);
        fdt_string(&node, "status");
        for (unsigned i = 0; i < 4; i++)
            fdt_reg(&node, i, &address, &size);
        fdt_is_compatible(&node, "ns16550a");
    }
    for (unsigned i = 0; i < 4 && fdt_reservation(i, &address, &size); i++)
        ;
    fdt_phandle(7, &node);
    if (fdt_find("/soc", &node))
        while (fdt_next_child(&node, &child))
            ;
    boot_argument("log", value, sizeof(value));
}

/* Any bytes may be wrong but those that give the size of the whole. */
static void survives_damage(void)
{
    for (unsigned round = 0; round < 20000; round++) {
        build();
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            unsigned at = (unsigned)(check_random() % blob_size);
            if (at < 4 || at >= 8)
                blob[at] = (unsigned char)check_random();
        }
        if (fdt_init(blob))
            ask_everything();
        free(blob);
    }
}

int main(void)
{
    check_case("nodes are found by path, compatible, phandle and parent", finds_nodes);
    check_case("memory nodes and reservations", reads_memory);
    check_case("boot arguments", reads_boot_arguments);
    check_case("damaged trees", survives_damage);
    return check_done();
}
