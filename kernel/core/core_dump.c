/* Core dumps: whether, how the process is stopped, and into which file (core_dump.h). */
#include "core/core_dump.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "abi/wait.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/process_internal.h"
#include "fs/file.h"
#include "fs/path.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "vm/kmem.h"
#include "vm/page.h"

/* Begin: the process is exiting. false: it was already, or this thread is to end. */
static bool begin(struct process *process, int number)
{
    struct thread *self = current_thread();
    bool begun;
    spin_lock(&process->signal_lock);
    begun = !process->exiting && !process->survivor && !self->killed;
    if (begun) {
        process->dumper = self;
        process->standing_by = 0;
        process_begin_exit(process, number, self);
    }
    spin_unlock(&process->signal_lock);
    return begun;
}

static bool all_stand_by(struct process *process)
{
    spin_lock(&process->signal_lock);
    bool all = process->standing_by + 1 == process->active_count;
    spin_unlock(&process->signal_lock);
    return all;
}

/* The others go on to end; they know whether a core was written by the status. */
static void end(struct process *process, bool written)
{
    spin_lock(&process->signal_lock);
    if (written)
        process->exit_code |= WAIT_STATUS_CORE;
    process->dumper = NULL;
    wake_all(&process->threads_changed);
    spin_unlock(&process->signal_lock);
}

void core_dump_stand_by(void)
{
    struct process *process = current_process();
    if (!__atomic_load_n(&process->dumper, __ATOMIC_SEQ_CST))
        return;
    fp_sync();
    spin_lock(&process->signal_lock);
    if (process->dumper) {
        process->standing_by++;
        wake_all(&process->threads_changed);
    }
    spin_unlock(&process->signal_lock);
    wait_event(&process->threads_changed, !__atomic_load_n(&process->dumper, __ATOMIC_SEQ_CST));
}

/* Is the new file such that nobody else can look into it? Not every file system heeds the mode. */
static bool is_safe(struct file *file)
{
    struct stat status;
    vnode_status(file->vnode, &status);
    return (status.mode & S_IFMT) == S_IFREG && (status.mode & 0677) == 0600 &&
           status.uid == credentials_current()->fsuid;
}

/* The file is a new one: what has the name loses it, and is not written to. */
static bool create_and_write(const char *name, uint64_t size,
                             const struct signal_information *information)
{
    struct file *file;
    bool written = false;
    (void)path_unlink(NULL, name, false);
    if (path_open(NULL, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE, 0600, &file))
        return false;
    if (is_safe(file))
        written = core_image_write(file, size, information);
    file_release(file);
    return written;
}

/* Name the file and write it. The limit for other files does not count. */
static bool dump(struct process *process, const struct signal_information *information)
{
    uint64_t size = process->limits[RLIMIT_CORE].soft;
    char *name = kmalloc(PATH_MAX);
    bool written = false;
    process->limits[RLIMIT_FSIZE] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (name && core_file_name(name, PATH_MAX, information->number))
        written = create_and_write(name, size, information);
    kfree(name);
    return written;
}

bool core_dump(const struct signal_information *information)
{
    struct process *process = current_process();
    bool written = false;
    if (!process->dumpable || process->limits[RLIMIT_CORE].soft < PAGE_SIZE)
        return false;
    if (!begin(process, information->number))
        return false;
    fp_sync();
    if (wait_event_killable(&process->threads_changed, all_stand_by(process)) == 0)
        written = dump(process, information);
    end(process, written);
    return written;
}
