/*
 * System V semaphores: sets of them, operated on several at a time, all or none.
 *
 * One lock, that of the table, is enough: what happens under it is short. A call that has to wait
 * stands in the set's list of waiters with its operations, and gives up the lock. Whoever changes
 * the set does the operations of those that need not wait any more: so they have been done even if
 * the set changes again, or goes, before the waiter runs.
 *
 * What SEM_UNDO is to take back is kept for each process and set: one number a semaphore. Threads
 * share it, a forked child begins with none.
 */
#include "ipc/sem.h"
#include "abi/errno.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/wait.h"
#include "ipc/table.h"
#include "vm/kmem.h"

struct semaphore {
    uint16_t value;
    int32_t pid; /* of the last operation */
};

struct set {
    struct ipc_entry entry; /* first */
    unsigned count;
    unsigned references; /* the table's, and one for each call that waits */
    uint64_t changes;    /* atomic: also read without the lock */
    bool removed;
    int64_t operation_time, change_time;
    struct wait_queue changed;
    struct list waiters; /* struct waiting */
    struct list undos;   /* struct undo, through set_link */
    struct semaphore semaphores[];
};

/* A call that waits, and for which of its operations. */
struct waiting {
    struct list link;
    const struct sembuf *operations;
    unsigned count;
    unsigned blocked; /* the one that has to wait */
    struct undo *undo;
    int pid;
    bool ended; /* somebody else has done them, or they cannot be done */
    int result; /* then */
};

struct undo {
    struct list set_link, process_link;
    struct set *set;
    int16_t adjust[]; /* to be added at the end of the process */
};

struct ipc_table sem_sets;
static unsigned semaphore_count; /* in all sets */

void sem_init(void)
{
    ipc_table_init(&sem_sets, "semaphore sets", SEM_SETS);
}

static struct set *find(int id)
{
    struct ipc_entry *entry = ipc_find(&sem_sets, id);
    return entry ? container_of(entry, struct set, entry) : NULL;
}

static void release(struct set *set)
{
    if (--set->references == 0)
        kfree(set);
}

/* Table locked. */
static long create(int key, int count, unsigned flags)
{
    if (count <= 0 || count > (int)SEM_PER_SET)
        return -EINVAL;
    struct set *set = kmalloc_zeroed(sizeof(*set) + (unsigned)count * sizeof(set->semaphores[0]));
    if (!set)
        return -ENOMEM;
    int error = ipc_insert(&sem_sets, &set->entry, key, flags & 0777);
    if (error) {
        kfree(set);
        return error;
    }
    set->count = (unsigned)count;
    set->references = 1;
    set->change_time = time_stamp().seconds;
    wait_queue_init(&set->changed, "semaphores");
    list_init(&set->waiters);
    list_init(&set->undos);
    semaphore_count += set->count;
    return set->entry.id;
}

static long get(int key, int count, unsigned flags)
{
    struct ipc_entry *entry = key == IPC_PRIVATE ? NULL : ipc_find_key(&sem_sets, key);

    if (!entry)
        return key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(key, count, flags) : -ENOENT;
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    if (count > (int)container_of(entry, struct set, entry)->count)
        return -EINVAL;
    int error = ipc_permission(entry, flags & 0777);
    return error ? error : entry->id;
}

long sem_get(int key, int count, unsigned flags)
{
    if (count < 0 || count > (int)SEM_PER_SET)
        return -EINVAL;
    mutex_lock(&sem_sets.lock);
    long result = get(key, count, flags);
    mutex_unlock(&sem_sets.lock);
    return result;
}

/* The process's undo numbers for the set, made if there are none: NULL: no memory. */
static struct undo *undo_of(struct process *process, struct set *set)
{
    list_for_each (link, &process->semaphore_undos) {
        struct undo *undo = container_of(link, struct undo, process_link);
        if (undo->set == set)
            return undo;
    }
    struct undo *undo = kmalloc_zeroed(sizeof(*undo) + set->count * sizeof(undo->adjust[0]));
    if (!undo)
        return NULL;
    undo->set = set;
    list_push_back(&set->undos, &undo->set_link);
    list_push_back(&process->semaphore_undos, &undo->process_link);
    return undo;
}

