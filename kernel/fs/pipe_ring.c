/*
 * The ring of a pipe.
 *
 * What waits to be read is a row of pieces, each some bytes of one page: of the pipe's own, or of a
 * file or another pipe (splice(2), tee(2)). head and tail count pieces since the beginning, and
 * wrap around with their type, as the number of places is a power of two.
 *
 * A page of the pipe's own that has been read, and that nobody else has by now, is kept for the
 * next write: small messages need no more than that one.
 */
#include "fs/pipe_internal.h"

static void drop_first(struct pipe *pipe)
{
    const struct pipe_piece *piece = pipe_piece_at(pipe, pipe->head);
    struct page *page = piece->bytes.page;
    bool keep =
        piece->own && !pipe->spare && __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 1;

    if (keep)
        pipe->spare = page;
    else
        page_release(page);
    __atomic_store_n(&pipe->head, pipe->head + 1, __ATOMIC_RELEASE);
}

static void change_bytes(struct pipe *pipe, size_t change)
{
    __atomic_store_n(&pipe->bytes, pipe->bytes + change, __ATOMIC_RELAXED);
}

void pipe_extend(struct pipe *pipe, size_t size)
{
    pipe_last(pipe)->bytes.size += (uint32_t)size;
    change_bytes(pipe, size);
}

void pipe_append(struct pipe *pipe, const struct pipe_piece *piece)
{
    *pipe_piece_at(pipe, pipe->tail) = *piece;
    __atomic_store_n(&pipe->tail, pipe->tail + 1, __ATOMIC_RELEASE);
    change_bytes(pipe, piece->bytes.size);
}

bool pipe_drop(struct pipe *pipe, size_t size)
{
    bool full = !pipe_room_left(pipe);

    change_bytes(pipe, -size);
    while (size) {
        struct page_piece *bytes = &pipe_first(pipe)->bytes;
        uint32_t now = size < bytes->size ? (uint32_t)size : bytes->size;
        bytes->start += now;
        bytes->size -= now;
        size -= now;
        if (!bytes->size)
            drop_first(pipe);
    }
    return full && pipe_room_left(pipe);
}
