/*
 * A ring of bytes: what is put in comes out in the same order. No lock: the user's own.
 */
#ifndef MAPIX_LIB_RING_H
#define MAPIX_LIB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    char *bytes;
    uint32_t size;       /* a power of two */
    uint32_t head, tail; /* counts of bytes taken out and put in */
};

static inline uint32_t ring_count(const struct ring *ring)
{
    return ring->tail - ring->head;
}

static inline uint32_t ring_room(const struct ring *ring)
{
    return ring->size - ring_count(ring);
}

/* Put in, or take out, up to count bytes: how many. */
size_t ring_put(struct ring *ring, const char *bytes, size_t count);
size_t ring_take(struct ring *ring, char *bytes, size_t count);

/* Throw away what was put in last, so that at most count bytes are left. */
static inline void ring_cut(struct ring *ring, uint32_t count)
{
    if (ring_count(ring) > count)
        ring->tail = ring->head + count;
}

#endif
