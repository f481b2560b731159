/*
 * sendfile(2) and copy_file_range(2): from one file to another, out of the pages that have the
 * bytes.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/loan.h"
#include "fs/pipe.h"
#include "fs/vnode.h"
#include "sys/at.h"
#include "sys/splice.h"
#include "sys/table.h"

struct copying {
    struct file *in, *out;            /* referenced, or NULL */
    uint64_t *in_offset, *out_offset; /* NULL: the file's own */
};

/* Copy as much as goes at once: bytes written, 0 at the end, or an error. */
static long copy_once(struct copying *copying, size_t size, uint64_t *position)
{
    struct loan loan;
    long result = loan_take(&loan, copying->in, *position, size, LOAN_PIECES);

    if (result <= 0)
        return result;
    result = loan_write(&loan, copying->out, copying->out_offset);
    loan_return(&loan);
    *position += result > 0 ? (uint64_t)result : 0;
    return result;
}

static long copy(struct copying *copying, size_t size)
{
    struct file *in = copying->in;
    bool own = !copying->in_offset;
    size_t done = 0;
    long result = 0;

    if (size > INT32_MAX)
        size = INT32_MAX;
    uint64_t position = own ? in->offset : *copying->in_offset;
    while (done < size && !thread_killed()) {
        result = copy_once(copying, size - done, &position);
        if (result <= 0)
            break;
        done += (size_t)result;
    }
    if (own)
        in->offset = position;
    else
        *copying->in_offset = position;
    return done ? (long)done : result;
}

/* A call has copied so many bytes, or none: counted as a read and a write. */
static long counted(long result)
{
    struct traffic *traffic = &current_thread()->traffic;

    traffic_count_read(traffic, result);
    traffic_count_write(traffic, result);
    return result;
}

static int get_files(struct copying *copying, int in, int out)
{
    copying->in = copying->out = NULL;
    int error = file_get_usable(in, &copying->in);

    if (!error) {
        error = file_get_usable(out, &copying->out);
        if (error)
            file_release(copying->in);
    }
    return error;
}

static void release_files(struct copying *copying)
{
    file_release(copying->in);
    file_release(copying->out);
}

long sys_sendfile(const uint64_t argument[6])
{
    struct copying copying = {0};
    size_t size = argument[3];
    uint64_t offset;
    long result = get_files(&copying, (int)argument[1], (int)argument[0]);

    if (result)
        return result;
    if (argument[2]) {
        result = copy_from_user(&offset, argument[2], sizeof(offset));
        copying.in_offset = &offset;
        if (!result && (int64_t)offset < 0)
            result = -EINVAL;
    }
    if (!result &&
        (!copying.in->operations->seekable || (copying.out->flags & O_APPEND) || (int64_t)size < 0))
        result = -EINVAL;
    if (!result) {
        if (file_is_pipe(copying.out))
            result = splice_to_pipe(copying.in, copying.in_offset, copying.out, size,
                                    copying.out->flags & O_NONBLOCK);
        else
            result = copy(&copying, size);
        counted(result);
        if (argument[2] && copy_to_user(argument[2], &offset, sizeof(offset)))
            result = -EFAULT;
    }
    release_files(&copying);
    return result;
}

/* copy_file_range(2): between regular files of one file system. */
static int check_files(const struct copying *copying)
{
    const struct vnode *in = copying->in->vnode, *out = copying->out->vnode;

    if (vnode_type(in) == S_IFDIR || vnode_type(out) == S_IFDIR)
        return -EISDIR;
    if (vnode_type(in) != S_IFREG || vnode_type(out) != S_IFREG)
        return -EINVAL;
    if ((copying->in->flags & O_ACCMODE) == O_WRONLY ||
        (copying->out->flags & O_ACCMODE) == O_RDONLY || (copying->out->flags & O_APPEND))
        return -EBADF;
    return in->volume != out->volume ? -EXDEV : 0;
}

/* Cut *size off at the end of the file; what is copied must not overlap with where it goes. */
static int check_range(const struct copying *copying, size_t *size)
{
    const struct vnode *in = copying->in->vnode, *out = copying->out->vnode;
    uint64_t from = copying->in_offset ? *copying->in_offset : copying->in->offset;
    uint64_t to = copying->out_offset ? *copying->out_offset : copying->out->offset;
    uint64_t end = __atomic_load_n(&in->object.size, __ATOMIC_RELAXED);

    if (from + *size < from || to + *size < to)
        return -EOVERFLOW;
    if ((int64_t)from < 0 || (int64_t)to < 0)
        return -EINVAL;
    if (*size > (from < end ? end - from : 0))
        *size = from < end ? end - from : 0;
    return in == out && from < to + *size && to < from + *size ? -EINVAL : 0;
}

static int get_offset(uint64_t address, uint64_t *offset, uint64_t **pointer)
{
    *pointer = address ? offset : NULL;
    return address ? copy_from_user(offset, address, sizeof(*offset)) : 0;
}

static int put_offset(uint64_t address, const uint64_t *offset)
{
    return address ? copy_to_user(address, offset, sizeof(*offset)) : 0;
}

long sys_copy_file_range(const uint64_t argument[6])
{
    struct copying copying = {0};
    uint64_t in_offset, out_offset;
    size_t size = argument[4];

    if (argument[5])
        return -EINVAL;
    long result = get_files(&copying, (int)argument[0], (int)argument[2]);
    if (result)
        return result;
    result = get_offset(argument[1], &in_offset, &copying.in_offset);
    if (!result)
        result = get_offset(argument[3], &out_offset, &copying.out_offset);
    if (!result)
        result = check_files(&copying);
    if (!result)
        result = check_range(&copying, &size);
    if (!result) {
        result = counted(copy(&copying, size));
        if (put_offset(argument[1], &in_offset) || put_offset(argument[3], &out_offset))
            result = -EFAULT;
    }
    release_files(&copying);
    return result;
}
