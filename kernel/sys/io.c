/*
 * Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2), io_cancel(2), io_destroy(2).
 *
 * Reading, writing and fsync are done while they are submitted, as Linux does what goes through the
 * page cache; what waits for a file to be ready waits behind the caller's back (fs/io_poll.c). What
 * is wrong with a request is an error of io_submit, and what becomes of it is in its event.
 */
#include "abi/aio.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/time.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/event.h"
#include "fs/io_context.h"
#include "fs/io_poll.h"
#include "fs/vnode.h"
#include "sys/at.h"
#include "sys/buffers.h"
#include "sys/convert.h"
#include "sys/priority.h"
#include "sys/sync.h"
#include "sys/table.h"
#include "sys/wait_mask.h"

/* Contexts */

long sys_io_setup(const uint64_t argument[6])
{
    unsigned requests = (unsigned)argument[0];
    uint64_t id;

    if (copy_from_user(&id, argument[1], sizeof(id)))
        return -EFAULT;
    if (id)
        return -EINVAL;
    int error = io_context_create(requests, &id);
    if (error || copy_to_user(argument[1], &id, sizeof(id)) == 0)
        return error;
    struct io_context *context = io_context_get(id);
    if (context) {
        (void)io_context_destroy(context);
        io_context_release(context);
    }
    return -EFAULT;
}

long sys_io_destroy(const uint64_t argument[6])
{
    struct io_context *context = io_context_get(argument[0]);

    if (!context)
        return -EINVAL;
    int error = io_context_destroy(context);
    io_context_release(context);
    return error;
}

/* Requests: what is returned is an error of io_submit, or 0 with *result for the event */

static long result_of_event(long result)
{
    bool interrupted =
        result == -EINTR_HANDLER || result == -EINTR_ALWAYS || result == -EINTR_REPEAT;
    return interrupted ? -EINTR : result;
}

/* Can bytes be moved at all? */
static int check_file(const struct file *file, const struct iocb *iocb, bool write)
{
    uint32_t mode = file->flags & O_ACCMODE;

    if (mode == (write ? O_RDONLY : O_WRONLY))
        return -EBADF;
    if (vnode_type(file->vnode) == S_IFDIR)
        return -EINVAL;
    if (write ? !file->operations->write : !file->operations->read)
        return -EINVAL;
    return file->operations->seekable && iocb->offset < 0 ? -EINVAL : 0;
}

static int move(struct file *file, const struct iocb *iocb, bool write, bool several, long *result)
{
    uint64_t offset = (uint64_t)iocb->offset, *at = file->operations->seekable ? &offset : NULL;
    struct buffers buffers;
    int error = 0;

    if (iocb->flags & IOCB_FLAG_IOPRIO)
        error = io_priority_check((uint16_t)iocb->priority);
    if (!error)
        error = check_file(file, iocb, write);
    if (!error)
        error = several ? buffers_several(&buffers, iocb->buffer, iocb->size)
                        : buffers_one(&buffers, iocb->buffer, iocb->size);
    if (error)
        return error;
    error = buffers_set_flags(&buffers, file, iocb->transfer_flags, write);
    if (!error)
        *result = (write ? file_write : file_read)(file, &buffers.transfer, at);
    buffers_release(&buffers);
    return error;
}

static int synchronize(struct file *file, const struct iocb *iocb, bool data_only, long *result)
{
    if (iocb->buffer || iocb->size || iocb->offset || iocb->transfer_flags)
        return -EINVAL;
    if (!file->vnode->operations->sync || vnode_type(file->vnode) == S_IFIFO)
        return -EINVAL;
    *result = file_sync(file, data_only);
    return 0;
}

static int wait_until_ready(const struct io_request *request, const struct iocb *iocb)
{
    if (iocb->buffer > UINT16_MAX || iocb->size || iocb->offset || iocb->transfer_flags)
        return -EINVAL;
    return io_poll_start(request, (unsigned)iocb->buffer);
}

/* Do what is asked for. *later: it is not done yet, and the request is completed elsewhere. */
static int perform(const struct io_request *request, const struct iocb *iocb, long *result,
                   bool *later)
{
    switch (iocb->operation) {
    case IOCB_PREAD:
    case IOCB_PWRITE:
        return move(request->file, iocb, iocb->operation == IOCB_PWRITE, false, result);
    case IOCB_PREADV:
    case IOCB_PWRITEV:
        return move(request->file, iocb, iocb->operation == IOCB_PWRITEV, true, result);
    case IOCB_FSYNC:
    case IOCB_FDSYNC:
        return synchronize(request->file, iocb, iocb->operation == IOCB_FDSYNC, result);
    case IOCB_POLL:
        *later = true;
        return wait_until_ready(request, iocb);
    default:
        return -EINVAL;
    }
}

/* The files that a request names. On failure none is referenced. */
static int take_files(struct io_request *request, const struct iocb *iocb)
{
    int error = file_get_usable(iocb->descriptor, &request->file);

    if (error || !(iocb->flags & IOCB_FLAG_RESFD))
        return error;
    request->event = file_get(iocb->event_descriptor);
    if (request->event && file_is_event(request->event))
        return 0;
    file_release(request->file);
    if (!request->event)
        return -EBADF;
    file_release(request->event);
    return -EINVAL;
}

