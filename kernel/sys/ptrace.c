/*
 * ptrace(2): requests of tracers. What tracing is, and its locks, core/trace.h says.
 *
 * The state of a tracee is copied under process_tree_lock, to or from kernel memory; user memory,
 * the tracer's as the tracee's, is reached without it.
 */
#include "abi/ptrace.h"
#include "abi/elf.h"
#include "abi/errno.h"
#include "abi/uio.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/registers.h"
#include "core/process.h"
#include "core/trace.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define OPTIONS_ACCEPTED (PTRACE_O_TRACESYSGOOD | PTRACE_O_EVENTS | PTRACE_O_EXITKILL)
#define WORD             sizeof(uint64_t)
#define NEVER_BLOCKED    (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* Run a function with a tracee that is stopped: -ESRCH, or its result. */
static long with_tracee(int id, long (*function)(struct thread *, void *), void *argument)
{
    struct thread *thread;
    long result;

    mutex_lock(&process_tree_lock);
    result = trace_find(id, true, &thread);
    if (!result)
        result = function(thread, argument);
    mutex_unlock(&process_tree_lock);
    return result;
}

/* Links and running */

static long attach(int id, bool seize, unsigned options)
{
    struct thread *thread;
    long result = -ESRCH;

    mutex_lock(&process_tree_lock);
    thread = process_find_thread(id);
    if (thread)
        result = trace_attach(thread, seize, options);
    mutex_unlock(&process_tree_lock);
    return result;
}

static long seize(int id, uint64_t address, uint64_t options)
{
    if (address || options & ~(uint64_t)OPTIONS_ACCEPTED)
        return -EIO;
    return attach(id, true, (unsigned)options);
}

/* How a tracee goes on. */
struct course {
    bool calls, detach;
    uint64_t signal;
};

static long go_on(struct thread *thread, void *argument)
{
    const struct course *course = argument;

    if (course->signal > SIGMAX)
        return -EIO;
    if (course->detach)
        trace_detach(thread, (int)course->signal);
    else
        trace_resume(thread, course->calls, (int)course->signal);
    return 0;
}

static long resume(int id, uint64_t request, uint64_t signal)
{
    struct course course = {
        .calls = request == PTRACE_SYSCALL, .detach = request == PTRACE_DETACH, .signal = signal};

    return with_tracee(id, go_on, &course);
}

/* What is allowed while it runs, too. */
static long disturb(int id, bool kill)
{
    struct thread *thread;
    long result;

    mutex_lock(&process_tree_lock);
    result = trace_find(id, false, &thread);
    if (!result && kill)
        signal_send(thread->process, SIGKILL);
    else if (!result)
        result = trace_interrupt(thread);
    mutex_unlock(&process_tree_lock);
    return result;
}

static long listen(struct thread *thread, void *unused)
{
    (void)unused;
    return trace_listen(thread);
}

static long set_options(struct thread *thread, void *options)
{
    thread->trace.options = *(unsigned *)options;
    return 0;
}

static long get_message(struct thread *thread, void *message)
{
    *(uint64_t *)message = thread->trace.message;
    return 0;
}

/* Memory */

static long get_aspace(struct thread *thread, void *result)
{
    struct aspace *aspace = thread->aspace;

    if (!aspace || !trace_may_access(thread))
        return -EIO;
    aspace_reference(aspace);
    *(struct aspace **)result = aspace;
    return 0;
}

static long peek(int id, uint64_t address, uint64_t result)
{
    struct aspace *aspace;
    uint64_t word;
    long error = with_tracee(id, get_aspace, &aspace);

    if (error)
        return error;
    size_t size = aspace_read_forced(aspace, address, &word, WORD);
    aspace_release(aspace);
    return size == WORD ? copy_to_user(result, &word, WORD) : -EIO;
}

static long poke(int id, uint64_t address, uint64_t word)
{
    struct aspace *aspace;
    long error = with_tracee(id, get_aspace, &aspace);

    if (error)
        return error;
    size_t size = aspace_write_forced(aspace, address, &word, WORD);
    aspace_release(aspace);
    return size == WORD ? 0 : -EIO;
}

/* Registers */

union registers {
    struct general_registers general;
    struct float_registers floating;
};

/* Which set, how much of it, and its contents. */
struct register_set {
    bool floating;
    size_t size;
    union registers registers;
};

static long get_registers(struct thread *thread, void *argument)
{
    struct register_set *set = argument;

    if (set->floating)
        float_registers_get(thread, &set->registers.floating);
    else
        registers_get(thread, &set->registers.general);
    return 0;
}

/* Those behind the size that was given stay as they are. */
static long set_registers(struct thread *thread, void *argument)
{
    struct register_set *set = argument, all = *set;

    get_registers(thread, &all);
    memcpy(&all.registers, &set->registers, set->size);
    if (set->floating)
        float_registers_set(thread, &all.registers.floating);
    else
        registers_set(thread, &all.registers.general);
    return 0;
}

