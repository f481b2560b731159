/*
 * syslog(2): the kernel's log.
 *
 * The log is a stream of bytes. SYSLOG_ACTION_READ takes them in order, once; READ_ALL shows as
 * many of the last messages as there is room for, up to the place that CLEAR has set.
 */
#include "abi/errno.h"
#include "core/credentials.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/user.h"
#include "sys/table.h"
#include "vm/kmem.h"

#define PAUSE         100000000ul /* nanoseconds between two looks for new messages */
#define LEVEL_MESSAGE 6           /* of all messages: KERN_INFO */
#define LEVEL_MOST    8

enum action {
    ACTION_CLOSE,
    ACTION_OPEN,
    ACTION_READ,
    ACTION_READ_ALL,
    ACTION_READ_CLEAR,
    ACTION_CLEAR,
    ACTION_CONSOLE_OFF,
    ACTION_CONSOLE_ON,
    ACTION_CONSOLE_LEVEL,
    ACTION_SIZE_UNREAD,
    ACTION_SIZE_BUFFER
};

static uint64_t read_position, clear_position; /* atomic */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The bytes from *position on, moving it. */
static long copy_log(uint64_t *position, vaddr_t address, size_t size)
{
    if (size > PRINTK_LOG_SIZE)
        size = PRINTK_LOG_SIZE;
    char *buffer = kmalloc(size);
    if (!buffer)
        return -ENOMEM;
    size_t length = printk_read(position, buffer, size);
    long result = copy_to_user(address, buffer, length) ? -EFAULT : (long)length;
    kfree(buffer);
    return result;
}

/* Messages come from any context, that of a wait queue included: so they are looked for. */
static long read_new(vaddr_t address, size_t size)
{
    uint64_t position = __atomic_load_n(&read_position, __ATOMIC_RELAXED);
    while (position == printk_end()) {
        int error = thread_sleep(PAUSE, WAIT_INTERRUPTIBLE);
        if (error)
            return error;
        position = __atomic_load_n(&read_position, __ATOMIC_RELAXED);
    }
    long result = copy_log(&position, address, size);
    if (result > 0)
        __atomic_store_n(&read_position, position, __ATOMIC_RELAXED);
    return result;
}

static long read_all(vaddr_t address, size_t size, bool clear)
{
    uint64_t end = printk_end(), start = end > size ? end - size : 0;
    start = printk_message(later(start, __atomic_load_n(&clear_position, __ATOMIC_RELAXED)));
    long result = copy_log(&start, address, size);
    if (result >= 0 && clear)
        __atomic_store_n(&clear_position, end, __ATOMIC_RELAXED);
    return result;
}

static long set_level(int level)
{
    if (level < 1 || level > LEVEL_MOST)
        return -EINVAL;
    printk_set_console(level > LEVEL_MESSAGE);
    return 0;
}

static long size_unread(void)
{
    uint64_t unread = printk_end() - __atomic_load_n(&read_position, __ATOMIC_RELAXED);
    return unread > PRINTK_LOG_SIZE ? PRINTK_LOG_SIZE : (long)unread;
}

static long perform(int action, vaddr_t address, int size)
{
    switch (action) {
    case ACTION_CLOSE:
    case ACTION_OPEN:
        return 0;
    case ACTION_READ:
        return size ? read_new(address, (size_t)size) : 0;
    case ACTION_READ_ALL:
    case ACTION_READ_CLEAR:
        return size ? read_all(address, (size_t)size, action == ACTION_READ_CLEAR) : 0;
    case ACTION_CLEAR:
        __atomic_store_n(&clear_position, printk_end(), __ATOMIC_RELAXED);
        return 0;
    case ACTION_CONSOLE_OFF:
    case ACTION_CONSOLE_ON:
        printk_set_console(action == ACTION_CONSOLE_ON);
        return 0;
    case ACTION_CONSOLE_LEVEL:
        return set_level(size);
    case ACTION_SIZE_UNREAD:
        return size_unread();
    case ACTION_SIZE_BUFFER:
        return PRINTK_LOG_SIZE;
    default:
        return -EINVAL;
    }
}

long sys_syslog(const uint64_t argument[6])
{
    int action = (int)argument[0], size = (int)argument[2];
    bool reads = action >= ACTION_READ && action <= ACTION_READ_CLEAR;
    if (action != ACTION_READ_ALL && action != ACTION_SIZE_BUFFER &&
        !credentials_capable(CAP_SYSLOG) && !credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (reads && (!argument[1] || size < 0))
        return -EINVAL;
    return perform(action, argument[1], size);
}
