/*
 * clone(2) and clone3(2): a new process (fork, vfork), or a new thread in the current one.
 *
 *   prepare   the thread's structure and stack, and what it has: shared with the caller's, or a
 *             copy, as the flags say; for a process, that too
 *   enter     into the trees: from here on others find it; it fails only if the process is ending
 *   start     the thread runs; a vfork parent waits until the child has another address space
 *
 * A failure gives everything back that has been prepared.
 */
#include "abi/errno.h"
#include "abi/ptrace.h"
#include "abi/sched.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/pid.h"
#include "core/process_internal.h"
#include "core/rseq.h"
#include "core/scheduler.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/mount_namespace.h"
#include "fs/path_context.h"
#include "fs/process_file.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define FLAGS_ACCEPTED                                                                             \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |              \
     CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |    \
     CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO | CLONE_CLEAR_SIGHAND |       \
     CLONE_PIDFD | CLONE_PTRACE | CLONE_NEWNS)

/* Errors as in clone(2). */
static int check_flags(uint64_t flags)
{
    if (flags & ~(uint64_t)FLAGS_ACCEPTED)
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_NEWNS) && (flags & CLONE_FS))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & (CLONE_VFORK | CLONE_PIDFD)))
        return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & CLONE_DETACHED))
        return -EINVAL;
    if ((flags & CLONE_PARENT) && current_process() == init_process)
        return -EINVAL;
    return (flags & CLONE_NEWNS) && !credentials_capable(CAP_SYS_ADMIN) ? -EPERM : 0;
}

/* The thread begins where the caller's call returns, with result 0. */
static void copy_registers(struct thread *child, const struct clone_request *request)
{
    struct thread *self = current_thread();
    *child->frame = *self->frame;
    child->frame->x[REGISTER_A0] = 0;
    if (request->stack)
        child->frame->x[REGISTER_SP] = request->stack;
    if (request->flags & CLONE_SETTLS)
        child->frame->x[REGISTER_TP] = request->tls;
    fp_copy_to(child);
}

/* What costs nothing and cannot fail. */
static void copy_state(struct thread *child, const struct clone_request *request)
{
    struct thread *self = current_thread();
    copy_registers(child, request);
    memcpy(child->name, self->name, sizeof(child->name));
    child->blocked = self->blocked;
    child->affinity = self->affinity;
    if (!(self->policy & SCHED_RESET_ON_FORK)) {
        child->policy = self->policy;
        child->priority = child->inherit.own_priority = self->inherit.own_priority;
    }
    child->start_time = time_now();
    scheduler_set_nice(child, self->nice);
    child->io_priority = self->io_priority;
    if (!(request->flags & CLONE_VM) || request->flags & CLONE_VFORK)
        child->alternate_stack = self->alternate_stack;
    if (!(request->flags & CLONE_VM))
        rseq_inherit(child, self);
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
}

/* The address space: the caller's, or a copy. */
static int share_aspace(struct thread *child, uint64_t flags)
{
    struct aspace *aspace = current_thread()->aspace;
    if (!(flags & CLONE_VM))
        return aspace_fork(aspace, &child->aspace);
    aspace_reference(aspace);
    __atomic_fetch_add(&aspace->sharers, 1, __ATOMIC_ACQ_REL);
    child->aspace = aspace;
    return 0;
}

static struct file_table *share_files(struct file_table *files, uint64_t flags)
{
    if (!(flags & CLONE_FILES))
        return file_table_copy(files);
    file_table_reference(files);
    return files;
}

static struct path_context *share_path_context(struct path_context *context, uint64_t flags)
{
    if (!(flags & CLONE_FS))
        return path_context_copy(context);
    path_context_share(context);
    return context;
}

/* A namespace of mounts for the child, if it is to have one: 0, -ENOMEM, -EIO. */
static int unshare_mounts(struct thread *child, uint64_t flags)
{
    return flags & CLONE_NEWNS ? mount_namespace_unshare(child->path_context) : 0;
}

/* Give back a thread that has not been started, in any state. */
static void discard(struct thread *child)
{
    if (child->files)
        file_table_release(child->files);
    if (child->path_context)
        path_context_leave(child->path_context);
    if (child->aspace) {
        __atomic_fetch_sub(&child->aspace->sharers, 1, __ATOMIC_ACQ_REL);
        aspace_release(child->aspace);
    }
    thread_free(child);
}

