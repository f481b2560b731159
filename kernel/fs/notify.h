/*
 * Telling programs what happens to files: inotify(7). Where something happens, one of the functions
 * below is called; they cost a look at a counter while nothing is watched.
 *
 * Watches hang on vnodes without a reference: who frees a vnode calls notify_gone, and a watched
 * vnode that nobody uses stays in the cache.
 */
#ifndef MAPIX_FS_NOTIFY_H
#define MAPIX_FS_NOTIFY_H

#include "abi/inotify.h"
#include "fs/file.h"
#include "fs/vnode.h"

/* /proc/sys/fs/inotify; atomic: events of a new queue, files and watches of a user. */
extern uint32_t notify_events_limit, notify_files_limit, notify_watches_limit;
extern uint32_t notify_watches; /* atomic: how many there are */

/* Something (IN_*) has happened to a file; its directory hears of it too. Thread context, no
 * spinlock held. */
void notify_happened(struct vnode *vnode, unsigned event);

/* A name in a directory has come or gone, that of target (NULL: the event has its IN_ISDIR).
 * cookie: of a move, or 0. */
void notify_name_changed(struct vnode *directory, const struct name *name, struct vnode *target,
                         unsigned event, uint32_t cookie);

/* Something concerns the vnode alone. */
void notify_self(struct vnode *vnode, unsigned event);

static inline bool notify_anybody(void)
{
    return __atomic_load_n(&notify_watches, __ATOMIC_ACQUIRE);
}

static inline void notify_file(struct vnode *vnode, unsigned event)
{
    if (notify_anybody())
        notify_happened(vnode, event);
}

static inline void notify_name(struct vnode *directory, const struct name *name,
                               struct vnode *target, unsigned event)
{
    if (notify_anybody())
        notify_name_changed(directory, name, target, event, 0);
}

/* target (NULL: none) was replaced when source was moved. */
void notify_moved(struct vnode *from, const struct name *from_name, struct vnode *to,
                  const struct name *to_name, struct vnode *source, struct vnode *target);

/* The vnode is being freed: it is removed, or its file system unmounted. Its watches end. */
void notify_gone(struct vnode *vnode);

/* The file of inotify_init1(2), flags: O_NONBLOCK or 0: -ENOMEM, -EMFILE: the user has too many. */
int notify_create(uint32_t flags, struct file **file);
bool file_is_notify(const struct file *file);

/* inotify_add_watch(2) and inotify_rm_watch(2), mask checked: the watch's number, -ENOMEM, -EEXIST,
 * -ENOSPC: the user has too many; -EINVAL: there is none. */
int notify_add_watch(struct file *file, struct vnode *vnode, uint32_t mask);
int notify_remove_watch(struct file *file, int number);

/* Set up memory and the lock. Boot only. */
void notify_init(void);

#endif
