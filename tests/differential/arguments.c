/*
 * What operations are made of: random numbers, and the places and protections drawn with them.
 * Arguments are drawn so that most calls succeed and every kind of failure happens.
 */
#include "stream.h"

#include <sys/mman.h>

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

struct operation operation_make(uint64_t seed, unsigned number)
{
    uint64_t state = seed * 0xd1342543de82ef95ull + number * 0x2545f4914f6cdd1dull;
    uint64_t x = next_random(&state), y = next_random(&state), z = next_random(&state);

    return (struct operation){
        number,      (uint32_t)x,        (uint32_t)(x >> 32), (uint32_t)y, (uint32_t)(y >> 32),
        (uint32_t)z, (uint32_t)(z >> 32)};
}

unsigned first_unit(const struct operation *operation)
{
    bool in_heap = operation->a / 4096 % 10 == 0;
    return in_heap ? WINDOW + operation->a % HEAP : operation->a % WINDOW;
}

unsigned unit_count(const struct operation *operation)
{
    unsigned first = first_unit(operation), end = first < WINDOW ? WINDOW : WINDOW + HEAP;
    unsigned room = end - first, count = 1 + operation->b % 9;
    return count < room ? count : room;
}

size_t unit_bytes(unsigned count)
{
    return count * unit * PAGE;
}

char *unit_at(unsigned number)
{
    return number < WINDOW ? BASE + unit_bytes(number) : heap + unit_bytes(number - WINDOW);
}

/* Execution without reading is left out: architectures differ. */
int protection(uint32_t number)
{
    static const int all[] = {PROT_NONE,
                              PROT_READ,
                              PROT_READ | PROT_WRITE,
                              PROT_READ | PROT_WRITE,
                              PROT_READ | PROT_WRITE,
                              PROT_WRITE,
                              PROT_READ | PROT_EXEC,
                              PROT_READ | PROT_WRITE | PROT_EXEC};
    return all[number % (sizeof(all) / sizeof(all[0]))];
}

/* Of each kind, how many of SHARES operations. */
#define SHARES 212

static const struct kind {
    unsigned share;
    perform *perform;
} kinds[] = {
    {15, map_anonymous},
    {18, map_file},
    {8, unmap},
    {13, protect},
    {22, remap},
    {14, advise},
    {2, free_and_fill},
    {6, lock},
    {2, lock_all},
    {5, synchronise},
    {3, ask_resident},
    {5, move_break},
    {12, load},
    {14, store},
    {10, fill},
    {7, transfer},
    {5, transfer_on},
    {2, seek},
    {5, set_size},
    {4, allocate},
    {2, seal},
    {3, check_file},
    {1, link_name},
    {1, unlink_name},
    {1, rename_name},
    {2, open_name},
    {4, attach},
    {2, detach},
    {2, control},
    {1, renew},
    {3, start_process},
    {3, start_thread},
    {3, end},
    {3, advise_process},
    {2, seal_memory},
    {2, remap_pages},
    {3, transfer_by_process},
    {2, call_oddly},
};

/* Any touch may have made a mapping grow. */
static void forget_if_grown(void)
{
    if (shared->grows)
        map_forget();
}

void operation_perform(const struct operation *operation)
{
    unsigned number = operation->kind % SHARES;

    forget_if_grown();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (number < kinds[i].share) {
            kinds[i].perform(operation);
            break;
        }
        number -= kinds[i].share;
    }
    if (operation->number % 16 == 15) {
        forget_if_grown();
        log_window(operation->number / 16);
        if (pages_out)
            page_out_all();
    }
}
