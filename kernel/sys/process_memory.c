/*
 * process_vm_readv, process_vm_writev: copies between the caller's memory and another process's, a
 * page at the most at a time, by way of a buffer.
 */
#include "abi/errno.h"
#include "abi/uio.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/table.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

/* The pieces of one side, and how far the copy has come in them. */
struct side {
    struct iovec *pieces; /* allocated */
    uint64_t count, index, offset;
};

/* Read the array of pieces: -EINVAL, -EFAULT, -ENOMEM. *total: bytes in all. */
static int read_pieces(struct side *side, vaddr_t address, uint64_t count, uint64_t *total)
{
    *side = (struct side){.count = count};
    *total = 0;
    if (count > IOV_MAX)
        return -EINVAL;
    if (!(side->pieces = kmalloc((count + 1) * sizeof(struct iovec))))
        return -ENOMEM;
    if (copy_from_user(side->pieces, address, count * sizeof(struct iovec)))
        return -EFAULT;
    for (uint64_t i = 0; i < count; i++) {
        if (side->pieces[i].length > INT64_MAX)
            return -EINVAL;
        *total += side->pieces[i].length;
    }
    return 0;
}

/* The address that comes next, with at least one byte; *room: bytes in its piece. false: none. */
static bool next_place(struct side *side, vaddr_t *address, uint64_t *room)
{
    while (side->index < side->count && side->offset == side->pieces[side->index].length) {
        side->index++;
        side->offset = 0;
    }
    if (side->index == side->count)
        return false;
    *address = side->pieces[side->index].base + side->offset;
    *room = side->pieces[side->index].length - side->offset;
    return true;
}

static size_t move(struct aspace *remote, vaddr_t remote_address, vaddr_t local, void *buffer,
                   size_t size, bool write)
{
    if (write) {
        size = copy_from_user_partly(buffer, local, size);
        return aspace_write(remote, remote_address, buffer, size);
    }
    size = aspace_read(remote, remote_address, buffer, size);
    return copy_to_user_partly(local, buffer, size);
}

/* Copy until one side ends, or a page cannot be reached: the bytes, or -EFAULT if there are none.
 */
static long copy_all(struct aspace *aspace, struct side *local, struct side *remote, void *buffer,
                     bool write)
{
    vaddr_t here, there;
    uint64_t room_here, room_there;
    long done = 0;

    while (!thread_killed() && next_place(local, &here, &room_here) &&
           next_place(remote, &there, &room_there)) {
        size_t size = PAGE_SIZE - (there & PAGE_MASK);
        if (size > room_here)
            size = room_here;
        if (size > room_there)
            size = room_there;
        size_t moved = move(aspace, there, here, buffer, size, write);
        done += (long)moved;
        local->offset += moved;
        remote->offset += moved;
        if (moved < size)
            return done ? done : -EFAULT;
    }
    return done;
}

/* The address space of a process that the caller may inspect: -ESRCH, -EPERM. */
static int find_aspace(int pid, struct aspace **aspace)
{
    int error = 0;

    *aspace = NULL;
    mutex_lock(&process_tree_lock);
    struct process *process = process_find(pid);
    if (!process)
        error = -ESRCH;
    else if (process != current_process() && !credentials_may_inspect(process, true))
        error = -EPERM;
    else if (!(*aspace = process_aspace(process)))
        error = -ESRCH;
    mutex_unlock(&process_tree_lock);
    return error;
}

static long transfer(const uint64_t argument[6], struct side *local, struct side *remote,
                     bool write)
{
    uint64_t here, there;
    struct aspace *aspace;
    int error = read_pieces(local, argument[1], argument[2], &here);

    if (error || here == 0)
        return error;
    error = read_pieces(remote, argument[3], argument[4], &there);
    if (error || there == 0)
        return error;
    error = find_aspace((int)argument[0], &aspace);
    if (error)
        return error;
    void *buffer = kmalloc(PAGE_SIZE);
    long result = buffer ? copy_all(aspace, local, remote, buffer, write) : -ENOMEM;
    kfree(buffer);
    aspace_release(aspace);
    return result;
}

static long call(const uint64_t argument[6], bool write)
{
    struct side local = {0}, remote = {0};

    if (argument[5])
        return -EINVAL;
    long result = transfer(argument, &local, &remote, write);
    kfree(local.pieces);
    kfree(remote.pieces);
    return result;
}

long sys_process_vm_readv(const uint64_t argument[6])
{
    return call(argument, false);
}

long sys_process_vm_writev(const uint64_t argument[6])
{
    return call(argument, true);
}
