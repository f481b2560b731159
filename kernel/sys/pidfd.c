/*
 * Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2) and
 * process_mrelease(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/process_file.h"
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "sys/signal.h"
#include "sys/table.h"

/* The process with this pid, referenced; -ESRCH, -ENOENT: it is a thread. */
static int get_process(int pid, struct process **process)
{
    int error = -ESRCH;

    mutex_lock(&process_tree_lock);
    *process = process_find(pid);
    if (*process) {
        process_reference(*process);
        error = 0;
    } else if (process_find_thread(pid)) {
        error = -ENOENT;
    }
    mutex_unlock(&process_tree_lock);
    return error;
}

/* Descriptors of threads (PIDFD_THREAD) are not here. */
long sys_pidfd_open(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];
    struct process *process;

    if ((flags & ~(unsigned)O_NONBLOCK) || (int)argument[0] <= 0)
        return -EINVAL;
    int error = get_process((int)argument[0], &process);
    if (error)
        return error;
    struct file *file = process_file_create(process, flags);
    process_release(process);
    return file_install_new(file, true);
}

/* Has nobody collected its status? process_tree_lock held. */
static bool is_there(const struct process *process)
{
    return process_find(process->pid) == process;
}

/* Its group may outlast it, and keep its number from another process. process_tree_lock held. */
static bool is_reachable(const struct process *process, enum signal_scope scope)
{
    return is_there(process) || (scope == SIGNAL_GROUP && !process_find(process->pid));
}

static long send(struct process *process, enum signal_scope scope, int number, vaddr_t address)
{
    int target = scope == SIGNAL_GROUP ? 0 : process->pid;
    struct signal_information information, *given = NULL;
    int error = 0;

    if (address) {
        int32_t told;
        if (copy_from_user(&told, address, sizeof(told)))
            return -EFAULT;
        if (told != number)
            return -EINVAL;
        error = signal_information_from_user(address, number, target, &information);
        given = &information;
    }
    if (error)
        return error;
    mutex_lock(&process_tree_lock);
    error = is_reachable(process, scope) ? signal_send_from_user(process, scope, number, given)
                                         : -ESRCH;
    mutex_unlock(&process_tree_lock);
    return error;
}

/* The process that a file stands for, referenced: a directory /proc/PID does here too. -EBADF,
 * -ESRCH. */
static int get_target(const struct file *file, struct process **process)
{
    uint64_t key;

    *process = process_of_file(file);
    if (!*process &&
        ((file->flags & O_PATH) || !pseudo_is(file->vnode, &procfs_process_directory, &key)))
        return -EBADF;
    mutex_lock(&process_tree_lock);
    if (!*process)
        *process = procfs_find_process(key);
    if (*process)
        process_reference(*process);
    mutex_unlock(&process_tree_lock);
    return *process ? 0 : -ESRCH;
}

static int decode_scope(unsigned flags, enum signal_scope *scope)
{
    switch (flags) {
    case 0:
    case PIDFD_SIGNAL_THREAD_GROUP:
        *scope = SIGNAL_PROCESS;
        return 0;
    case PIDFD_SIGNAL_THREAD:
        *scope = SIGNAL_FIRST_THREAD;
        return 0;
    case PIDFD_SIGNAL_PROCESS_GROUP:
        *scope = SIGNAL_GROUP;
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_pidfd_send_signal(const uint64_t argument[6])
{
    int number = (int)argument[1];
    struct process *process;
    enum signal_scope scope;

    if (decode_scope((unsigned)argument[3], &scope))
        return -EINVAL;
    struct file *file = file_get((int)argument[0]);
    if (!file)
        return -EBADF;
    long result = get_target(file, &process);
    file_release(file);
    if (result)
        return result;
    result = number < 0 || number > SIGMAX ? -EINVAL : send(process, scope, number, argument[2]);
    process_release(process);
    return result;
}

/* The file at a descriptor of another process, referenced: -ESRCH, -EPERM, -EBADF. */
static int get_foreign_file(struct process *process, int descriptor, struct file **file)
{
    struct file_table *files = NULL;
    int error = -ESRCH;

    mutex_lock(&process_tree_lock);
    if (is_there(process) && process->state == PROCESS_ALIVE)
        error = credentials_may_inspect(process, true) ? 0 : -EPERM;
    if (!error)
        files = process_files(process);
    mutex_unlock(&process_tree_lock);
    if (error)
        return error;
    if (!files)
        return -ESRCH;
    *file = file_table_get(files, descriptor);
    file_table_release(files);
    return *file ? 0 : -EBADF;
}

long sys_pidfd_getfd(const uint64_t argument[6])
{
    struct file *file, *found;

    if (argument[2])
        return -EINVAL;
    int error = process_file_get((int)argument[0], &file);
    if (error)
        return error;
    error = get_foreign_file(process_of_file(file), (int)argument[1], &found);
    file_release(file);
    return error ? error : file_install_new(found, true);
}

static bool has_ended(const struct process *process)
{
    return __atomic_load_n(&process->state, __ATOMIC_RELAXED) == PROCESS_ZOMBIE;
}

/* A process that is being killed gives its memory back by itself: wait until it has. */
long sys_process_mrelease(const uint64_t argument[6])
{
    struct file *file;

    if ((unsigned)argument[1])
        return -EINVAL;
    int error = process_file_get((int)argument[0], &file);
    if (error)
        return error;
    struct process *process = process_of_file(file);
    if (has_ended(process))
        error = -ESRCH;
    else if (!__atomic_load_n(&process->exiting, __ATOMIC_RELAXED))
        error = -EINVAL;
    else
        error = wait_event_until(&process->ended, has_ended(process), WAIT_KILLABLE, WAIT_FOREVER);
    file_release(file);
    return error;
}
