/*
 * Advisory locks on files (file_lock.h).
 *
 * A file's locks are on a list, which comes into being with the first. One mutex protects them all.
 * A record lock replaces what its owner held of the range:
 *
 *   held    |--- shared ---|         |-- shared --|
 *   asked         |--- exclusive ---------|
 *   then    |-sh--|--- exclusive ---------|--sh---|
 *
 * Who has to wait sleeps until any lock of the file changes, and looks again. While it waits it is
 * on the list of the blocked, with whose lock is in its way; from that, a process that would wait
 * for itself is found (EDEADLK).
 */
#include "fs/file_lock.h"
#include "abi/errno.h"
#include "core/wait.h"
#include "vm/kmem.h"

/* (m): locks_mutex */
struct file_locks {
    struct list held; /* (m) */
    uint64_t changes; /* atomic: how often something was given up */
    struct wait_queue changed;
};

struct blocked {
    const struct file_lock *request;
    const struct file_locks *locks;
    const void *holder;
    bool reached;
    struct list link;
};

static struct mutex locks_mutex;
static struct list all_held = LIST_INITIALIZER(all_held);       /* (m) the oldest first */
static struct list all_blocked = LIST_INITIALIZER(all_blocked); /* (m) */
static struct slab_cache lock_cache;

void file_locks_init(void)
{
    mutex_init(&locks_mutex, "file locks", RANK_NONE);
    slab_cache_init(&lock_cache, "file lock", sizeof(struct file_lock), 8);
}

static struct file_lock *lock_of(struct list *link)
{
    return container_of(link, struct file_lock, link);
}

/* The locks of a vnode, made if there are none; NULL: no memory. */
static struct file_locks *locks_of(struct vnode *vnode)
{
    if (!vnode->locks) {
        struct file_locks *locks = kmalloc_zeroed(sizeof(*locks));
        if (!locks)
            return NULL;
        list_init(&locks->held);
        wait_queue_init(&locks->changed, "file lock");
        __atomic_store_n(&vnode->locks, locks, __ATOMIC_RELEASE);
    }
    return vnode->locks;
}

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
    return a->start <= b->last && b->start <= a->last;
}

static bool conflicts(const struct file_lock *a, const struct file_lock *b)
{
    return (a->kind == LOCK_WHOLE) == (b->kind == LOCK_WHOLE) && a->owner != b->owner &&
           overlap(a, b) && (a->mode == LOCK_EXCLUSIVE || b->mode == LOCK_EXCLUSIVE);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
    return a->kind == b->kind && a->owner == b->owner;
}

/* A lock of the owner of the request in its range, or NULL. */
static struct file_lock *find_own(struct file_locks *locks, const struct file_lock *request)
{
    list_for_each (link, &locks->held) {
        if (same_owner(lock_of(link), request) && overlap(lock_of(link), request))
            return lock_of(link);
    }
    return NULL;
}

/* A lock in the way of the request, or NULL. */
static struct file_lock *find_conflict(const struct file_locks *locks,
                                       const struct file_lock *request)
{
    if (request->mode == LOCK_NONE)
        return NULL;
    list_for_each (link, &locks->held) {
        if (conflicts(lock_of(link), request))
            return lock_of(link);
    }
    return NULL;
}

static void free_lock(struct file_lock *lock)
{
    list_remove(&lock->link);
    list_remove(&lock->all_link);
    slab_free(&lock_cache, lock);
}

/* Take the request's range away from a lock of the same owner that overlaps it; *spare is used, and
 * set to NULL, for the right part if both ends remain. */
static void cut(struct file_lock *lock, const struct file_lock *request, struct file_lock **spare)
{
    bool left = lock->start<request->start, right = lock->last> request->last;

    if (left && right) {
        struct file_lock *rest = *spare;
        *spare = NULL;
        *rest = *lock;
        rest->start = request->last + 1;
        list_push_back(&lock->link, &rest->link); /* before it on the list */
        list_push_back(&all_held, &rest->all_link);
        lock->last = request->start - 1;
    } else if (left) {
        lock->last = request->start - 1;
    } else if (right) {
        lock->start = request->last + 1;
    } else {
        free_lock(lock);
    }
}

