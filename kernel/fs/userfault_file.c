/* Files of userfaultfd(2) (userfault_file.h). */
#include "fs/userfault_file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/userfaultfd.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "core/user.h"
#include "core/wait.h"
#include "fs/anonymous.h"
#include "vm/kmem.h"
#include "vm/region.h"
#include "vm/userfault.h"

#define FEATURES                                                                                   \
    (UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_SIGBUS |           \
     UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_EXACT_ADDRESS |              \
     UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_POISON |         \
     UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_MOVE)

uint32_t userfault_unprivileged;

struct userfault_file {
    struct userfault *userfault;
    uint64_t features;
    uint32_t ready; /* atomic: UFFDIO_API has been called */
};

static bool is_ready(const struct userfault_file *state)
{
    return __atomic_load_n(&state->ready, __ATOMIC_ACQUIRE);
}

/* Reading of faults */

static struct uffd_message message_of(const struct userfault_file *state,
                                      const struct userfault_wait *wait)
{
    bool exact = state->features & UFFD_FEATURE_EXACT_ADDRESS;

    return (struct uffd_message){
        .event = UFFD_EVENT_PAGEFAULT,
        .flags = wait->flags,
        .address = exact ? wait->address : page_round_down(wait->address),
        .thread = state->features & UFFD_FEATURE_THREAD_ID ? wait->thread : 0,
    };
}

static long userfault_file_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct userfault_file *state = file->state;
    struct userfault_wait wait;
    long done = 0;

    (void)offset;
    if (!is_ready(state) || transfer->remaining < sizeof(struct uffd_message))
        return -EINVAL;
    while (transfer->remaining >= sizeof(struct uffd_message)) {
        while (!userfault_read(state->userfault, &wait)) {
            if (done)
                return done;
            if (file->flags & O_NONBLOCK)
                return -EAGAIN;
            if (wait_event_interruptible(&state->userfault->readers,
                                         userfault_has_unread(state->userfault)))
                return -EINTR;
        }
        struct uffd_message message = message_of(state, &wait);
        if (transfer_give(transfer, &message, sizeof(message)) < sizeof(message))
            return done ? done : -EFAULT;
        done += (long)sizeof(message);
    }
    return done;
}

/* Only a file that does not block can be waited for, as on Linux: another reader may be first. */
static unsigned userfault_file_poll(struct file *file, struct wait_queue **queue)
{
    struct userfault_file *state = file->state;

    *queue = &state->userfault->readers;
    if (!is_ready(state) || !(file->flags & O_NONBLOCK))
        return POLLERR;
    return userfault_has_unread(state->userfault) ? POLLIN : 0;
}

static void userfault_file_release(struct file *file)
{
    struct userfault_file *state = file->state;

    userfault_end(state->userfault);
    kfree(state);
}

/* Requests */

/* A refused handshake is answered with zeros. */
static long shake_hands(struct userfault_file *state, uint64_t address)
{
    struct uffdio_api api;
    long result = 0;

    if (copy_from_user(&api, address, sizeof(api)))
        return -EFAULT;
    if (api.api != UFFD_API || (api.features & ~FEATURES))
        result = -EINVAL;
    uint64_t features = api.features;
    api =
        result ? (struct uffdio_api){0} : (struct uffdio_api){UFFD_API, FEATURES, UFFD_API_IOCTLS};
    if (copy_to_user(address, &api, sizeof(api)))
        return -EFAULT;
    if (result)
        return result;
    if (is_ready(state))
        return -EINVAL;
    state->features = features;
    state->userfault->refuses = features & UFFD_FEATURE_SIGBUS;
    state->userfault->unasked = features & UFFD_FEATURE_WP_ASYNC;
    state->userfault->protects_missing =
        features & (UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC);
    __atomic_store_n(&state->ready, 1, __ATOMIC_RELEASE);
    return 0;
}

/* Whole pages in user space. */
static bool is_range(uint64_t start, uint64_t length)
{
    return !((start | length) & PAGE_MASK) && length && start >= MAPPING_LOWEST &&
           start < user_end && length <= user_end - start;
}

/* What the regions are to be asked about; 0: a mode that there is not. */
static unsigned decode_mode(uint64_t mode)
{
    if (mode &
        ~(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR))
        return 0;
    return (mode & UFFDIO_REGISTER_MODE_MISSING ? REGION_ASK_MISSING : 0) |
           (mode & UFFDIO_REGISTER_MODE_WP ? REGION_ASK_PROTECTED : 0) |
           (mode & UFFDIO_REGISTER_MODE_MINOR ? REGION_ASK_MINOR : 0);
}

static long register_range(struct userfault_file *state, uint64_t address)
{
    struct uffdio_register request;

    if (copy_from_user(&request, address, offsetof(struct uffdio_register, ioctls)))
        return -EFAULT;
    unsigned ask = decode_mode(request.mode);
    if (!ask || !is_range(request.range.start, request.range.length))
        return -EINVAL;
    uint64_t ioctls = UFFD_RANGE_IOCTLS | (ask & REGION_ASK_PROTECTED ? UFFD_PROTECT_IOCTL : 0) |
                      (ask & REGION_ASK_MINOR ? UFFD_CONTINUE_IOCTL : 0);
    long result =
        userfault_register(state->userfault, request.range.start, request.range.length, ask);
    if (!result &&
        copy_to_user(address + offsetof(struct uffdio_register, ioctls), &ioctls, sizeof(ioctls)))
        result = -EFAULT;
    return result;
}

