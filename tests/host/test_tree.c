// sources: kernel/lib/tree.c
/* The ordered tree against a sorted array. */
#include "tree_model.h"

static struct model model;

static void empty(void)
{
    model_init(&model, true);
    CHECK(!tree_first(&model.tree) && !tree_last(&model.tree));
    model_check(&model);
}

/* Rising, falling and alternating keys make every kind of rotation. */
static void in_order(void)
{
    for (int order = 0; order < 3; order++) {
        model_init(&model, true);
        for (unsigned i = 0; i < 300; i++) {
            uint64_t key = order == 0 ? i : order == 1 ? 1000 - i : i % 2 ? 1000 - i : i;
            model_insert(&model, key, i, true);
            model_check(&model);
        }
        while (model.count) {
            model_remove(&model, order == 0 ? 0 : order == 1 ? model.count - 1 : model.count / 2);
            model_check(&model);
        }
    }
}

/* At most 1.44 log2(n) levels. */
static void height_is_logarithmic(void)
{
    model_init(&model, false);
    for (unsigned i = 0; i < 4000; i++)
        model_insert(&model, i, 0, false);
    model_check(&model);
    CHECK(model.tree.root->height <= 17);
    model_clear(&model);
}

static void dismantled(void)
{
    for (unsigned count = 0; count < 70; count++) {
        model_init(&model, true);
        for (unsigned i = 0; i < count; i++)
            model_insert(&model, check_random() % 1000, i, true);
        model_dismantle(&model);
    }
}

static void random_operations(bool augmented, unsigned range)
{
    model_init(&model, augmented);
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t random = check_random();
        unsigned position = model.count ? (unsigned)(random >> 32) % model.count : 0;
        if (model.count == 0 || random % 8 < 4)
            model_insert(&model, (random >> 8) % range, random >> 20, random % 2);
        else if (random % 8 < 6)
            model_remove(&model, position);
        else if (random % 8 == 6)
            model_replace(&model, position, random >> 20);
        else
            model_reweigh(&model, position, random >> 20);
        if (step % 16 == 0)
            model_check(&model);
    }
    model_check(&model);
    model_clear(&model);
}

static void random_small(void)
{
    random_operations(true, 40);
}

static void random_large(void)
{
    random_operations(true, 100000);
}

static void random_plain(void)
{
    random_operations(false, 500);
}

int main(void)
{
    check_case("an empty tree", empty);
    check_case("rising, falling and alternating keys", in_order);
    check_case("the height is logarithmic", height_is_logarithmic);
    check_case("taken apart", dismantled);
    check_case("random operations, few keys", random_small);
    check_case("random operations, many keys", random_large);
    check_case("random operations, nothing kept per subtree", random_plain);
    return check_done();
}