static void undo_free(struct undo *undo)
{
    list_remove(&undo->set_link);
    list_remove(&undo->process_link);
    kfree(undo);
}

/* What one operation makes of a value: 0 and *value, -EAGAIN: it has to wait, -ERANGE. */
static int apply(const struct sembuf *operation, int *value)
{
    if (operation->operation == 0)
        return *value ? -EAGAIN : 0;
    if (*value + operation->operation < 0)
        return -EAGAIN;
    *value += operation->operation;
    return *value > SEM_VALUE_MOST ? -ERANGE : 0;
}

/* Is the undo number with this operation one that can be kept? */
static bool undo_fits(const struct undo *undo, const struct sembuf *operation)
{
    int adjust = undo->adjust[operation->number] - operation->operation;
    return adjust >= -SEM_VALUE_MOST - 1 && adjust <= SEM_VALUE_MOST;
}

/* Take the first count operations back. */
static void take_back(struct set *set, const struct sembuf *operations, unsigned count,
                      struct undo *undo)
{
    while (count-- > 0) {
        const struct sembuf *operation = &operations[count];
        struct semaphore *semaphore = &set->semaphores[operation->number];
        semaphore->value = (uint16_t)(semaphore->value - operation->operation);
        if (operation->flags & SEM_UNDO)
            undo->adjust[operation->number] += operation->operation;
    }
}

/* All operations or none: 0, -EAGAIN with *blocked the one that has to wait, -ERANGE. */
static int try(struct set *set, const struct sembuf *operations, unsigned count, struct undo *undo,
               unsigned *blocked)
{
    int error = 0;
    unsigned done;

    for (done = 0; done < count; done++) {
        const struct sembuf *operation = &operations[done];
        int value = set->semaphores[operation->number].value;
        error = apply(operation, &value);
        if (!error && (operation->flags & SEM_UNDO) && !undo_fits(undo, operation))
            error = -ERANGE;
        if (error)
            break;
        set->semaphores[operation->number].value = (uint16_t)value;
        if (operation->flags & SEM_UNDO)
            undo->adjust[operation->number] -= operation->operation;
    }
    *blocked = done;
    if (error)
        take_back(set, operations, done, undo);
    return error;
}

/* The operations of a process are done. */
static void note_done(struct set *set, const struct sembuf *operations, unsigned count, int pid)
{
    for (unsigned i = 0; i < count; i++)
        set->semaphores[operations[i].number].pid = pid;
    set->operation_time = time_stamp().seconds;
}

/* Do what a waiter waits for, if that can be done now: has its wait ended? */
static bool try_for(struct set *set, struct waiting *waiting)
{
    if (waiting->ended)
        return false;
    waiting->result =
        try(set, waiting->operations, waiting->count, waiting->undo, &waiting->blocked);
    waiting->ended =
        waiting->result != -EAGAIN || (waiting->operations[waiting->blocked].flags & IPC_NOWAIT);
    if (waiting->result == 0)
        note_done(set, waiting->operations, waiting->count, waiting->pid);
    return waiting->ended;
}

/* The set has changed: do what waiters wait for, the longest waiting first, until none can go on.
 */
static void announce(struct set *set)
{
    bool more = !set->removed;

    while (more) {
        more = false;
        list_for_each (link, &set->waiters)
            more |= try_for(set, container_of(link, struct waiting, link));
    }
    __atomic_fetch_add(&set->changes, 1, __ATOMIC_RELEASE);
    wake_all(&set->changed);
}

/* Sleep until the operations have been done, giving up the lock meanwhile: 0, -EAGAIN: the time is
 * up, -EINTR, -EIDRM, -ERANGE. */
