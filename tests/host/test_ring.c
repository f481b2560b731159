// sources: kernel/lib/ring.c
/* Rings of bytes against a plain array of what should be there. */
#include <string.h>
#include "check.h"
#include "lib/ring.h"

#define SIZE 16

static char memory[SIZE], model[SIZE];
static size_t model_count;

static void put(struct ring *ring, size_t count)
{
    char bytes[2 * SIZE];
    size_t room = SIZE - model_count, fits = count < room ? count : room;

    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)check_random();
    CHECK(ring_put(ring, bytes, count) == fits);
    memcpy(model + model_count, bytes, fits);
    model_count += fits;
}

static void take(struct ring *ring, size_t count)
{
    char bytes[2 * SIZE];
    size_t fits = count < model_count ? count : model_count;

    CHECK(ring_take(ring, bytes, count) == fits);
    CHECK(memcmp(bytes, model, fits) == 0);
    model_count -= fits;
    memmove(model, model + fits, model_count);
}

static void cut(struct ring *ring, size_t count)
{
    ring_cut(ring, (uint32_t)count);
    if (model_count > count)
        model_count = count;
}

/* Counts of bytes go round at 2^32: begin close to it. */
static void random_steps(void)
{
    struct ring ring = {
        .bytes = memory, .size = SIZE, .head = UINT32_MAX - 1000, .tail = UINT32_MAX - 1000};

    model_count = 0;
    for (unsigned step = 0; step < 20000; step++) {
        size_t count = check_random() % (2 * SIZE);
        switch (check_random() % 5) {
        case 0:
        case 1:
            put(&ring, count);
            break;
        case 2:
        case 3:
            take(&ring, count);
            break;
        default:
            cut(&ring, count);
        }
        CHECK(ring_count(&ring) == model_count);
        CHECK(ring_room(&ring) == SIZE - model_count);
    }
}

int main(void)
{
    check_case("random steps", random_steps);
    return check_done();
}
