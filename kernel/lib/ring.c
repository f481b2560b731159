/* Rings of bytes (ring.h). */
#include "lib/ring.h"
#include "lib/string.h"

/* The bytes from count on that lie next to each other in memory, up to size. */
static size_t contiguous(const struct ring *ring, uint32_t count, size_t size)
{
    size_t rest = ring->size - (count & (ring->size - 1));
    return size < rest ? size : rest;
}

size_t ring_put(struct ring *ring, const char *bytes, size_t count)
{
    size_t room = ring_room(ring), done = 0;

    if (count > room)
        count = room;
    while (done < count) {
        size_t piece = contiguous(ring, ring->tail, count - done);
        memcpy(ring->bytes + (ring->tail & (ring->size - 1)), bytes + done, piece);
        ring->tail += (uint32_t)piece;
        done += piece;
    }
    return count;
}

size_t ring_take(struct ring *ring, char *bytes, size_t count)
{
    size_t there = ring_count(ring), done = 0;

    if (count > there)
        count = there;
    while (done < count) {
        size_t piece = contiguous(ring, ring->head, count - done);
        memcpy(bytes + done, ring->bytes + (ring->head & (ring->size - 1)), piece);
        ring->head += (uint32_t)piece;
        done += piece;
    }
    return count;
}
