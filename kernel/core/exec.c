/*
 * execve(2) (exec.h).
 *
 * The new address space is built whole, next to the old one; all that can fail happens before the
 * point of no return, so a failing call leaves the old program as it was. Where its parts go,
 * placement.c says, what its stack has, exec_stack.c.
 */
#include "core/exec_internal.h"
#include "abi/errno.h"
#include "abi/personality.h"
#include "abi/resource.h"
#include "arch/riscv/fp.h"
#include "core/process_internal.h"
#include "core/rseq.h"
#include "core/placement.h"
#include "core/signal.h"
#include "core/user.h"
#include "core/vdso.h"
#include "dev/fdt.h"
#include "fs/file.h"
#include "fs/io_context.h"
#include "fs/path.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define ARGUMENTS_MIN     (128ul << 10) /* what may always be passed: E2BIG beyond */
#define ARGUMENTS_MAX     (6ul << 20)   /* and at most, with large stacks */
#define ENVIRONMENT_FIRST 32            /* strings that the first process gets at most, and one */

/* Finding the program */

/* Put a string in front of the arguments; it is copied. */
static int push_prefix(struct exec *exec, const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = kmalloc(size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, string, size);
    exec->prefix[exec->prefix_count++] = copy;
    return 0;
}

/* The file is a script: arrange the arguments, and open its interpreter in its place. */
static int open_script_interpreter(struct exec *exec)
{
    char *interpreter, *argument, path[SCRIPT_LINE_MAX];
    struct place place;
    int result = script_parse(exec->program.line, &interpreter, &argument);
    if (result)
        return result;
    memcpy(path, interpreter, strlen(interpreter) + 1);
    /* If this script interprets another one, its own path is there already. */
    if (exec->prefix_count == 0)
        result = push_prefix(exec, exec->request->path);
    if (result == 0 && argument)
        result = push_prefix(exec, argument);
    if (result == 0)
        result = push_prefix(exec, path);
    program_close(&exec->program);
    if (result)
        return result;
    result = path_lookup_place(NULL, path, PATH_FOLLOW, &place);
    if (result)
        return result;
    result = program_open(&exec->program, &place);
    place_release(&place);
    return result;
}

static int open_program(struct exec *exec)
{
    int result = program_open(&exec->program, exec->request->file);
    for (unsigned depth = 0; result == 0; depth++) {
        if (exec->program.line[0] != '#' || exec->program.line[1] != '!')
            return program_read_headers(&exec->program);
        if (depth == SCRIPT_DEPTH_MAX)
            return -ELOOP;
        result = open_script_interpreter(exec);
    }
    return result;
}

/* The program names an ELF interpreter: open that too. */
static int open_loader(struct exec *exec)
{
    const struct elf_layout *layout = &exec->program.layout;
    struct transfer_piece piece;
    struct transfer transfer;
    struct place place;
    char *path = kmalloc(layout->interpreter_length);
    long got;
    int result;
    if (!path)
        return -ENOMEM;
    transfer_init(&transfer, &piece, (uint64_t)path, layout->interpreter_length, true);
    got = object_read(&exec->program.place.vnode->object, layout->interpreter_offset, &transfer);
    if (got < 0)
        result = (int)got;
    else if ((size_t)got != layout->interpreter_length || path[got - 1] != '\0')
        result = -ENOEXEC;
    else
        result = path_lookup_place(NULL, path, PATH_FOLLOW, &place);
    kfree(path);
    if (result)
        return result;
    result = program_open(&exec->loader, &place);
    place_release(&place);
    if (result == 0 && exec->loader.line_size < sizeof(struct elf_header))
        result = -EIO;
    if (result == 0)
        result = program_read_headers(&exec->loader);
    return result == -ENOEXEC ? -ELIBBAD : result;
}

/* Arguments */

static int add_kernel_strings(struct arguments *arguments, const char *const *strings,
                              unsigned *count)
{
    int result = 0;
    for (; *strings && result == 0; strings++) {
        ++*count;
        result = arguments_add(arguments, *strings);
    }
    return result;
}

static int add_strings(struct exec *exec, unsigned which, vaddr_t array, unsigned skip,
                       unsigned *count)
{
    if (exec->request->initial[which])
        return add_kernel_strings(&exec->arguments, exec->request->initial[which], count);
    return arguments_add_user(&exec->arguments, array, skip, count);
}

/* execve(2): a quarter of the stack's limit, but 128 KiB are always there. */
static size_t arguments_limit(void)
{
    uint64_t limit = process_limit(RLIMIT_STACK) / 4;
    if (limit > ARGUMENTS_MAX)
        limit = ARGUMENTS_MAX;
    return limit < ARGUMENTS_MIN ? ARGUMENTS_MIN : limit;
}