/* Make one lock of the new one and what it touches of the same owner and mode. */
static void merge(struct file_locks *locks, struct file_lock *new_lock)
{
    list_for_each_safe (link, &locks->held) {
        struct file_lock *lock = lock_of(link);
        if (lock == new_lock || !same_owner(lock, new_lock) || lock->mode != new_lock->mode)
            continue;
        if (lock->last + 1 == new_lock->start)
            new_lock->start = lock->start;
        else if (new_lock->last + 1 == lock->start)
            new_lock->last = lock->last;
        else
            continue;
        free_lock(lock);
    }
}

/* Nothing is in the way: do it. Each spare is set to NULL if it is used. */
static void apply(struct vnode *vnode, const struct file_lock *request, struct file_lock *spares[2])
{
    struct file_locks *locks = vnode->locks;
    list_for_each_safe (link, &locks->held) {
        struct file_lock *lock = lock_of(link);
        if (same_owner(lock, request) && overlap(lock, request))
            cut(lock, request, &spares[0]);
    }
    if (request->mode != LOCK_NONE) {
        struct file_lock *lock = spares[1];
        spares[1] = NULL;
        *lock = *request;
        lock->vnode = vnode;
        list_push_back(&locks->held, &lock->link);
        list_push_back(&all_held, &lock->all_link);
        merge(locks, lock);
    }
    __atomic_fetch_add(&locks->changes, 1, __ATOMIC_RELEASE);
    wake_all(&locks->changed);
}

/* Has a blocked one been reached that waits for this owner? */
static bool is_reached(const void *owner)
{
    list_for_each (link, &all_blocked) {
        struct blocked *blocked = container_of(link, struct blocked, link);
        if (blocked->reached && blocked->holder == owner)
            return true;
    }
    return false;
}

/* Does the holder wait, perhaps by way of others, for the waiter? */
static bool would_deadlock(const void *waiter, const void *holder)
{
    bool more;

    list_for_each (link, &all_blocked)
        container_of(link, struct blocked, link)->reached = false;
    do {
        more = false;
        list_for_each (link, &all_blocked) {
            struct blocked *blocked = container_of(link, struct blocked, link);
            const struct file_lock *request = blocked->request;
            if (request->kind != LOCK_OF_PROCESS || blocked->reached ||
                (request->owner != holder && !is_reached(request->owner)))
                continue;
            if (blocked->holder == waiter)
                return true;
            blocked->reached = more = true;
        }
    } while (more);
    return false;
}

/* Sleep until a lock of the file changes; the mutex is given up meanwhile. */
static int await_change(struct file_locks *locks, const struct file_lock *request,
                        const struct file_lock *conflict)
{
    struct blocked blocked = {.request = request, .locks = locks, .holder = conflict->owner};
    uint64_t seen = __atomic_load_n(&locks->changes, __ATOMIC_ACQUIRE);

    if (request->kind == LOCK_OF_PROCESS && would_deadlock(request->owner, conflict->owner))
        return -EDEADLK;
    list_push_back(&all_blocked, &blocked.link);
    mutex_unlock(&locks_mutex);
    int error = wait_event_interruptible(
        &locks->changed, __atomic_load_n(&locks->changes, __ATOMIC_ACQUIRE) != seen);
    mutex_lock(&locks_mutex);
    list_remove(&blocked.link);
    return error;
}

/* flock(2): a lock of another mode is given up before the new one is waited for; true: the owner
 * has what it asks for. */
static bool give_up_whole(struct file_locks *locks, const struct file_lock *request)
{
    list_for_each (link, &locks->held) {
        struct file_lock *lock = lock_of(link);
        if (!same_owner(lock, request))
            continue;
        if (lock->mode == request->mode)
            return true;
        free_lock(lock);
        __atomic_fetch_add(&locks->changes, 1, __ATOMIC_RELEASE);
        wake_all(&locks->changed);
        break;
    }
    return request->mode == LOCK_NONE;
}

