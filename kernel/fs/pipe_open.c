/*
 * How pipes come about: unnamed ones by pipe(2), with a vnode that only their files have; named
 * ones by opening the file (fifo(7)), whose ends meet in a pipe that exists while somebody has it
 * open or tries to. It is found by the file's vnode.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/pipe_internal.h"
#include "fs/special.h"
#include "fs/vnode.h"
#include "vm/kmem.h"

/* What an unnamed pipe has for its files. */
struct pipe_vnode {
    struct vnode vnode;
    struct pipe *pipe;
};

static struct slab_cache vnode_cache;
static struct mutex named_lock;
static struct list named_pipes = LIST_INITIALIZER(named_pipes);
static uint64_t next_number; /* atomic: of the vnodes of unnamed pipes */

void pipe_open_init(void)
{
    slab_cache_init(&vnode_cache, "pipe vnode", sizeof(struct pipe_vnode), 8);
    mutex_init(&named_lock, "named pipes", RANK_NONE);
}

void pipe_put(struct pipe *pipe)
{
    mutex_lock(&named_lock);
    bool last = --pipe->users == 0;
    if (last)
        list_remove(&pipe->link);
    mutex_unlock(&named_lock);
    if (last)
        pipe_free(pipe);
}

/* Unnamed pipes */

static struct pipe_vnode *pipe_vnode_of(struct vnode *vnode)
{
    return container_of(vnode, struct pipe_vnode, vnode);
}

static void free_vnode(struct vnode *vnode)
{
    pipe_put(pipe_vnode_of(vnode)->pipe);
    slab_free(&vnode_cache, pipe_vnode_of(vnode));
}

/* Another end, by way of /proc/PID/fd: there is nothing to wait for. */
static int open_vnode(struct vnode *vnode, struct file *file)
{
    struct pipe *pipe = pipe_vnode_of(vnode)->pipe;

    mutex_lock(&named_lock);
    pipe->users++;
    mutex_unlock(&named_lock);
    pipe_count_ends(pipe, file->flags, 1);
    pipe_attach(pipe, file);
    return 0;
}

static const struct vnode_operations pipe_vnode_operations = {.label = "pipe:[%lu]",
                                                              .open = open_vnode,
                                                              .set_attributes =
                                                                  vnode_take_attributes,
                                                              .free = free_vnode};

/* A vnode, which is the first user of a new pipe. */
static int create_vnode(struct vnode **vnode)
{
    struct pipe_vnode *result = slab_allocate(&vnode_cache);
    struct pipe *pipe;
    int error = result ? pipe_allocate(&pipe) : -ENOMEM;

    if (error) {
        if (result)
            slab_free(&vnode_cache, result);
        return error;
    }
    pipe->users = 1;
    result->pipe = pipe;
    vnode_init(&result->vnode, NULL, &pipe_vnode_operations,
               __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED), S_IFIFO | 0600);
    result->vnode.uid = credentials_current()->fsuid;
    result->vnode.gid = credentials_current()->fsgid;
    *vnode = &result->vnode;
    return 0;
}

/* A file that is an end of the vnode's pipe; NULL: no memory. */
static struct file *create_end(struct vnode *vnode, uint32_t flags)
{
    struct file *file = file_create(vnode, NULL, flags);

    if (!file)
        return NULL;
    vnode_reference(vnode);
    open_vnode(vnode, file);
    return file;
}

int pipe_create(uint32_t flags, struct file **read_end, struct file **write_end)
{
    struct vnode *vnode;
    int error = create_vnode(&vnode);

    if (error)
        return error;
    *read_end = create_end(vnode, O_RDONLY | (flags & ~(uint32_t)O_DIRECT));
    *write_end = create_end(vnode, O_WRONLY | flags);
    bool complete = *read_end && *write_end;
    if (!complete && *read_end)
        file_release(*read_end);
    if (!complete && *write_end)
        file_release(*write_end);
    vnode_release(vnode);
    return complete ? 0 : -ENOMEM;
}

/* Named pipes */

/* The pipe of a vnode, with one user more: -ENOMEM, -ENFILE. */
static int named_pipe(struct vnode *vnode, struct pipe **result)
{
    struct pipe *found = NULL;
    int error = 0;

    mutex_lock(&named_lock);
    list_for_each (link, &named_pipes) {
        struct pipe *pipe = container_of(link, struct pipe, link);
        if (pipe->vnode == vnode)
            found = pipe;
    }
    if (!found)
        error = pipe_allocate(&found);
    if (!error && !found->users) {
        found->vnode = vnode;
        list_push_back(&named_pipes, &found->link);
    }
    if (!error)
        found->users++;
    mutex_unlock(&named_lock);
    *result = found;
    return error;
}

/* The ends of the other kind: how many are open, and how many were opened so far. */
struct other_ends {
    const uint32_t *open;
    const uint64_t *opened;
};

static bool are_open(const struct other_ends *others)
{
    return __atomic_load_n(others->open, __ATOMIC_ACQUIRE);
}

static uint64_t count_opened(const struct other_ends *others)
{
    return __atomic_load_n(others->opened, __ATOMIC_ACQUIRE);
}

/*
 * Count this end and, if it waits, wait for another one, as fifo(7) says: 0, or -EINTR with nothing
 * counted. One that came and went counts, also one that was waiting for this end and is gone before
 * its opener looks: hence what there is is looked at first.
 */
static int meet(struct pipe *pipe, unsigned flags, bool waits, const struct other_ends *others)
{
    uint64_t before = count_opened(others);
    bool met = !waits || are_open(others);

    pipe_count_ends(pipe, flags, 1);
    int error = met ? 0
                    : wait_event_interruptible(&pipe->changed,
                                               are_open(others) || count_opened(others) != before);
    if (error)
        pipe_count_ends(pipe, flags, -1);
    return error;
}

int fifo_open(struct vnode *vnode, struct file *file)
{
    unsigned mode = file->flags & O_ACCMODE;
    struct pipe *pipe;
    int error = named_pipe(vnode, &pipe);

    if (error)
        return error;
    const struct other_ends readers = {&pipe->readers, &pipe->readers_opened};
    const struct other_ends writers = {&pipe->writers, &pipe->writers_opened};
    bool waits = mode != O_RDWR && !(file->flags & O_NONBLOCK);
    if (mode == O_WRONLY && !waits && !are_open(&readers))
        error = -ENXIO; /* fifo(7) */
    if (mode == O_RDONLY && !waits && !are_open(&writers))
        file->offset = count_opened(&writers);
    if (!error)
        error = meet(pipe, file->flags, waits, mode == O_RDONLY ? &writers : &readers);
    if (error)
        pipe_put(pipe);
    else
        pipe_attach(pipe, file);
    return error;
}
