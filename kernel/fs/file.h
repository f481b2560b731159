/*
 * file: an open file description, and the table of descriptors of a process.
 */
#ifndef MAPIX_FS_FILE_H
#define MAPIX_FS_FILE_H

#include "core/lock.h"
#include "core/user.h"
#include "core/wait.h"
#include "fs/place.h"

struct asynchronous;
struct file;
struct map_request;
struct mount;
struct page_piece;
struct text;
struct vnode;

/* Operations of an open file. A NULL one gives the errno that its system call documents. */
struct file_operations {
    /* offset: where to start; the caller moves the file's own offset by the result. */
    long (*read)(struct file *file, uint64_t offset, struct transfer *transfer);
    long (*write)(struct file *file, uint64_t offset, struct transfer *transfer);
    /* As file_borrow. NULL: its bytes are not in pages that others may have. */
    int (*borrow)(struct file *file, uint64_t offset, size_t size, struct page_piece *pieces,
                  unsigned most);
    long (*control)(struct file *file, unsigned request, uint64_t argument); /* ioctl(2) */
    /* Fill object and vnode of a mapping of it, or refuse: -ENODEV, -EACCES. */
    int (*map)(struct file *file, struct map_request *request);
    /*
     * The POLL* bits that are ready now, and *queue: where to wait for others (left alone: they
     * never change). It is asked by poll(2), and by epoll with a listener on the queue, so:
     * - the queue is the same at each call and lives until release has been called;
     * - when bits may have become ready, they become so before wake_events or wake_all of the
     *   queue, which names at least them: nobody asks again otherwise;
     * - a wake for bits that are not new may report an edge again: do not wake for nothing;
     * - it may sleep for a lock, but not for events; release may wait for it. file->references may
     *   be 0.
     * NULL: always ready for poll(2), and epoll_ctl(2) refuses it with EPERM.
     */
    unsigned (*poll)(struct file *file, struct wait_queue **queue);
    void (*release)(struct file *file); /* last reference gone */
    /* Add to what /proc/PID/fdinfo tells of all files (proc_pid_fdinfo(5)). NULL: nothing more. */
    void (*describe)(struct file *file, struct text *text);
    bool seekable;
    bool stays;                     /* lseek(2) does nothing, and says 0 */
    bool direct;                    /* O_DIRECT is possible */
    bool read_nowait, write_nowait; /* they go by file_flags about O_NONBLOCK: RWF_NOWAIT */
    bool tells; /* O_ASYNC is possible: poll means the same in a thread without a process */
};

struct file {
    const struct file_operations *operations;
    struct vnode *vnode;      /* always one; pipes have an unnamed one */
    struct mount *mount;      /* held: by which it was opened; NULL: its vnode has none */
    uint64_t references;      /* atomic */
    uint32_t flags;           /* O_* without the creation flags; atomic */
    struct mutex offset_lock; /* read, write, lseek and getdents on the shared offset */
    uint64_t offset;
    uint64_t map_origin;               /* of its mappings (vm/aspace.h); atomic; 0: none yet */
    uint32_t error_seen;               /* object_error_check */
    bool writer;                       /* has called vnode_write_begin, mount_write_begin */
    bool counted;                      /* in vnode->opens */
    bool created;                      /* by the call that opened it */
    bool opened;                       /* by its name, so that its end is told (fs/notify.c) */
    bool watched;                      /* an epoll has it or had it (fs/epoll.c) */
    struct asynchronous *asynchronous; /* who is told of it (fs/asynchronous.c), or NULL */
    struct list watches;               /* of epolls, their items */
    void *state;                       /* of its kind: pipe end, terminal, generated text */
};

/* Where the file is, for paths that start there: no reference is taken. */
struct place file_place(const struct file *file);

/* The flags that a read or write goes by. */
static inline uint32_t file_flags(const struct file *file, const struct transfer *transfer)
{
    uint32_t flags = __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
    return (flags & ~transfer->clear_flags) | transfer->set_flags;
}

