/*
 * Moving pages of pipes to and from other files: splice(2), tee(2). What goes from one pipe to
 * another, or from a file to a pipe, is not copied: both have the page then, and who changes the
 * file changes what waits in the pipe, as on Linux.
 */
#include "abi/errno.h"
#include "abi/poll.h"
#include "core/process.h"
#include "fs/pipe_internal.h"

bool file_is_pipe(const struct file *file)
{
    return pipe_of(file) != NULL;
}

bool pipe_is_same(const struct file *a, const struct file *b)
{
    return pipe_of(a) == pipe_of(b);
}

int pipe_await_data(struct file *file, bool nonblocking)
{
    struct pipe *pipe = file->state;

    if (nonblocking && !pipe_may_read(pipe))
        return -EAGAIN;
    int error = wait_event_interruptible(&pipe->changed, pipe_may_read(pipe));
    return error ? error : pipe_look_used(pipe) > 0;
}

int pipe_await_room(struct file *file, bool nonblocking)
{
    struct pipe *pipe = file->state;
    int error = 0;

    if (nonblocking && !pipe_may_write(pipe))
        error = -EAGAIN;
    else
        error = wait_event_interruptible(&pipe->changed, pipe_may_write(pipe));
    if (!error && !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE)) {
        signal_send(current_process(), SIGPIPE);
        error = -EPIPE;
    }
    return error;
}

unsigned pipe_room(const struct file *file)
{
    return pipe_look_room(file->state);
}

unsigned pipe_put_pieces(struct file *file, const struct page_piece *pieces, unsigned count,
                         uint32_t packets)
{
    struct pipe *pipe = file->state;
    unsigned done = 0;

    spin_lock(&pipe->lock);
    while (done < count && pipe_room_left(pipe) && pipe->readers) {
        struct pipe_piece piece = {pieces[done], .packet = packets >> done & 1};
        page_reference(piece.bytes.page);
        pipe_append(pipe, &piece);
        done++;
    }
    spin_unlock(&pipe->lock);
    if (done)
        wake_events(&pipe->changed, POLLIN | POLLRDNORM);
    return done;
}

void pipe_hold(struct file *file)
{
    struct pipe *pipe = file->state;
    mutex_lock(&pipe->reading);
}

void pipe_let_go(struct file *file)
{
    struct pipe *pipe = file->state;
    mutex_unlock(&pipe->reading);
}

unsigned pipe_peek(struct file *file, size_t skip, size_t size, struct page_piece *pieces,
                   unsigned count, uint32_t *packets)
{
    struct pipe *pipe = file->state;
    unsigned done = 0;

    *packets = 0;
    spin_lock(&pipe->lock);
    for (uint32_t i = pipe->head; i != pipe->tail && size && done < count; i++) {
        struct page_piece bytes = pipe_piece_at(pipe, i)->bytes;
        uint32_t skipped = skip < bytes.size ? (uint32_t)skip : bytes.size;
        skip -= skipped;
        bytes.start += skipped;
        bytes.size -= skipped;
        bytes.size = bytes.size < size ? bytes.size : (uint32_t)size;
        if (!bytes.size)
            continue;
        page_reference(bytes.page);
        *packets |= (uint32_t)pipe_piece_at(pipe, i)->packet << done;
        pieces[done++] = bytes;
        size -= bytes.size;
    }
    spin_unlock(&pipe->lock);
    return done;
}

void pipe_consume(struct file *file, size_t size)
{
    struct pipe *pipe = file->state;

    spin_lock(&pipe->lock);
    bool freed = pipe_drop(pipe, size);
    spin_unlock(&pipe->lock);
    if (freed)
        wake_events(&pipe->changed, POLLOUT | POLLWRNORM);
}
