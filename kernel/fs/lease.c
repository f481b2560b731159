/*
 * Leases (lease.h).
 *
 *   read    while nobody has the file open for writing; a writer breaks it
 *   write   while nobody else has it open at all; any other open breaks it
 *
 * One that is being broken has to be given up, or to become a read lease, by a certain time; who
 * waits for that, or asks, does it then in the holder's place. An open counts itself (vnode->opens,
 * vnode->writers) before it looks for leases, and a lease is on the list before it looks who has
 * the file open: so one of them sees the other.
 */
#include "fs/lease.h"
#include "abi/capability.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/time.h"
#include "core/wait.h"
#include "fs/asynchronous.h"
#include "fs/file.h"
#include "fs/text.h"
#include "fs/vnode.h"
#include "vm/kmem.h"

#define SECOND 1000000000ul

/* All under lease_mutex. */
struct lease {
    struct list link;
    struct file *file;
    int descriptor, pid;           /* of who has set it */
    unsigned type;                 /* F_RDLCK or F_WRLCK */
    bool downgrading, ending;      /* it is being broken, */
    uint64_t downgrade_by, end_by; /* and ends by itself then; WAIT_FOREVER: never */
};

uint32_t lease_break_time = 45, lease_count;
static struct mutex lease_mutex;
static struct list leases = LIST_INITIALIZER(leases);
static struct wait_queue changed;
static uint64_t changes; /* atomic */

void leases_init(void)
{
    mutex_init(&lease_mutex, "leases", RANK_NONE);
    wait_queue_init(&changed, "lease");
}

static struct lease *lease_of(struct list *link)
{
    return container_of(link, struct lease, link);
}

static struct lease *find(const struct file *file)
{
    list_for_each (link, &leases) {
        if (lease_of(link)->file == file)
            return lease_of(link);
    }
    return NULL;
}

/* What it is going to be. */
static unsigned target_of(const struct lease *lease)
{
    return lease->ending ? F_UNLCK : lease->downgrading ? F_RDLCK : lease->type;
}

static void tell_change(void)
{
    __atomic_fetch_add(&changes, 1, __ATOMIC_RELEASE);
    wake_all(&changed);
}

/* Take it off the list, and free it; its owner is told of nothing any more. */
static void end(struct lease *lease)
{
    list_remove(&lease->link);
    __atomic_fetch_sub(&lease_count, 1, __ATOMIC_RELAXED);
    file_disown(lease->file);
    kfree(lease);
    tell_change();
}

static void change(struct lease *lease, unsigned type)
{
    lease->type = type;
    if (type == F_RDLCK)
        lease->downgrading = false;
    tell_change();
}

/* What should have been given up by now is. */
static void expire(const struct vnode *vnode)
{
    uint64_t now = time_now();

    list_for_each_safe (link, &leases) {
        struct lease *lease = lease_of(link);
        if (lease->file->vnode != vnode)
            continue;
        if (lease->downgrading && lease->downgrade_by <= now)
            change(lease, F_RDLCK);
        if (lease->ending && lease->end_by <= now)
            end(lease);
    }
}

/* Setting */

/* Has nobody the file open in conflict with such a lease? */
static bool is_possible(const struct file *file, unsigned type)
{
    const struct vnode *vnode = file->vnode;
    int64_t writers = __atomic_load_n(&vnode->writers, __ATOMIC_SEQ_CST);

    if (type == F_RDLCK)
        return writers <= 0;
    return __atomic_load_n(&vnode->opens, __ATOMIC_SEQ_CST) == 1 &&
           (file->writer ? writers > 0 : writers == 0);
}

/* Do the leases that others have allow one more? */
static bool is_allowed(const struct file *file, unsigned type)
{
    list_for_each (link, &leases) {
        const struct lease *lease = lease_of(link);
        if (lease->file->vnode != file->vnode || lease->file == file)
            continue;
        if (type == F_WRLCK || lease->ending)
            return false;
    }
    return true;
}

/* *spare becomes NULL if it is used. */
static int set_locked(struct file *file, int descriptor, unsigned type, struct lease **spare)
{
    struct lease *lease = find(file);

    if (!is_possible(file, type) || !is_allowed(file, type))
        return -EAGAIN;
    if (lease) {
        change(lease, type);
        return 0;
    }
    lease = *spare;
    lease->file = file;
    lease->descriptor = descriptor;
    lease->pid = current_process()->pid;
    lease->type = type;
    list_push_back(&leases, &lease->link);
    __atomic_fetch_add(&lease_count, 1, __ATOMIC_SEQ_CST);
    *spare = NULL;
    if (!is_possible(file, type)) {
        end(lease);
        return -EAGAIN;
    }
    file_own(file);
    return 0;
}

