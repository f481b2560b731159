/*
 * System V shared memory: segments, each an object of shared anonymous memory with an identifier.
 *
 * The table holds a reference on a segment's object until IPC_RMID, each region that has it
 * attached another one. With the last the segment goes, out of the table too: so a removed segment
 * can be found, and attached, as long as somebody has it attached still. How many attachments there
 * are is the number of regions in the object's back-list.
 */
#include "ipc/shm.h"
#include "abi/errno.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/time.h"
#include "ipc/table.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/back_list.h"
#include "vm/commit.h"
#include "vm/kmem.h"
#include "vm/object.h"

#define NAME_SIZE 24

struct segment {
    struct ipc_entry entry; /* first */
    struct object object;
    uint64_t size; /* (c) as asked for: bytes */
    int64_t attach_time, detach_time, change_time;
    int32_t creator, last;
    char name[NAME_SIZE]; /* (c) in /proc/PID/maps */
};

struct ipc_table shm_segments;
uint64_t shm_size_limit = SHM_MOST;
static uint64_t total_pages; /* (lock of segments) */
static struct pager pager;   /* (c) that of shared anonymous memory, but for the end */

static struct segment *segment_of(struct object *object)
{
    return container_of(object, struct segment, object);
}

static int64_t now(void)
{
    return time_stamp().seconds;
}

/* The last reference is gone: nobody has it attached, and it was removed. */
static void segment_release(struct object *object)
{
    struct segment *segment = segment_of(object);

    mutex_lock(&shm_segments.lock);
    ipc_remove(&shm_segments, &segment->entry);
    total_pages -= page_round_up(segment->size) >> PAGE_SHIFT;
    mutex_unlock(&shm_segments.lock);
    object_destroy(object);
    commit_change(-(int64_t)object->committed);
    kfree(segment);
}

static void segment_detached(struct object *object)
{
    struct segment *segment = segment_of(object);
    struct process *process = current_process();

    mutex_lock(&shm_segments.lock);
    segment->detach_time = now();
    if (process)
        segment->last = process->pid;
    mutex_unlock(&shm_segments.lock);
}

void shm_init(void)
{
    ipc_table_init(&shm_segments, "shared memory segments", SHM_SEGMENTS);
    pager = anonymous_pager;
    pager.release = segment_release;
    pager.detached = segment_detached;
}

/* A new segment with an identifier. Table locked. */
static long create(int key, uint64_t size, unsigned flags)
{
    uint64_t pages = page_round_up(size) >> PAGE_SHIFT;

    if (size == 0 || size > __atomic_load_n(&shm_size_limit, __ATOMIC_RELAXED))
        return -EINVAL;
    if (total_pages + pages < total_pages || total_pages + pages > SHM_MOST >> PAGE_SHIFT)
        return -ENOSPC;
    if (!(flags & SHM_NORESERVE) && overcommit_refuses(current_thread()->aspace, pages))
        return -ENOMEM;
    struct segment *segment = kmalloc_zeroed(sizeof(*segment));
    if (!segment)
        return -ENOMEM;
    object_init(&segment->object, &pager, page_round_up(size));
    int error = ipc_insert(&shm_segments, &segment->entry, key, flags & 0777);
    if (error) {
        kfree(segment);
        return error;
    }
    if (!(flags & SHM_NORESERVE)) {
        segment->object.committed = pages;
        commit_change((int64_t)pages);
    }
    segment->object.number = (uint64_t)segment->entry.id;
    segment->size = size;
    segment->change_time = now();
    segment->creator = current_process()->pid;
    format(segment->name, sizeof(segment->name), "/SYSV%08x (deleted)", (unsigned)key);
    total_pages += pages;
    return segment->entry.id;
}

/* Table locked. */
static long get(int key, uint64_t size, unsigned flags)
{
    struct ipc_entry *entry = key == IPC_PRIVATE ? NULL : ipc_find_key(&shm_segments, key);

    if (!entry)
        return key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(key, size, flags) : -ENOENT;
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    if (size > container_of(entry, struct segment, entry)->size)
        return -EINVAL;
    int error = ipc_permission(entry, flags & 0777);
    return error ? error : entry->id;
}

long shm_get(int key, uint64_t size, unsigned flags)
{
    if (flags & SHM_HUGETLB)
        return -ENOMEM; /* no huge pages are set aside */
    mutex_lock(&shm_segments.lock);
    long result = get(key, size, flags);
    mutex_unlock(&shm_segments.lock);
    return result;
}

/* What a mapping of the segment may do, by flags of shmat(2). */
static unsigned access_of(unsigned flags)
{
    return ACCESS_READ | (flags & SHM_RDONLY ? 0 : ACCESS_WRITE) |
           (flags & SHM_EXEC ? ACCESS_EXECUTE : 0);
}

/* The segment to be attached, with a reference: -EINVAL, -EACCES. */
static int find_to_attach(int id, unsigned flags, struct segment **segment)
{
    unsigned wanted = 0444 | (flags & SHM_RDONLY ? 0 : 0222) | (flags & SHM_EXEC ? 0111 : 0);
    int error = -EINVAL;

    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = ipc_find(&shm_segments, id);
    if (entry) {
        *segment = container_of(entry, struct segment, entry);
        error = ipc_permission(entry, wanted);
        if (!error && !object_try_reference(&(*segment)->object))
            error = -EINVAL;
    }
    mutex_unlock(&shm_segments.lock);
    return error;
}

