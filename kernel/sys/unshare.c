/*
 * unshare(2): descriptors, and where paths start. There are no namespaces: -EINVAL, as of a Linux
 * that was built without. No two processes have undo values of semaphores in common. Memory and
 * signal handlers can be "unshared" only by who is alone.
 */
#include "sys/unshare.h"
#include "abi/errno.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/path_context.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define ONLY_ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

int unshare_files(void)
{
    struct thread *thread = current_thread();
    struct file_table *old = thread->files;

    if (!file_table_is_shared(old))
        return 0;
    struct file_table *copy = file_table_copy(old);
    if (!copy)
        return -ENOMEM;
    spin_lock(&thread->process->signal_lock);
    thread->files = copy;
    spin_unlock(&thread->process->signal_lock);
    file_table_release(old);
    return 0;
}

static int unshare_path_context(void)
{
    struct thread *thread = current_thread();
    struct path_context *old = thread->path_context;
    struct path_context *copy = path_context_copy(old);

    if (!copy)
        return -ENOMEM;
    spin_lock(&thread->process->signal_lock);
    thread->path_context = copy;
    spin_unlock(&thread->process->signal_lock);
    path_context_release(old);
    return 0;
}

/* Does nobody else have of the current thread's what the flags name? CLONE_VM means the signal
 * actions too, and those the threads. */
static bool is_alone(uint64_t flags)
{
    const struct process *process = current_process();
    if ((flags & ONLY_ALONE) && process->thread_count > 1)
        return false;
    if ((flags & (CLONE_SIGHAND | CLONE_VM)) && signal_actions_are_shared(process->actions))
        return false;
    return !(flags & CLONE_VM) ||
           __atomic_load_n(&current_thread()->aspace->sharers, __ATOMIC_ACQUIRE) == 0;
}

long sys_unshare(const uint64_t argument[6])
{
    uint64_t flags = argument[0];
    int error = 0;

    if ((flags & ~(uint64_t)(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | ONLY_ALONE)) ||
        !is_alone(flags))
        return -EINVAL;
    if (flags & CLONE_FILES)
        error = unshare_files();
    if (!error && (flags & CLONE_FS))
        error = unshare_path_context();
    return error;
}
