/*
 * Processes (process.h): their structure, the tree of pids, and what they may.
 *
 * process_tree_lock covers who is whose parent, the groups and sessions, and the life of struct
 * process itself: it is freed when its parent waits for it (or at its end, if the parent does not
 * want to know), under the lock. A thread's own process cannot go away under it.
 */
#include "core/process.h"
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/stack.h"
#include "core/core_dump.h"
#include "core/credentials.h"
#include "core/pid.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/signal_internal.h"
#include "core/time.h"
#include "fs/file.h"
#include "fs/path_context.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define STACK_LIMIT  (8ul << 20)
#define LOCKED_LIMIT (8ul << 20)
#define QUEUE_LIMIT  819200 /* bytes of message queues */
#define FILES_SOFT   1024
#define FILES_HARD   4096

struct mutex process_tree_lock;
struct process *init_process;

static struct slab_cache process_cache;
static struct tree processes; /* by pid */
static struct tree threads;   /* of processes, by identifier */
static unsigned thread_count; /* of that tree */
uint64_t processes_created;
uint64_t threads_max;

void process_init(void)
{
    slab_cache_init(&process_cache, "process", sizeof(struct process), 16);
    mutex_init(&process_tree_lock, "process tree", RANK_PROCESS_TREE);
    tree_init(&processes, NULL);
    /* As Linux: the kernel stacks of all threads fill an eighth of memory at the most. */
    threads_max = page_count_total() * PAGE_SIZE / (8 * KERNEL_STACK_SIZE);
    tree_init(&threads, NULL);
    signal_queue_setup();
}

static struct process *process_of_node(struct tree_node *node)
{
    return node ? container_of(node, struct process, pid_node) : NULL;
}

struct process *process_find(int pid)
{
    struct tree_node *node = processes.root;
    while (node && process_of_node(node)->pid != pid)
        node = pid < process_of_node(node)->pid ? node->left : node->right;
    return process_of_node(node);
}

struct process *process_next(int pid)
{
    struct tree_node *node = processes.root;
    struct process *best = NULL;
    while (node) {
        struct process *process = process_of_node(node);
        if (process->pid > pid)
            best = process;
        node = process->pid > pid ? node->left : node->right;
    }
    return best;
}

static struct thread *thread_of_node(struct tree_node *node)
{
    return container_of(node, struct thread, id_node);
}

struct thread *process_find_thread(int id)
{
    struct tree_node *node = threads.root;
    while (node && thread_of_node(node)->id != id)
        node = id < thread_of_node(node)->id ? node->left : node->right;
    return node ? thread_of_node(node) : NULL;
}

struct thread *process_next_thread(struct process *process, int id)
{
    struct thread *best = NULL;
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (thread->id > id && (!best || thread->id < best->id))
            best = thread;
    }
    return best;
}

void process_insert_thread(struct thread *thread)
{
    struct tree_node *parent = NULL, *node = threads.root;
    bool left = false;
    while (node) {
        parent = node;
        left = thread->id < thread_of_node(node)->id;
        node = left ? node->left : node->right;
    }
    tree_insert(&threads, parent, left, &thread->id_node);
    thread_count++;
}

void process_forget_thread(struct thread *thread)
{
    tree_remove(&threads, &thread->id_node);
    thread_count--;
}

unsigned process_count_threads(void)
{
    return __atomic_load_n(&thread_count, __ATOMIC_RELAXED);
}

bool process_group_exists(int group, int session)
{
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group && p->session == session)
            return true;
    }
    return false;
}

static void insert(struct process *process)
{
    struct tree_node *parent = NULL, *node = processes.root;
    bool left = false;
    while (node) {
        parent = node;
        left = process->pid < process_of_node(node)->pid;
        node = left ? node->left : node->right;
    }
    tree_insert(&processes, parent, left, &process->pid_node);
    processes_created++;
}

static void set_defaults(struct process *process)
{
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        process->limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    process->limits[RLIMIT_STACK].soft = STACK_LIMIT;
    process->limits[RLIMIT_CORE].soft = 0;
    process->limits[RLIMIT_NPROC] = (struct rlimit){threads_max / 2, threads_max / 2};
    process->limits[RLIMIT_SIGPENDING] = process->limits[RLIMIT_NPROC];
    process->limits[RLIMIT_MEMLOCK] = (struct rlimit){LOCKED_LIMIT, LOCKED_LIMIT};
    process->limits[RLIMIT_MSGQUEUE] = (struct rlimit){QUEUE_LIMIT, QUEUE_LIMIT};
    process->limits[RLIMIT_NOFILE] = (struct rlimit){FILES_SOFT, FILES_HARD};
    process->limits[RLIMIT_NICE] = process->limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
    process->exit_signal = SIGCHLD;
    process->dumpable = true;
    process->core_filter = CORE_FILTER_DEFAULT;
}

/* What a new process has of its parent's. */
static void inherit(struct process *process, struct process *parent)
{
    spin_lock(&parent->signal_lock);
    memcpy(process->limits, parent->limits, sizeof(process->limits));
    process->dumpable = parent->dumpable;
    process->core_filter = parent->core_filter;
    process->badness_adjustment = parent->badness_adjustment;
    process->huge_pages_disabled = parent->huge_pages_disabled;
    process->timer_slack = parent->timer_slack;
    spin_unlock(&parent->signal_lock);
    process->group = parent->group;
    process->session = parent->session;
    process->terminal = parent->terminal;
    process->personality = parent->personality;
    process->barriers_registered = parent->barriers_registered;
}

