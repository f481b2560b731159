// sources: kernel/lib/tree.c
/* Operations on the ordered tree, three bytes each, against a sorted array. */
#include "tree_model.h"

static struct model model;

static void step(const uint8_t *bytes)
{
    uint64_t key = bytes[1], weight = bytes[2];
    unsigned position = model.count ? bytes[1] % model.count : 0;
    switch (bytes[0] % 5) {
    case 0:
    case 1:
        model_insert(&model, key, weight, bytes[0] % 5);
        break;
    case 2:
        if (model.count)
            model_remove(&model, position);
        break;
    case 3:
        if (model.count)
            model_replace(&model, position, weight);
        break;
    default:
        if (model.count)
            model_reweigh(&model, position, weight);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    model_init(&model, data[0] & 1);
    for (size_t i = 1; i + 3 <= size; i += 3) {
        step(data + i);
        model_check(&model);
    }
    model_clear(&model);
    return 0;
}