#define FILES_MOST (1u << 20) /* descriptors of a process at most: fs.nr_open */

struct file_table; /* fs/file_table.c */

static inline void file_reference(struct file *file)
{
    __atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
}

bool file_try_reference(struct file *file); /* unless the last one is gone */
void file_release(struct file *file);       /* may sleep */

/* A file that is nothing yet; NULL: no memory. It becomes one with one reference, which takes over
 * that of the vnode, or is given back. */
struct file *file_allocate(void);
void file_begin(struct file *file, struct vnode *vnode, const struct file_operations *operations,
                uint32_t flags);
void file_discard(struct file *file);

/* A new file with one reference: takes over the vnode reference. NULL: no memory (the reference
 * stays the caller's). */
struct file *file_create(struct vnode *vnode, const struct file_operations *operations,
                         uint32_t flags);

struct file_table *file_table_create(void);
struct file_table *file_table_copy(struct file_table *table); /* fork */
void file_table_reference(struct file_table *table);
void file_table_release(struct file_table *table);         /* closes all with the last reference */
bool file_table_is_shared(const struct file_table *table); /* has it other references? */
void file_table_exec(struct file_table *table);            /* close what is close-on-exec */

/* The file at a descriptor of the current thread, referenced; NULL: EBADF. */
struct file *file_get(int descriptor);

/* Can no other thread take files out of the current one's table? While the thread does not either,
 * nor starts another, it may look at them (file_look: NULL: EBADF) without references. */
bool file_table_is_own(void);
struct file *file_look(int descriptor);

/* The lowest free descriptor >= minimum for file (takes over the reference): the number, -EMFILE,
 * -ENOMEM (reference kept by the caller on failure). */
int file_install(struct file *file, int minimum, bool close_on_exec);
int file_close(int descriptor);

/* Install a file that has just been made (NULL: -ENOMEM), as file_install does; on failure it is
 * released. */
int file_install_new(struct file *file, bool close_on_exec);

/* Take the lowest free descriptor for a file that is still to be opened: the number, -EMFILE,
 * -ENOMEM; and put the file (takes over the reference) there, or NULL: free the descriptor. */
int file_reserve(bool close_on_exec);
void file_fill(int descriptor, struct file *file);

/* Put file (takes over the reference) at exactly this descriptor, closing what is there (dup3(2)):
 * the number, -EBADF: above the limit, -ENOMEM; on failure the caller keeps the reference. */
int file_install_at(struct file *file, int descriptor, bool close_on_exec);

/* The close-on-exec flag of a descriptor: 0 or 1, -EBADF; and setting it. */
int file_get_close_on_exec(int descriptor);
int file_set_close_on_exec(int descriptor, bool close_on_exec);

/* Close, or mark close-on-exec, all descriptors of [first, last]. */
void file_close_range(unsigned first, unsigned last, bool mark_only);

/* The file at a descriptor of a table, referenced, for /proc/PID/fd; NULL: none. file_table_next is
 * the first open descriptor >= descriptor, or -1. */
struct file *file_table_get(struct file_table *table, int descriptor);
int file_table_next(struct file_table *table, int descriptor);

/* How many descriptors there is room for. */
unsigned file_table_size(struct file_table *table);

/* Read or write at *offset, or at the file's own if offset is NULL, moving it: bytes, or the error
 * of read(2) or write(2). The open mode is checked. */
long file_read(struct file *file, struct transfer *transfer, uint64_t *offset);
long file_write(struct file *file, struct transfer *transfer, uint64_t *offset);

/* The pages with up to size bytes of the file from offset on, in most pieces at the most, each page
 * with a reference more: how many pieces, 0 at the end, or an error of read(2). Only of a file that
 * has the operation borrow. */
int file_borrow(struct file *file, uint64_t offset, size_t size, struct page_piece *pieces,
                unsigned most);

/* The open files there are, for /proc/sys/fs/file-nr. */
uint64_t file_count(void);

/* Set up the memory for files. Boot only. */
void file_init(void);

#endif
