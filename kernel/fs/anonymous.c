/* Files without a name (anonymous.h). */
#include "fs/anonymous.h"
#include "fs/vnode.h"

static const struct vnode_operations operations_of[ANONYMOUS_KINDS] = {
    [ANONYMOUS_EPOLL] = {.label = "anon_inode:[eventpoll]"},
    [ANONYMOUS_EVENT] = {.label = "anon_inode:[eventfd]"},
    [ANONYMOUS_TIMER] = {.label = "anon_inode:[timerfd]"},
    [ANONYMOUS_SIGNAL] = {.label = "anon_inode:[signalfd]"},
    [ANONYMOUS_PROCESS] = {.label = "anon_inode:[pidfd]"},
    [ANONYMOUS_NOTIFY] = {.label = "anon_inode:inotify"},
    [ANONYMOUS_QUEUE] = {.label = "anon_inode:mqueue"},
    [ANONYMOUS_USERFAULT] = {.label = "anon_inode:[userfaultfd]"},
};

static struct vnode vnodes[ANONYMOUS_KINDS]; /* the first reference of each is never released */

void anonymous_init(void)
{
    for (unsigned i = 0; i < ANONYMOUS_KINDS; i++)
        vnode_init(&vnodes[i], NULL, &operations_of[i], i + 1, 0600);
}

struct file *anonymous_file(enum anonymous_kind kind, const struct file_operations *operations,
                            void *state, uint32_t flags)
{
    struct file *file = file_create(&vnodes[kind], operations, flags);

    if (!file)
        return NULL;
    vnode_reference(&vnodes[kind]);
    file->state = state;
    return file;
}
