/*
 * The notes of a core dump (core(5), elf(5)): what a debugger asks of registers, signals, the
 * process and its files.
 *
 *   NT_PRSTATUS NT_PRPSINFO NT_SIGINFO NT_AUXV NT_FILE NT_PRFPREG of the thread that dumps, then
 *   NT_PRSTATUS NT_PRFPREG of each other one
 */
#include "abi/core.h"
#include "abi/elf.h"
#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/registers.h"
#include "core/core_dump.h"
#include "core/process.h"
#include "fs/path.h"
#include "fs/text.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define PATHS_MAX (4ul << 20)
#define AUXV_MAX  1024u

static void begin_note(struct text *notes, uint32_t type, size_t size)
{
    const uint32_t header[3] = {sizeof("CORE"), (uint32_t)size, type};

    text_add(notes, (const char *)header, sizeof(header));
    text_add(notes, "CORE\0\0\0", 8);
}

static void end_note(struct text *notes)
{
    text_add(notes, "\0\0\0", -notes->length & 3);
}

static void add_note(struct text *notes, uint32_t type, const void *bytes, size_t size)
{
    begin_note(notes, type, size);
    text_add(notes, bytes, size);
    end_note(notes);
}

static struct timeval timeval_of(uint64_t nanoseconds)
{
    return (struct timeval){.seconds = (int64_t)(nanoseconds / 1000000000),
                            .microseconds = (int64_t)(nanoseconds % 1000000000 / 1000)};
}

static void add_status(struct text *notes, const struct thread *thread,
                       const struct signal_information *information)
{
    struct process *process = current_process();
    struct resource_usage usage;
    struct general_registers registers;

    if (thread == process->leader)
        process_usage(process, &usage);
    else
        thread_usage(thread, &usage);
    registers_get(thread, &registers);
    struct core_status status = {
        .information_number = information->number,
        .information_code = information->code,
        .information_error = information->error,
        .signal = (int16_t)information->number,
        .pending = thread->pending.set,
        .blocked = thread->blocked,
        .id = thread->id,
        .parent = process->parent ? process->parent->pid : 0,
        .group = process->group,
        .session = process->session,
        .user_time = timeval_of(usage.user_time),
        .system_time = timeval_of(usage.system_time),
        .children_user_time = timeval_of(process->children_usage.user_time),
        .children_system_time = timeval_of(process->children_usage.system_time),
        .has_float = 1,
    };
    memcpy(status.registers, &registers, sizeof(registers));
    add_note(notes, NT_PRSTATUS, &status, sizeof(status));
}

static void add_float(struct text *notes, const struct thread *thread)
{
    struct float_registers registers;

    float_registers_get(thread, &registers);
    add_note(notes, NT_PRFPREG, &registers, sizeof(registers));
}

static void add_process(struct text *notes)
{
    const struct process *process = current_process();
    struct aspace *aspace = current_thread()->aspace;
    uint64_t size = aspace->argument_end - aspace->argument_start;
    struct core_process info = {
        .state_letter = 'R',
        .nice = (int8_t)current_thread()->nice,
        .uid = process->credentials->uid,
        .gid = process->credentials->gid,
        .pid = process->pid,
        .parent = process->parent ? process->parent->pid : 0,
        .group = process->group,
        .session = process->session,
    };
    memcpy(info.name, process->leader->name, THREAD_NAME_SIZE);
    if (size > sizeof(info.arguments) - 1)
        size = sizeof(info.arguments) - 1;
    size = aspace_read(aspace, aspace->argument_start, info.arguments, size);
    for (size_t i = 0; i < size; i++) {
        if (!info.arguments[i])
            info.arguments[i] = ' ';
    }
    add_note(notes, NT_PRPSINFO, &info, sizeof(info));
}

static void add_information(struct text *notes, const struct signal_information *information)
{
    struct siginfo siginfo = {.information = *information};
    add_note(notes, NT_SIGINFO, &siginfo, sizeof(siginfo));
}

static void add_auxiliary(struct text *notes)
{
    struct aspace *aspace = current_thread()->aspace;
    uint64_t size = aspace->auxiliary_end - aspace->auxiliary_start;
    char vector[AUXV_MAX];

    if (size <= sizeof(vector) &&
        aspace_read(aspace, aspace->auxiliary_start, vector, size) == size)
        add_note(notes, NT_AUXV, vector, size);
}

/* Find which files are mapped where: places and, in the same order, names. Returns how many. */
static uint64_t find_files(struct text *places, struct text *paths, char *path)
{
    struct region_info info;
    uint64_t count = 0;

    for (vaddr_t address = 0;
         aspace_region_info(current_thread()->aspace, address, REGION_LAYOUT, NULL, &info);
         address = info.end) {
        if (info.vnode && vnode_path(info.vnode, path, PATH_MAX) >= 0) {
            uint64_t place[3] = {info.start, info.end, info.offset / PAGE_SIZE};
            text_add(places, (const char *)place, sizeof(place));
            text_add(paths, path, strlen(path) + 1);
            count++;
        }
        if (info.vnode)
            vnode_release(info.vnode);
    }
    return count;
}

static void add_files(struct text *notes)
{
    char *path = kmalloc(PATH_MAX);
    struct text places, paths;
    uint64_t head[2] = {0, PAGE_SIZE};

    text_init(&places);
    text_init(&paths);
    if (path)
        head[0] = find_files(&places, &paths, path);
    kfree(path);
    if (head[0] && !places.error && !paths.error && paths.length < PATHS_MAX) {
        begin_note(notes, NT_FILE, sizeof(head) + places.length + paths.length);
        text_add(notes, (const char *)head, sizeof(head));
        text_add_text(notes, &places);
        text_add_text(notes, &paths);
        end_note(notes);
    }
    text_free(&places);
    text_free(&paths);
}

/* The next thread that stands by, which stays until the dump is done; those that have ended leave
 * the list meanwhile. NULL: no more. */
static const struct thread *next_other(struct process *process, const struct thread *self,
                                       const struct thread *last)
{
    const struct thread *thread = last;

    mutex_lock(&process_tree_lock);
    do
        thread = process_next_thread(process, thread ? thread->id : 0);
    while (thread && (thread == self || thread->exited));
    mutex_unlock(&process_tree_lock);
    return thread;
}

void core_notes_add(struct text *notes, const struct signal_information *information)
{
    const struct thread *self = current_thread(), *other = NULL;

    add_status(notes, self, information);
    add_process(notes);
    add_information(notes, information);
    add_auxiliary(notes);
    add_files(notes);
    add_float(notes, self);
    while ((other = next_other(self->process, self, other))) {
        add_status(notes, other, information);
        add_float(notes, other);
    }
}
