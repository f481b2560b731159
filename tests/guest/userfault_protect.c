/*
 * userfaultfd: pages that are protected from stores, that are there but not mapped, and poisoned
 * ones.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#ifndef UFFDIO_POISON
#define _UFFDIO_POISON          0x08
#define UFFDIO_POISON           0xc020aa08
#define UFFD_FEATURE_POISON     (1 << 14)
#define UFFD_FEATURE_WP_ASYNC   (1 << 15)
#define UFFDIO_CONTINUE_MODE_WP 2
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif

#define RW        (PROT_READ | PROT_WRITE)
#define MISSING   UFFDIO_REGISTER_MODE_MISSING
#define PROTECTED UFFDIO_REGISTER_MODE_WP
#define MINOR     UFFDIO_REGISTER_MODE_MINOR

static int create(uint64_t features)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    struct uffdio_api api = {.api = UFFD_API, .features = features};

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        skip("no userfaultfd here");
    if (ioctl(expect_ok(fd), UFFDIO_API, &api) < 0 && errno == EINVAL)
        skip("features that this kernel lacks");
    CHECK((api.features & features) == features);
    return fd;
}

static uint64_t attach(int fd, void *base, size_t pages, uint64_t mode)
{
    struct uffdio_register request = {.range = {(uintptr_t)base, pages * PAGE}, .mode = mode};

    return ioctl(fd, UFFDIO_REGISTER, &request) ? 0 : request.ioctls;
}

static char *map_private(size_t pages)
{
    char *base = map_pages(pages);

    madvise(base, pages * PAGE, MADV_NOHUGEPAGE);
    return base;
}

static char *map_shared(size_t pages)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static int set_protection(int fd, void *base, size_t pages, uint64_t mode)
{
    struct uffdio_writeprotect request = {{(uintptr_t)base, pages * PAGE}, mode};

    return ioctl(fd, UFFDIO_WRITEPROTECT, &request);
}

static int copy_to(int fd, void *target, const void *source, uint64_t mode)
{
    struct uffdio_copy copy = {
        .dst = (uintptr_t)target, .src = (uintptr_t)source, .len = PAGE, .mode = mode};

    return ioctl(fd, UFFDIO_COPY, &copy);
}

/* UFFDIO_ZEROPAGE, UFFDIO_CONTINUE and UFFDIO_POISON take the same. */
static int supply(int fd, unsigned long request, void *base, size_t pages, uint64_t mode)
{
    struct uffdio_zeropage zero = {.range = {(uintptr_t)base, pages * PAGE}, .mode = mode};

    return ioctl(fd, request, &zero);
}

/* ---- a thread that is asked ---- */

struct asked {
    int fd;
    uint64_t flags[64]; /* of the faults */
    char *pages[64];
    unsigned count; /* atomic */
    pthread_t thread;
};

static unsigned count_of(const struct asked *asked)
{
    return __atomic_load_n(&asked->count, __ATOMIC_ACQUIRE);
}

/* Answer each fault by what it says it is. */
static void answer(struct asked *asked, char *page, uint64_t flags)
{
    static __thread char bytes[PAGE] __attribute__((aligned(PAGE)));

    memset(bytes, 's', PAGE);
    if (flags & UFFD_PAGEFAULT_FLAG_WP)
        expect_ok(set_protection(asked->fd, page, 1, 0));
    else if (flags & UFFD_PAGEFAULT_FLAG_MINOR)
        expect_ok(supply(asked->fd, UFFDIO_CONTINUE, page, 1, 0));
    else
        expect_ok(copy_to(asked->fd, page, bytes, 0));
}

static void *answer_all(void *argument)
{
    struct asked *asked = argument;
    struct pollfd poll_fd = {.fd = asked->fd, .events = POLLIN};
    struct uffd_msg message;

    while (poll(&poll_fd, 1, -1) == 1) {
        if (read(asked->fd, &message, sizeof(message)) != sizeof(message))
            continue;
        CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
        unsigned number = count_of(asked);
        CHECK(number < 64);
        char *page = (char *)(uintptr_t)(message.arg.pagefault.address & ~(PAGE - 1));
        asked->flags[number] = message.arg.pagefault.flags;
        asked->pages[number] = page;
        __atomic_store_n(&asked->count, number + 1, __ATOMIC_RELEASE);
        answer(asked, page, message.arg.pagefault.flags);
    }
    return NULL;
}