static int gather_arguments(struct exec *exec)
{
    struct arguments *arguments = &exec->arguments;
    const struct exec_request *request = exec->request;
    int result = 0;
    arguments_init(arguments, arguments_limit());
    for (unsigned i = exec->prefix_count; i > 0 && result == 0; i--) {
        arguments->argument_count++;
        result = arguments_add(arguments, exec->prefix[i - 1]);
    }
    if (result == 0)
        result = add_strings(exec, 0, request->arguments, exec->prefix_count ? 1 : 0,
                             &arguments->argument_count);
    if (result == 0 && arguments->argument_count == 0) {
        arguments->argument_count = 1;
        result = arguments_add(arguments, "");
    }
    arguments->argument_size = arguments->size;
    if (result == 0)
        result = add_strings(exec, 1, request->environment, 0, &arguments->environment_count);
    arguments->environment_size = arguments->size - arguments->argument_size;
    return result ? result : arguments_add(arguments, request->path);
}

/* What the program makes of the credentials: set-id bits of the file itself, not of a script. */
static int find_credentials(struct exec *exec)
{
    const struct place *place = &exec->program.place;
    exec->readable = vnode_permission(place->vnode, 4) == 0;
    return credentials_for_program(place, &exec->credentials, &exec->secure);
}

/* Building the address space */

static void set_layout(struct exec *exec)
{
    struct aspace *aspace = exec->aspace;
    const struct elf_layout *layout = &exec->program.layout;
    struct placement placement;
    uint64_t bias = 0;
    placement_choose(&placement);
    exec->stack_gap = placement.stack_gap;
    if (layout->position_independent)
        bias = (placement.program - layout->start) & ~(layout->alignment - 1);
    exec->program.bias = bias;
    exec->entry = layout->entry + bias;
    aspace_set_layout(aspace, placement.stack_top, placement.mmap_top,
                      page_round_up(layout->break_start + bias) + placement.heap_gap);
    aspace->code_start = layout->code_start + bias;
    aspace->code_end = layout->code_end + bias;
    aspace->data_start = layout->data_start + bias;
    aspace->data_end = layout->data_end + bias;
    aspace->stack_limit = process_limit(RLIMIT_STACK);
    aspace->address_limit = process_limit(RLIMIT_AS);
    aspace->data_limit = process_limit(RLIMIT_DATA);
    aspace->lock_limit = process_limit(RLIMIT_MEMLOCK);
}

static int map_loader(struct exec *exec)
{
    int result = open_loader(exec);
    if (result == 0 && exec->loader.layout.position_independent)
        result = program_place(&exec->loader, exec->aspace);
    if (result == 0)
        result = program_map(&exec->loader, exec->aspace);
    exec->entry = exec->loader.layout.entry + exec->loader.bias;
    return result;
}

static int build_aspace(struct exec *exec)
{
    int result;
    exec->aspace = aspace_create();
    if (!exec->aspace)
        return -ENOMEM;
    set_layout(exec);
    result = program_map(&exec->program, exec->aspace);
    if (result == 0 && exec->program.layout.interpreter_length)
        result = map_loader(exec);
    if (result == 0)
        result = vdso_map(exec->aspace);
    return result ? result : exec_build_stack(exec);
}

/* The point of no return, and behind it */

static void set_name(struct thread *thread, const char *path)
{
    const char *slash = strrchr(path, '/');
    string_copy(thread->name, slash ? slash + 1 : path, sizeof(thread->name));
}

static bool gains(const struct credentials *old, const struct credentials *new)
{
    return old->euid != new->euid || old->egid != new->egid || new->permitted & ~old->permitted;
}

/* One that has begun to trace the thread since its new credentials were found, and must not gain by
 * them, traces it no longer. process_tree_lock held. */
static void lose_tracer(const struct exec *exec)
{
    struct thread *thread = current_thread(), *tracer = thread->trace.tracer;
    if (tracer && gains(credentials_current(), exec->credentials) &&
        !credentials_have(tracer->credentials, CAP_SYS_PTRACE))
        trace_detach(thread, 0);
}

/* Take the new program's credentials. Others may look into a process that has gained nothing, and
 * whose program they could read. */
static void set_credentials(struct process *process, struct exec *exec)
{
    const struct credentials *old = credentials_current();
    mutex_lock(&process_tree_lock);
    lose_tracer(exec);
    process->dumpable = exec->readable && old->uid == old->euid && old->gid == old->egid;
    if (exec->secure)
        process->parent_death_signal = 0;
    mutex_unlock(&process_tree_lock);
    credentials_commit(exec->credentials);
    exec->credentials = NULL;
}

/* Signal handlers are not shared any more, and gone with the old program. */
static void reset_signals(struct process *process, struct exec *exec)
{
    struct signal_actions *old = process->actions;
    if (exec->actions) {
        mutex_lock(&process_tree_lock);
        spin_lock(&process->signal_lock);
        process->actions = exec->actions;
        spin_unlock(&process->signal_lock);
        mutex_unlock(&process_tree_lock);
        exec->actions = NULL;
        signal_actions_release(old);
    }
    signal_actions_clear(process->actions);
    current_thread()->alternate_stack = (struct stack){.flags = SS_DISABLE};
}

