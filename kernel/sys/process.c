/*
 * System calls of the process life cycle: fork, exec, exit, wait, identifiers.
 */
#include "abi/errno.h"
#include "abi/personality.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/exec.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/process_file.h"
#include "fs/path.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/kmem.h"

long sys_exit(const uint64_t argument[6])
{
    process_exit_thread(wait_status_exit((int)argument[0]));
}

long sys_exit_group(const uint64_t argument[6])
{
    process_exit(wait_status_exit((int)argument[0]));
}

long sys_clone(const uint64_t argument[6])
{
    struct clone_request request = {
        .flags = argument[0] & UINT32_MAX & ~(uint64_t)CLONE_SIGNAL_MASK,
        .exit_signal = (int)(argument[0] & CLONE_SIGNAL_MASK),
        .stack = argument[1],
        .parent_tid = argument[2],
        .tls = argument[3],
        .child_tid = argument[4],
        .pidfd = argument[2],
    };
    if ((request.flags & CLONE_PIDFD) && (request.flags & CLONE_PARENT_SETTID))
        return -EINVAL; /* both are stored at the same place */
    return process_clone(&request);
}

/* The arguments of clone3(2) that a caller of its version does not know are 0; those that this
 * kernel does not know must be. */
static int read_clone_args(vaddr_t address, uint64_t size, struct clone_args *args)
{
    size_t known = size < sizeof(*args) ? size : sizeof(*args);
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < CLONE_ARGS_SIZE_FIRST)
        return -EINVAL;
    memset(args, 0, sizeof(*args));
    if (copy_from_user(args, address, known))
        return -EFAULT;
    for (uint64_t i = known; i < size; i++) {
        uint8_t byte;
        if (copy_from_user(&byte, address + i, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

/* Identifiers cannot be chosen (set_tid), and there are no control groups. */
static int check_clone_args(const struct clone_args *args)
{
    if (args->flags & (CLONE_DETACHED | CLONE_SIGNAL_MASK) || args->exit_signal > SIGMAX)
        return -EINVAL;
    if ((args->flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal)
        return -EINVAL;
    if (args->set_tid || args->set_tid_size || args->cgroup)
        return -EINVAL;
    if (args->stack ? args->stack_size == 0 : args->stack_size != 0)
        return -EINVAL;
    if (args->stack && (args->stack_size > user_end || args->stack > user_end - args->stack_size))
        return -EINVAL;
    return 0;
}

long sys_clone3(const uint64_t argument[6])
{
    struct clone_args args;
    int error = read_clone_args(argument[0], argument[1], &args);
    if (error == 0)
        error = check_clone_args(&args);
    if (error)
        return error;
    struct clone_request request = {
        .flags = args.flags,
        .exit_signal = (int)args.exit_signal,
        .stack = args.stack + args.stack_size,
        .parent_tid = args.parent_tid,
        .tls = args.tls,
        .child_tid = args.child_tid,
        .pidfd = args.pidfd,
    };
    return process_clone(&request);
}

/* The file that execveat(2) names, referenced; name: what AT_EXECFN and scripts get to see. */
static int find_program(int descriptor, const char *path, unsigned flags, char *name, size_t size,
                        struct place *result)
{
    unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    struct file *file = NULL;
    int error;
    string_copy(name, path, size);
    if (descriptor == AT_FDCWD || path[0] == '/')
        return path[0] ? path_lookup_place(NULL, path, lookup, result) : -ENOENT;
    file = file_get(descriptor);
    if (!file)
        return -EBADF;
    if (path[0] == '\0' && (flags & AT_EMPTY_PATH)) {
        format(name, size, "/dev/fd/%d", descriptor);
        *result = file_place(file);
        place_reference(result);
        error = 0;
    } else {
        format(name, size, "/dev/fd/%d/%s", descriptor, path);
        struct place directory = file_place(file);
        error = path[0] ? path_lookup_place(&directory, path, lookup, result) : -ENOENT;
    }
    file_release(file);
    return error;
}

static long execute(int descriptor, const char *path, char *name, unsigned flags,
                    struct exec_request *request)
{
    struct place place;
    int result = find_program(descriptor, path, flags, name, PATH_MAX, &place);
    if (result)
        return result;
    request->file = &place;
    request->path = name;
    if (vnode_type(place.vnode) == S_IFLNK)
        result = -ELOOP;
    else
        result = exec_program(request);
    place_release(&place);
    return result;
}

static long execute_user(int descriptor, vaddr_t path, vaddr_t arguments, vaddr_t environment,
                         unsigned flags)
{
    struct exec_request request = {.arguments = arguments, .environment = environment};
    char *buffer = kmalloc(2 * PATH_MAX);
    long result;
    if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
        kfree(buffer);
        return -EINVAL;
    }
    if (!buffer)
        return -ENOMEM;
    result = copy_string_from_user(buffer, path, PATH_MAX);
    if (result > 0)
        result = execute(descriptor, buffer, buffer + PATH_MAX, flags, &request);
    kfree(buffer);
    return result;
}

long sys_execve(const uint64_t argument[6])
{
    return execute_user(AT_FDCWD, argument[0], argument[1], argument[2], 0);
}

long sys_execveat(const uint64_t argument[6])
{
    return execute_user((int)argument[0], argument[1], argument[2], argument[3],
                        (unsigned)argument[4]);
}

long sys_wait4(const uint64_t argument[6])
{
    int pid = (int)argument[0];
    unsigned options = (unsigned)argument[2];
    struct wait_request request = {.options = options | WEXITED};
    struct wait_result result;
    int error;
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    request.type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
    request.id = pid > 0 ? pid : pid == 0 ? current_process()->group : -pid;
    error = process_wait(&request, &result);
    if (error || result.pid == 0)
        return error;
    if (argument[1] && copy_to_user(argument[1], &result.status, sizeof(int)))
        return -EFAULT;
    if (argument[3]) {
        struct rusage usage;
        convert_usage(&result.usage, &usage);
        if (copy_to_user(argument[3], &usage, sizeof(usage)))
            return -EFAULT;
    }
    return result.pid;
}

static void fill_siginfo(const struct wait_result *result, struct siginfo *siginfo)
{
    struct signal_information *information = &siginfo->information;
    *siginfo = (struct siginfo){.information = {.number = result->pid ? SIGCHLD : 0}};
    if (!result->pid)
        return;
    information->code = result->code;
    information->pid = result->pid;
    information->uid = result->uid;
    if (result->code == CLD_EXITED || result->code == CLD_STOPPED)
        information->status = wait_status_code(result->status);
    else if (result->code == CLD_TRAPPED)
        information->status = result->status >> 8;
    else
        information->status =
            result->code == CLD_CONTINUED ? SIGCONT : wait_status_signal(result->status);
}

/* Find what P_PIDFD names: its file, referenced. A wait on one with O_NONBLOCK does not sleep. */
static int find_waited(struct wait_request *request, struct file **file)
{
    *file = NULL;
    if (request->type != P_PIDFD)
        return 0;
    if (request->id < 0)
        return -EINVAL;
    *file = file_get(request->id);
    request->process = *file ? process_of_file(*file) : NULL;
    if (request->process) {
        if ((*file)->flags & O_NONBLOCK)
            request->options |= WNOHANG;
        return 0;
    }
    if (*file)
        file_release(*file);
    return -EBADF;
}

static int check_wait(const struct wait_request *request)
{
    if (request->options &
            ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WALL | WCLONE) ||
        !(request->options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    if (request->type < P_ALL || request->type > P_PIDFD)
        return -EINVAL;
    if ((request->type == P_PID && request->id <= 0) ||
        (request->type == P_PGID && request->id < 0))
        return -EINVAL;
    return 0;
}

/* waitid(2): argument[4] is the rusage of the system call, which libraries do not show. */
long sys_waitid(const uint64_t argument[6])
{
    struct wait_request request = {
        .type = (int)argument[0], .id = (int)argument[1], .options = (unsigned)argument[3]};
    struct wait_result result;
    struct siginfo siginfo;
    struct file *file;
    int error = check_wait(&request);
    if (!error)
        error = find_waited(&request, &file);
    if (error)
        return error;
    if (request.type == P_PGID && request.id == 0)
        request.id = current_process()->group;
    error = process_wait(&request, &result);
    if (!error && !result.pid && !(argument[3] & WNOHANG))
        error = -EAGAIN;
    if (file)
        file_release(file);
    if (error)
        return error;
    fill_siginfo(&result, &siginfo);
    if (argument[4] && result.pid) {
        struct rusage usage;
        convert_usage(&result.usage, &usage);
        if (copy_to_user(argument[4], &usage, sizeof(usage)))
            return -EFAULT;
    }
    if (argument[2] && copy_to_user(argument[2], &siginfo, sizeof(siginfo)))
        return -EFAULT;
    return 0;
}

long sys_getpid(const uint64_t argument[6])
{
    (void)argument;
    return current_process()->pid;
}

long sys_gettid(const uint64_t argument[6])
{
    (void)argument;
    return current_thread()->id;
}

long sys_getppid(const uint64_t argument[6])
{
    const struct process *parent;
    long pid;
    (void)argument;
    mutex_lock(&process_tree_lock);
    parent = current_process()->parent;
    pid = parent ? parent->pid : 0;
    mutex_unlock(&process_tree_lock);
    return pid;
}

long sys_set_tid_address(const uint64_t argument[6])
{
    current_thread()->clear_child_tid = argument[0];
    return current_thread()->id;
}

long sys_setpgid(const uint64_t argument[6])
{
    return process_set_group((int)argument[0], (int)argument[1]);
}

/* The group or the session of a process, 0: the caller. */
static long identifier_of(int pid, bool session)
{
    const struct process *process;
    long result = -ESRCH;
    mutex_lock(&process_tree_lock);
    process = pid ? process_find(pid) : current_process();
    if (process)
        result = session ? process->session : process->group;
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_getpgid(const uint64_t argument[6])
{
    return identifier_of((int)argument[0], false);
}

long sys_getsid(const uint64_t argument[6])
{
    return identifier_of((int)argument[0], true);
}

long sys_setsid(const uint64_t argument[6])
{
    (void)argument;
    return process_new_session();
}

/* personality(2): any is kept, and told; 0xffffffff asks for the current one. */
long sys_personality(const uint64_t argument[6])
{
    uint32_t persona = (uint32_t)argument[0], old = current_process()->personality;
    if (persona != PERSONALITY_QUERY)
        current_process()->personality = persona;
    return old;
}
