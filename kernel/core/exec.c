/*
 * execve(2) (exec.h).
 *
 * The new address space is built whole, next to the old one; all that can fail happens before the
 * point of no return, so a failing call leaves the old program as it was. Where its parts go,
 * placement.c says; the stack has, from the top: 8 zero bytes, the file name, the environment's
 * strings, the arguments' strings, 16 random bytes, the auxiliary vector, the pointers to the
 * environment and to the arguments, and the argument count, to which sp points (System V ABI for
 * RISC-V, "Process Initialization").
 */
#include "core/exec.h"
#include "abi/errno.h"
#include "abi/rseq.h"
#include "abi/personality.h"
#include "abi/resource.h"
#include "abi/time.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/isa.h"
#include "core/arguments.h"
#include "core/process_internal.h"
#include "core/rseq.h"
#include "core/placement.h"
#include "core/program.h"
#include "core/random.h"
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

#define STACK_INITIAL     (128ul << 10) /* mapped below the arguments */
#define ARGUMENTS_MIN     (128ul << 10) /* what may always be passed: E2BIG beyond */
#define ARGUMENTS_MAX     (6ul << 20)   /* and at most, with large stacks */
#define PREFIX_MAX        (2 * SCRIPT_DEPTH_MAX + 2)
#define ENVIRONMENT_FIRST 32 /* strings that the first process gets at most, and one */
#define RANDOM_SIZE       16
#define HWCAP_LETTERS     /* the extensions that programs are told of, and can use */              \
    (isa_bit('i') | isa_bit('m') | isa_bit('a') | isa_bit('f') | isa_bit('d') | isa_bit('c'))

struct exec {
    const struct exec_request *request;
    struct program program, loader; /* loader: the ELF interpreter, if there is one */
    char *prefix[PREFIX_MAX];       /* arguments in place of the first, last one first */
    unsigned prefix_count;
    struct arguments arguments;
    struct aspace *aspace;
    struct file_table *files;        /* a copy, if the old table is shared; else NULL */
    struct signal_actions *actions;  /* a copy, if the old ones are, or may get shared; else NULL */
    struct credentials *credentials; /* of the new program */
    bool secure;                     /* it has gained by them: AT_SECURE */
    bool readable;                   /* by the caller: others may look into it */
    vaddr_t entry, stack, strings;   /* of the new program */
    uint64_t stack_gap;              /* unused bytes below the strings */
};

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

/* Words that go to consecutive addresses of the new stack. */
struct words {
    struct aspace *aspace;
    vaddr_t address;
    unsigned count;
    bool failed;
    uint64_t buffer[64];
};

static void flush_words(struct words *words)
{
    size_t size = words->count * sizeof(uint64_t);
    if (aspace_write(words->aspace, words->address, words->buffer, size) != size)
        words->failed = true;
    words->address += size;
    words->count = 0;
}

static void put_word(struct words *words, uint64_t word)
{
    if (words->count == sizeof(words->buffer) / sizeof(words->buffer[0]))
        flush_words(words);
    words->buffer[words->count++] = word;
}

/* Pointers to count strings that begin at offset; where they end. */
static size_t put_pointers(struct words *words, const struct exec *exec, unsigned count,
                           size_t offset)
{
    for (unsigned i = 0; i < count; i++) {
        put_word(words, exec->strings + offset);
        offset += arguments_length(&exec->arguments, offset);
    }
    put_word(words, 0);
    return offset;
}

struct auxiliary {
    uint64_t type, value;
};

#define AUXILIARY_COUNT 29