static void set_executable(struct process *process, struct program *program)
{
    struct place old;
    mutex_lock(&process->executable_lock);
    old = process->executable;
    process->executable = program->place;
    mutex_unlock(&process->executable_lock);
    program->place = (struct place){0};
    if (old.vnode) {
        vnode_execute_end(old.vnode);
        place_release(&old);
    }
}

/* The table of open files is not shared any more. */
static void replace_files(struct exec *exec)
{
    struct thread *thread = current_thread();
    struct file_table *old = thread->files;
    if (!exec->files)
        return;
    spin_lock(&thread->process->signal_lock);
    thread->files = exec->files;
    spin_unlock(&thread->process->signal_lock);
    exec->files = NULL;
    file_table_release(old);
}

static void commit(struct exec *exec)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    process_end_memory_use(false);
    io_context_end_all(process);
    process_switch_aspace(exec->aspace);
    exec->aspace = NULL;
    process_release_vfork();
    set_credentials(process, exec);
    set_executable(process, &exec->program);
    replace_files(exec);
    file_table_exec(thread->files);
    process_timers_exec();
    reset_signals(process, exec);
    set_name(thread, exec->request->path);
    mutex_lock(&process_tree_lock);
    process->exec_done = true;
    process->personality &= ~(PER_MASK | (exec->secure ? PER_CLEAR_ON_SETID : 0));
    process->barriers_registered = 0;
    process->exit_signal = SIGCHLD;
    mutex_unlock(&process_tree_lock);
    rseq_forget(thread);
    fp_reset();
    trap_frame_init_user(thread->frame, exec->entry, exec->stack);
}

/* The last that can fail: a table of open files and signal actions of its own, and the end of the
 * other threads, which could share the actions until then. */
static int end_sharing(struct exec *exec)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    if (signal_actions_are_shared(process->actions) || process->thread_count > 1) {
        exec->actions = signal_actions_copy(process->actions);
        if (!exec->actions)
            return -ENOMEM;
    }
    if (file_table_is_shared(thread->files)) {
        exec->files = file_table_copy(thread->files);
        if (!exec->files)
            return -ENOMEM;
    }
    return process_become_only_thread();
}

int exec_program(const struct exec_request *request)
{
    struct exec *exec = kmalloc_zeroed(sizeof(*exec));
    int result, id = current_thread()->id;
    if (!exec)
        return -ENOMEM;
    exec->request = request;
    arguments_init(&exec->arguments, 0);
    result = open_program(exec);
    if (result == 0)
        result = gather_arguments(exec);
    if (result == 0)
        result = find_credentials(exec);
    if (result == 0)
        result = build_aspace(exec);
    if (result == 0)
        result = end_sharing(exec);
    if (result == 0)
        commit(exec);
    if (exec->files)
        file_table_release(exec->files);
    if (exec->actions)
        signal_actions_release(exec->actions);
    if (exec->aspace)
        aspace_release(exec->aspace);
    credentials_release(exec->credentials);
    arguments_free(&exec->arguments);
    program_close(&exec->program);
    program_close(&exec->loader);
    while (exec->prefix_count)
        kfree(exec->prefix[--exec->prefix_count]);
    kfree(exec);
    if (result == 0)
        trace_exec(id);
    return result;
}

/* The words "name=value" of the boot arguments, as strings of the environment; text is a copy of
 * them, which is cut up. */
static void split_boot_arguments(char *text, const char **environment, unsigned count,
                                 unsigned most)
{
    while (*text && count + 1 < most) {
        char *end = strchr(text, ' ');
        char *next = end ? end + 1 : text + strlen(text);
        if (end)
            *end = '\0';
        if (strchr(text, '='))
            environment[count++] = text;
        text = next;
    }
    environment[count] = NULL;
}

int exec_first(const char *path)
{
    const char *const arguments[] = {path, NULL};
    const char *environment[ENVIRONMENT_FIRST] = {"HOME=/", "TERM=linux"};
    struct place place;
    struct exec_request request = {
        .file = &place, .path = path, .initial = {arguments, environment}};
    size_t size = strlen(boot_arguments()) + 1;
    char *text = kmalloc(size);
    int result;
    if (!text)
        return -ENOMEM;
    string_copy(text, boot_arguments(), size);
    split_boot_arguments(text, environment, 2, ENVIRONMENT_FIRST);
    result = path_lookup_place(NULL, path, PATH_FOLLOW, &place);
    if (result == 0) {
        result = exec_program(&request);
        place_release(&place);
    }
    kfree(text);
    return result;
}
