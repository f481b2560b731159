/*
 * splice(2), tee(2), vmsplice(2): between pipes and other files.
 *
 * Pages go into a pipe and out of it as they are, those of regular files too (fs/loan.h). What
 * comes out of a pipe is looked at first, and taken out when it has arrived; meanwhile nobody else
 * reads the pipe. So nothing is lost when the other side takes less than it was given. Memory that
 * goes into a pipe is lent in the same way: who stores to it changes what waits there, until it is
 * written to a page of its own, as after fork(2).
 */
#include "sys/splice.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/loan.h"
#include "fs/pipe.h"
#include "fs/vnode.h"
#include "sys/at.h"
#include "sys/buffers.h"
#include "sys/table.h"

struct splicing {
    struct file *in, *out;            /* referenced */
    uint64_t *in_offset, *out_offset; /* NULL: the file's own */
    bool nonblocking;
    bool full; /* the pipe that is written to had no room, although it was waited for */
};

/* Put what was read into the pipe: bytes that arrived. What cannot be read again waits for room. */
static long put_all(struct splicing *splicing, const struct loan *loan, bool again)
{
    unsigned done = pipe_put_pieces(splicing->out, loan->pieces, loan->count, 0);
    int error = 0;

    while (done < loan->count && !again && !error) {
        error = pipe_await_room(splicing->out, false);
        if (!error)
            done += pipe_put_pieces(splicing->out, loan->pieces + done, loan->count - done, 0);
    }
    splicing->full = !done;
    return done ? (long)loan_size(loan, done) : error;
}

/* Read from position on, and fill the room of the pipe: bytes that arrived; 0 at the end of the
 * file, or if somebody else was faster (splicing->full). */
static long read_and_put(struct splicing *splicing, size_t size, uint64_t *position)
{
    unsigned room = pipe_room(splicing->out);
    struct loan loan;

    splicing->full = !room;
    if (!room)
        return 0;
    room = room < LOAN_PIECES ? room : LOAN_PIECES;
    long result = loan_take(&loan, splicing->in, *position, size, room);
    if (result <= 0)
        return result;
    result = put_all(splicing, &loan, splicing->in->operations->seekable);
    loan_return(&loan);
    *position += result > 0 ? (uint64_t)result : 0;
    return result;
}

/* As read_and_put, with the offset that counts. */
static long move_to_pipe(struct splicing *splicing, size_t size)
{
    struct file *in = splicing->in;
    uint64_t position = 0;

    if (splicing->in_offset)
        return read_and_put(splicing, size, splicing->in_offset);
    if (!in->operations->seekable)
        return read_and_put(splicing, size, &position);
    mutex_lock(&in->offset_lock);
    position = in->offset;
    long result = read_and_put(splicing, size, &position);
    in->offset = position;
    mutex_unlock(&in->offset_lock);
    return result;
}

/* Fill the pipe, once there is room. */
static long file_to_pipe(struct splicing *splicing, size_t size)
{
    size_t done = 0;
    long result;

    do {
        result = pipe_await_room(splicing->out, splicing->nonblocking);
        if (result)
            return result;
        do {
            result = move_to_pipe(splicing, size - done);
            done += result > 0 ? (size_t)result : 0;
        } while (result > 0 && done < size && !thread_killed());
    } while (!result && !done && splicing->full && !thread_killed());
    return done ? (long)done : result;
}

long splice_to_pipe(struct file *in, uint64_t *offset, struct file *out, size_t size,
                    bool nonblocking)
{
    struct splicing splicing = {
        .in = in, .out = out, .in_offset = offset, .nonblocking = nonblocking};

    return file_to_pipe(&splicing, size);
}

/* Hand what is in the pipe, which is held, from the skip-th byte on, to the other side, as much as
 * goes at once: bytes, 0: there are none, or no room. consume: they leave the pipe. */
static long hand_over(struct splicing *splicing, size_t skip, size_t size, bool consume)
{
    struct file *in = splicing->in, *out = splicing->out;
    struct loan loan;
    uint32_t packets;
    long result = 0;

    loan.count = pipe_peek(in, skip, size, loan.pieces, LOAN_PIECES, &packets);
    if (file_is_pipe(out))
        result = (long)loan_size(&loan, pipe_put_pieces(out, loan.pieces, loan.count, packets));
    else if (loan.count)
        result = loan_write(&loan, out, splicing->out_offset);
    if (result > 0 && consume)
        pipe_consume(in, (size_t)result);
    loan_return(&loan);
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
    return file_is_pipe(splicing->in) ? from_pipe(splicing, size, consume)
                                      : file_to_pipe(splicing, size);
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

/* Put the pages that memory is in into the pipe, as far as there is room: bytes that arrived, or
 * -EFAULT. */
static long lend_memory(struct file *out, struct transfer memory)
{
    unsigned room, put;
    long arrived = 0;

    do {
        struct loan loan = {.count = 0};
        room = pipe_room(out);
        while (loan.count < room && loan.count < LOAN_PIECES &&
               transfer_lend(&memory, &loan.pieces[loan.count]))
            loan.count++;
        if (room && !loan.count && !arrived)
            return -EFAULT;
        put = pipe_put_pieces(out, loan.pieces, loan.count, 0);
        arrived += (long)loan_size(&loan, put);
        loan_return(&loan);
    } while (put == LOAN_PIECES);
    return arrived;
}

/* The same, waiting for room for the first byte. */
static long memory_to_pipe(struct file *out, const struct transfer *memory, bool nonblocking)
{
    long result = 0;

    while (!result && memory->remaining && !thread_killed()) {
        result = pipe_await_room(out, nonblocking);
        if (!result)
            result = lend_memory(out, *memory);
    }
    return result;
}

/* Bytes that are in the pipe are copied to memory. */
static long pipe_to_memory(struct file *in, struct transfer *memory, bool nonblocking)
{
    memory->set_flags = nonblocking ? O_NONBLOCK : 0;
    memory->clear_flags = nonblocking ? 0 : O_NONBLOCK;
    return file_read(in, memory, NULL);
}

/* Only its flags say whether it waits. SPLICE_F_GIFT promises what nobody relies on. */
long sys_vmsplice(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[3];
    bool nonblocking = flags & SPLICE_F_NONBLOCK;
    struct buffers buffers;
    struct file *file;

    if (flags & ~SPLICE_F_ALL)
        return -EINVAL;
    long result = file_get_usable((int)argument[0], &file);
    if (result)
        return result;
    result = file_is_pipe(file) ? buffers_several(&buffers, argument[1], argument[2]) : -EBADF;
    if (!result) {
        result = (file->flags & O_ACCMODE) == O_RDONLY
                     ? pipe_to_memory(file, &buffers.transfer, nonblocking)
                     : memory_to_pipe(file, &buffers.transfer, nonblocking);
        buffers_release(&buffers);
    }
    file_release(file);
    return result;
}