static void make_auxiliary(const struct exec *exec, vaddr_t random,
                           struct auxiliary vector[AUXILIARY_COUNT])
{
    const struct credentials *credentials = exec->credentials;
    const struct arguments *arguments = &exec->arguments;
    const struct elf_layout *layout = &exec->program.layout;
    uint64_t bias = exec->program.bias;
    vaddr_t name = exec->strings + arguments->argument_size + arguments->environment_size;
    const struct auxiliary entries[AUXILIARY_COUNT] = {
        {AT_SYSINFO_EHDR, exec->aspace->vdso},
        /* The sizes and geometries of the caches, of which the device tree tells nothing. */
        {AT_L1I_CACHESIZE, 0},
        {AT_L1I_CACHEGEOMETRY, 0},
        {AT_L1D_CACHESIZE, 0},
        {AT_L1D_CACHEGEOMETRY, 0},
        {AT_L2_CACHESIZE, 0},
        {AT_L2_CACHEGEOMETRY, 0},
        {AT_L3_CACHESIZE, 0},
        {AT_L3_CACHEGEOMETRY, 0},
        {AT_MINSIGSTKSZ, sizeof(struct signal_frame)},
        {AT_HWCAP, isa_letters() & HWCAP_LETTERS},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS_PER_SECOND},
        {AT_PHDR, layout->programs ? layout->programs + bias : 0},
        {AT_PHENT, sizeof(struct elf_program)},
        {AT_PHNUM, exec->program.header.program_count},
        {AT_BASE, exec->loader.place.vnode ? exec->loader.bias : 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, layout->entry + bias},
        {AT_UID, credentials->uid},
        {AT_EUID, credentials->euid},
        {AT_GID, credentials->gid},
        {AT_EGID, credentials->egid},
        {AT_SECURE, exec->secure},
        {AT_RANDOM, random},
        {AT_RSEQ_FEATURE_SIZE, RSEQ_SIZE},
        {AT_RSEQ_ALIGN, RSEQ_ALIGNMENT},
        {AT_EXECFN, name},
        {AT_NULL, 0},
    };
    memcpy(vector, entries, sizeof(entries));
}

static int map_stack(struct exec *exec)
{
    uint64_t used = exec->aspace->stack_top - page_round_down(exec->stack);
    uint64_t limit = page_round_down(process_limit(RLIMIT_STACK));
    uint64_t size = used + STACK_INITIAL < limit ? used + STACK_INITIAL
                    : used > limit               ? used
                                                 : limit;
    struct map_request request = {
        .address = exec->aspace->stack_top - size,
        .length = size,
        .access = ACCESS_READ | ACCESS_WRITE,
        .max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
        .flags = MAPPING_FIXED | MAPPING_GROWS_DOWN,
        .name = "[stack]",
    };
    vaddr_t address;
    if (exec->program.layout.executable_stack)
        request.access |= ACCESS_EXECUTE;
    return aspace_map(exec->aspace, &request, &address);
}

static int fill_stack(struct exec *exec, vaddr_t random)
{
    const struct arguments *arguments = &exec->arguments;
    struct auxiliary vector[AUXILIARY_COUNT];
    struct words words;
    uint8_t bytes[RANDOM_SIZE];
    size_t offset;
    words.aspace = exec->aspace;
    words.address = exec->stack;
    words.count = 0;
    words.failed = false;
    random_bytes(bytes, sizeof(bytes));
    make_auxiliary(exec, random, vector);
    put_word(&words, arguments->argument_count);
    offset = put_pointers(&words, exec, arguments->argument_count, 0);
    put_pointers(&words, exec, arguments->environment_count, offset);
    for (unsigned i = 0; i < AUXILIARY_COUNT; i++) {
        put_word(&words, vector[i].type);
        put_word(&words, vector[i].value);
    }
    flush_words(&words);
    if (words.failed || aspace_write(exec->aspace, random, bytes, sizeof(bytes)) != sizeof(bytes))
        return -EFAULT;
    return arguments_write(arguments, exec->aspace, exec->strings);
}

static int build_stack(struct exec *exec)
{
    const struct arguments *arguments = &exec->arguments;
    struct aspace *aspace = exec->aspace;
    size_t words = 1 + arguments->argument_count + 1 + arguments->environment_count + 1;
    vaddr_t random;
    int result;
    exec->strings = aspace->stack_top - sizeof(uint64_t) - arguments->size;
    random = (exec->strings - exec->stack_gap - RANDOM_SIZE) & ~15ul;
    exec->stack =
        (random - words * sizeof(uint64_t) - AUXILIARY_COUNT * sizeof(struct auxiliary)) & ~15ul;
    aspace->auxiliary_start = exec->stack + words * sizeof(uint64_t);
    aspace->auxiliary_end = aspace->auxiliary_start + AUXILIARY_COUNT * sizeof(struct auxiliary);
    aspace->argument_start = exec->strings;
    aspace->argument_end = exec->strings + arguments->argument_size;
    aspace->environment_start = aspace->argument_end;
    aspace->environment_end = aspace->argument_end + arguments->environment_size;
    result = map_stack(exec);
    return result ? result : fill_stack(exec, random);
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
    return result ? result : build_stack(exec);
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