/* The tracer's vector says where it has memory for how much; it is told how much there is. */
static long transfer_registers(int id, uint64_t type, uint64_t address, bool set)
{
    struct register_set registers = {.floating = type == NT_PRFPREG};
    struct iovec vector;
    long error = with_tracee(id, get_registers, &registers);

    if (error)
        return error;
    if (copy_from_user(&vector, address, sizeof(vector)))
        return -EFAULT;
    if ((type != NT_PRSTATUS && type != NT_PRFPREG) || vector.length % WORD)
        return -EINVAL;
    size_t most =
        registers.floating ? sizeof(struct float_registers) : sizeof(struct general_registers);
    registers.size = vector.length = vector.length < most ? vector.length : most;
    if (set && copy_from_user(&registers.registers, vector.base, vector.length))
        return -EFAULT;
    if (set)
        error = with_tracee(id, set_registers, &registers);
    else if (copy_to_user(vector.base, &registers.registers, vector.length))
        return -EFAULT;
    if (!error && copy_to_user(address, &vector, sizeof(vector)))
        return -EFAULT;
    return error;
}

/* Signals */

static long get_information(struct thread *thread, void *information)
{
    if (!thread->trace.information)
        return -EINVAL;
    *(struct signal_information *)information = *thread->trace.information;
    return 0;
}

static long set_information(struct thread *thread, void *information)
{
    if (!thread->trace.information)
        return -EINVAL;
    *thread->trace.information = *(struct signal_information *)information;
    return 0;
}

static long transfer_information(int id, uint64_t address, bool set)
{
    struct siginfo siginfo = {0};

    if (set && copy_from_user(&siginfo, address, sizeof(siginfo)))
        return -EFAULT;
    long error = with_tracee(id, set ? set_information : get_information, &siginfo.information);
    if (!error && !set)
        error = copy_to_user(address, &siginfo, sizeof(siginfo));
    return error;
}

/* One of the signals that are queued. */
struct peeked {
    uint64_t offset;
    bool shared, found;
    struct siginfo siginfo;
};

static long peek_signal(struct thread *thread, void *argument)
{
    struct peeked *peeked = argument;
    struct process *process = thread->process;
    const struct signal_queue *queue = peeked->shared ? &process->pending : &thread->pending;
    uint64_t index = 0;

    peeked->found = false;
    spin_lock(&process->signal_lock);
    list_for_each (link, &queue->entries) {
        if (index++ == peeked->offset) {
            const struct signal_entry *entry = container_of(link, struct signal_entry, link);
            peeked->siginfo.information = entry->information;
            peeked->found = true;
        }
    }
    spin_unlock(&process->signal_lock);
    return 0;
}

static long peek_signals(int id, uint64_t address, uint64_t destination)
{
    struct ptrace_peeksiginfo_args args;
    int32_t count = 0;

    if (copy_from_user(&args, address, sizeof(args)))
        return -EFAULT;
    if (args.flags & ~PTRACE_PEEKSIGINFO_SHARED || args.count < 0)
        return -EINVAL;
    for (; count < args.count; count++) {
        struct peeked peeked = {.offset = args.offset + (uint32_t)count,
                                .shared = args.flags & PTRACE_PEEKSIGINFO_SHARED};
        long error = with_tracee(id, peek_signal, &peeked);
        if (!error && peeked.found)
            error = copy_to_user(destination + (uint32_t)count * sizeof(struct siginfo),
                                 &peeked.siginfo, sizeof(struct siginfo));
        if (error)
            return count ? count : error;
        if (!peeked.found || thread_signalled())
            break;
    }
    return count;
}

static long get_mask(struct thread *thread, void *mask)
{
    *(uint64_t *)mask = thread->restore_blocked ? thread->saved_blocked : thread->blocked;
    return 0;
}

/* It looks for signals that it may take now when it goes on. */
static long set_mask(struct thread *thread, void *mask)
{
    spin_lock(&thread->process->signal_lock);
    thread->blocked = *(uint64_t *)mask & ~NEVER_BLOCKED;
    thread->restore_blocked = false;
    spin_unlock(&thread->process->signal_lock);
    return 0;
}

static long transfer_mask(int id, uint64_t size, uint64_t address, bool set)
{
    uint64_t mask;

    if (size != sizeof(mask))
        return -EINVAL;
    if (set && copy_from_user(&mask, address, sizeof(mask)))
        return -EFAULT;
    long error = with_tracee(id, set ? set_mask : get_mask, &mask);
    if (!error && !set)
        error = copy_to_user(address, &mask, sizeof(mask));
    return error;
}