/* The address asked for, by the rules of shmat(2): -EINVAL. */
static int round_address(vaddr_t *address, unsigned flags)
{
    if (*address & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        *address = page_round_down(*address);
    }
    return !*address && (flags & SHM_REMAP) ? -EINVAL : 0;
}

static int map(struct aspace *aspace, struct segment *segment, vaddr_t address, unsigned flags,
               vaddr_t *result)
{
    struct map_request request = {
        .address = address,
        .length = segment->object.size,
        .access = access_of(flags),
        .max_access = ACCESS_READ | (flags & SHM_RDONLY ? 0 : ACCESS_WRITE) | ACCESS_EXECUTE,
        .flags = MAPPING_SHARED | MAPPING_SEGMENT,
        .object = &segment->object,
        .origin = map_origin_new(),
        .name = segment->name,
    };

    if (address)
        request.flags |= flags & SHM_REMAP ? MAPPING_FIXED : MAPPING_NOREPLACE;
    if (request.length > user_end)
        return -ENOMEM;
    if (address && address > user_end - request.length)
        return address + request.length < address && !(flags & SHM_REMAP) ? -EINVAL : -ENOMEM;
    if (address && address < MAPPING_LOWEST && !credentials_capable(CAP_SYS_RAWIO))
        return -EPERM;
    int error = aspace_map(aspace, &request, result);
    return error == -EEXIST ? -EINVAL : error;
}

int shm_attach(struct aspace *aspace, int id, vaddr_t address, unsigned flags, vaddr_t *result)
{
    struct segment *segment;
    int error = round_address(&address, flags);

    if (!error)
        error = find_to_attach(id, flags, &segment);
    if (error)
        return error;
    error = map(aspace, segment, address, flags, result);
    if (!error) {
        mutex_lock(&shm_segments.lock);
        segment->attach_time = now();
        segment->last = current_process()->pid;
        mutex_unlock(&shm_segments.lock);
    }
    object_release(&segment->object);
    return error;
}

int shm_detach(struct aspace *aspace, vaddr_t address)
{
    return address & PAGE_MASK ? -EINVAL : aspace_detach(aspace, address, &pager);
}

/* Table locked. */
static void fill_status(struct segment *segment, struct shmid_ds *status)
{
    *status = (struct shmid_ds){
        .size = segment->size,
        .attach_time = segment->attach_time,
        .detach_time = segment->detach_time,
        .change_time = segment->change_time,
        .creator = segment->creator,
        .last = segment->last,
        .attached = back_list_count(&segment->object),
    };
    ipc_status(&segment->entry, &status->perm);
}

int shm_status(int id, bool by_index, bool any, struct shmid_ds *status, int *found)
{
    int error = -EINVAL;

    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = !by_index ? ipc_find(&shm_segments, id)
                              : id >= 0 ? ipc_at(&shm_segments, (unsigned)id)
                                        : NULL;
    if (entry) {
        error = any ? 0 : ipc_permission(entry, 0444);
        *found = entry->id;
        if (!error)
            fill_status(container_of(entry, struct segment, entry), status);
    }
    mutex_unlock(&shm_segments.lock);
    return error;
}

int shm_set(int id, const struct ipc_perm *perm)
{
    int error = -EINVAL;

    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = ipc_find(&shm_segments, id);
    if (entry && !(error = ipc_control_permission(entry))) {
        ipc_set(entry, perm);
        container_of(entry, struct segment, entry)->change_time = now();
    }
    mutex_unlock(&shm_segments.lock);
    return error;
}

int shm_remove(int id)
{
    struct segment *segment = NULL;
    int error = -EINVAL;

    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = ipc_find(&shm_segments, id);
    if (entry && !(error = ipc_control_permission(entry)) && !(entry->mode & SHM_DEST)) {
        segment = container_of(entry, struct segment, entry);
        entry->mode |= SHM_DEST;
        entry->key = IPC_PRIVATE; /* not to be found by it any more */
    }
    mutex_unlock(&shm_segments.lock);
    if (segment)
        object_release(&segment->object);
    return error;
}

int shm_lock(int id, bool locked)
{
    int error = -EINVAL;

    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = ipc_find(&shm_segments, id);
    if (entry) {
        error = credentials_capable(CAP_IPC_LOCK) ? 0 : ipc_control_permission(entry);
        if (!error && locked && !aspace_may_lock_any(current_thread()->aspace))
            error = -EPERM;
        if (!error) {
            struct segment *segment = container_of(entry, struct segment, entry);
            entry->mode = (entry->mode & ~(uint32_t)SHM_LOCKED) | (locked ? SHM_LOCKED : 0);
            __atomic_store_n(&segment->object.kept, locked, __ATOMIC_RELAXED);
        }
    }
    mutex_unlock(&shm_segments.lock);
    return error;
}

uint64_t shm_resident(int id)
{
    mutex_lock(&shm_segments.lock);
    struct ipc_entry *entry = ipc_find(&shm_segments, id);
    uint64_t pages =
        entry ? object_resident(&container_of(entry, struct segment, entry)->object) : 0;
    mutex_unlock(&shm_segments.lock);
    return pages;
}

unsigned shm_totals(struct shm_info *info)
{
    *info = (struct shm_info){0};
    mutex_lock(&shm_segments.lock);
    info->used = (int32_t)shm_segments.count;
    info->total = total_pages;
    unsigned highest = ipc_highest(&shm_segments);
    for (unsigned i = 0; i <= highest; i++) {
        struct ipc_entry *entry = ipc_at(&shm_segments, i);
        if (entry)
            info->resident += object_resident(&container_of(entry, struct segment, entry)->object);
    }
    mutex_unlock(&shm_segments.lock);
    return highest;
}
