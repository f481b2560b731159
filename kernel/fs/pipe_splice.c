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

int pipe_await_room(struct file *file, bool packet, bool nonblocking)
{
    struct pipe *pipe = file->state;
    int error = 0;

    if (nonblocking && !(packet ? pipe_may_write_packet(pipe) : pipe_may_write(pipe, 1)))
        error = -EAGAIN;
    else if (packet)
        error = wait_event_interruptible(&pipe->changed, pipe_may_write_packet(pipe));
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

/* The byte that skip others are before; the tail: there is none. Locked. */
static uint64_t find_byte(struct pipe *pipe, size_t skip)
{
    uint64_t count = pipe->head;

    while (skip && count < pipe->tail) {
        size_t run = pipe_run(pipe, count, skip);
        count = pipe_behind_run(pipe, count, run, false);
        skip -= run;
    }
    return count;
}

bool pipe_next_is_packet(struct file *file)
{
    struct pipe *pipe = file->state;

    spin_lock(&pipe->lock);
    bool packet = pipe->bytes && pipe_page_slot(pipe, pipe->head)->packet;
    spin_unlock(&pipe->lock);
    return packet;
}

size_t pipe_peek(struct file *file, size_t skip, char *buffer, size_t size, bool *packet)
{
    struct pipe *pipe = file->state;
    size_t done = 0;
    bool more = true;

    while (done < size && more) {
        spin_lock(&pipe->lock);
        uint64_t count = find_byte(pipe, skip + done);
        bool of_packet = count < pipe->tail && pipe_page_slot(pipe, count)->packet;
        more = count < pipe->tail && !(done && of_packet);
        if (more) {
            size_t run = pipe_run(pipe, count, size - done);
            memcpy(buffer + done, pipe_byte_at(pipe, count), run);
            done += run;
            *packet = of_packet;
        }
        spin_unlock(&pipe->lock);
        more &= !of_packet;
    }
    return done;
}

void pipe_consume(struct file *file, size_t size)
{
    struct pipe *pipe = file->state;

    spin_lock(&pipe->lock);
    bool freed = pipe_is_short(pipe);
    pipe_advance_head(pipe, find_byte(pipe, size));
    spin_unlock(&pipe->lock);
    if (freed)
        wake_events(&pipe->changed, POLLOUT | POLLWRNORM);
}
