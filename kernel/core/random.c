/*
 * Random bytes (random.h).
 *
 * The state is a key and a pool. A refill runs ChaCha20 (RFC 8439) under the key; the first bytes
 * of the output become the next key, the others the pool, and what is given out of the pool is
 * cleared there: from a later state nobody can compute what was given out before. Requests larger
 * than the pool take from it a key of their own. Seeds are added to the key, and the pool is
 * refilled.
 */
#include "core/random.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/timer.h"
#include "core/lock.h"
#include "core/time.h"
#include "dev/fdt.h"
#include "lib/string.h"

#define KEY_WORDS   8
#define KEY_SIZE    (KEY_WORDS * sizeof(uint32_t))
#define BLOCK_WORDS 16
#define BLOCK_SIZE  (BLOCK_WORDS * sizeof(uint32_t))
#define POOL_BLOCKS 8
#define POOL_SIZE   (POOL_BLOCKS * BLOCK_SIZE - KEY_SIZE)
#define JITTER      256 /* timer readings that go into the seed */

static struct spinlock lock = {.name = "random", .rank = RANK_SIGNAL};
static uint32_t key[KEY_WORDS];
static uint8_t pool[POOL_SIZE]; /* the last pool_left bytes are fresh, the others zero */
static size_t pool_left;
static uint64_t nonce;
static unsigned stir_next; /* the words of the key that the next seed is added to */

static inline uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* RFC 8439, 2.1. */
static inline __attribute__((always_inline)) void quarter_round(uint32_t s[BLOCK_WORDS], unsigned a,
                                                                unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

/* The block function, RFC 8439, 2.3. */
static void make_block(const uint32_t with[KEY_WORDS], uint32_t counter, uint32_t out[BLOCK_WORDS])
{
    uint32_t s[BLOCK_WORDS];
    uint32_t start[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(&start[4], with, KEY_WORDS * sizeof(uint32_t));
    start[12] = counter;
    start[14] = (uint32_t)nonce;
    start[15] = (uint32_t)(nonce >> 32);
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        s[i] = start[i];
    for (unsigned round = 0; round < 10; round++) {
        quarter_round(s, 0, 4, 8, 12);
        quarter_round(s, 1, 5, 9, 13);
        quarter_round(s, 2, 6, 10, 14);
        quarter_round(s, 3, 7, 11, 15);
        quarter_round(s, 0, 5, 10, 15);
        quarter_round(s, 1, 6, 11, 12);
        quarter_round(s, 2, 7, 8, 13);
        quarter_round(s, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        out[i] = s[i] + start[i];
}

/* Replace key and pool. lock held. */
static void refill(void)
{
    uint32_t block[BLOCK_WORDS];
    uint8_t *next = pool;
    uint32_t old[KEY_WORDS];
    memcpy(old, key, sizeof(old));
    nonce++;
    make_block(old, 0, block);
    memcpy(key, block, KEY_SIZE);
    memcpy(next, (const uint8_t *)block + KEY_SIZE, BLOCK_SIZE - KEY_SIZE);
    next += BLOCK_SIZE - KEY_SIZE;
    for (uint32_t counter = 1; counter < POOL_BLOCKS; counter++, next += BLOCK_SIZE) {
        make_block(old, counter, block);
        memcpy(next, block, BLOCK_SIZE);
    }
    pool_left = POOL_SIZE;
}

/* Take bytes that are left in the pool. lock held. */
static void take_fresh(uint8_t *buffer, size_t size)
{
    uint8_t *from = pool + (POOL_SIZE - pool_left);
    memcpy(buffer, from, size);
    memset(from, 0, size);
    pool_left -= size;
}

/* Take up to POOL_SIZE bytes out of the pool. */
static void take(void *buffer, size_t size)
{
    spin_lock(&lock);
    size_t first = size < pool_left ? size : pool_left;
    take_fresh(buffer, first);
    if (first < size) {
        refill();
        take_fresh((uint8_t *)buffer + first, size - first);
    }
    spin_unlock(&lock);
}

/* Fill a large buffer with the output under a key of its own. */
static void fill(uint8_t *out, size_t size)
{
    uint32_t own[KEY_WORDS], block[BLOCK_WORDS];
    take(own, sizeof(own));
    for (uint32_t counter = 0; size; counter++) {
        size_t part = size < BLOCK_SIZE ? size : BLOCK_SIZE;
        make_block(own, counter, block);
        memcpy(out, block, part);
        out += part;
        size -= part;
    }
}

void random_bytes(void *buffer, size_t size)
{
    if (size <= POOL_SIZE)
        take(buffer, size);
    else
        fill(buffer, size);
}

void random_stir(uint64_t value)
{
    spin_lock(&lock);
    key[stir_next] += (uint32_t)value;
    key[stir_next + 1] += (uint32_t)(value >> 32);
    stir_next = (stir_next + 2) % KEY_WORDS;
    if (stir_next == 0)
        refill();
    spin_unlock(&lock);
}

void random_init(void)
{
    struct fdt_node chosen;
    size_t length = 0;
    const uint8_t *seed = NULL;
    if (fdt_find("/chosen", &chosen))
        seed = fdt_property(&chosen, "rng-seed", &length);
    for (size_t i = 0; seed && i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, seed + i, sizeof(word));
        random_stir(word);
    }
    random_stir(time_real());
    for (unsigned i = 0; i < hart_count(); i++)
        random_stir(harts[i].sbi_id);
    for (unsigned i = 0; i < JITTER; i++)
        random_stir(timer_ticks());
}
