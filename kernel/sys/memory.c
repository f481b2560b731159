/*
 * System calls of the address space: mmap, munmap, mprotect, msync, brk. They decode and check;
 * kernel/vm performs.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mman.h"
#include "abi/personality.h"
#include "core/process.h"
#include "core/syscall.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "sys/table.h"
#include "vm/aspace.h"
#include "vm/commit.h"
#include "vm/object.h"

#define PROT_ALL   (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PROT_GROWS (PROT_GROWSDOWN | PROT_GROWSUP)

/* Flags that MAP_SHARED_VALIDATE accepts (mmap(2): others give EOPNOTSUPP). */
#define MAP_KNOWN                                                                                  \
    (MAP_SHARED_VALIDATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |             \
     MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |       \
     MAP_HUGETLB | MAP_FIXED_NOREPLACE | (MAP_HUGE_2MB | MAP_HUGE_1GB) << MAP_HUGE_SHIFT)

struct mmap_arguments {
    vaddr_t address;
    uint64_t length, offset;
    unsigned protection, flags;
};

/* mmap(2), MAP_HUGETLB: there are no huge pages, of none of the sizes there could be. */
static int refuse_huge(unsigned flags)
{
    unsigned size = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

    if (!(flags & MAP_ANONYMOUS) || (size && size != MAP_HUGE_2MB && size != MAP_HUGE_1GB))
        return -EINVAL;
    return -ENOMEM;
}

/* Does the number of the last page overflow? The offset is a signed number to Linux. */
static bool overflows(const struct mmap_arguments *arguments)
{
    uint64_t first = (uint64_t)((int64_t)arguments->offset >> PAGE_SHIFT), end;
    return __builtin_add_overflow(first, page_round_up(arguments->length) >> PAGE_SHIFT, &end);
}

/* Checks of the numbers, made when the descriptor is known to be good: 0 or the errno of mmap(2).
 */
static int check_arguments(const struct mmap_arguments *arguments)
{
    unsigned flags = arguments->flags;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

    if (arguments->length == 0)
        return -EINVAL; /* mmap(2): length was 0 */
    if (page_round_up(arguments->length) == 0)
        return -ENOMEM;
    if (overflows(arguments))
        return -EOVERFLOW; /* mmap(2): length plus offset, in pages, is too much for a long */
    if (arguments->length > user_end)
        return -ENOMEM;
    if (flags & MAP_HUGETLB)
        return refuse_huge(flags);
    if (fixed && (arguments->address & PAGE_MASK))
        return -EINVAL; /* mmap(2): unaligned addr */
    if (fixed && arguments->address > user_end - page_round_up(arguments->length))
        return -ENOMEM;
    if (fixed && arguments->address < MAPPING_LOWEST && !credentials_capable(CAP_SYS_RAWIO))
        return -EPERM;
    return 0;
}

/* mmap(2): the range must be one that the file could have. */
static int check_file_range(const struct file *file, const struct mmap_arguments *arguments)
{
    uint64_t limit = file->vnode->volume ? file->vnode->volume->size_limit : 0, end;

    if (!limit || limit > INT64_MAX)
        limit = INT64_MAX;
    return __builtin_add_overflow(arguments->offset, arguments->length, &end) || end > limit
               ? -EOVERFLOW
               : 0;
}

/* What the open mode of the file allows: 0, -EACCES. */
static int check_file_access(const struct file *file, const struct mmap_arguments *arguments,
                             struct map_request *request)
{
    unsigned mode = file->flags & O_ACCMODE;
    bool shared = request->flags & MAPPING_SHARED;

    if (mode == O_WRONLY)
        return -EACCES; /* mmap(2): fd is not open for reading */
    request->max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE;
    if (shared && mode != O_RDWR)
        request->max_access &= ~ACCESS_WRITE;
    if (arguments->protection & ~request->max_access & PROT_ALL)
        return -EACCES; /* mmap(2): PROT_WRITE, MAP_SHARED, fd not open read/write */
    request->writer = mode == O_RDWR;
    return 0;
}

/* Decode the mapping type: 0, -EINVAL, -EOPNOTSUPP. */
static int decode_type(const struct mmap_arguments *arguments, bool file,
                       struct map_request *request)
{
    unsigned type = arguments->flags & MAP_TYPE;

