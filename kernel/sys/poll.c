/*
 * ppoll(2).
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "core/process.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/file.h"
#include "sys/poll_wait.h"
#include "sys/table.h"
#include "sys/wait_mask.h"

#define AT_ONCE 32u /* struct pollfd that are copied together */

struct asked {
    vaddr_t address;
    unsigned count;
};

static unsigned part_of(const struct asked *asked, unsigned first)
{
    return asked->count - first < AT_ONCE ? asked->count - first : AT_ONCE;
}

static int read_part(const struct asked *asked, unsigned first, struct pollfd *part)
{
    return copy_from_user(part, asked->address + first * sizeof(*part),
                          part_of(asked, first) * sizeof(*part));
}

static int write_part(const struct asked *asked, unsigned first, const int16_t *returned)
{
    vaddr_t place =
        asked->address + first * sizeof(struct pollfd) + offsetof(struct pollfd, returned);

    return copy_halves_to_user(place, sizeof(struct pollfd), returned, part_of(asked, first));
}

/* Nothing has come to any of the first entries. */
static int write_none(const struct asked *asked, unsigned count)
{
    static const int16_t none[AT_ONCE];
    int error = 0;

    for (unsigned first = 0; first < count && !error; first += AT_ONCE)
        error = write_part(asked, first, none);
    return error;
}

/* Ask the files of some entries: how many have something. */
static unsigned ask_part(const struct pollfd *part, unsigned count, int16_t *returned)
{
    bool own = file_table_is_own();
    unsigned ready = 0;

    for (unsigned i = 0; i < count; i++) {
        int descriptor = part[i].descriptor;
        unsigned events = descriptor < 0 ? 0 : poll_ask(descriptor, (uint16_t)part[i].events, own);
        returned[i] = (int16_t)events;
        ready += events != 0;
    }
    return ready;
}

/* Ask all files once: how many entries have something, or -EFAULT. If some have, what has come is
 * written to all. */
static long ask_all(const struct asked *asked)
{
    struct pollfd part[AT_ONCE];
    int16_t returned[AT_ONCE];
    unsigned ready = 0;
    int error = 0;

    for (unsigned first = 0; first < asked->count && !error; first += AT_ONCE) {
        bool none = !ready;
        if (read_part(asked, first, part))
            return -EFAULT;
        ready += ask_part(part, part_of(asked, first), returned);
        if (ready && none)
            error = write_none(asked, first);
        if (ready && !error)
            error = write_part(asked, first, returned);
    }
    return error ? error : (long)ready;
}

static int open_entries(const struct asked *asked, struct poll *poll)
{
    struct pollfd part[AT_ONCE];

    for (unsigned first = 0; first < asked->count; first += AT_ONCE) {
        if (read_part(asked, first, part))
            return -EFAULT;
        for (unsigned i = 0; i < part_of(asked, first); i++) {
            int descriptor = part[i].descriptor;
            struct poll_entry *entry = poll_open(poll, descriptor, (uint16_t)part[i].events);
            if (!entry->file && descriptor >= 0)
                entry->returned = POLLNVAL;
        }
    }
    return 0;
}

static int return_entries(const struct asked *asked, const struct poll *poll)
{
    int16_t returned[AT_ONCE];
    int error = 0;

    for (unsigned first = 0; first < asked->count && !error; first += AT_ONCE) {
        for (unsigned i = 0; i < part_of(asked, first); i++)
            returned[i] = (int16_t)poll_entry_at(poll, first + i)->returned;
        error = write_part(asked, first, returned);
    }
    return error;
}

/* Nothing has come yet: how many entries have something then, 0 after the deadline, or an error. */
static long wait_for_all(const struct asked *asked, uint64_t deadline)
{
    struct poll poll = {.count = 0};
    long result = poll_reserve(&poll, asked->count);

    if (!result)
        result = open_entries(asked, &poll);
    if (!result) {
        result = poll_wait(&poll, deadline);
        if (result >= 0 && return_entries(asked, &poll))
            result = -EFAULT;
    }
    poll_close(&poll);
    return result;
}

static long perform(const struct asked *asked, uint64_t deadline)
{
    long result = ask_all(asked);

    if (result)
        return result;
    if (thread_signalled())
        return -EINTR;
    if (deadline && deadline > time_now())
        return wait_for_all(asked, deadline);
    return write_none(asked, asked->count);
}

long sys_ppoll(const uint64_t argument[6])
{
    struct asked asked = {argument[0], (unsigned)argument[1]};
    struct wait_mask mask;
    uint64_t deadline;
    long result = poll_read_deadline(argument[2], &deadline);

    if (!result)
        result = wait_mask_read(&mask, argument[3], argument[4]);
    if (!result && asked.count > process_limit(RLIMIT_NOFILE))
        result = -EINVAL;
    if (result)
        return result;
    wait_mask_begin(&mask);
    result = perform(&asked, deadline);
    wait_mask_end(&mask, result);
    poll_write_rest(argument[2], deadline, result);
    return result;
}
