/*
 * userfaultfd: faults that a thread of the program resolves, in private and in shared memory.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static int open_userfault(int flags)
{
    int fd = (int)syscall(SYS_userfaultfd, flags);

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        skip("no userfaultfd here");
    return expect_ok(fd);
}

static int create(int flags, uint64_t features)
{
    int fd = open_userfault(flags);
    struct uffdio_api api = {.api = UFFD_API, .features = features};

    expect_ok(ioctl(fd, UFFDIO_API, &api));
    CHECK_EQ(api.api, UFFD_API);
    CHECK((api.features & features) == features);
    CHECK((api.ioctls & 1ull << _UFFDIO_REGISTER) != 0);
    return fd;
}

static int attach(int fd, void *base, size_t pages)
{
    struct uffdio_register request = {.range = {(uintptr_t)base, pages * PAGE},
                                      .mode = UFFDIO_REGISTER_MODE_MISSING};
    int result = ioctl(fd, UFFDIO_REGISTER, &request);

    if (result == 0)
        CHECK((request.ioctls & 1ull << _UFFDIO_COPY) && (request.ioctls & 1ull << _UFFDIO_WAKE));
    return result;
}

static int detach(int fd, void *base, size_t pages)
{
    struct uffdio_range range = {(uintptr_t)base, pages * PAGE};

    return ioctl(fd, UFFDIO_UNREGISTER, &range);
}

static int copy_to(int fd, void *target, const void *source, size_t size, long long *copied)
{
    struct uffdio_copy copy = {.dst = (uintptr_t)target, .src = (uintptr_t)source, .len = size};
    int result = ioctl(fd, UFFDIO_COPY, &copy);
    int error = errno;

    *copied = copy.copy;
    errno = error;
    return result;
}

static int zero_at(int fd, void *target, size_t size)
{
    struct uffdio_zeropage zero = {.range = {(uintptr_t)target, size}};

    return ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

/* ---- a thread that supplies pages ---- */

struct supplier {
    int fd;
    char *base;
    size_t faults, stores;
    pthread_t thread;
};

/* Page i is full of i + 1, each third one of zeros; until a fault at the last page. */
static void *supply(void *argument)
{
    struct supplier *supplier = argument;
    static __thread char page[PAGE] __attribute__((aligned(PAGE)));
    struct uffd_msg message;
    long long copied;

    while (read(supplier->fd, &message, sizeof(message)) == sizeof(message)) {
        CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
        char *at = (char *)(uintptr_t)(message.arg.pagefault.address & ~(PAGE - 1));
        size_t number = (size_t)(at - supplier->base) / PAGE;
        supplier->faults++;
        supplier->stores += message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
        memset(page, (int)number + 1, PAGE);
        if (number % 3 == 2)
            expect_ok(zero_at(supplier->fd, at, PAGE));
        else
            expect_ok(copy_to(supplier->fd, at, page, PAGE, &copied));
    }
    return NULL;
}

static void start_supplier(struct supplier *supplier, int fd, char *base)
{
    *supplier = (struct supplier){.fd = fd, .base = base};
    CHECK_EQ(pthread_create(&supplier->thread, NULL, supply, supplier), 0);
}

static unsigned char supplied(size_t number)
{
    return number % 3 == 2 ? 0 : (unsigned char)(number + 1);
}

static void use_supplied(char *base, struct supplier *supplier)
{
    for (size_t i = 0; i < 8; i++)
        CHECK(all_bytes(base + i * PAGE, supplied(i), PAGE));
    CHECK_EQ(supplier->faults, 8);
    CHECK_EQ(supplier->stores, 0);
    for (size_t i = 8; i < 16; i++) {
        volatile unsigned char *page = (unsigned char *)base + i * PAGE;
        page[7] = 99;
        CHECK_EQ(page[7], 99);
        CHECK_EQ(page[8], supplied(i));
    }
    CHECK_EQ(supplier->faults, 16);
    CHECK_EQ(supplier->stores, 8);
}

