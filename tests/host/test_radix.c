// sources: kernel/lib/radix.c
/* The radix tree against a naive map. */
#include "radix_model.h"

static struct model model;

/* Keys that lie close together in a few places, at the ends of the range, and anywhere. */
static uint64_t random_key(void)
{
    static const uint64_t places[] = {0, 4000, 1ul << 30, 1ul << 52, UINT64_MAX - 300};
    uint64_t random = check_random();
    if (random % 8 < 5)
        return places[random % 8] + (random >> 8) % 300;
    if (random % 8 == 5)
        return (uint64_t)1 << (random >> 8) % 64;
    return random % 8 == 6 ? check_random() : (random >> 8) % 64;
}

static void empty(void)
{
    uint64_t key;
    model_init(&model);
    CHECK(!radix_lookup(&model.radix, 0) && !radix_remove(&model.radix, 7));
    CHECK(!radix_next(&model.radix, 0, UINT64_MAX, &key));
    CHECK(!radix_tagged(&model.radix, 3));
    model_range(&model, 10, 200);
    model_check(&model);
}

/* One entry anywhere costs one node, neighbours share it. */
static void few_nodes(void)
{
    model_init(&model);
    model_insert(&model, UINT64_MAX, item_for(1));
    CHECK(nodes_live == 1);
    model_insert(&model, UINT64_MAX - 63, item_for(2));
    CHECK(nodes_live == 1);
    model_insert(&model, 0, item_for(3));
    CHECK(nodes_live == 3);
    model_insert(&model, 64, item_for(4));
    CHECK(nodes_live == 5);
    model_check(&model);
    model_remove(&model, 0);
    CHECK(nodes_live == 3);
    model_clear(&model);
    CHECK(nodes_live == 0);
}

/* Dense keys, across many leaf nodes. */
static void dense(void)
{
    model_init(&model);
    for (uint64_t i = 0; i < 2000; i++)
        CHECK(model_insert(&model, 1000 + i, item_for(i)) == 0);
    model_check(&model);
    for (uint64_t first = 900; first < 3100; first += 7)
        model_range(&model, first, 150);
    for (uint64_t i = 0; i < 2000; i += 2)
        model_remove(&model, 1000 + i);
    model_check(&model);
    for (uint64_t first = 900; first < 3100; first += 3)
        model_scan(&model, first, first + 1, false);
    model_clear(&model);
}

static void range_at_the_end(void)
{
    model_init(&model);
    model_insert(&model, UINT64_MAX, item_for(1));
    model_insert(&model, 0, item_for(2));
    model_range(&model, UINT64_MAX - 100, 200);
    model_range(&model, UINT64_MAX, 70);
    model_clear(&model);
}

static void random_step(void)
{
    uint64_t random = check_random(), key = random_key(), other = random_key();
    if (model.count && random % 3)
        key = model.entries[(random >> 8) % model.count].key;
    switch (random >> 32 & 15) {
    case 0 ... 4:
        model_insert(&model, other, item_for(random >> 40));
        break;
    case 5:
        model_run(&model, key, random & 8 ? other : key + random % 100, random & 2);
        break;
    case 6 ... 9:
        model_remove(&model, key);
        break;
    case 10:
        model_replace(&model, key, item_for(random >> 40));
        break;
    case 11:
        model_move(&model, key, random & 8 ? other : key + random % 100, random & 2);
        break;
    case 12:
        model_tag(&model, key, random & 1);
        break;
    case 13:
    case 14:
        model_scan(&model, key, random & 8 ? other : UINT64_MAX, random & 1);
        break;
    default:
        model_range(&model, key, (random >> 40) % 200);
    }
}

static void random_operations(void)
{
    for (unsigned round = 0; round < 20; round++) {
        model_init(&model);
        for (unsigned step = 0; step < 3000; step++) {
            random_step();
            if (step % 32 == 0)
                model_check(&model);
        }
        model_check(&model);
        model_clear(&model);
    }
}

/* Each insertion is tried with its first, then with its second allocation failing. */
static void no_memory(void)
{
    model_init(&model);
    for (unsigned step = 0; step < 1500; step++) {
        uint64_t key = random_key();
        int error = -ENOMEM;
        for (unsigned n = 1; error == -ENOMEM; n++) {
            CHECK(n <= 3);
            fail_node = n;
            error = model_insert(&model, key, item_for(step));
            fail_node = 0;
            if (error == -ENOMEM && step % 16 == 0)
                model_check(&model);
        }
        if (step % 3 == 0)
            model_tag(&model, key, true);
        if (step % 5 == 0)
            model_remove(&model, key);
    }
    model_check(&model);
    model_clear(&model);
}

int main(void)
{
    check_case("an empty tree", empty);
    check_case("a few entries cost a few nodes", few_nodes);
    check_case("dense keys", dense);
    check_case("a range that ends with the last key", range_at_the_end);
    check_case("random operations", random_operations);
    check_case("insertion without memory changes nothing", no_memory);
    return check_done();
}