/* The request has a place in the ring. */
static int start(struct io_request *request, const struct iocb *iocb)
{
    const uint32_t key = 0;
    bool later = false;
    long result = 0;
    int error = take_files(request, iocb);

    if (error)
        return error;
    if (copy_to_user(request->iocb + offsetof(struct iocb, key), &key, sizeof(key)))
        error = -EFAULT;
    if (!error)
        error = perform(request, iocb, &result, &later);
    if (error) {
        file_release(request->file);
        if (request->event)
            file_release(request->event);
    } else if (!later) {
        io_context_complete(request, result_of_event(result));
    }
    return error;
}

static int submit(struct io_context *context, uint64_t address)
{
    struct io_request request = {.context = context, .iocb = address};
    struct iocb iocb;

    if (copy_from_user(&iocb, address, sizeof(iocb)))
        return -EFAULT;
    if (iocb.reserved || (int64_t)iocb.size < 0)
        return -EINVAL;
    request.data = iocb.data;
    int error = io_context_begin(context);
    if (error)
        return error;
    io_context_reference(context);
    error = start(&request, &iocb);
    if (error) {
        io_context_give_up(context);
        io_context_release(context);
    }
    return error;
}

long sys_io_submit(const uint64_t argument[6])
{
    int64_t count = (int64_t)argument[1], done = 0;
    struct io_context *context;
    int error = 0;

    if (count < 0)
        return -EINVAL;
    context = io_context_get(argument[0]);
    if (!context)
        return -EINVAL;
    if (count > context->count)
        count = context->count;
    for (; done < count && !error; done += !error) {
        uint64_t address;
        error = copy_from_user(&address, argument[2] + (uint64_t)done * sizeof(address),
                               sizeof(address));
        if (!error)
            error = submit(context, address);
    }
    io_context_release(context);
    return done ? done : error;
}

/* What is cancelled has its event all the same. */
long sys_io_cancel(const uint64_t argument[6])
{
    uint32_t key;

    if (copy_from_user(&key, argument[1] + offsetof(struct iocb, key), sizeof(key)))
        return -EFAULT;
    struct io_context *context = key == 0 ? io_context_get(argument[0]) : NULL;
    if (!context)
        return -EINVAL;
    int error = io_poll_cancel(context, argument[1]);
    io_context_release(context);
    return error ? error : -EINPROGRESS;
}

/* Events */

/* When the wait ends: Linux takes any numbers. */
static int read_deadline(vaddr_t address, uint64_t *deadline)
{
    struct timespec timeout;
    uint64_t now = time_now();

    *deadline = WAIT_FOREVER;
    if (!address)
        return 0;
    if (copy_from_user(&timeout, address, sizeof(timeout)))
        return -EFAULT;
    if (timeout.seconds >= (int64_t)(INT64_MAX / NANOSECONDS_PER_SECOND))
        return 0;
    int64_t duration = timeout.seconds < 0 ? 0 : timeout.seconds * (int64_t)NANOSECONDS_PER_SECOND;
    if (__builtin_add_overflow(duration, timeout.nanoseconds, &duration))
        return 0;
    if (timeout.seconds < 0 || duration <= 0)
        *deadline = 0;
    else
        *deadline =
            (uint64_t)duration < WAIT_FOREVER - now ? now + (uint64_t)duration : WAIT_FOREVER;
    return 0;
}

/* Take events until there are at least so many, or the time is over: how many, or an error if
 * none. */
static long take_events(struct io_context *context, const uint64_t argument[6], uint64_t deadline)
{
    int64_t least = (int64_t)argument[1], most = (int64_t)argument[2], done = 0;
    long result = 0;

    for (;;) {
        unsigned count = most - done < context->count ? (unsigned)(most - done) : context->count;
        result =
            io_context_take(context, argument[3] + (uint64_t)done * sizeof(struct io_event), count);
        done += result > 0 ? result : 0;
        if (result < 0 || done >= least || deadline == 0)
            break;
        if (result > 0)
            continue;
        result = wait_event_until(&context->changed, io_context_has_events(context),
                                  WAIT_INTERRUPTIBLE, deadline);
        if (result == -ETIMEDOUT)
            deadline = result = 0;
        if (result)
            break;
    }
    return done ? done : result;
}

static long get_events(const uint64_t argument[6], const struct wait_mask *mask)
{
    int64_t least = (int64_t)argument[1], most = (int64_t)argument[2];
    uint64_t deadline;
    long result = read_deadline(argument[4], &deadline);

    if (result)
        return result;
    struct io_context *context = io_context_get(argument[0]);
    if (!context)
        return -EINVAL;
    result = -EINVAL;
    if (least >= 0 && least <= most) {
        wait_mask_begin(mask);
        result = take_events(context, argument, deadline);
        wait_mask_end(mask, result);
    }
    io_context_release(context);
    return result;
}

long sys_io_getevents(const uint64_t argument[6])
{
    const struct wait_mask none = {.given = false};
    long result = get_events(argument, &none);

    return result == -EINTR ? -EINTR_ALWAYS : result;
}

long sys_io_pgetevents(const uint64_t argument[6])
{
    uint64_t set[2] = {0, 0};
    struct wait_mask mask;

    if (argument[5] && copy_from_user(set, argument[5], sizeof(set)))
        return -EFAULT;
    long result = wait_mask_read(&mask, set[0], set[1]);
    if (!result)
        result = get_events(argument, &mask);
    return result == -EINTR ? -EINTR_HANDLER : result;
}