static void private_memory(void)
{
    char *base = map_pages(32);
    int fd = create(O_CLOEXEC, 0);
    struct supplier supplier;

    madvise(base, 32 * PAGE, MADV_NOHUGEPAGE);
    base[20 * PAGE] = 50;
    CHECK_EQ(base[21 * PAGE], 0);
    expect_ok(attach(fd, base, 32));
    start_supplier(&supplier, fd, base);
    use_supplied(base, &supplier);
    /* What was there before is not missing, a page of zeros neither. */
    CHECK_EQ(base[20 * PAGE], 50);
    base[21 * PAGE + 1] = 51;
    CHECK_EQ(base[21 * PAGE], 0);
    CHECK_EQ(supplier.faults, 16);
    expect_ok(madvise(base, PAGE, MADV_DONTNEED));
    CHECK(all_bytes(base, supplied(0), PAGE));
    CHECK_EQ(supplier.faults, 17);
    expect_ok(detach(fd, base, 32));
    CHECK(all_bytes(base + 30 * PAGE, 0, PAGE));
    CHECK_EQ(supplier.faults, 17);
}

static void shared_memory(void)
{
    char *base = expect_ok((char *)mmap(NULL, 32 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    int fd = create(O_CLOEXEC, UFFD_FEATURE_MISSING_SHMEM);
    struct supplier supplier;

    base[20 * PAGE] = 50;
    expect_ok(attach(fd, base, 32));
    start_supplier(&supplier, fd, base);
    use_supplied(base, &supplier);
    CHECK_EQ(base[20 * PAGE], 50);
    CHECK_EQ(supplier.faults, 16);
    expect_ok(madvise(base, PAGE, MADV_REMOVE));
    CHECK(all_bytes(base, supplied(0), PAGE));
    CHECK_EQ(supplier.faults, 17);
}

static void memory_file(void)
{
    int memory = expect_ok(memfd_create("memory", 0));
    expect_ok(ftruncate(memory, 16 * PAGE));
    char *base = expect_ok((char *)mmap(NULL, 16 * PAGE, RW, MAP_SHARED, memory, 0)), byte;
    int fd = create(O_CLOEXEC, UFFD_FEATURE_MISSING_SHMEM);
    struct supplier supplier;

    expect_ok(attach(fd, base, 16));
    start_supplier(&supplier, fd, base);
    CHECK_EQ(pread(memory, &byte, 1, 0), 1); /* read(2) is no fault */
    CHECK_EQ(byte, 0);
    CHECK(all_bytes(base + 4 * PAGE, supplied(4), PAGE));
    CHECK_EQ(pread(memory, &byte, 1, 4 * PAGE), 1);
    CHECK_EQ(byte, supplied(4));
}

/* A system call that needs a missing page waits for it as well. */
static void in_system_calls(void)
{
    char *base = map_pages(8), buffer[2 * PAGE];
    int fd = create(O_CLOEXEC, 0), ends[2];
    struct supplier supplier;

    madvise(base, 8 * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 8));
    start_supplier(&supplier, fd, base);
    expect_ok(pipe(ends));
    CHECK_EQ(write(ends[1], base, 2 * PAGE), 2 * PAGE);
    CHECK_EQ(read(ends[0], buffer, 2 * PAGE), 2 * PAGE);
    CHECK(all_bytes(buffer, 1, PAGE) && all_bytes(buffer + PAGE, 2, PAGE));
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    CHECK_EQ(read(ends[0], base + 3 * PAGE + 10, 3), 3);
    CHECK(memcmp(base + 3 * PAGE + 8, "\4\4abc\4", 6) == 0);
    CHECK_EQ(supplier.faults, 3);
}

/* A fault of the kernel fails where only those of the program are told. */
static void users_only(void)
{
    char *base = map_pages(2);
    int fd = create(O_CLOEXEC | UFFD_USER_MODE_ONLY, 0), ends[2];
    struct supplier supplier;

    madvise(base, 2 * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 2));
    start_supplier(&supplier, fd, base);
    expect_ok(pipe(ends));
    expect_errno(write(ends[1], base, 1), EFAULT);
    CHECK_EQ(base[0], 1);
    CHECK_EQ(write(ends[1], base, 1), 1);
}

static void two_suppliers(void)
{
    enum { PAGES = 512 };
    char *base = map_pages(PAGES);
    int fd = create(O_CLOEXEC, 0);
    struct supplier suppliers[2];

    madvise(base, PAGES * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, PAGES));
    for (size_t i = 0; i < COUNT_OF(suppliers); i++)
        start_supplier(&suppliers[i], fd, base);
    for (size_t i = 0; i < PAGES; i++)
        CHECK_EQ((unsigned char)base[i * PAGE + i], supplied(i));
    CHECK_EQ(suppliers[0].faults + suppliers[1].faults, PAGES);
}

/* ---- without a supplier ---- */

static void *touch(void *argument)
{
    volatile char *byte = argument;

    return (void *)(uintptr_t)(unsigned char)*byte;
}