/* With the mutex. */
static int set_locked(struct vnode *vnode, const struct file_lock *request, bool wait,
                      struct file_lock *spares[2])
{
    struct file_locks *locks = vnode->locks;
    const struct file_lock *conflict;
    int error = 0;

    if (request->kind == LOCK_WHOLE && give_up_whole(locks, request))
        return 0;
    while (!error && (conflict = find_conflict(locks, request)))
        error = wait ? await_change(locks, request, conflict) : -EAGAIN;
    if (!error)
        apply(vnode, request, spares);
    return error;
}

int file_lock_set(struct vnode *vnode, const struct file_lock *request, bool wait)
{
    struct file_lock *spares[2] = {slab_allocate(&lock_cache), slab_allocate(&lock_cache)};
    int error = -ENOMEM;

    if (spares[0] && spares[1]) {
        mutex_lock(&locks_mutex);
        if (locks_of(vnode))
            error = set_locked(vnode, request, wait, spares);
        mutex_unlock(&locks_mutex);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (spares[i])
            slab_free(&lock_cache, spares[i]);
    }
    return error;
}

bool file_lock_test(struct vnode *vnode, const struct file_lock *request,
                    struct file_lock *conflict)
{
    struct file_lock *found = NULL;

    mutex_lock(&locks_mutex);
    if (vnode->locks)
        found = request->mode == LOCK_NONE ? find_own(vnode->locks, request)
                                           : find_conflict(vnode->locks, request);
    if (found)
        *conflict = *found;
    mutex_unlock(&locks_mutex);
    return found;
}

void file_lock_drop(struct vnode *vnode, enum file_lock_kind kind, const void *owner)
{
    bool dropped = false;

    if (!__atomic_load_n(&vnode->locks, __ATOMIC_ACQUIRE))
        return;
    mutex_lock(&locks_mutex);
    struct file_locks *locks = vnode->locks;
    list_for_each_safe (link, &locks->held) {
        struct file_lock *lock = lock_of(link);
        if (lock->kind == kind && lock->owner == owner) {
            free_lock(lock);
            dropped = true;
        }
    }
    if (dropped) {
        __atomic_fetch_add(&locks->changes, 1, __ATOMIC_RELEASE);
        wake_all(&locks->changed);
    }
    mutex_unlock(&locks_mutex);
}

/* Telling of all */

static struct file_lock_info info_of(const struct file_lock *lock, struct vnode *vnode,
                                     unsigned number, bool waits)
{
    struct stat status;
    vnode_status(vnode, &status);
    return (struct file_lock_info){.kind = lock->kind,
                                   .mode = lock->mode,
                                   .owner = lock->owner,
                                   .file = lock->file,
                                   .pid = lock->pid,
                                   .start = lock->start,
                                   .last = lock->last,
                                   .device = status.device,
                                   .inode = status.number,
                                   .number = number,
                                   .waits = waits};
}

size_t file_locks_list(struct file_lock_info *list, size_t capacity)
{
    size_t count = 0;
    unsigned number = 0;

    mutex_lock(&locks_mutex);
    list_for_each (link, &all_held) {
        const struct file_lock *lock = container_of(link, struct file_lock, all_link);
        if (count++ < capacity)
            list[count - 1] = info_of(lock, lock->vnode, number, false);
        list_for_each (waiting, &all_blocked) {
            const struct blocked *blocked = container_of(waiting, struct blocked, link);
            if (blocked->locks == lock->vnode->locks && conflicts(lock, blocked->request) &&
                find_conflict(blocked->locks, blocked->request) == lock && count++ < capacity)
                list[count - 1] = info_of(blocked->request, lock->vnode, number, true);
        }
        number++;
    }
    mutex_unlock(&locks_mutex);
    return count;
}

void file_locks_free(struct vnode *vnode)
{
    kfree(vnode->locks);
}