/* A thread with all it needs but an identifier and a process: 0, -ENOMEM. */
static int prepare_thread(const struct clone_request *request, struct thread **result)
{
    struct thread *self = current_thread(), *child = thread_create_user();
    if (!child)
        return -ENOMEM;
    copy_state(child, request);
    child->files = share_files(self->files, request->flags);
    child->path_context = share_path_context(self->path_context, request->flags);
    int error = child->files && child->path_context ? 0 : -ENOMEM;
    if (!error)
        error = unshare_mounts(child, request->flags);
    if (!error)
        error = share_aspace(child, request->flags);
    if (error)
        discard(child);
    else
        *result = child;
    return error;
}

/* The thread identifiers that the caller wants to have stored: that of the child, in either memory.
 * A bad address is no error. */
static void store_ids(const struct clone_request *request, const struct thread *child)
{
    if (request->flags & CLONE_PARENT_SETTID)
        (void)copy_to_user(request->parent_tid, &child->id, sizeof(child->id));
    if (request->flags & CLONE_CHILD_SETTID)
        (void)aspace_write(child->aspace, request->child_tid, &child->id, sizeof(child->id));
}

/* A thread of this process */

/* *event: what the tracer wishes to be told. */
static int enter_thread(const struct clone_request *request, struct thread *child, int *event)
{
    struct process *process = current_process();
    int result;
    mutex_lock(&process_tree_lock);
    child->id = pid_allocate();
    mutex_unlock(&process_tree_lock);
    if (child->id < 0)
        return child->id;
    store_ids(request, child);
    mutex_lock(&process_tree_lock);
    result = process_add_thread(process, child);
    if (result)
        pid_release(child->id);
    else
        *event = trace_clone(child, request->flags, request->exit_signal);
    mutex_unlock(&process_tree_lock);
    return result;
}

static long clone_thread(const struct clone_request *request)
{
    struct thread *child;
    int id, event = 0, result = prepare_thread(request, &child);
    if (result)
        return result;
    result = enter_thread(request, child, &event);
    if (result) {
        discard(child);
        return result;
    }
    id = child->id;
    scheduler_add(child);
    if (event)
        trace_event(event, (uint64_t)id);
    return id;
}

/* A process */

static void share_executable(struct process *child, struct process *parent)
{
    mutex_lock(&parent->executable_lock);
    child->executable = parent->executable;
    if (child->executable.vnode) {
        place_reference(&child->executable);
        vnode_execute_begin(child->executable.vnode); /* succeeds: the parent executes it */
    }
    mutex_unlock(&parent->executable_lock);
}

/* What the process does about signals: the caller's, or a copy. NULL: no memory. */
static struct signal_actions *share_actions(struct signal_actions *actions, uint64_t flags)
{
    struct signal_actions *copy;
    if (flags & CLONE_SIGHAND) {
        signal_actions_reference(actions);
        return actions;
    }
    copy = signal_actions_copy(actions);
    if (copy && flags & CLONE_CLEAR_SIGHAND)
        signal_actions_clear(copy);
    return copy;
}

/* Put the child among its parent's children. The terminal that it was made with may have been hung
 * up, and its memory gone, since. process_tree_lock held. */
static void adopt(struct process *child, const struct clone_request *request)
{
    struct process *self = current_process();
    bool sibling = request->flags & CLONE_PARENT;
    child->parent = sibling ? self->parent : self;
    child->maker = sibling ? self->maker : current_thread()->id;
    child->exit_signal = sibling ? self->exit_signal : request->exit_signal;
    child->terminal = child->session == self->session ? self->terminal : NULL;
    list_push_back(&child->parent->children, &child->sibling);
}

/* Make the process of a thread that is prepared, still to be entered. NULL: *error. */
static struct process *prepare_process(const struct clone_request *request, struct thread *thread,
                                       int *error)
{
    struct process *parent = current_process(), *child;
    struct signal_actions *actions = share_actions(parent->actions, request->flags);
    *error = -ENOMEM;
    if (!actions)
        return NULL;
    mutex_lock(&process_tree_lock);
    child = process_create(parent, actions, error);
    mutex_unlock(&process_tree_lock);
    if (!child) {
        signal_actions_release(actions);
        return NULL;
    }
    *error = 0;
    child->aspace = thread->aspace;
    thread->id = child->pid;
    store_ids(request, thread);
    return child;
}

