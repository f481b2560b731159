/*
 * userfaultfd: pages that are moved to where they are missing (UFFDIO_MOVE).
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

/* Here, because not every toolchain's header has them. */
struct move {
    uint64_t to, from, length, mode;
    int64_t moved;
};

#define MOVE         _IOWR(UFFDIO, 5, struct move)
#define FEATURE_MOVE (1ull << 16)
#define DONT_WAKE    1ul
#define HOLES        2ul

#define RW (PROT_READ | PROT_WRITE)

static int create(void)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_MOVE};

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        skip("no userfaultfd here");
    if (ioctl(expect_ok(fd), UFFDIO_API, &api))
        skip("no UFFD_FEATURE_MOVE here");
    return fd;
}

static char *map(size_t pages)
{
    char *base = map_pages(pages);

    madvise(base, pages * PAGE, MADV_NOHUGEPAGE);
    return base;
}

static void attach(int fd, void *base, size_t pages)
{
    struct uffdio_register request = {.range = {(uintptr_t)base, pages * PAGE},
                                      .mode = UFFDIO_REGISTER_MODE_MISSING};

    expect_ok(ioctl(fd, UFFDIO_REGISTER, &request));
    CHECK((request.ioctls & 1u << 5) != 0);
}

/* Memory that fd is asked about. */
static char *map_missing(int fd, size_t pages)
{
    char *base = map(pages);

    attach(fd, base, pages);
    return base;
}

/* The bytes moved, or less than 0: the errno if none were. */
static int64_t move(int fd, const void *to, const void *from, size_t length, uint64_t mode)
{
    struct move request = {(uintptr_t)to, (uintptr_t)from, length, mode, -1000};
    int result = ioctl(fd, MOVE, &request), error = errno;

    if (request.moved == -1000)
        return result ? -error : -1000;
    if (request.moved < 0)
        CHECK(result < 0 && error == -request.moved);
    else if ((size_t)request.moved < length)
        CHECK(result < 0 && error == EAGAIN);
    else
        CHECK_EQ(result, 0);
    return request.moved;
}

static bool is_missing(const void *address)
{
    unsigned char resident;

    expect_ok(mincore((void *)(uintptr_t)address, PAGE, &resident));
    return !resident;
}

static void whole_pages(void)
{
    int fd = create();
    char *to = map_missing(fd, 8), *from = map(8);

    for (size_t i = 0; i < 4; i++)
        memset(from + i * PAGE, 'a' + (int)i, PAGE);
    CHECK_EQ(move(fd, to, from, 4 * PAGE, 0), 4 * PAGE);
    for (size_t i = 0; i < 4; i++) {
        CHECK(all_bytes(to + i * PAGE, (unsigned char)('a' + i), PAGE));
        CHECK(is_missing(from + i * PAGE));
    }
    CHECK(all_bytes(from, 0, 4 * PAGE));
    to[0] = 'A';
    from[0] = 'z';
    CHECK(to[0] == 'A' && to[1] == 'a' && from[0] == 'z' && from[1] == 0);
    /* The page of zeros, too. */
    CHECK(from[5 * PAGE] == 0 && !is_missing(from + 5 * PAGE));
    CHECK_EQ(move(fd, to + 5 * PAGE, from + 5 * PAGE, PAGE, 0), PAGE);
    CHECK(all_bytes(to + 5 * PAGE, 0, PAGE));
    to[5 * PAGE] = 1;
    CHECK(is_missing(from + 5 * PAGE));
}

static void holes(void)
{
    int fd = create();
    char *to = map_missing(fd, 8), *from = map(8);

    CHECK_EQ(move(fd, to, from, PAGE, 0), -ENOENT);
    from[0] = from[PAGE] = from[3 * PAGE] = 1;
    CHECK_EQ(move(fd, to, from, 4 * PAGE, 0), 2 * PAGE);
    CHECK_EQ(move(fd, to + 2 * PAGE, from + 2 * PAGE, 2 * PAGE, HOLES), 2 * PAGE);
    CHECK(to[0] == 1 && to[PAGE] == 1 && to[3 * PAGE] == 1 && is_missing(to + 2 * PAGE));
    from[0] = 2;
    CHECK_EQ(move(fd, to, from, PAGE, 0), -EEXIST);
    CHECK(to[0] == 1 && from[0] == 2);
    CHECK_EQ(move(fd, to + 2 * PAGE, from, 2 * PAGE, HOLES), PAGE);
}

/* What another process has as well stays. */
static void pages_of_a_child(void)
{
    int fd = create();
    char *to = map_missing(fd, 2), *from = map(2);
    struct sign end;

    sign_open(&end);
    from[0] = from[PAGE] = 1;
    pid_t child = fork();
    if (!child) {
        sign_await(&end);
        _exit(from[0] == 1 && from[PAGE] == 1 ? 0 : 1);
    }
    CHECK_EQ(move(fd, to, from, PAGE, 0), -EBUSY);
    from[PAGE] = 2;
    CHECK_EQ(move(fd, to + PAGE, from + PAGE, PAGE, 0), PAGE);
    sign_send(&end);
    expect_exited(reap(child), 0);
    CHECK(from[0] == 1 && to[PAGE] == 2);
}