static char read_poll(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    expect_ok(poll(&poll_fd, 1, 0));
    return (char)poll_fd.revents;
}

static void await_fault(int fd, struct uffd_msg *message)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    CHECK_EQ(poll(&poll_fd, 1, 20000), 1);
    CHECK_EQ(poll_fd.revents, POLLIN);
    CHECK_EQ(read(fd, message, sizeof(*message)), sizeof(*message));
}

/* Messages are read once; a page that comes without waking leaves the fault asleep. */
static void messages(void)
{
    static char source[PAGE] __attribute__((aligned(PAGE)));
    char *base = map_pages(4);
    int fd = create(O_CLOEXEC | O_NONBLOCK, UFFD_FEATURE_THREAD_ID);
    struct uffd_msg message;
    pthread_t thread;
    void *result;

    memset(source, 8, PAGE);
    madvise(base, 4 * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 4));
    CHECK_EQ(read_poll(fd), 0);
    expect_errno(read(fd, &message, sizeof(message)), EAGAIN);
    expect_errno(read(fd, &message, sizeof(message) - 1), EINVAL);
    CHECK_EQ(pthread_create(&thread, NULL, touch, base + PAGE + 5), 0);
    await_fault(fd, &message);
    CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
    CHECK_EQ(message.arg.pagefault.address, (uintptr_t)base + PAGE);
    CHECK_EQ(message.arg.pagefault.flags, 0);
    CHECK(message.arg.pagefault.feat.ptid != 0 &&
          message.arg.pagefault.feat.ptid != (uint32_t)getpid());
    CHECK_EQ(read_poll(fd), 0);
    struct uffdio_copy copy = {.dst = (uintptr_t)base + PAGE,
                               .src = (uintptr_t)source,
                               .len = PAGE,
                               .mode = UFFDIO_COPY_MODE_DONTWAKE};
    expect_ok(ioctl(fd, UFFDIO_COPY, &copy));
    CHECK_EQ(copy.copy, PAGE);
    expect_errno(ioctl(fd, UFFDIO_COPY, &copy), EEXIST);
    struct uffdio_range range = {(uintptr_t)base, 4 * PAGE};
    expect_ok(ioctl(fd, UFFDIO_WAKE, &range));
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_EQ((uintptr_t)result, 8);
}

/* Who waits when the file is closed, or the memory is unregistered, goes on with zeros. */
static void let_go(void)
{
    char *base = map_pages(4);
    int fd = create(O_CLOEXEC | O_NONBLOCK, 0);
    struct uffd_msg message;
    pthread_t thread;
    void *result;

    madvise(base, 4 * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 4));
    CHECK_EQ(pthread_create(&thread, NULL, touch, base), 0);
    await_fault(fd, &message);
    expect_ok(detach(fd, base, 1));
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_EQ((uintptr_t)result, 0);
    CHECK_EQ(pthread_create(&thread, NULL, touch, base + PAGE), 0);
    await_fault(fd, &message);
    expect_ok(close(fd));
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_EQ(base[2 * PAGE], 0);
}

static void wait_for_ever(void *argument)
{
    char *base = map_pages(1);
    int fd = create(O_CLOEXEC, 0);

    madvise(base, PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 1));
    sign_send(argument);
    CHECK_EQ(*(volatile char *)base, 1);
}