static long range_request(struct userfault_file *state, unsigned request, uint64_t address)
{
    struct uffdio_range range;

    if (copy_from_user(&range, address, sizeof(range)))
        return -EFAULT;
    if (!is_range(range.start, range.length))
        return -EINVAL;
    if (request == UFFDIO_UNREGISTER)
        return userfault_unregister(state->userfault, range.start, range.length);
    userfault_wake(state->userfault, range.start, range.length);
    return 0;
}

/* Tell how far a request went at the address where that is wanted, and wake whom it was for: 0,
 * -EAGAIN: not to the end. */
static long finish(struct userfault_file *state, const struct uffdio_range *range, uint64_t mode,
                   uint64_t told, int64_t result)
{
    if (copy_to_user(told, &result, sizeof(result)))
        return -EFAULT;
    if (result < 0)
        return result;
    if (!(mode & UFFDIO_MODE_DONTWAKE))
        userfault_wake(state->userfault, range->start, (uint64_t)result);
    return (uint64_t)result == range->length ? 0 : -EAGAIN;
}

static long copy(struct userfault_file *state, uint64_t address)
{
    struct uffdio_copy request;

    if (copy_from_user(&request, address, offsetof(struct uffdio_copy, copied)))
        return -EFAULT;
    if (!is_range(request.destination, request.length) ||
        request.source + request.length <= request.source ||
        (request.mode & ~(UFFDIO_MODE_DONTWAKE | UFFDIO_MODE_WP)))
        return -EINVAL;
    if (!request.source)
        return -EFAULT;
    struct uffdio_range range = {request.destination, request.length};
    return finish(state, &range, request.mode, address + offsetof(struct uffdio_copy, copied),
                  userfault_fill(state->userfault, range.start, range.length, request.source,
                                 request.mode & UFFDIO_MODE_WP));
}

static long move(struct userfault_file *state, uint64_t address)
{
    struct uffdio_copy request;

    if (copy_from_user(&request, address, offsetof(struct uffdio_copy, copied)))
        return -EFAULT;
    if (!is_range(request.destination, request.length) ||
        !is_range(request.source, request.length) ||
        (request.mode & ~(UFFDIO_MODE_DONTWAKE | UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES)))
        return -EINVAL;
    struct uffdio_range range = {request.destination, request.length};
    return finish(state, &range, request.mode, address + offsetof(struct uffdio_copy, copied),
                  userfault_move(state->userfault, range.start, request.source, range.length,
                                 request.mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES));
}

/* Pages whose contents are not the program's: zeros, what shared memory has, or none. */
static long supply(struct userfault_file *state, unsigned call, uint64_t address)
{
    uint64_t modes = UFFDIO_MODE_DONTWAKE | (call == UFFDIO_CONTINUE ? UFFDIO_MODE_WP : 0);
    struct userfault *userfault = state->userfault;
    struct uffdio_zeropage request;

    if (copy_from_user(&request, address, offsetof(struct uffdio_zeropage, zeroed)))
        return -EFAULT;
    uint64_t start = request.range.start, length = request.range.length;
    if (!is_range(start, length) || (request.mode & ~modes))
        return -EINVAL;
    int64_t result = call == UFFDIO_POISON ? userfault_poison(userfault, start, length)
                     : call == UFFDIO_CONTINUE
                         ? userfault_map(userfault, start, length, request.mode & UFFDIO_MODE_WP)
                         : userfault_fill(userfault, start, length, 0, false);
    return finish(state, &request.range, request.mode,
                  address + offsetof(struct uffdio_zeropage, zeroed), result);
}

static long protect(struct userfault_file *state, uint64_t address)
{
    struct uffdio_writeprotect request;

    if (copy_from_user(&request, address, sizeof(request)))
        return -EFAULT;
    bool protects = request.mode & UFFDIO_WRITEPROTECT_MODE_WP;
    bool sleeps = request.mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
    if (!is_range(request.range.start, request.range.length) || (protects && sleeps) ||
        (request.mode & ~(UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE)))
        return -EINVAL;
    long result =
        userfault_protect(state->userfault, request.range.start, request.range.length, protects);
    if (!result && !protects && !sleeps)
        userfault_wake(state->userfault, request.range.start, request.range.length);
    return result;
}

static long userfault_file_control(struct file *file, unsigned request, uint64_t argument)
{
    struct userfault_file *state = file->state;

    if (request != UFFDIO_API && !is_ready(state))
        return -EINVAL;
    switch (request) {
    case UFFDIO_API:
        return shake_hands(state, argument);
    case UFFDIO_REGISTER:
        return register_range(state, argument);
    case UFFDIO_UNREGISTER:
    case UFFDIO_WAKE:
        return range_request(state, request, argument);
    case UFFDIO_COPY:
        return copy(state, argument);
    case UFFDIO_MOVE:
        return move(state, argument);
    case UFFDIO_ZEROPAGE:
    case UFFDIO_CONTINUE:
    case UFFDIO_POISON:
        return supply(state, request, argument);
    case UFFDIO_WRITEPROTECT:
        return protect(state, argument);
    default:
        return -EINVAL;
    }
}

static const struct file_operations userfault_operations = {.read = userfault_file_read,
                                                            .stays = true,
                                                            .control = userfault_file_control,
                                                            .poll = userfault_file_poll,
                                                            .release = userfault_file_release};

struct file *userfault_file_create(bool users_only, uint32_t flags)
{
    struct userfault_file *state = kmalloc(sizeof(*state));

    if (!state)
        return NULL;
    *state = (struct userfault_file){.userfault =
                                         userfault_create(current_thread()->aspace, users_only)};
    struct file *file =
        state->userfault
            ? anonymous_file(ANONYMOUS_USERFAULT, &userfault_operations, state, O_RDWR | flags)
            : NULL;
    if (!file && state->userfault)
        userfault_end(state->userfault);
    if (!file)
        kfree(state);
    return file;
}
