/*
 * Moving bytes of pipes to and from other files: splice(2), tee(2).
 */
#include "abi/errno.h"
#include "abi/poll.h"
#include "core/process.h"
#include "fs/pipe_internal.h"
#include "lib/string.h"

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
    return error ? error : pipe_bytes(pipe) > 0;
}

int pipe_await_room(struct file *file, bool nonblocking)
{
    struct pipe *pipe = file->state;
    int error = 0;

    if (nonblocking && !pipe_may_write(pipe, 1))
        error = -EAGAIN;
    else
        error = wait_event_interruptible(&pipe->changed, pipe_may_write(pipe, 1));
    if (!error && !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE)) {
        signal_send(current_process(), SIGPIPE);
        error = -EPIPE;
    }
    return error;
}

size_t pipe_room(const struct file *file)
{
    return pipe_room_in(file->state);
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

size_t pipe_peek(struct file *file, size_t skip, char *buffer, size_t size)
{
    struct pipe *pipe = file->state;
    size_t done = 0;

    while (done < size) {
        spin_lock(&pipe->lock);
        uint64_t count = pipe->head + skip + done;
        size_t piece = count < pipe->tail ? pipe_rest_of_page(count, size - done) : 0;
        if (piece > pipe->tail - count)
            piece = pipe->tail - count;
        if (piece)
            memcpy(buffer + done, pipe_byte_at(pipe, count), piece);
        spin_unlock(&pipe->lock);
        if (!piece)
            break;
        done += piece;
    }
    return done;
}

void pipe_consume(struct file *file, size_t size)
{
    struct pipe *pipe = file->state;

    spin_lock(&pipe->lock);
    bool freed = pipe_room_in(pipe) < PIPE_BUF;
    pipe_advance_head(pipe, pipe->head + size);
    spin_unlock(&pipe->lock);
    if (freed)
        wake_events(&pipe->changed, POLLOUT | POLLWRNORM);
}