/* System calls, options and events */

/* Is the stop one before or behind a system call, or one of a filter? With PTRACE_O_TRACESYSGOOD it
 * can be told. */
static uint8_t kind_of_call(const struct trace *trace)
{
    if (trace->information && trace->information->code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
        return PTRACE_SYSCALL_INFO_SECCOMP;
    if (!trace->information || trace->information->code != (SIGTRAP | 0x80))
        return PTRACE_SYSCALL_INFO_NONE;
    return trace->message == PTRACE_EVENTMSG_SYSCALL_ENTRY ? PTRACE_SYSCALL_INFO_ENTRY
                                                           : PTRACE_SYSCALL_INFO_EXIT;
}

static long get_call(struct thread *thread, void *argument)
{
    struct ptrace_syscall_info *info = argument;
    const struct trap_frame *frame = thread->frame;

    *info = (struct ptrace_syscall_info){.kind = kind_of_call(&thread->trace),
                                         .architecture = AUDIT_ARCH_RISCV64,
                                         .pc = frame->epc,
                                         .sp = frame->x[REGISTER_SP]};
    switch (info->kind) {
    case PTRACE_SYSCALL_INFO_ENTRY:
    case PTRACE_SYSCALL_INFO_SECCOMP:
        info->entry.number = frame->x[REGISTER_A7];
        memcpy(info->entry.arguments, &frame->x[REGISTER_A0], sizeof(info->entry.arguments));
        info->entry.arguments[0] = thread->call_argument;
        info->entry.message = (uint32_t)thread->trace.message;
        return info->kind == PTRACE_SYSCALL_INFO_ENTRY
                   ? offsetof(struct ptrace_syscall_info, entry.message)
                   : offsetof(struct ptrace_syscall_info, entry.message) +
                         sizeof(info->entry.message);
    case PTRACE_SYSCALL_INFO_EXIT:
        info->exit.result = (int64_t)frame->x[REGISTER_A0];
        info->exit.is_error = info->exit.result < 0 && info->exit.result >= -ERRNO_MAX;
        return offsetof(struct ptrace_syscall_info, exit.is_error) + sizeof(info->exit.is_error);
    default:
        return offsetof(struct ptrace_syscall_info, entry);
    }
}

/* As much as there is room for is given, the whole size told. */
static long get_call_information(int id, uint64_t room, uint64_t address)
{
    struct ptrace_syscall_info info;
    long size = with_tracee(id, get_call, &info);

    if (size < 0)
        return size;
    if (copy_to_user(address, &info, room < (uint64_t)size ? room : (uint64_t)size))
        return -EFAULT;
    return size;
}

static long request_options(int id, uint64_t options)
{
    unsigned given = (unsigned)options;

    if (options & ~(uint64_t)OPTIONS_ACCEPTED)
        return -EINVAL;
    return with_tracee(id, set_options, &given);
}

static long request_message(int id, uint64_t address)
{
    uint64_t message;
    long error = with_tracee(id, get_message, &message);

    return error ? error : copy_to_user(address, &message, sizeof(message));
}

/* Is there such a tracee, for a request that this machine does not have? PTRACE_SINGLESTEP is one:
 * RISC-V cannot do it. */
static long do_nothing(struct thread *thread, void *unused)
{
    (void)thread;
    (void)unused;
    return -EIO;
}

static long transfer_state(uint64_t request, int id, uint64_t address, uint64_t data)
{
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(id, address, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke(id, address, data);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return transfer_registers(id, address, data, request == PTRACE_SETREGSET);
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return transfer_information(id, data, request == PTRACE_SETSIGINFO);
    case PTRACE_PEEKSIGINFO:
        return peek_signals(id, address, data);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return transfer_mask(id, address, data, request == PTRACE_SETSIGMASK);
    case PTRACE_GETEVENTMSG:
        return request_message(id, data);
    case PTRACE_GET_SYSCALL_INFO:
        return get_call_information(id, address, data);
    default:
        return with_tracee(id, do_nothing, NULL);
    }
}

long sys_ptrace(const uint64_t argument[6])
{
    uint64_t request = argument[0], address = argument[2], data = argument[3];
    int id = (int)argument[1];

    switch (request) {
    case PTRACE_TRACEME:
        return trace_me();
    case PTRACE_ATTACH:
        return attach(id, false, 0);
    case PTRACE_SEIZE:
        return seize(id, address, data);
    case PTRACE_KILL:
    case PTRACE_INTERRUPT:
        return disturb(id, request == PTRACE_KILL);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_DETACH:
        return resume(id, request, data);
    case PTRACE_LISTEN:
        return with_tracee(id, listen, NULL);
    case PTRACE_SETOPTIONS:
        return request_options(id, data);
    default:
        return transfer_state(request, id, address, data);
    }
}
