/*
 * Leases (fcntl(2), F_SETLEASE): who has one on a file is told by a signal before somebody else
 * opens or truncates it in conflict with that, and has a while (lease_break_time) to give it up.
 *
 * A lease belongs to an open file. The signal is that of fs/asynchronous.h.
 */
#ifndef MAPIX_FS_LEASE_H
#define MAPIX_FS_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct file;
struct text;
struct vnode;

extern uint32_t lease_break_time; /* atomic: seconds; 0: for ever (/proc/sys/fs) */
extern uint32_t lease_count;      /* atomic: how many there are */

/* Take, change or give up (F_UNLCK) a lease through a descriptor: 0, -EINVAL, -EACCES, -EAGAIN,
 * -ENOMEM. */
int lease_set(struct file *file, int descriptor, unsigned type);

/* F_RDLCK, F_WRLCK, F_UNLCK: what the file's lease is, or has to become. */
int lease_get(const struct file *file);

/* Break leases that are in the way of an open with these flags, and wait until they are gone: 0,
 * -EINTR, -EAGAIN (O_NONBLOCK). */
int lease_break_all(struct vnode *vnode, uint32_t flags);

static inline int lease_break(struct vnode *vnode, uint32_t flags)
{
    return __atomic_load_n(&lease_count, __ATOMIC_SEQ_CST) ? lease_break_all(vnode, flags) : 0;
}

/* The open file is being released. */
void lease_forget_file(struct file *file);

static inline void lease_forget(struct file *file)
{
    if (__atomic_load_n(&lease_count, __ATOMIC_SEQ_CST))
        lease_forget_file(file);
}

/* The lines of /proc/locks, the first with this number; or those of one open file, each behind
 * prefix. */
void leases_write(struct text *text, const char *prefix, const struct file *file, unsigned number);

/* Set up. Boot only. */
void leases_init(void);

#endif
