/*
 * Advisory locks: flock(2), and the record locks of fcntl(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/file_lock.h"
#include "sys/at.h"
#include "sys/lock.h"
#include "sys/table.h"

static bool is_of_file(unsigned command)
{
    return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

/* Where offsets are counted from: -1: whence is not known. */
static int64_t range_base(struct file *file, int whence)
{
    switch (whence) {
    case SEEK_SET:
        return 0;
    case SEEK_CUR:
        return (int64_t)file->offset;
    case SEEK_END:
        return (int64_t)__atomic_load_n(&file->vnode->object.size, __ATOMIC_RELAXED);
    default:
        return -1;
    }
}

/* Where the range begins and ends: 0, -EINVAL, -EOVERFLOW. */
static int decode_range(struct file *file, const struct flock *flock, struct file_lock *lock)
{
    int64_t start = range_base(file, flock->whence), last = INT64_MAX;

    if (start < 0)
        return -EINVAL;
    if (flock->start > INT64_MAX - start)
        return -EOVERFLOW;
    start += flock->start;
    if (start < 0)
        return -EINVAL;
    if (flock->length > 0) {
        if (flock->length - 1 > INT64_MAX - start)
            return -EOVERFLOW;
        last = start + (flock->length - 1);
    } else if (flock->length < 0) {
        if (start + flock->length < 0)
            return -EINVAL;
        last = start - 1;
        start += flock->length;
    }
    lock->start = (uint64_t)start;
    lock->last = (uint64_t)last;
    return 0;
}

/* What the lock is asked for: 0, -EINVAL, -EBADF: the file is not open for that. */
static int decode_mode(const struct file *file, int type, bool test, struct file_lock *lock)
{
    unsigned access = file->flags & O_ACCMODE;

    switch (type) {
    case F_RDLCK:
        lock->mode = LOCK_SHARED;
        return access == O_WRONLY && !test ? -EBADF : 0;
    case F_WRLCK:
        lock->mode = LOCK_EXCLUSIVE;
        return access == O_RDONLY && !test ? -EBADF : 0;
    case F_UNLCK:
        lock->mode = LOCK_NONE;
        return test && lock->kind != LOCK_OF_FILE ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static int decode(struct file *file, unsigned command, const struct flock *flock,
                  struct file_lock *lock)
{
    bool of_file = is_of_file(command), test = command == F_GETLK || command == F_OFD_GETLK;
    struct process *process = current_process();

    *lock = (struct file_lock){
        .kind = of_file ? LOCK_OF_FILE : LOCK_OF_PROCESS,
        .owner = of_file ? (const void *)file : (const void *)current_thread()->files,
        .file = file,
        .pid = of_file ? -1 : process->pid,
    };
    if (of_file && flock->pid != 0)
        return -EINVAL; /* fcntl(2) */
    int error = decode_range(file, flock, lock);
    return error ? error : decode_mode(file, flock->type, test, lock);
}

static long test_lock(struct vnode *vnode, const struct file_lock *lock, struct flock *flock,
                      uint64_t address)
{
    struct file_lock conflict;

    if (file_lock_test(vnode, lock, &conflict)) {
        bool open_ended = conflict.last == INT64_MAX;
        flock->type = conflict.mode == LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK;
        flock->whence = SEEK_SET;
        flock->start = (int64_t)conflict.start;
        flock->length = open_ended ? 0 : (int64_t)(conflict.last - conflict.start) + 1;
        flock->pid = conflict.pid;
    } else {
        flock->type = F_UNLCK;
    }
    return copy_to_user(address, flock, sizeof(*flock));
}

/* Take a lock; if another thread has closed the descriptor meanwhile, the lock must go too. */
static long set_lock(struct file *file, int descriptor, const struct file_lock *lock, bool wait)
{
    long result = file_lock_set(file->vnode, lock, wait);

    if (result || lock->kind != LOCK_OF_PROCESS || lock->mode == LOCK_NONE)
        return result;
    struct file *now = file_get(descriptor);
    if (now != file) {
        file_lock_drop(file->vnode, LOCK_OF_PROCESS, lock->owner);
        result = -EBADF;
    }
    if (now)
        file_release(now);
    return result;
}

long fcntl_lock(struct file *file, int descriptor, unsigned command, uint64_t address)
{
    struct file_lock lock;
    struct flock flock;

    if (copy_from_user(&flock, address, sizeof(flock)))
        return -EFAULT;
    int error = decode(file, command, &flock, &lock);
    if (error)
        return error;
    if (command == F_GETLK || command == F_OFD_GETLK)
        return test_lock(file->vnode, &lock, &flock, address);
    return set_lock(file, descriptor, &lock, command == F_SETLKW || command == F_OFD_SETLKW);
}

long sys_flock(const uint64_t argument[6])
{
    static const enum file_lock_mode modes[] = {
        [LOCK_SH] = LOCK_SHARED, [LOCK_EX] = LOCK_EXCLUSIVE, [LOCK_UN] = LOCK_NONE};
    unsigned operation = (unsigned)argument[1] & ~(unsigned)LOCK_NB;
    struct file *file;

    if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
        return -EINVAL;
    long result = file_get_usable((int)argument[0], &file);
    if (result)
        return result;
    struct file_lock lock = {.kind = LOCK_WHOLE,
                             .mode = modes[operation],
                             .owner = file,
                             .file = file,
                             .pid = current_process()->pid,
                             .last = INT64_MAX};
    result = file_lock_set(file->vnode, &lock, !(argument[1] & LOCK_NB));
    file_release(file);
    return result;
}