    if (type == MAP_SHARED_VALIDATE && file) {
        if (arguments->flags & ~MAP_KNOWN)
            return -EOPNOTSUPP; /* mmap(2): MAP_SHARED_VALIDATE with an unknown flag */
        type = MAP_SHARED;
    }
    if (type == MAP_DROPPABLE && !file) {
        if (arguments->flags & (MAP_LOCKED | MAP_GROWSDOWN))
            return -EINVAL;
        request->flags |= MAPPING_DROPPABLE | MAPPING_NORESERVE;
        type = MAP_PRIVATE;
    }
    if (type != MAP_SHARED && type != MAP_PRIVATE)
        return -EINVAL; /* mmap(2): none of MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE */
    if (type == MAP_SHARED)
        request->flags |= MAPPING_SHARED;
    if ((arguments->flags & MAP_GROWSDOWN) && (type == MAP_SHARED || file))
        return -EINVAL;
    return 0;
}

static unsigned decode_flags(unsigned flags)
{
    unsigned result = 0;

    if (flags & MAP_FIXED)
        result |= MAPPING_FIXED;
    if (flags & MAP_FIXED_NOREPLACE)
        result = (result & ~MAPPING_FIXED) | MAPPING_NOREPLACE;
    if ((flags & MAP_POPULATE) && !(flags & MAP_NONBLOCK))
        result |= MAPPING_POPULATE;
    if ((flags & MAP_NORESERVE) && overcommit_policy != OVERCOMMIT_NEVER)
        result |= MAPPING_NORESERVE;
    if (flags & MAP_GROWSDOWN)
        result |= MAPPING_GROWS_DOWN;
    if (flags & MAP_LOCKED)
        result |= MAPPING_LOCKED;
    return result;
}

/* mmap(2): does the mapping, of a file or of memory, commit memory, and more than may be? */
static bool is_refused(const struct map_request *request, bool of_file)
{
    bool commits =
        request->flags & MAPPING_SHARED ? !of_file : (request->access & ACCESS_WRITE) != 0;

    return commits && !(request->flags & MAPPING_NORESERVE) &&
           overcommit_refuses(current_thread()->aspace,
                              page_round_up(request->length) >> PAGE_SHIFT);
}

/* Map memory without a file behind it; shared memory gets an object of its own. */
static int map_memory(struct map_request *request, vaddr_t *address)
{
    struct object *object = NULL;

    request->offset = 0;
    request->writer = false;
    if (request->flags & MAPPING_SHARED) {
        object = object_create_anonymous(page_round_up(request->length),
                                         !(request->flags & MAPPING_NORESERVE));
        if (!object)
            return -ENOMEM;
        request->object = object;
        request->name = "/dev/zero (deleted)";
    }
    int error = aspace_map(current_thread()->aspace, request, address);
    if (object)
        object_release(object);
    return error;
}

static int map_anonymous(const struct mmap_arguments *arguments, struct map_request *request,
                         vaddr_t *address)
{
    int error = check_arguments(arguments);

    if (!error && (error = decode_type(arguments, false, request))) {
        /* Linux looks at the place first. */
        int place_error = aspace_map_check(current_thread()->aspace, request);
        error = place_error ? place_error : error;
    }
    if (!error && is_refused(request, false))
        error = -ENOMEM;
    request->max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE;
    return error ? error : map_memory(request, address);
}

/* The checks of a mapping of file, in the order in which Linux makes them. */
static int check_file(const struct file *file, const struct mmap_arguments *arguments,
                      struct map_request *request)
{
    int error = file->flags & O_PATH ? -EBADF : check_arguments(arguments);

    if (!error)
        error = aspace_map_check(current_thread()->aspace, request);
    if (!error)
        error = check_file_range(file, arguments);
    if (!error)
        error = decode_type(arguments, true, request);
    if (!error && is_refused(request, true))
        error = -ENOMEM;
    return error ? error : check_file_access(file, arguments, request);
}

