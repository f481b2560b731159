/*
 * kcmp(2): do two threads have a resource in common? Addresses of the kernel are put in an order
 * that tells nothing of them.
 */
#include "abi/errno.h"
#include "abi/kcmp.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/random.h"
#include "core/user.h"
#include "fs/epoll.h"
#include "fs/file.h"
#include "sys/table.h"

/* 0: the same, 1: the first is smaller, 2: larger. */
static long order(const void *first, const void *second)
{
    static uint64_t key; /* atomic */
    uint64_t wanted = 0, fresh;

    random_bytes(&fresh, sizeof(fresh));
    if (!__atomic_load_n(&key, __ATOMIC_RELAXED))
        __atomic_compare_exchange_n(&key, &wanted, fresh | 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    uint64_t factor = __atomic_load_n(&key, __ATOMIC_RELAXED);
    uint64_t a = (uint64_t)(uintptr_t)first * factor, b = (uint64_t)(uintptr_t)second * factor;
    return a == b ? 0 : a < b ? 1 : 2;
}

/* The thread's table of descriptors, referenced, or NULL. process_tree_lock held. */
static struct file_table *table_of(struct thread *thread)
{
    spin_lock(&thread->process->signal_lock);
    struct file_table *table = thread->files;
    if (table)
        file_table_reference(table);
    spin_unlock(&thread->process->signal_lock);
    return table;
}

/* Takes over the table. The file there, referenced; NULL: none. */
static struct file *take_file(struct file_table *table, uint64_t descriptor)
{
    struct file *file = NULL;

    if (table && descriptor <= INT32_MAX)
        file = file_table_get(table, (int)descriptor);
    if (table)
        file_table_release(table);
    return file;
}

/* Compare a file with what an epoll watches at the slot's descriptor. */
static long compare_target(const struct file *file, struct file *set,
                           const struct kcmp_epoll_slot *slot)
{
    if (!file_is_epoll(set))
        return -EINVAL;
    const struct file *target = epoll_target(set, (int)slot->descriptor, slot->number);
    return target ? order(file, target) : -ENOENT;
}

/* Takes over the references. slot: the second is an epoll, NULL: it is to be compared itself. */
static long compare_files(struct file *first, struct file *second,
                          const struct kcmp_epoll_slot *slot)
{
    long result = -EBADF;

    if (first && second)
        result = slot ? compare_target(first, second, slot) : order(first, second);
    if (first)
        file_release(first);
    if (second)
        file_release(second);
    return result;
}

/* What stands for the values that semaphores are to get back: nothing, while there are none. */
static const void *undos_of(const struct process *process)
{
    return list_empty(&process->semaphore_undos) ? NULL : process;
}

/* process_tree_lock held. */
static long compare(struct thread *first, struct thread *second, int type)
{
    switch (type) {
    case KCMP_VM:
        return order(first->aspace, second->aspace);
    case KCMP_FILES:
        return order(first->files, second->files);
    case KCMP_FS:
        return order(first->path_context, second->path_context);
    case KCMP_SIGHAND:
        return order(first->process->actions, second->process->actions);
    case KCMP_IO:
        return 0; /* nobody has an I/O context */
    case KCMP_SYSVSEM:
        return order(undos_of(first->process), undos_of(second->process));
    default:
        return -EINVAL;
    }
}

/* May the caller look into both? */
static long check(const struct thread *first, const struct thread *second)
{
    if (!first || !second || !first->process || !second->process)
        return -ESRCH;
    if (!credentials_may_inspect(first->process, true) ||
        !credentials_may_inspect(second->process, true))
        return -EPERM;
    return 0;
}

/* Files are compared without process_tree_lock, which their end may need. */
long sys_kcmp(const uint64_t argument[6])
{
    struct file_table *tables[2] = {NULL, NULL};
    struct kcmp_epoll_slot slot = {0};
    int type = (int)argument[2];
    bool of_files = type == KCMP_FILE || type == KCMP_EPOLL_TFD;

    mutex_lock(&process_tree_lock);
    struct thread *first = process_find_thread((int)argument[0]);
    struct thread *second = process_find_thread((int)argument[1]);
    long result = check(first, second);
    if (!result && of_files) {
        tables[0] = table_of(first);
        tables[1] = table_of(second);
    } else if (!result) {
        result = compare(first, second, type);
    }
    mutex_unlock(&process_tree_lock);
    if (result || !of_files)
        return result;
    bool fault = type == KCMP_EPOLL_TFD && copy_from_user(&slot, argument[4], sizeof(slot));
    struct file *file = take_file(tables[0], argument[3]);
    struct file *other = take_file(tables[1], type == KCMP_FILE ? argument[4] : slot.epoll);
    result = compare_files(file, other, type == KCMP_FILE ? NULL : &slot);
    return fault ? -EFAULT : result;
}