static int await(struct set *set, struct waiting *waiting, uint64_t deadline)
{
    int error = 0;

    set->references++;
    list_push_back(&set->waiters, &waiting->link);
    while (!error && !waiting->ended && !set->removed) {
        uint64_t seen = __atomic_load_n(&set->changes, __ATOMIC_ACQUIRE);
        mutex_unlock(&sem_sets.lock);
        error = wait_event_until(&set->changed,
                                 __atomic_load_n(&set->changes, __ATOMIC_ACQUIRE) != seen,
                                 WAIT_INTERRUPTIBLE, deadline);
        mutex_lock(&sem_sets.lock);
    }
    list_remove(&waiting->link);
    if (waiting->ended)
        error = waiting->result;
    else if (set->removed)
        error = -EIDRM;
    release(set);
    return error == -ETIMEDOUT ? -EAGAIN : error == -EINTR ? -EINTR_ALWAYS : error;
}

/* Check a call against the set: 0, -EFBIG, -EACCES, -ENOMEM; *undo if it needs one. */
static int prepare(struct set *set, const struct sembuf *operations, unsigned count,
                   struct undo **undo)
{
    bool alters = false, undoes = false;

    *undo = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (operations[i].number >= set->count)
            return -EFBIG;
        alters = alters || operations[i].operation;
        undoes = undoes || (operations[i].flags & SEM_UNDO);
    }
    int error = ipc_permission(&set->entry, alters ? 0222 : 0444);
    if (!error && undoes && !(*undo = undo_of(current_process(), set)))
        error = -ENOMEM;
    return error;
}

int sem_operate(int id, const struct sembuf *operations, unsigned count, uint64_t deadline)
{
    struct waiting own = {.operations = operations, .count = count, .pid = current_process()->pid};

    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    int error = set ? prepare(set, operations, count, &own.undo) : -EINVAL;
    if (!error && try_for(set, &own)) {
        error = own.result;
        if (!error)
            announce(set);
    } else if (!error) {
        error = await(set, &own, deadline);
    }
    mutex_unlock(&sem_sets.lock);
    return error;
}

static unsigned count_waiters(const struct set *set, unsigned index, bool for_zero)
{
    unsigned count = 0;

    list_for_each (link, &set->waiters) {
        const struct waiting *waiting = container_of(link, struct waiting, link);
        const struct sembuf *operation = &waiting->operations[waiting->blocked];
        count += !waiting->ended && operation->number == index &&
                 (operation->operation == 0) == for_zero;
    }
    return count;
}

static long number_of(const struct set *set, unsigned index, int command)
{
    switch (command) {
    case GETVAL:
        return set->semaphores[index].value;
    case GETPID:
        return set->semaphores[index].pid;
    default:
        return count_waiters(set, index, command == GETZCNT);
    }
}

long sem_number(int id, int index, int command)
{
    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    long result = set ? ipc_permission(&set->entry, 0444) : -EINVAL;
    if (!result && (index < 0 || (unsigned)index >= set->count))
        result = -EINVAL;
    if (!result)
        result = number_of(set, (unsigned)index, command);
    mutex_unlock(&sem_sets.lock);
    return result;
}

/* A value that is set leaves nothing to be undone. */
static void set_value(struct set *set, unsigned index, uint16_t value)
{
    set->semaphores[index].value = value;
    set->semaphores[index].pid = current_process()->pid;
    list_for_each (link, &set->undos)
        container_of(link, struct undo, set_link)->adjust[index] = 0;
}

static void values_changed(struct set *set)
{
    set->change_time = time_stamp().seconds;
    announce(set);
}

int sem_set_value(int id, int index, int value)
{
    if (value < 0 || value > SEM_VALUE_MOST)
        return -ERANGE;
    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    int error = !set || index < 0 || (unsigned)index >= set->count
                    ? -EINVAL
                    : ipc_permission(&set->entry, 0222);
    if (!error) {
        set_value(set, (unsigned)index, (uint16_t)value);
        values_changed(set);
    }
    mutex_unlock(&sem_sets.lock);
    return error;
}