struct process *process_create(struct process *model, struct signal_actions *actions, int *error)
{
    struct process *process = slab_allocate(&process_cache);
    *error = -ENOMEM;
    if (!process)
        return NULL;
    memset(process, 0, sizeof(*process));
    process->actions = actions;
    process->pid = pid_allocate();
    if (process->pid < 0) {
        *error = process->pid;
        slab_free(&process_cache, process);
        return NULL;
    }
    process->credentials = credentials_reference(credentials_current());
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->threads);
    list_init(&process->semaphore_undos);
    list_init(&process->io_contexts);
    process->references = 1;
    wait_queue_init(&process->child_changed, "wait4");
    wait_queue_init(&process->ended, "process end");
    wait_queue_init(&process->resumed, "stopped");
    wait_queue_init(&process->threads_changed, "threads");
    wait_queue_init(&process->signal_arrived, "signals");
    signal_queue_init(&process->pending);
    mutex_init(&process->executable_lock, "executable", RANK_NONE);
    spin_init(&process->signal_lock, "signal", RANK_SIGNAL);
    process->start_time = time_now();
    if (model)
        inherit(process, model);
    else
        set_defaults(process);
    process_timers_init(process);
    pid_use(process->group);
    pid_use(process->session);
    return process;
}

void process_reference(struct process *process)
{
    __atomic_fetch_add(&process->references, 1, __ATOMIC_RELAXED);
}

void process_release(struct process *process)
{
    if (__atomic_sub_fetch(&process->references, 1, __ATOMIC_ACQ_REL))
        return;
    signal_actions_release(process->actions);
    slab_free(&process_cache, process);
}

/* Take the process out of the trees, with the leader, which has exited, but stayed. */
static void forget(struct process *process)
{
    struct thread *leader = process->leader;
    if (leader->trace.tracer)
        trace_detach(leader, 0);
    tree_remove(&processes, &process->pid_node);
    list_remove(&leader->process_link);
    process_forget_thread(leader);
    leader->process = NULL;
    thread_release(leader);
}

void process_destroy(struct process *process)
{
    struct list freed = LIST_INITIALIZER(freed);
    spin_lock(&process->signal_lock);
    signal_queue_remove(&process->pending, UINT64_MAX, &freed);
    signal_unlock(process, &freed);
    if (process->leader)
        forget(process);
    pid_release(process->group);
    pid_release(process->session);
    pid_release(process->pid);
    credentials_release(process->credentials);
    process_release(process);
}

int process_add_thread(struct process *process, struct thread *thread)
{
    bool ending;
    spin_lock(&process->signal_lock);
    ending = process->exiting || process->survivor;
    if (!ending) {
        thread->process = process;
        thread->attention = process->stop_signal || process->pending.set;
        seccomp_inherit(thread);
        list_push_back(&process->threads, &thread->process_link);
        process->thread_count++;
        process->active_count++;
    }
    spin_unlock(&process->signal_lock);
    if (ending)
        return -EINTR;
    process_insert_thread(thread);
    if (!process->leader) {
        insert(process);
        process->leader = thread;
        thread_reference(thread);
    }
    return 0;
}

struct aspace *process_aspace(struct process *process)
{
    struct aspace *aspace;
    spin_lock(&process->signal_lock);
    aspace = process->aspace;
    if (aspace)
        aspace_reference(aspace);
    spin_unlock(&process->signal_lock);
    return aspace;
}

struct file_table *process_files(struct process *process)
{
    struct file_table *files = NULL;
    spin_lock(&process->signal_lock);
    list_for_each (link, &process->threads) {
        if (!files)
            files = container_of(link, struct thread, process_link)->files;
    }
    if (files)
        file_table_reference(files);
    spin_unlock(&process->signal_lock);
    return files;
}

struct path_context *process_path_context(struct process *process)
{
    struct path_context *context = NULL;
    spin_lock(&process->signal_lock);
    list_for_each (link, &process->threads) {
        if (!context)
            context = container_of(link, struct thread, process_link)->path_context;
    }
    if (context)
        path_context_reference(context);
    spin_unlock(&process->signal_lock);
    return context;
}

/* Give up an address space that the current thread does not run in any more. The last thread to do
 * so takes care that no hart has it loaded; borrowers (process_aspace) never load it. */
static void leave_aspace(struct aspace *aspace)
{
    if (__atomic_fetch_sub(&aspace->sharers, 1, __ATOMIC_ACQ_REL) == 0)
        scheduler_vacate(&aspace->pmap);
    aspace_release(aspace);
}

void process_switch_aspace(struct aspace *aspace)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct aspace *old;
    uint64_t state;
    spin_lock(&process->signal_lock);
    old = thread->aspace;
    thread->aspace = aspace;
    if (aspace || process->active_count == 0)
        process->aspace = aspace;
    spin_unlock(&process->signal_lock);
    state = interrupts_disable();
    pmap_activate(aspace ? &aspace->pmap : NULL);
    interrupts_restore(state);
    if (old)
        leave_aspace(old);
}

bool process_may_lock_memory(void)
{
    return credentials_capable(CAP_IPC_LOCK);
}

uint64_t process_limit(unsigned resource)
{
    return current_process()->limits[resource].soft;
}