/* The number of all mappings of an open file, made with the first of them. */
static uint64_t origin_of(struct file *file)
{
    uint64_t none = 0, number = __atomic_load_n(&file->map_origin, __ATOMIC_RELAXED);

    if (number)
        return number;
    number = map_origin_new();
    bool first = __atomic_compare_exchange_n(&file->map_origin, &none, number, false,
                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return first ? number : none;
}

/* Let the file say what is mapped, and map it. A file that has seals gets none meanwhile. */
static int map_opened(struct file *file, struct map_request *request, vaddr_t *address)
{
    struct vnode *sealable = file->vnode->operations->has_seals ? file->vnode : NULL;

    if (sealable)
        mutex_lock(&sealable->lock);
    int error = file->operations->map(file, request);
    request->origin = request->object ? origin_of(file) : 0;
    if (!error && request->object)
        error = aspace_map(current_thread()->aspace, request, address);
    else if (!error) /* /dev/zero */
        error = is_refused(request, false) ? -ENOMEM : map_memory(request, address);
    if (sealable)
        mutex_unlock(&sealable->lock);
    return error;
}

static int map_file(const struct mmap_arguments *arguments, int descriptor,
                    struct map_request *request, vaddr_t *address)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return -EBADF;
    int error = check_file(file, arguments, request);
    if (!error)
        error = file->operations->map ? map_opened(file, request, address) : -ENODEV;
    file_release(file);
    return error;
}

/* With personality(READ_IMPLIES_EXEC), what may be read may be executed. */
static unsigned with_implied(unsigned protection)
{
    bool implies = current_process()->personality & READ_IMPLIES_EXEC;
    return implies && (protection & PROT_READ) ? protection | PROT_EXEC : protection;
}

long sys_mmap(const uint64_t argument[6])
{
    struct mmap_arguments arguments = {.address = argument[0],
                                       .length = argument[1],
                                       .protection = with_implied((unsigned)argument[2]),
                                       .flags = (unsigned)argument[3],
                                       .offset = argument[5]};
    struct map_request request = {.address = page_round_down(arguments.address),
                                  .length = arguments.length,
                                  .access = arguments.protection & PROT_ALL,
                                  .flags = decode_flags(arguments.flags),
                                  .offset = arguments.offset};
    vaddr_t address;
    int error;

    if (arguments.offset & PAGE_MASK)
        return -EINVAL; /* mmap(2): offset is not a multiple of the page size */
    if (arguments.flags & MAP_ANONYMOUS)
        error = map_anonymous(&arguments, &request, &address);
    else
        error = map_file(&arguments, (int)argument[4], &request, &address);
    return error ? error : (long)address;
}

/* Is [start, start + length), rounded up to pages, in user space? */
static bool in_user_space(vaddr_t start, uint64_t length)
{
    return length <= user_end && start <= user_end - page_round_up(length);
}

long sys_munmap(const uint64_t argument[6])
{
    vaddr_t start = argument[0];
    uint64_t length = argument[1];

    if ((start & PAGE_MASK) || length == 0 || !in_user_space(start, length))
        return -EINVAL;
    return aspace_unmap(current_thread()->aspace, start, length);
}

long sys_mprotect(const uint64_t argument[6])
{
    vaddr_t start = argument[0];
    uint64_t length = argument[1];
    unsigned protection = (unsigned)argument[2], grows = protection & PROT_GROWS;
    enum protect_reach reach = grows == PROT_GROWSDOWN ? PROTECT_DOWNWARDS
                               : grows                 ? PROTECT_UPWARDS
                                                       : PROTECT_RANGE;

    if (grows == PROT_GROWS || (start & PAGE_MASK))
        return -EINVAL;
    if (length == 0)
        return 0;
    if (page_round_up(length) == 0 || start + page_round_up(length) <= start)
        return -ENOMEM;
    if (protection & ~(PROT_ALL | PROT_SEM | PROT_GROWS))
        return -EINVAL;
    if (!in_user_space(start, length))
        return -ENOMEM;
    return aspace_protect(current_thread()->aspace, start, length,
                          with_implied(protection) & PROT_ALL, reach);
}

long sys_msync(const uint64_t argument[6])
{
    vaddr_t start = argument[0];
    uint64_t length = argument[1];
    unsigned flags = (unsigned)argument[2];

    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & PAGE_MASK) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (start + page_round_up(length) < start)
        return -ENOMEM;
    if (length == 0)
        return 0;
    return aspace_sync(current_thread()->aspace, start, length, flags & MS_SYNC,
                       flags & MS_INVALIDATE);
}

long sys_brk(const uint64_t argument[6])
{
    return (long)aspace_brk(current_thread()->aspace, argument[0]);
}
