/*
 * /proc/PID/fail-nth of the DEBUG kernel (vm/failure.c), in Linux's form: what is written says
 * which of the thread's next allocations fails; 0 is read when it has. A second number says that
 * each so many after it fails as well, of whatever the thread makes too.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/procfs.h"
#include "lib/parse.h"

int procfs_write_failure(uint64_t key, struct text *text)
{
    struct thread *thread, *self = current_thread();
    struct process *process;
    uint64_t number = 0, own = self->fail_nth;

    self->fail_nth = 0; /* the memory of the text does not count */
    mutex_lock(&process_tree_lock);
    bool found = procfs_find(key, &process, &thread);
    if (found)
        number = thread == self ? own : thread->fail_nth;
    mutex_unlock(&process_tree_lock);
    if (found)
        text_format(text, "%lu\n", number);
    self->fail_nth = own;
    return found ? 0 : -ESRCH;
}

int procfs_take_failure(uint64_t key, char *words, size_t length)
{
    const char *at = words;
    struct process *process;
    struct thread *thread;
    uint64_t number, every = 0;

    (void)length;
    if (!parse_decimal(&at, &number) || number > INT32_MAX)
        return -EINVAL;
    if (*at == ' ' && (at++, !parse_decimal(&at, &every)))
        return -EINVAL;
    if (*at && *at != '\n')
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    bool found = procfs_find(key, &process, &thread);
    if (found) {
        thread->fail_nth = number;
        thread->fail_every = every;
    }
    mutex_unlock(&process_tree_lock);
    return found ? 0 : -ESRCH;
}