/* A signal that was sent to a group while the child was not in it yet is acted on first: the
 * parent, and so the child, may end by it. false: it is to be, or the process is ending. */
static bool enter_process(const struct clone_request *request, struct process *child,
                          struct thread *thread, int *event)
{
    bool entered;
    mutex_lock(&process_tree_lock);
    entered = !thread_signalled() && process_add_thread(child, thread) == 0;
    if (entered) {
        adopt(child, request);
        share_executable(child, current_process());
        *event = trace_clone(thread, request->flags, request->exit_signal);
    }
    if (entered && request->flags & CLONE_VFORK) {
        current_thread()->vfork_released = false;
        child->vfork_parent = current_thread();
    }
    if (!entered)
        process_destroy(child);
    mutex_unlock(&process_tree_lock);
    return entered;
}

/* Wait until the vfork child has let go. Being killed ends the wait; the child then runs on in what
 * is left to it alone. */
static void wait_for_vfork(const struct process *child, int pid)
{
    struct thread *self = current_thread();
    struct process *found;
    wait_event_killable(&self->vfork_done,
                        __atomic_load_n(&self->vfork_released, __ATOMIC_SEQ_CST));
    mutex_lock(&process_tree_lock);
    found = process_find(pid);
    if (found == child && found->vfork_parent == self)
        found->vfork_parent = NULL;
    mutex_unlock(&process_tree_lock);
}

/* The file that stands for the child, and a descriptor that is reserved for it. */
struct child_file {
    struct file *file; /* NULL: none is wanted */
    int descriptor;
};

static int prepare_file(const struct clone_request *request, struct process *child,
                        struct child_file *result)
{
    if (!(request->flags & CLONE_PIDFD))
        return 0;
    result->descriptor = file_reserve(true);
    if (result->descriptor < 0)
        return result->descriptor;
    result->file = process_file_create(child, 0);
    if (result->file &&
        !copy_to_user(request->pidfd, &result->descriptor, sizeof(result->descriptor)))
        return 0;
    file_fill(result->descriptor, NULL);
    int error = result->file ? -EFAULT : -ENOMEM;
    if (result->file)
        file_release(result->file);
    result->file = NULL;
    return error;
}

/* The child has been made, or not. */
static void finish_file(struct child_file *result, int error)
{
    if (!result->file)
        return;
    file_fill(result->descriptor, error ? NULL : result->file);
    if (error)
        file_release(result->file);
}

/* Enter the child, or give it back. */
static int enter_or_destroy(const struct clone_request *request, struct process *child,
                            struct thread *thread, int *event)
{
    struct child_file file = {NULL, -1};
    int error = prepare_file(request, child, &file);
    if (error) {
        mutex_lock(&process_tree_lock);
        process_destroy(child);
        mutex_unlock(&process_tree_lock);
        return error;
    }
    if (!enter_process(request, child, thread, event))
        error = -EINTR_REPEAT;
    finish_file(&file, error);
    return error;
}

static long clone_process(const struct clone_request *request)
{
    struct process *child;
    struct thread *thread;
    int pid, event = 0, error = prepare_thread(request, &thread);
    if (error)
        return error;
    child = prepare_process(request, thread, &error);
    pid = thread->id;
    if (child)
        error = enter_or_destroy(request, child, thread, &event);
    if (error) {
        discard(thread);
        return error;
    }
    scheduler_add(thread);
    if (event)
        trace_event(event, (uint64_t)pid);
    if (request->flags & CLONE_VFORK) {
        wait_for_vfork(child, pid);
        trace_event(PTRACE_EVENT_VFORK_DONE, (uint64_t)pid);
    }
    return pid;
}

long process_clone(const struct clone_request *request)
{
    int error = check_flags(request->flags);
    if (error == 0)
        error = credentials_check_threads();
    if (error)
        return error;
    return request->flags & CLONE_THREAD ? clone_thread(request) : clone_process(request);
}
