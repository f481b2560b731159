/*
 * splice(2), tee(2), vmsplice(2): between pipes and other files.
 *
 * Bytes go through a buffer of the kernel. What comes out of a pipe is looked at first, and taken
 * out when it has arrived; meanwhile nobody else reads the pipe. So nothing is lost when the other
 * side takes less than it was given.
 */
#include "sys/splice.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/pipe.h"
#include "fs/vnode.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/kmem.h"

#define BUFFER_SIZE 16384u

struct splicing {
    struct file *in, *out;            /* referenced */
    uint64_t *in_offset, *out_offset; /* NULL: the file's own */
    bool nonblocking;
    char *buffer;
};

/* Write size bytes of the buffer, to a pipe without waiting: how many, or an error. */
static long write_buffer(struct splicing *splicing, size_t size, bool wait)
{
    struct transfer_piece piece;
    struct transfer transfer;

    transfer_init(&transfer, &piece, (uint64_t)splicing->buffer, size, true);
    if (!wait)
        transfer.set_flags = O_NONBLOCK;
    return file_write(splicing->out, &transfer, splicing->out_offset);
}

/* Read a buffer and write it to the pipe, which had room for it: bytes that arrived. What cannot be
 * read again is written whatever it takes. */
static long read_and_write(struct splicing *splicing, size_t size, uint64_t *position)
{
    bool seekable = splicing->in->operations->seekable;
    struct transfer_piece piece;
    struct transfer transfer;
    uint64_t start = *position;

    transfer_init(&transfer, &piece, (uint64_t)splicing->buffer, size, true);
    long got = file_read(splicing->in, &transfer, seekable ? position : NULL);
    if (got <= 0)
        return got;
    long done = write_buffer(splicing, (size_t)got, !seekable);
    *position = start + (done > 0 ? (uint64_t)done : 0);
    return done;
}

/* As read_and_write, with the offset that counts. */
static long move_to_pipe(struct splicing *splicing, size_t size)
{
    struct file *in = splicing->in;
    uint64_t position = 0;

    if (splicing->in_offset)
        return read_and_write(splicing, size, splicing->in_offset);
    if (!in->operations->seekable)
        return read_and_write(splicing, size, &position);
    mutex_lock(&in->offset_lock);
    position = in->offset;
    long result = read_and_write(splicing, size, &position);
    in->offset = position;
    mutex_unlock(&in->offset_lock);
    return result;
}

/* Fill the pipe, once there is room. */
static long file_to_pipe(struct splicing *splicing, size_t size)
{
    size_t done = 0;
    long result = pipe_await_room(splicing->out, splicing->nonblocking);

    while (!result && done < size && !thread_killed()) {
        size_t now = pipe_room(splicing->out);
        if (now > size - done)
            now = size - done;
        if (now > BUFFER_SIZE)
            now = BUFFER_SIZE;
        if (!now)
            break;
        result = move_to_pipe(splicing, now);
        if (result <= 0)
            break;
        done += (size_t)result;
        result = 0;
    }
    return done ? (long)done : result;
}

long splice_to_pipe(struct file *in, uint64_t *offset, struct file *out, size_t size,
                    bool nonblocking)
{
    struct splicing splicing = {
        .in = in, .out = out, .in_offset = offset, .nonblocking = nonblocking};

    splicing.buffer = kmalloc(BUFFER_SIZE);
    if (!splicing.buffer)
        return -ENOMEM;
    long result = file_to_pipe(&splicing, size);
    kfree(splicing.buffer);
    return result;
}

/* Hand one buffer of what is in the pipe, which is held, from the skip-th byte on, to the other
 * side: bytes, 0: there are none, or no room. consume: they leave the pipe. */
static long hand_over(struct splicing *splicing, size_t skip, size_t size, bool consume)
{
    bool to_pipe = file_is_pipe(splicing->out);
    long result = 0;

    if (size > BUFFER_SIZE)
        size = BUFFER_SIZE;
    if (to_pipe && size > pipe_room(splicing->out))
        size = pipe_room(splicing->out);
    size = pipe_peek(splicing->in, skip, splicing->buffer, size);
    if (size)
        result = write_buffer(splicing, size, !to_pipe);
    if (result > 0 && consume)
        pipe_consume(splicing->in, (size_t)result);
    return result;
}

/* Wait until there is something to be moved, and room for it: 1, 0 at the end, or an error. */
static long await_both(struct splicing *splicing)
{
    long result = pipe_await_data(splicing->in, splicing->nonblocking);

    if (result > 0 && file_is_pipe(splicing->out)) {
        int error = pipe_await_room(splicing->out, splicing->nonblocking);
        result = error ? error : 1;
    }
    return result;
}

/* What is in the pipe goes to the other file; wait only for the first byte. consume: splice(2),
 * else tee(2). */
