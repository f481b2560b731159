/*
 * unshare(2): descriptors, where paths start, and mounts; setns(2). There are no other namespaces:
 * -EINVAL, as of a Linux that was built without. No two processes have undo values of semaphores in
 * common. Memory and signal handlers can be "unshared" only by who is alone.
 */
#include "sys/unshare.h"
#include "abi/errno.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/mount_namespace.h"
#include "fs/path_context.h"
#include "fs/process_file.h"
#include "sys/at.h"
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

/* Where paths start, and, if asked for, the namespace of mounts. */
static int unshare_path_context(bool mounts)
{
    struct thread *thread = current_thread();
    struct path_context *old = thread->path_context;
    struct path_context *copy = path_context_copy(old);

    int error = copy ? 0 : -ENOMEM;
    if (!error && mounts)
        error = mount_namespace_unshare(copy);
    if (error) {
        if (copy)
            path_context_release(copy);
        return error;
    }
    spin_lock(&thread->process->signal_lock);
    thread->path_context = copy;
    spin_unlock(&thread->process->signal_lock);
    path_context_leave(old);
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

    if ((flags & ~(uint64_t)(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_NEWNS | ONLY_ALONE)) ||
        !is_alone(flags))
        return -EINVAL;
    if ((flags & CLONE_NEWNS) && !credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & CLONE_FILES)
        error = unshare_files();
    if (!error && (flags & (CLONE_FS | CLONE_NEWNS)))
        error = unshare_path_context(flags & CLONE_NEWNS);
    return error;
}

/* The namespace of mounts that a descriptor stands for, or that of a process for which it stands;
 * its vnode is referenced. -EINVAL: it stands for none. */
static int find_mounts(const struct file *file, unsigned kinds, struct vnode **vnode)
{
    struct process *process = process_of_file(file);

    if (!process) {
        if (!mount_namespace_of(file->vnode) || (kinds && kinds != CLONE_NEWNS))
            return -EINVAL;
        *vnode = file->vnode;
        vnode_reference(*vnode);
        return 0;
    }
    if (kinds != CLONE_NEWNS)
        return -EINVAL;
    struct path_context *context = process_path_context(process);
    if (!context)
        return -ESRCH;
    *vnode = path_context_namespace(context);
    path_context_release(context);
    return 0;
}

/* Enter a namespace of mounts: who shares where its paths start cannot. */
static int enter_mounts(struct mount_namespace *mounts)
{
    struct path_context *context = current_thread()->path_context;

    if (!credentials_capable(CAP_SYS_ADMIN) || !credentials_capable(CAP_SYS_CHROOT))
        return -EPERM;
    if (__atomic_load_n(&context->sharers, __ATOMIC_ACQUIRE) != 1)
        return -EINVAL;
    path_context_set_namespace(context, mounts);
    return 0;
}

long sys_setns(const uint64_t argument[6])
{
    struct vnode *vnode;
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    result = find_mounts(file, (unsigned)argument[1], &vnode);
    file_release(file);
    if (result)
        return result;
    result = enter_mounts(mount_namespace_of(vnode));
    vnode_release(vnode);
    return result;
}