long sem_count(int id)
{
    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    long result = set ? (long)set->count : -EINVAL;
    mutex_unlock(&sem_sets.lock);
    return result;
}

int sem_values(int id, uint16_t *values, unsigned count, bool set_them)
{
    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    int error = set ? ipc_permission(&set->entry, set_them ? 0222 : 0444) : -EINVAL;
    if (!error && set->count != count)
        error = -EIDRM; /* another set has this identifier by now */
    for (unsigned i = 0; !error && set_them && i < count; i++)
        error = values[i] > SEM_VALUE_MOST ? -ERANGE : 0;
    for (unsigned i = 0; !error && i < count; i++) {
        if (set_them)
            set_value(set, i, values[i]);
        else
            values[i] = set->semaphores[i].value;
    }
    if (!error && set_them)
        values_changed(set);
    mutex_unlock(&sem_sets.lock);
    return error;
}

int sem_status(int id, bool by_index, bool any, struct semid_ds *status, int *found)
{
    int error = -EINVAL;

    mutex_lock(&sem_sets.lock);
    struct ipc_entry *entry = !by_index ? ipc_find(&sem_sets, id)
                              : id >= 0 ? ipc_at(&sem_sets, (unsigned)id)
                                        : NULL;
    if (entry && !(error = any ? 0 : ipc_permission(entry, 0444))) {
        struct set *set = container_of(entry, struct set, entry);
        *found = entry->id;
        *status = (struct semid_ds){.operation_time = set->operation_time,
                                    .change_time = set->change_time,
                                    .count = set->count};
        ipc_status(entry, &status->perm);
    }
    mutex_unlock(&sem_sets.lock);
    return error;
}

int sem_set(int id, const struct ipc_perm *perm)
{
    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    int error = set ? ipc_control_permission(&set->entry) : -EINVAL;
    if (!error) {
        ipc_set(&set->entry, perm);
        set->change_time = time_stamp().seconds;
    }
    mutex_unlock(&sem_sets.lock);
    return error;
}

int sem_remove(int id)
{
    struct list *link;

    mutex_lock(&sem_sets.lock);
    struct set *set = find(id);
    int error = set ? ipc_control_permission(&set->entry) : -EINVAL;
    if (!error) {
        ipc_remove(&sem_sets, &set->entry);
        semaphore_count -= set->count;
        while ((link = list_first(&set->undos)))
            undo_free(container_of(link, struct undo, set_link));
        set->removed = true;
        announce(set);
        release(set);
    }
    mutex_unlock(&sem_sets.lock);
    return error;
}

unsigned sem_totals(unsigned *set_count, unsigned *semaphores)
{
    mutex_lock(&sem_sets.lock);
    unsigned highest = ipc_highest(&sem_sets);
    *set_count = sem_sets.count;
    *semaphores = semaphore_count;
    mutex_unlock(&sem_sets.lock);
    return highest;
}

/* Values stay between 0 and the largest, whatever is taken back. */
static void undo_all(struct process *process, struct undo *undo)
{
    struct set *set = undo->set;

    for (unsigned i = 0; i < set->count; i++) {
        int value = set->semaphores[i].value + undo->adjust[i];
        if (!undo->adjust[i])
            continue;
        set->semaphores[i].value = (uint16_t)(value < 0                ? 0
                                              : value > SEM_VALUE_MOST ? SEM_VALUE_MOST
                                                                       : value);
        set->semaphores[i].pid = process->pid;
    }
    set->operation_time = time_stamp().seconds;
    announce(set);
}

void sem_exit(struct process *process)
{
    struct list *link;

    if (list_empty(&process->semaphore_undos))
        return;
    mutex_lock(&sem_sets.lock);
    while ((link = list_first(&process->semaphore_undos))) {
        struct undo *undo = container_of(link, struct undo, process_link);
        undo_all(process, undo);
        undo_free(undo);
    }
    mutex_unlock(&sem_sets.lock);
}