static void start(struct asked *asked, int fd)
{
    memset(asked, 0, sizeof(*asked));
    asked->fd = fd;
    CHECK_EQ(pthread_create(&asked->thread, NULL, answer_all, asked), 0);
}

/* The next fault was at this page, with these flags. */
static void expect_fault_at(struct asked *asked, unsigned *seen, const char *page, uint64_t flags)
{
    CHECK_EQ(count_of(asked), *seen + 1);
    CHECK(asked->pages[*seen] == page);
    CHECK_EQ(asked->flags[*seen], flags);
    ++*seen;
}

#define STORE_TO_PROTECTED (UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE)

/* ---- protection ---- */

static void use_protected(char *base, int fd)
{
    volatile char *bytes = base;
    struct asked asked;
    unsigned seen = 0;

    for (size_t i = 0; i < 4; i++)
        bytes[i * PAGE] = 'a';
    uint64_t ioctls = attach(fd, base, 8, PROTECTED);
    CHECK((ioctls & 1ull << _UFFDIO_WRITEPROTECT) != 0);
    CHECK((ioctls & 1ull << _UFFDIO_CONTINUE) == 0);
    start(&asked, fd);
    bytes[0] = 'b'; /* nothing is protected yet */
    expect_ok(set_protection(fd, base, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    CHECK(bytes[0] == 'b' && bytes[PAGE] == 'a');
    CHECK_EQ(count_of(&asked), 0);
    bytes[0] = 'c';
    expect_fault_at(&asked, &seen, base, STORE_TO_PROTECTED);
    bytes[1] = 'c';
    CHECK_EQ(count_of(&asked), seen);
    bytes[PAGE + 5] = 'd';
    expect_fault_at(&asked, &seen, base + PAGE, STORE_TO_PROTECTED);
    CHECK(bytes[PAGE] == 'a' && bytes[PAGE + 5] == 'd');
    /* Protected from mprotect's permission as well, and from stores of system calls. */
    expect_ok(mprotect(base, 8 * PAGE, PROT_READ));
    expect_ok(mprotect(base, 8 * PAGE, RW));
    int zero = expect_ok(open("/dev/zero", O_RDONLY));
    CHECK_EQ(read(zero, base + 2 * PAGE, 1), 1);
    expect_fault_at(&asked, &seen, base + 2 * PAGE, STORE_TO_PROTECTED);
    expect_ok(set_protection(fd, base, 4, 0));
    bytes[3 * PAGE] = 'e';
    CHECK_EQ(count_of(&asked), seen);
    expect_ok(set_protection(fd, base, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    struct uffdio_range range = {(uintptr_t)base, 8 * PAGE};
    expect_ok(ioctl(fd, UFFDIO_UNREGISTER, &range));
    bytes[0] = 'f';
    CHECK_EQ(count_of(&asked), seen);
}

static void private_memory(void)
{
    use_protected(map_private(8), create(UFFD_FEATURE_PAGEFAULT_FLAG_WP));
}

static void shared_memory(void)
{
    use_protected(map_shared(8), create(UFFD_FEATURE_WP_HUGETLBFS_SHMEM));
}

/* What is missing can be protected in shared memory, in private memory if one says so. */
static void missing_memory(void)
{
    char *private = map_private(4), *shared = map_shared(4);
    int fd = create(0), other = create(UFFD_FEATURE_WP_UNPOPULATED);
    struct asked asked, others;
    unsigned seen = 0;

    start(&asked, fd);
    CHECK(attach(fd, private, 4, PROTECTED) && attach(fd, shared, 4, PROTECTED));
    expect_ok(set_protection(fd, private, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    expect_ok(set_protection(fd, shared, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    private[0] = 1;
    CHECK_EQ(count_of(&asked), 0);
    shared[0] = 1;
    expect_fault_at(&asked, &seen, shared, STORE_TO_PROTECTED);
    CHECK_EQ(*(volatile char *)&shared[PAGE], 0);
    shared[PAGE] = 1;
    expect_fault_at(&asked, &seen, shared + PAGE, STORE_TO_PROTECTED);
    private = map_private(4);
    start(&others, other);
    CHECK(attach(other, private, 4, PROTECTED));
    expect_ok(set_protection(other, private, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    CHECK_EQ(*(volatile char *)private, 0);
    seen = 0;
    private[0] = 1;
    expect_fault_at(&others, &seen, private, STORE_TO_PROTECTED);
    private[PAGE] = 1;
    expect_fault_at(&others, &seen, private + PAGE, STORE_TO_PROTECTED);
    /* With the pages, the protection of private memory goes. */
    expect_ok(madvise(private, 4 * PAGE, MADV_DONTNEED));
    private[2 * PAGE] = 1;
    CHECK_EQ(count_of(&others), seen);
}

/* A page may come protected. */
static void protected_copy(void)
{
    static char source[PAGE] __attribute__((aligned(PAGE)));
    char *memory[] = {map_private(4), map_shared(4)};
    int fd = create(UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_MISSING_SHMEM);
    struct asked asked;
    unsigned seen = 0;

    start(&asked, fd);
    memset(source, 'p', PAGE);
    for (int i = 0; i < 2; i++) {
        volatile char *base = memory[i];
        CHECK(attach(fd, memory[i], 4, MISSING | PROTECTED));
        expect_ok(copy_to(fd, memory[i], source, UFFDIO_COPY_MODE_WP));
        CHECK_EQ(base[7], 'p');
        base[7] = 'q';
        expect_fault_at(&asked, &seen, memory[i], STORE_TO_PROTECTED);
        CHECK(base[6] == 'p' && base[7] == 'q');
        expect_errno(copy_to(fd, memory[i], source, UFFDIO_COPY_MODE_WP), EEXIST);
        base[8] = 'r';
        base[PAGE] = 't'; /* missing, then not protected */
        expect_fault_at(&asked, &seen, memory[i] + PAGE, UFFD_PAGEFAULT_FLAG_WRITE);
    }
    char *plain = map_private(1);
    CHECK(attach(fd, plain, 1, MISSING));
    expect_errno(copy_to(fd, plain, source, UFFDIO_COPY_MODE_WP), EINVAL);
    expect_errno(copy_to(fd, plain, source, 4), EINVAL);
}

/* The first store ends the protection, and nobody is asked. Files can be watched so, too. */
static void unasked(void)
{
    int fd = create(UFFD_FEATURE_WP_ASYNC), file = pattern_file("file", 4 * PAGE);
    char *base = map_private(4), *mapped = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, file, 0);
    struct uffd_msg message;

    CHECK(attach(fd, base, 4, PROTECTED) && attach(fd, mapped, 4, PROTECTED));
    expect_ok(set_protection(fd, base, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    expect_ok(set_protection(fd, mapped, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    base[PAGE] = 1;
    mapped[PAGE] = 2;
    CHECK(base[PAGE] == 1 && mapped[PAGE] == 2);
    expect_errno(read(fd, &message, sizeof(message)), EAGAIN);
    int plain = create(0);
    char *other = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, file, 0);
    CHECK_EQ(attach(plain, other, 4, PROTECTED), 0);
    CHECK_EQ(errno, EINVAL);
}

static void protection_arguments(void)
{
    char *base = map_private(8);
    int fd = create(0);

    CHECK(attach(fd, base, 4, PROTECTED));
    CHECK(attach(fd, base + 4 * PAGE, 2, MISSING));
    expect_errno(set_protection(fd, base + 1, 1, UFFDIO_WRITEPROTECT_MODE_WP), EINVAL);
    expect_errno(set_protection(fd, base, 1, 4), EINVAL);
    expect_errno(set_protection(fd, base, 1, 3), EINVAL); /* protect, and wake nobody */
    expect_errno(set_protection(fd, base + 4 * PAGE, 1, UFFDIO_WRITEPROTECT_MODE_WP), ENOENT);
    expect_errno(set_protection(fd, base + 6 * PAGE, 1, 0), ENOENT);
    expect_ok(munmap(base + 7 * PAGE, PAGE));
    expect_errno(set_protection(fd, base + 7 * PAGE, 1, 0), ENOENT);
    CHECK_EQ(attach(fd, base, 1, 8), 0);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(attach(fd, base, 1, MINOR), 0); /* there is nothing behind private memory */
    CHECK_EQ(errno, EINVAL);
}

static void store_in_child(void *argument)
{
    *(volatile char *)argument = 'c';
}

/* A child's memory is not protected; nor is what is moved. */
static void not_inherited(void)
{
    char *base = map_private(4), *place = find_hole(2);
    int fd = create(0);

    memset(base, 'a', 4 * PAGE);
    CHECK(attach(fd, base, 4, PROTECTED));
    expect_ok(set_protection(fd, base, 4, UFFDIO_WRITEPROTECT_MODE_WP));
    expect_child_ok(store_in_child, base);
    CHECK_EQ(base[0], 'a');
    CHECK(mremap(base, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
    place[0] = 'm';
    close(fd);
    base[3 * PAGE] = 'd';
}

/* Many stores by several threads, each page protected again and again. */
static void *store_often(void *argument)
{
    char *base = argument;

    for (int i = 0; i < 400; i++)
        __atomic_fetch_add((int *)(void *)(base + i % 8 * PAGE), 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *answer_protected(void *argument)
{
    int fd = *(int *)argument;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    struct uffd_msg message;

    while (poll(&poll_fd, 1, -1) == 1) {
        if (read(fd, &message, sizeof(message)) == sizeof(message))
            expect_ok(set_protection(
                fd, (void *)(uintptr_t)(message.arg.pagefault.address & ~(PAGE - 1)), 1, 0));
    }
    return NULL;
}

static void protected_often(void)
{
    char *base = map_private(8);
    int fd = create(0);
    pthread_t threads[3], answering;

    memset(base, 0, 8 * PAGE);
    CHECK(attach(fd, base, 8, PROTECTED));
    CHECK_EQ(pthread_create(&answering, NULL, answer_protected, &fd), 0);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, store_often, base), 0);
    for (int i = 0; i < 50; i++)
        expect_ok(set_protection(fd, base, 8, UFFDIO_WRITEPROTECT_MODE_WP));
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 8; i++)
        CHECK_EQ(*(int *)(void *)(base + i * PAGE), 150);
}

/* ---- pages that are there, but not mapped ---- */

static void there_already(void)
{
    int memory = expect_ok(memfd_create("memory", 0));
    expect_ok(ftruncate(memory, 8 * PAGE));
    char *writer = expect_ok((char *)mmap(NULL, 8 * PAGE, RW, MAP_SHARED, memory, 0));
    char *base = expect_ok((char *)mmap(NULL, 8 * PAGE, RW, MAP_SHARED, memory, 0));
    int fd = create(UFFD_FEATURE_MINOR_SHMEM);
    struct asked asked;
    unsigned seen = 0;

    for (size_t i = 0; i < 4; i++)
        writer[i * PAGE] = (char)('a' + i);
    uint64_t ioctls = attach(fd, base, 8, MINOR);
    CHECK((ioctls & 1ull << _UFFDIO_CONTINUE) != 0);
    CHECK((ioctls & 1ull << _UFFDIO_WRITEPROTECT) == 0);
    start(&asked, fd);
    CHECK_EQ(*(volatile char *)base, 'a');
    expect_fault_at(&asked, &seen, base, UFFD_PAGEFAULT_FLAG_MINOR);
    base[PAGE] = 'x';
    expect_fault_at(&asked, &seen, base + PAGE,
                    UFFD_PAGEFAULT_FLAG_MINOR | UFFD_PAGEFAULT_FLAG_WRITE);
    CHECK_EQ(writer[PAGE], 'x');
    expect_ok(supply(fd, UFFDIO_CONTINUE, base + 2 * PAGE, 2, 0));
    CHECK(*(volatile char *)(base + 2 * PAGE) == 'c' && base[3 * PAGE] == 'd');
    CHECK_EQ(count_of(&asked), seen);
    base[5 * PAGE] = 'y'; /* missing: nobody is asked */
    CHECK_EQ(count_of(&asked), seen);
    expect_errno(supply(fd, UFFDIO_CONTINUE, base + 2 * PAGE, 1, 0), EEXIST);
    expect_errno(supply(fd, UFFDIO_CONTINUE, base + 6 * PAGE, 1, 0), EFAULT);
    expect_errno(supply(fd, UFFDIO_CONTINUE, base + 6 * PAGE, 1, 4), EINVAL);
    expect_errno(supply(fd, UFFDIO_CONTINUE, base + 6 * PAGE, 1, UFFDIO_CONTINUE_MODE_WP), EINVAL);
    expect_errno(supply(fd, UFFDIO_CONTINUE, writer, 1, 0), ENOENT);
    writer[6 * PAGE] = 'z';
    expect_errno(supply(fd, UFFDIO_CONTINUE, base + 6 * PAGE, 2, 0), EAGAIN);
    CHECK_EQ(base[6 * PAGE], 'z');
    CHECK_EQ(count_of(&asked), seen);
}

/* ---- poison ---- */

static sigjmp_buf escape;
static siginfo_t caught;

static void catch_signal(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)context;
    caught = *information;
    siglongjmp(escape, 1);
}

static bool is_poisoned(const char *address)
{
    struct sigaction action = {.sa_sigaction = catch_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};

    expect_ok(sigaction(SIGBUS, &action, NULL));
    if (sigsetjmp(escape, 1) == 0) {
        (void)*(const volatile char *)address;
        return false;
    }
    CHECK_EQ(caught.si_signo, SIGBUS);
    /* x86 with CONFIG_MEMORY_FAILURE says BUS_MCEERR_AR. */
    CHECK(caught.si_code == BUS_ADRERR || caught.si_code == 4);
    CHECK_EQ((uintptr_t)caught.si_addr & ~(PAGE - 1), (uintptr_t)address & ~(PAGE - 1));
    return true;
}

static void look_at_poison(void *argument)
{
    CHECK(is_poisoned(argument));
}

static void look_at_none(void *argument)
{
    CHECK(!is_poisoned(argument));
}

static void poisoned(void)
{
    static char page[PAGE] __attribute__((aligned(PAGE)));
    int fd = create(UFFD_FEATURE_POISON), ends[2];
    char *memory[] = {map_private(8), map_shared(8)}, *place = find_hole(1);

    expect_ok(pipe(ends));
    for (int i = 0; i < 2; i++) {
        char *base = memory[i];
        base[0] = 1;
        CHECK((attach(fd, base, 8, MISSING) & 1ull << _UFFDIO_POISON) != 0);
        expect_errno(supply(fd, UFFDIO_POISON, base, 1, 0), EEXIST);
        expect_errno(supply(fd, UFFDIO_POISON, base + 1, 1, 0), EINVAL);
        expect_errno(supply(fd, UFFDIO_POISON, base + PAGE, 1, 2), EINVAL);
        expect_ok(supply(fd, UFFDIO_POISON, base + PAGE, 3, 0));
        CHECK(is_poisoned(base + PAGE + 10) && is_poisoned(base + 3 * PAGE));
        expect_errno(madvise(base + PAGE, PAGE, MADV_POPULATE_READ), EHWPOISON);
        CHECK(!is_poisoned(base));
        expect_errno(write(ends[1], base + PAGE, 1), EFAULT);
        expect_errno(supply(fd, UFFDIO_POISON, base + 3 * PAGE, 1, 0), EEXIST);
        if (i == 0)
            expect_errno(supply(fd, UFFDIO_ZEROPAGE, base + 3 * PAGE, 1, 0), EEXIST);
        else
            expect_ok(supply(fd, UFFDIO_ZEROPAGE, base + 3 * PAGE, 1, 0));
        expect_ok(supply(fd, UFFDIO_POISON, base + 4 * PAGE, 1, 0));
        expect_ok(copy_to(fd, base + 4 * PAGE, page, 0));
        CHECK(!is_poisoned(base + 4 * PAGE));
        struct uffdio_range range = {(uintptr_t)base, 8 * PAGE};
        expect_ok(ioctl(fd, UFFDIO_UNREGISTER, &range));
        CHECK(is_poisoned(base + PAGE)); /* it stays without the userfault */
        expect_child_ok(i == 0 ? look_at_poison : look_at_none, base + PAGE);
        expect_ok(madvise(base + 2 * PAGE, PAGE, MADV_DONTNEED));
        CHECK(!is_poisoned(base + 2 * PAGE));
    }
    CHECK(mremap(memory[0] + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
    CHECK(is_poisoned(place));
    expect_ok(mmap(place, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CHECK(!is_poisoned(place));
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(private_memory), TEST(shared_memory),   TEST(missing_memory),
        TEST(protected_copy), TEST(unasked),         TEST(protection_arguments),
        TEST(not_inherited),  TEST(protected_often), TEST(there_already),
        TEST(poisoned),
    };
    return TAP_MAIN(argc, argv, tests);
}
