/* Files that stand for processes (pidfd_open(2)). */
#include "fs/process_file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "core/process.h"
#include "fs/anonymous.h"
#include "fs/text.h"

/* Ended: POLLIN; and somebody has collected the status: POLLHUP as well. */
static unsigned process_poll(struct file *file, struct wait_queue **queue)
{
    struct process *process = file->state;
    unsigned events = 0;

    *queue = &process->ended;
    mutex_lock(&process_tree_lock);
    if (process->state == PROCESS_ZOMBIE)
        events = POLLIN | POLLRDNORM;
    if (events && process_find(process->pid) != process)
        events |= POLLHUP;
    mutex_unlock(&process_tree_lock);
    return events;
}

/* Of one whose status has been collected the identifier is no more. */
static void process_describe(struct file *file, struct text *text)
{
    const struct process *process = file->state;

    mutex_lock(&process_tree_lock);
    int pid = process_find(process->pid) == process ? process->pid : -1;
    mutex_unlock(&process_tree_lock);
    text_format(text, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static void process_file_release(struct file *file)
{
    process_release(file->state);
}

static const struct file_operations process_operations = {
    .poll = process_poll, .describe = process_describe, .release = process_file_release};

struct file *process_file_create(struct process *process, uint32_t flags)
{
    struct file *file =
        anonymous_file(ANONYMOUS_PROCESS, &process_operations, process, O_RDWR | flags);

    if (file)
        process_reference(process);
    return file;
}

struct process *process_of_file(const struct file *file)
{
    return file->operations == &process_operations ? file->state : NULL;
}

int process_file_get(int descriptor, struct file **file)
{
    *file = file_get(descriptor);
    if (*file && process_of_file(*file))
        return 0;
    if (*file)
        file_release(*file);
    return -EBADF;
}
