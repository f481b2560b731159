/* Confinement of system calls (seccomp.h). */
#include "core/seccomp.h"
#include "abi/errno.h"
#include "abi/ptrace.h"
#include "abi/seccomp.h"
#include "abi/syscall.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/process.h"
#include "lib/bpf.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define MODE_DEAD        3      /* a call was forbidden so that the thread has to end */
#define INSTRUCTIONS_MAX 32768u /* of a chain */
#define FILTER_PRICE     4u     /* in instructions */
#define DATA_WORDS       (sizeof(struct seccomp_data) / sizeof(uint32_t))

/* What the filters say of a call. */
struct verdict {
    uint32_t action, data;
    const struct seccomp_filter *filter; /* the one that said so; NULL: none objects */
};

/* Filters */

struct seccomp_filter *seccomp_filter_create(uint32_t length)
{
    struct seccomp_filter *filter =
        kmalloc(sizeof(*filter) + length * sizeof(struct bpf_instruction));

    if (filter)
        *filter = (struct seccomp_filter){.references = 1, .length = length};
    return filter;
}

static void reference(struct seccomp_filter *filter)
{
    __atomic_fetch_add(&filter->references, 1, __ATOMIC_RELAXED);
}

void seccomp_filter_release(struct seccomp_filter *filter)
{
    while (filter && !__atomic_sub_fetch(&filter->references, 1, __ATOMIC_ACQ_REL)) {
        struct seccomp_filter *parent = filter->parent;
        kfree(filter);
        filter = parent;
    }
}

/* The newest filter of a thread. */
static struct seccomp_filter *newest(const struct thread *thread)
{
    return __atomic_load_n(&thread->seccomp.filter, __ATOMIC_ACQUIRE);
}

static bool is_among(const struct seccomp_filter *filter, const struct seccomp_filter *chain)
{
    while (chain && chain != filter)
        chain = chain->parent;
    return chain == filter;
}

bool seccomp_forbids_privileges(const struct thread *thread)
{
    const struct seccomp_filter *filter = newest(thread);
    return thread->credentials->no_new_privileges || (filter && filter->no_new_privileges);
}

/* Modes */

/* signal_lock held. */
static void set_mode(struct thread *thread, int mode)
{
    if (!seccomp_is_on(&thread->seccomp))
        __atomic_fetch_add(&calls_watched, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->seccomp.mode, mode, __ATOMIC_RELEASE);
}

void seccomp_inherit(struct thread *thread)
{
    const struct thread *self = current_thread();
    int mode = __atomic_load_n(&self->seccomp.mode, __ATOMIC_ACQUIRE);

    if (mode == SECCOMP_MODE_DISABLED)
        return;
    thread->seccomp.filter = newest(self);
    if (thread->seccomp.filter)
        reference(thread->seccomp.filter);
    set_mode(thread, mode);
}

void seccomp_give_back(struct thread *thread)
{
    if (!seccomp_is_on(&thread->seccomp))
        return;
    __atomic_fetch_sub(&calls_watched, 1, __ATOMIC_RELAXED);
    seccomp_filter_release(thread->seccomp.filter);
}

int seccomp_set_strict(void)
{
    struct thread *thread = current_thread();
    int error = 0;

    spin_lock(&thread->process->signal_lock);
    if (thread->seccomp.mode == SECCOMP_MODE_FILTER)
        error = -EINVAL;
    else
        set_mode(thread, SECCOMP_MODE_STRICT);
    spin_unlock(&thread->process->signal_lock);
    return error;
}

/* Installing filters */

static int check(const struct seccomp_filter *filter)
{
    uint16_t *written = kmalloc(filter->length * sizeof(*written));

    if (!written)
        return -ENOMEM;
    bool fine = bpf_check(filter->program, filter->length, DATA_WORDS, written);
    kfree(written);
    return fine ? 0 : -EINVAL;
}

/* Can the thread have the filters of the current one: are its own among them? */
static bool can_follow(const struct thread *thread)
{
    return thread->exited || thread->seccomp.mode == SECCOMP_MODE_DISABLED ||
           (thread->seccomp.mode == SECCOMP_MODE_FILTER &&
            is_among(thread->seccomp.filter, newest(current_thread())));
}

/* The identifier of a thread that cannot; 0: all can. signal_lock held. */
static int find_other(struct process *process)
{
    list_for_each (link, &process->threads) {
        const struct thread *thread = container_of(link, struct thread, process_link);
        if (thread != current_thread() && !can_follow(thread))
            return thread->id;
    }
    return 0;
}

/* The thread's first filter is this from now on; the one before is the filter's ancestor. */
static void give(struct thread *thread, struct seccomp_filter *filter)
{
    struct seccomp_filter *old = thread->seccomp.filter;

    reference(filter);
    __atomic_store_n(&thread->seccomp.filter, filter, __ATOMIC_RELEASE);
    set_mode(thread, SECCOMP_MODE_FILTER);
    seccomp_filter_release(old);
}

static void give_all(struct process *process, struct seccomp_filter *filter)
{
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (!thread->exited)
            give(thread, filter);
    }
}

/* signal_lock held. */
static int install(struct seccomp_filter *filter, unsigned flags)
{
    struct thread *thread = current_thread();
    struct seccomp_filter *parent = thread->seccomp.filter;
    uint32_t before = parent ? parent->instructions : 0;
    int other = flags & SECCOMP_FILTER_FLAG_TSYNC ? find_other(thread->process) : 0;

    if (thread->seccomp.mode == SECCOMP_MODE_STRICT)
        return -EINVAL;
    if (before + filter->length > INSTRUCTIONS_MAX)
        return -ENOMEM;
    if (other)
        return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : other;
    filter->instructions = before + filter->length + FILTER_PRICE;
    filter->depth = parent ? parent->depth + 1 : 1;
    filter->no_new_privileges = seccomp_forbids_privileges(thread);
    filter->parent = parent;
    if (parent)
        reference(parent);
    if (flags & SECCOMP_FILTER_FLAG_TSYNC)
        give_all(thread->process, filter);
    else
        give(thread, filter);
    return 0;
}

