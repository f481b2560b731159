/*
 * clone(2) as fork and vfork: a new process.
 *
 * All that can fail is done before the child is in the tree of its parent; a failure undoes it in
 * the reverse order. With CLONE_VM the child runs in the parent's address space, and with
 * CLONE_VFORK the parent waits until it has another one or none.
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define FLAGS_ACCEPTED                                                                             \
    (CLONE_SIGNAL_MASK | CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_SYSVSEM | CLONE_SETTLS |    \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED |                \
     CLONE_CHILD_SETTID)

/* Errors as in clone(2). Sharing of files, of signal handlers, and threads are not there. */
static int check_flags(uint64_t flags)
{
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if (flags & CLONE_THREAD)
        return -ENOSYS;
    if (flags & ~(uint64_t)FLAGS_ACCEPTED || (flags & CLONE_SIGNAL_MASK) > SIGMAX)
        return -EINVAL;
    return 0;
}

/* The child's address space: the parent's, or a copy. */
static int fork_aspace(struct process *child, uint64_t flags)
{
    struct aspace *aspace = current_process()->aspace;
    if (!(flags & CLONE_VM))
        return aspace_fork(aspace, &child->aspace);
    aspace_reference(aspace);
    __atomic_fetch_add(&aspace->sharers, 1, __ATOMIC_ACQ_REL);
    child->aspace = aspace;
    return 0;
}

static void fork_context(struct process *child, struct process *parent)
{
    mutex_lock(&parent->context_lock);
    child->root = parent->root;
    child->directory = parent->directory;
    child->executable = parent->executable;
    child->umask = parent->umask;
    vnode_reference(child->root);
    vnode_reference(child->directory);
    if (child->executable) {
        vnode_reference(child->executable);
        vnode_execute_begin(child->executable); /* succeeds: the parent executes it */
    }
    mutex_unlock(&parent->context_lock);
}

/* The child's thread begins where the parent's call returns, with result 0. */
static void fork_registers(struct thread *child, const struct clone_request *request)
{
    struct thread *parent = current_thread();
    *child->frame = *parent->frame;
    child->frame->x[REGISTER_A0] = 0;
    if (request->stack)
        child->frame->x[REGISTER_SP] = request->stack;
    if (request->flags & CLONE_SETTLS)
        child->frame->x[REGISTER_TP] = request->tls;
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
    fp_copy_to(child);
}

/* Put the child among its parent's children. process_tree_lock held. */
static void adopt(struct process *child, struct process *parent, uint64_t flags)
{
    struct process *real = flags & CLONE_PARENT ? parent->parent : parent;
    child->parent = real ? real : parent;
    child->exit_signal =
        flags & CLONE_PARENT ? parent->exit_signal : (int)(flags & CLONE_SIGNAL_MASK);
    list_push_back(&child->parent->children, &child->sibling);
}

/* The thread identifiers that clone(2) is asked to store: that of the child, in either memory. A
 * bad address is no error. */
static void store_ids(const struct clone_request *request, struct process *child)
{
    int id = child->pid;
    if (request->flags & CLONE_PARENT_SETTID)
        (void)copy_to_user(request->parent_tid, &id, sizeof(id));
    if (request->flags & CLONE_CHILD_SETTID)
        (void)aspace_write(child->aspace, request->child_tid, &id, sizeof(id));
}

/* Make the child and its memory: all that can fail. NULL: *error. */
static struct process *make_child(const struct clone_request *request, struct thread *thread,
                                  int *error)
{
    struct process *parent = current_process(), *child;
    mutex_lock(&process_tree_lock);
    child = process_create(parent, error);
    mutex_unlock(&process_tree_lock);
    if (!child)
        return NULL;
    child->files = file_table_copy(parent->files);
    *error = child->files ? fork_aspace(child, request->flags) : -ENOMEM;
    if (*error == 0) {
        fork_context(child, parent);
        fork_registers(thread, request);
        return child;
    }
    if (child->files)
        file_table_release(child->files);
    mutex_lock(&process_tree_lock);
    process_destroy(child);
    mutex_unlock(&process_tree_lock);
    return NULL;
}

/* Wait until the vfork child has let go. Being killed ends the wait; the child then runs on in what
 * is left to it alone. */
static void wait_for_vfork(struct process *child, int pid)
{
    struct process *self = current_process();
    wait_event_killable(&self->vfork_done, self->vfork_released);
    mutex_lock(&process_tree_lock);
    if (process_find(pid) == child && child->vfork_parent == self)
        child->vfork_parent = NULL;
    mutex_unlock(&process_tree_lock);
}

long process_clone(const struct clone_request *request)
{
    struct process *parent = current_process(), *child;
    struct thread *thread;
    int pid, error = check_flags(request->flags);
    bool vfork = request->flags & CLONE_VFORK;
    if (error)
        return error;
    error = credentials_check_threads();
    if (error)
        return error;
    thread = thread_create_user();
    if (!thread)
        return -ENOMEM;
    child = make_child(request, thread, &error);
    if (!child) {
        thread_free(thread);
        return error;
    }
    pid = child->pid;
    store_ids(request, child);
    mutex_lock(&process_tree_lock);
    adopt(child, parent, request->flags);
    process_add_thread(child, thread);
    if (vfork) {
        parent->vfork_released = false;
        child->vfork_parent = parent;
    }
    mutex_unlock(&process_tree_lock);
    scheduler_add(thread);
    if (vfork)
        wait_for_vfork(child, pid);
    return pid;
}