/* The checks of F_SETLEASE, in its order. */
static int check(const struct file *file, unsigned type)
{
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
        return -EINVAL;
    if (credentials_current()->fsuid != file->vnode->uid && !credentials_capable(CAP_LEASE))
        return -EACCES;
    return vnode_type(file->vnode) == S_IFREG ? 0 : -EINVAL;
}

static int give_up(const struct file *file)
{
    struct lease *lease;

    mutex_lock(&lease_mutex);
    expire(file->vnode);
    lease = find(file);
    if (lease)
        end(lease);
    mutex_unlock(&lease_mutex);
    return lease ? 0 : -EAGAIN;
}

int lease_set(struct file *file, int descriptor, unsigned type)
{
    int error = check(file, type);

    if (error)
        return error;
    if (type == F_UNLCK)
        return give_up(file);
    struct lease *spare = kmalloc_zeroed(sizeof(*spare));
    if (!spare || file_prepare_owner(file)) {
        kfree(spare);
        return -ENOMEM;
    }
    mutex_lock(&lease_mutex);
    expire(file->vnode);
    error = set_locked(file, descriptor, type, &spare);
    mutex_unlock(&lease_mutex);
    kfree(spare);
    return error;
}

int lease_get(const struct file *file)
{
    mutex_lock(&lease_mutex);
    expire(file->vnode);
    const struct lease *lease = find(file);
    unsigned type = lease ? target_of(lease) : F_UNLCK;
    mutex_unlock(&lease_mutex);
    return (int)type;
}

/* Breaking */

static bool is_in_the_way(const struct lease *lease, const struct vnode *vnode, bool writes)
{
    return lease->file->vnode == vnode && (writes || lease->type == F_WRLCK);
}

/* Demand that what is in the way goes, and tell the holders of it, once. */
static void demand(const struct vnode *vnode, bool writes)
{
    uint64_t seconds = __atomic_load_n(&lease_break_time, __ATOMIC_RELAXED);
    uint64_t by = seconds ? time_now() + seconds * SECOND : WAIT_FOREVER;

    list_for_each (link, &leases) {
        struct lease *lease = lease_of(link);
        if (!is_in_the_way(lease, vnode, writes) || lease->ending ||
            (!writes && lease->downgrading))
            continue;
        if (writes) {
            lease->ending = true;
            lease->end_by = by;
        } else {
            lease->downgrading = true;
            lease->downgrade_by = by;
        }
        file_tell_owner(lease->file, lease->descriptor);
    }
}

/* The first lease in the way, or NULL. */
static const struct lease *first_in_the_way(const struct vnode *vnode, bool writes)
{
    list_for_each (link, &leases) {
        if (is_in_the_way(lease_of(link), vnode, writes))
            return lease_of(link);
    }
    return NULL;
}

static uint64_t deadline_of(const struct lease *lease)
{
    uint64_t deadline = WAIT_FOREVER;

    if (lease->ending)
        deadline = lease->end_by;
    if (lease->downgrading && lease->downgrade_by < deadline)
        deadline = lease->downgrade_by;
    return deadline;
}

int lease_break_all(struct vnode *vnode, uint32_t flags)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    const struct lease *lease;
    int error = 0;

    mutex_lock(&lease_mutex);
    expire(vnode);
    demand(vnode, writes);
    while (!error && (lease = first_in_the_way(vnode, writes))) {
        uint64_t deadline = deadline_of(lease);
        uint64_t seen = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
        if (flags & O_NONBLOCK) {
            error = -EAGAIN;
            break;
        }
        mutex_unlock(&lease_mutex);
        error = wait_event_until(&changed, __atomic_load_n(&changes, __ATOMIC_ACQUIRE) != seen,
                                 WAIT_INTERRUPTIBLE, deadline);
        if (error == -ETIMEDOUT)
            error = 0;
        mutex_lock(&lease_mutex);
        expire(vnode);
    }
    mutex_unlock(&lease_mutex);
    return error;
}

void lease_forget_file(struct file *file)
{
    mutex_lock(&lease_mutex);
    struct lease *lease = find(file);
    if (lease)
        end(lease);
    mutex_unlock(&lease_mutex);
}

void leases_write(struct text *text, const char *prefix, const struct file *file, unsigned number)
{
    static const char *const types[] = {
        [F_RDLCK] = "READ", [F_WRLCK] = "WRITE", [F_UNLCK] = "UNLCK"};

    mutex_lock(&lease_mutex);
    list_for_each (link, &leases) {
        const struct lease *lease = lease_of(link);
        struct stat status;
        if (file && lease->file != file)
            continue;
        vnode_status(lease->file->vnode, &status);
        text_format(text, "%s%u: LEASE  %s  %s %d %02x:%02x:%lu 0 EOF\n", prefix, number++,
                    lease->ending || lease->downgrading ? "BREAKING" : "ACTIVE  ",
                    types[target_of(lease)], lease->pid, device_major(status.device),
                    device_minor(status.device), status.number);
    }
    mutex_unlock(&lease_mutex);
}