int seccomp_install(struct seccomp_filter *filter, unsigned flags)
{
    struct thread *thread = current_thread();
    int result = check(filter);

    if (result)
        return result;
    filter->logs = flags & SECCOMP_FILTER_FLAG_LOG;
    spin_lock(&thread->process->signal_lock);
    result = install(filter, flags);
    spin_unlock(&thread->process->signal_lock);
    if (result == 0)
        seccomp_filter_release(filter);
    return result;
}

/* Judging */

/* The strictest of what the filters say; of equal ones the newest. */
static struct verdict judge(const struct seccomp_data *data)
{
    struct verdict verdict = {.action = SECCOMP_RET_ALLOW};
    uint32_t words[DATA_WORDS];

    memcpy(words, data, sizeof(words));
    for (const struct seccomp_filter *filter = newest(current_thread()); filter;
         filter = filter->parent) {
        uint32_t result = bpf_run(filter->program, words, DATA_WORDS);
        uint32_t action = result & SECCOMP_RET_ACTION;
        if ((int32_t)action < (int32_t)verdict.action)
            verdict = (struct verdict){action, result & SECCOMP_RET_DATA, filter};
    }
    return verdict;
}

static void describe(const struct trap_frame *frame, struct seccomp_data *data)
{
    *data = (struct seccomp_data){.number = (int32_t)frame->x[REGISTER_A7],
                                  .architecture = AUDIT_ARCH_RISCV64,
                                  .instruction = frame->epc};
    memcpy(data->arguments, &frame->x[REGISTER_A0], sizeof(data->arguments));
    data->arguments[0] = current_thread()->call_argument;
}

static void print(const struct seccomp_data *data, uint32_t action)
{
    const struct thread *thread = current_thread();
    printk("%s (%d): seccomp: call %d at %lx: action %x\n", thread->name, thread->id, data->number,
           data->instruction, action);
}

static void die(void)
{
    struct process *process = current_process();

    spin_lock(&process->signal_lock);
    set_mode(current_thread(), MODE_DEAD);
    spin_unlock(&process->signal_lock);
}

/* SIGSYS, as if the call had not been begun; fatal: no handler is run. */
static void raise(struct trap_frame *frame, const struct seccomp_data *data, uint32_t error,
                  bool fatal)
{
    struct signal_information information = {.number = SIGSYS,
                                             .error = (int32_t)error,
                                             .code = SYS_SECCOMP,
                                             .call_address = data->instruction,
                                             .call = data->number,
                                             .architecture = data->architecture};

    frame->x[REGISTER_A0] = current_thread()->call_argument;
    signal_force_information(&information, fatal);
}

/* The process has to end, or the thread alone if it has others. */
static void kill(struct trap_frame *frame, const struct seccomp_data *data,
                 const struct verdict *verdict)
{
    die();
    if (verdict->action == SECCOMP_RET_KILL_THREAD &&
        __atomic_load_n(&current_process()->active_count, __ATOMIC_RELAXED) > 1)
        process_exit_thread(SIGSYS);
    raise(frame, data, verdict->data, true);
}

static bool is_logged(const struct verdict *verdict)
{
    switch (verdict->action) {
    case SECCOMP_RET_ALLOW:
        return false;
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
        return verdict->filter->logs;
    default:
        return true;
    }
}

static bool obey(struct trap_frame *frame, bool was_traced);

/* The tracer decides; what it makes of the call is judged again. Without one there is no such call,
 * which is the result already. */
static bool ask_tracer(struct trap_frame *frame, uint32_t message)
{
    if (!trace_event(PTRACE_EVENT_SECCOMP, message))
        return false;
    return !thread_killed() && (int32_t)frame->x[REGISTER_A7] >= 0 && obey(frame, true);
}

/* was_traced: the tracer has allowed the call. */
static bool obey(struct trap_frame *frame, bool was_traced)
{
    struct seccomp_data data;

    describe(frame, &data);
    struct verdict verdict = judge(&data);
    if (is_logged(&verdict))
        print(&data, verdict.action);
    switch (verdict.action) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
        return true;
    case SECCOMP_RET_TRACE:
        return was_traced || ask_tracer(frame, verdict.data);
    case SECCOMP_RET_ERRNO:
        frame->x[REGISTER_A0] = -(uint64_t)(verdict.data < ERRNO_MAX ? verdict.data : ERRNO_MAX);
        return false;
    case SECCOMP_RET_TRAP:
        raise(frame, &data, verdict.data, false);
        return false;
    default:
        kill(frame, &data, &verdict);
        return false;
    }
}

static bool is_allowed_in_strict_mode(uint64_t number)
{
    return number == SYS_read || number == SYS_write || number == SYS_exit ||
           number == SYS_rt_sigreturn;
}

bool seccomp_allows(struct trap_frame *frame)
{
    int mode = __atomic_load_n(&current_thread()->seccomp.mode, __ATOMIC_ACQUIRE);

    if (mode == SECCOMP_MODE_FILTER)
        return obey(frame, false);
    if (mode == SECCOMP_MODE_STRICT && is_allowed_in_strict_mode(frame->x[REGISTER_A7]))
        return true;
    die();
    process_exit_thread(SIGKILL);
}