static long from_pipe(struct splicing *splicing, size_t size, bool consume)
{
    size_t done = 0;
    long result;
    bool again;

    do {
        result = await_both(splicing);
        if (result <= 0)
            return result;
        pipe_hold(splicing->in);
        while (done < size && result > 0) {
            result = hand_over(splicing, consume ? 0 : done, size - done, consume);
            done += result > 0 ? (size_t)result : 0;
        }
        pipe_let_go(splicing->in);
        /* Somebody else may have been faster. */
        again = result == 0 || (result == -EAGAIN && !splicing->nonblocking);
    } while (!done && again && !thread_killed());
    return done ? (long)done : result;
}

static long move(struct splicing *splicing, size_t size, bool consume)
{
    if (size > INT32_MAX)
        size = INT32_MAX;
    splicing->buffer = kmalloc(BUFFER_SIZE);
    if (!splicing->buffer)
        return -ENOMEM;
    long result = file_is_pipe(splicing->in) ? from_pipe(splicing, size, consume)
                                             : file_to_pipe(splicing, size);
    kfree(splicing->buffer);
    return result;
}

static bool may_move(const struct file *in, const struct file *out)
{
    return (in->flags & O_ACCMODE) != O_WRONLY && (out->flags & O_ACCMODE) != O_RDONLY;
}

/* The rules of splice(2): 0, -EBADF, -EINVAL, -ESPIPE. */
static int check_splice(const struct splicing *splicing)
{
    const struct file *in = splicing->in, *out = splicing->out;
    bool from = file_is_pipe(in), to = file_is_pipe(out);

    if (!may_move(in, out))
        return -EBADF;
    if ((from && splicing->in_offset) || (to && splicing->out_offset))
        return -ESPIPE;
    if (from && to)
        return pipe_is_same(in, out) ? -EINVAL : 0;
    if (!from && !to)
        return -EINVAL;
    if (from && (out->flags & O_APPEND))
        return -EINVAL;
    if ((splicing->in_offset && !in->operations->seekable) ||
        (splicing->out_offset && !out->operations->seekable))
        return -EINVAL;
    return 0;
}

static int get_both(struct splicing *splicing, int in, int out)
{
    int error = file_get_usable(in, &splicing->in);

    if (error)
        return error;
    error = file_get_usable(out, &splicing->out);
    if (error)
        file_release(splicing->in);
    return error;
}

static void release_both(struct splicing *splicing)
{
    file_release(splicing->in);
    file_release(splicing->out);
}

static int get_offset(uint64_t address, uint64_t *offset, uint64_t **pointer)
{
    *pointer = address ? offset : NULL;
    if (!address)
        return 0;
    if (copy_from_user(offset, address, sizeof(*offset)))
        return -EFAULT;
    return (int64_t)*offset < 0 ? -EINVAL : 0;
}

static bool put_offset(uint64_t address, const uint64_t *offset)
{
    return !address || !copy_to_user(address, offset, sizeof(*offset));
}

/* Does one of the pipes not wait, or the call? */
static bool is_nonblocking(const struct splicing *splicing, unsigned flags)
{
    const struct file *in = splicing->in, *out = splicing->out;

    return (flags & SPLICE_F_NONBLOCK) || (file_is_pipe(in) && (in->flags & O_NONBLOCK)) ||
           (file_is_pipe(out) && (out->flags & O_NONBLOCK));
}

long sys_splice(const uint64_t argument[6])
{
    struct splicing splicing = {0};
    unsigned flags = (unsigned)argument[5];
    uint64_t in_offset, out_offset;

    if (argument[4] == 0)
        return 0;
    if (flags & ~SPLICE_F_ALL)
        return -EINVAL;
    long result = get_both(&splicing, (int)argument[0], (int)argument[2]);
    if (result)
        return result;
    result = get_offset(argument[1], &in_offset, &splicing.in_offset);
    if (!result)
        result = get_offset(argument[3], &out_offset, &splicing.out_offset);
    if (!result)
        result = check_splice(&splicing);
    if (!result) {
        splicing.nonblocking = is_nonblocking(&splicing, flags);
        result = move(&splicing, argument[4], true);
        if (!put_offset(argument[1], &in_offset) || !put_offset(argument[3], &out_offset))
            result = -EFAULT;
    }
    release_both(&splicing);
    return result;
}

long sys_tee(const uint64_t argument[6])
{
    struct splicing splicing = {0};
    unsigned flags = (unsigned)argument[3];

    if (flags & ~SPLICE_F_ALL)
        return -EINVAL;
    if (argument[2] == 0)
        return 0;
    long result = get_both(&splicing, (int)argument[0], (int)argument[1]);
    if (result)
        return result;
    if (!may_move(splicing.in, splicing.out))
        result = -EBADF;
    else if (!file_is_pipe(splicing.in) || !file_is_pipe(splicing.out) ||
             pipe_is_same(splicing.in, splicing.out))
        result = -EINVAL;
    splicing.nonblocking = is_nonblocking(&splicing, flags);
    if (!result)
        result = move(&splicing, argument[2], false);
    release_both(&splicing);
    return result;
}
