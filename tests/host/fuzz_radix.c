// sources: kernel/lib/radix.c
/* Operations on the radix tree, four bytes each, against a naive map. */
#include "radix_model.h"

static struct model model;

/* A place (one of 64 powers of two) and a distance from it, in either direction. */
static uint64_t key_of(uint8_t place, uint8_t distance)
{
    uint64_t base = (uint64_t)1 << (place & 63);
    return place & 64 ? base - distance : base + distance;
}

static void step(const uint8_t *bytes)
{
    uint64_t key = key_of(bytes[1], bytes[2]), last = key + bytes[3];
    if ((bytes[0] & 8) && model.count)
        key = model.entries[bytes[1] % model.count].key;
    switch (bytes[0] & 7) {
    case 0:
    case 1:
        fail_node = bytes[0] >> 6;
        model_insert(&model, key, item_for(bytes[3]));
        fail_node = 0;
        break;
    case 2:
        model_remove(&model, key);
        break;
    case 3:
        model_replace(&model, key, item_for(bytes[3]));
        break;
    case 4:
        model_tag(&model, key, bytes[3] & 1);
        break;
    case 5:
        model_scan(&model, key, bytes[0] & 64 ? UINT64_MAX : last, bytes[0] & 128);
        break;
    case 6:
        model_range(&model, key, bytes[3] % 200);
        break;
    default:
        model_check(&model);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_init(&model);
    for (size_t i = 0; i + 4 <= size; i += 4)
        step(data + i);
    model_check(&model);
    model_clear(&model);
    return 0;
}