/* A waiting fault ends with the process. */
static void killed(void)
{
    struct sign ready;

    sign_open(&ready);
    pid_t pid = spawn(wait_for_ever, &ready);
    sign_await(&ready);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void look_in_child(void *argument)
{
    CHECK(all_bytes(argument, 0, PAGE));
}

/* A child has the memory, but nobody to supply it; nor has what is moved. */
static void not_inherited(void)
{
    char *base = map_pages(4);
    int fd = create(O_CLOEXEC, 0);

    madvise(base, 4 * PAGE, MADV_NOHUGEPAGE);
    expect_ok(attach(fd, base, 4));
    expect_child_ok(look_in_child, base);
    char *moved = expect_ok(
        (char *)mremap(base, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, find_hole(2)));
    CHECK(all_bytes(moved, 0, 2 * PAGE));
}

/* With this feature a missing page is SIGBUS, and EFAULT in the kernel. */
static void by_signal(void)
{
    char *base = map_pages(2);
    int fd = create(O_CLOEXEC, UFFD_FEATURE_SIGBUS), ends[2];

    madvise(base, 2 * PAGE, MADV_NOHUGEPAGE);
    base[0] = 1;
    expect_ok(attach(fd, base, 2));
    expect_ok(pipe(ends));
    CHECK_EQ(base[0], 1);
    expect_errno(write(ends[1], base + PAGE, 1), EFAULT);
    expect_ok(zero_at(fd, base + PAGE, PAGE));
    CHECK_EQ(base[PAGE], 0);
}

static void arguments(void)
{
    static char source[4 * PAGE] __attribute__((aligned(PAGE)));
    char *base = map_pages(8);
    int fd = open_userfault(O_CLOEXEC | O_NONBLOCK), file = pattern_file("file", PAGE);
    struct uffdio_api api = {.api = UFFD_API + 1};
    struct uffd_msg message;
    long long copied;

    madvise(base, 8 * PAGE, MADV_NOHUGEPAGE);
    expect_errno(syscall(SYS_userfaultfd, 0xf0), EINVAL);
    expect_errno(attach(fd, base, 4), EINVAL); /* before the handshake */
    expect_errno(read(fd, &message, sizeof(message)), EINVAL);
    CHECK_EQ(read_poll(fd), POLLERR);
    expect_errno(ioctl(fd, UFFDIO_API, &api), EINVAL);
    CHECK_EQ(api.api, 0);
    api = (struct uffdio_api){.api = UFFD_API, .features = 1ull << 60};
    expect_errno(ioctl(fd, UFFDIO_API, &api), EINVAL);
    api = (struct uffdio_api){.api = UFFD_API};
    expect_ok(ioctl(fd, UFFDIO_API, &api));
    expect_errno(ioctl(fd, 0x1234, &api), EINVAL);

    expect_errno(attach(fd, base + 1, 4), EINVAL);
    expect_errno(attach(fd, base, 0), EINVAL);
    expect_errno(attach(fd, find_hole(2), 1), EINVAL);
    struct uffdio_register none = {.range = {(uintptr_t)base, PAGE}};
    expect_errno(ioctl(fd, UFFDIO_REGISTER, &none), EINVAL);
    void *mapped = expect_ok(mmap(NULL, PAGE, RW, MAP_PRIVATE, file, 0));
    expect_errno(copy_to(fd, mapped, source, PAGE, &copied), ENOENT);
    expect_ok(munmap(base + 4 * PAGE, PAGE));
    expect_ok(attach(fd, base, 8)); /* holes are no matter */
    int other = create(O_CLOEXEC, 0);
    expect_errno(attach(other, base, 1), EBUSY);

    expect_errno(copy_to(fd, base + 1, source, PAGE, &copied), EINVAL);
    expect_errno(copy_to(fd, base, source, PAGE - 1, &copied), EINVAL);
    expect_errno(copy_to(fd, base, (void *)8, PAGE, &copied), EFAULT);
    CHECK_EQ(copied, -EFAULT);
    expect_errno(copy_to(fd, base + 3 * PAGE, source, 2 * PAGE, &copied), ENOENT);
    expect_ok(copy_to(fd, base, source, 2 * PAGE, &copied));
    CHECK_EQ(copied, 2 * PAGE);
    expect_errno(copy_to(fd, base, source, PAGE, &copied), EEXIST);
    CHECK_EQ(copied, -EEXIST);
    expect_ok(zero_at(fd, base + 3 * PAGE, PAGE));
    expect_errno(copy_to(fd, base + 2 * PAGE, source, 2 * PAGE, &copied), EAGAIN);
    CHECK_EQ(copied, PAGE);
    expect_errno(zero_at(fd, base, PAGE), EEXIST);
    expect_ok(detach(fd, base, 8));
    expect_errno(copy_to(fd, base + 5 * PAGE, source, PAGE, &copied), ENOENT);
}

static void open_unprivileged(void *argument)
{
    (void)argument;
    expect_ok(setuid(65534));
    expect_errno(syscall(SYS_userfaultfd, 0), EPERM);
    expect_ok(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY));
}

static void privilege(void)
{
    char text[16];

    close(open_userfault(0));
    if (geteuid() != 0 || !read_file("/proc/sys/vm/unprivileged_userfaultfd", text, sizeof(text)) ||
        text[0] != '0')
        skip("needs root, and the usual setting");
    expect_child_ok(open_unprivileged, NULL);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(private_memory), TEST(shared_memory), TEST(memory_file), TEST(in_system_calls),
        TEST(users_only),     TEST(two_suppliers), TEST(messages),    TEST(let_go),
        TEST(killed),         TEST(not_inherited), TEST(by_signal),   TEST(arguments),
        TEST(privilege),
    };
    return TAP_MAIN(argc, argv, tests);
}