static void refused(void)
{
    int fd = create(), other = create(), file = pattern_file("file", PAGE);
    char *to = map_missing(fd, 4), *from = map(4), *shared, *copied, *wrong;

    memset(from, 1, 4 * PAGE);
    CHECK_EQ(move(fd, to, from, PAGE, 4), -EINVAL);
    CHECK_EQ(move(fd, to, from, 0, 0), -EINVAL);
    CHECK_EQ(move(fd, to, from, 5, 0), -EINVAL);
    CHECK_EQ(move(fd, to, from + 1, PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to + 1, from, PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to, (char *)(1ul << 63), PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to, find_hole(1), PAGE, 0), -ENOENT);
    CHECK_EQ(move(fd, find_hole(1), from, PAGE, 0), -ENOENT);
    CHECK_EQ(move(other, to, from, PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, map(1), from, PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to + 3 * PAGE, from, 2 * PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to, from + 3 * PAGE, 2 * PAGE, 0), -EINVAL);
    shared = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    copied = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_PRIVATE, file, 0));
    shared[0] = copied[0] = 1;
    CHECK_EQ(move(fd, to, shared, PAGE, 0), -EINVAL);
    CHECK_EQ(move(fd, to, copied, PAGE, 0), -EINVAL);
    wrong = map(1);
    wrong[0] = 1;
    expect_ok(mprotect(wrong, PAGE, PROT_READ));
    CHECK_EQ(move(fd, to, wrong, PAGE, 0), -EINVAL);
    expect_ok(mprotect(wrong, PAGE, RW));
    expect_ok(mlock(wrong, PAGE));
    CHECK_EQ(move(fd, to, wrong, PAGE, 0), -EINVAL);
    expect_ok(munlock(wrong, PAGE));
    CHECK_EQ(move(fd, to, wrong, PAGE, 0), PAGE);
    expect_errno(ioctl(fd, MOVE, 8), EFAULT);
    CHECK(to[0] == 1 && all_bytes(from, 1, 4 * PAGE));
}

struct supplier {
    int fd;
    char *base, *store; /* pages that are asked about, and what they get */
};

static void *supply(void *argument)
{
    struct supplier *supplier = argument;
    struct uffd_msg message;

    while (read(supplier->fd, &message, sizeof(message)) == sizeof(message)) {
        char *page = (char *)(uintptr_t)(message.arg.pagefault.address & ~(PAGE - 1));
        size_t offset = (size_t)(page - supplier->base);
        CHECK_EQ(move(supplier->fd, page, supplier->store + offset, PAGE, 0), PAGE);
    }
    return NULL;
}

/* Faults are answered with pages that another thread has filled. */
static void answers_to_faults(void)
{
    enum { PAGES = 256 };
    int fd = create();
    struct supplier supplier = {fd, map_missing(fd, PAGES), map(PAGES)};
    pthread_t thread;

    for (size_t i = 0; i < PAGES; i++)
        memset(supplier.store + i * PAGE, (int)(i % 250) + 1, PAGE);
    CHECK_EQ(pthread_create(&thread, NULL, supply, &supplier), 0);
    for (size_t i = 0; i < PAGES; i++) {
        CHECK(all_bytes(supplier.base + i * PAGE, (unsigned char)(i % 250 + 1), PAGE));
        CHECK(is_missing(supplier.store + i * PAGE));
    }
}

static void *touch(void *argument)
{
    return (void *)(uintptr_t) * (volatile unsigned char *)argument;
}

/* Who waits is woken, or not. */
static void wakes(void)
{
    int fd = create();
    char *to = map_missing(fd, 1), *from = map(1);
    struct uffdio_range range = {(uintptr_t)to, PAGE};
    struct uffd_msg message;
    pthread_t thread;
    void *byte;

    from[0] = 8;
    CHECK_EQ(pthread_create(&thread, NULL, touch, to), 0);
    CHECK_EQ(read(fd, &message, sizeof(message)), sizeof(message));
    CHECK_EQ(move(fd, to, from, PAGE, DONT_WAKE), PAGE);
    CHECK_EQ(to[0], 8);
    CHECK_EQ(pthread_tryjoin_np(thread, &byte), EBUSY);
    expect_ok(ioctl(fd, UFFDIO_WAKE, &range));
    CHECK_EQ(pthread_join(thread, &byte), 0);
    CHECK_EQ((uintptr_t)byte, 8);
}

static const struct test tests[] = {
    TEST(whole_pages),       TEST(holes), TEST(pages_of_a_child), TEST(refused),
    TEST(answers_to_faults), TEST(wakes),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
