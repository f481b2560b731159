/* kcmp(2), and personality(2): what is kept, and what reading and timeouts make of it. */
#include "tap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_, VM, FILES, FS, SIGHAND, IO, SYSVSEM, EPOLL_TARGET };

#define STACK_SIZE 65536

static long compare(pid_t first, pid_t second, int type, unsigned long a, unsigned long b)
{
    long result = syscall(SYS_kcmp, first, second, type, a, b);

    if (result == -1 && errno == ENOSYS)
        skip("no kcmp here");
    return result;
}

static void files(void)
{
    int fd = pattern_file("file", 0), copy = expect_ok(dup(fd)), other;
    pid_t self = getpid();

    CHECK_EQ(compare(self, self, FILE_, (unsigned long)fd, (unsigned long)copy), 0);
    other = expect_ok(open("file", O_RDONLY));
    long result = compare(self, self, FILE_, (unsigned long)fd, (unsigned long)other);
    CHECK(result == 1 || result == 2);
    CHECK_EQ(compare(self, self, FILE_, (unsigned long)other, (unsigned long)fd), 3 - result);
    expect_errno(compare(self, self, FILE_, (unsigned long)fd, 999), EBADF);
    expect_errno(compare(self, self, 99, 0, 0), EINVAL);
    expect_errno(compare(self, 0x3ffffff0, VM, 0, 0), ESRCH);
}

/* Two files that one epoll watches at the same descriptor, and what is wrong. */
static void watched_files(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = expect_ok(epoll_create1(0)), fds[2], others[2];
    pid_t self = getpid();

    expect_ok(pipe(fds));
    expect_ok(pipe(others));
    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
    unsigned slot[3] = {(unsigned)set, (unsigned)fds[0], 0};
    unsigned long file = (unsigned long)fds[0], other = (unsigned long)others[0],
                  at = (unsigned long)slot;
    CHECK_EQ(compare(self, self, EPOLL_TARGET, file, at), 0);
    CHECK(compare(self, self, EPOLL_TARGET, other, at) > 0);
    expect_errno(compare(self, self, EPOLL_TARGET, 999, at), EBADF);
    expect_errno(compare(self, self, EPOLL_TARGET, file, 8), EFAULT);
    slot[2] = 1;
    expect_errno(compare(self, self, EPOLL_TARGET, file, at), ENOENT);
    int kept = expect_ok(dup(fds[0]));
    expect_ok(dup2(others[0], fds[0]));
    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
    int equal = 0;
    for (slot[2] = 0; slot[2] < 2; slot[2]++)
        equal += compare(self, self, EPOLL_TARGET, (unsigned long)kept, at) == 0;
    CHECK_EQ(equal, 1);
    slot[2] = 0;
    slot[1] = (unsigned)fds[1];
    expect_errno(compare(self, self, EPOLL_TARGET, file, at), ENOENT);
    slot[0] = (unsigned)fds[1];
    expect_errno(compare(self, self, EPOLL_TARGET, file, at), EINVAL);
    slot[0] = 999;
    expect_errno(compare(self, self, EPOLL_TARGET, file, at), EBADF);
}

static int wait_for_end(void *argument)
{
    (void)argument;
    while (pause())
        ;
    return 0;
}

static void expect_shared(unsigned long flags, const char *shared)
{
    char *stack = malloc(STACK_SIZE);
    pid_t self = getpid();

    CHECK(stack);
    pid_t pid = expect_ok(clone(wait_for_end, stack + STACK_SIZE, (int)(flags | SIGCHLD), NULL));
    for (int type = VM; type <= SIGHAND; type++) {
        long result = compare(self, pid, type, 0, 0);
        if ((result == 0) != (shared[type - 1] == '='))
            FAIL_HERE("type %d: %ld", type, result);
        if (result == -1)
            FAIL_HERE("type %d: %s", type, error_name(errno));
    }
    CHECK_EQ(compare(self, pid, SYSVSEM, 0, 0), 0);
    CHECK_EQ(compare(self, pid, FILE_, 0, 0), 0);
    expect_ok(kill(pid, SIGKILL));
    reap(pid);
    free(stack);
}

static void shared(void)
{
    expect_shared(0, "----");
    expect_shared(CLONE_VM, "=---");
    expect_shared(CLONE_FILES, "-=--");
    expect_shared(CLONE_FS, "--=-");
    expect_shared(CLONE_VM | CLONE_SIGHAND, "=--=");
}

static void kept_personality(void)
{
    static const unsigned long personas[] = {0x0100000, 0x0020000 | 6, 0x0200000, 8, 0x7000000, 0};
    unsigned old = (unsigned)expect_ok(personality(0xffffffff));

    for (size_t i = 0; i < COUNT_OF(personas); i++) {
        CHECK_EQ(personality(personas[i]), old);
        old = (unsigned)personas[i];
        CHECK_EQ(personality(0xffffffff), old);
    }
}

static void reading_is_executing(void)
{
    struct map_line line;

    expect_ok(personality(READ_IMPLIES_EXEC));
    char *memory = map_pages(1);
    CHECK_EQ(read_maps((uintptr_t)memory, (uintptr_t)memory + PAGE, &line, 1), 1);
    CHECK_STRING(line.perms, "rwxp");
    expect_ok(mprotect(memory, PAGE, PROT_READ));
    CHECK_EQ(read_maps((uintptr_t)memory, (uintptr_t)memory + PAGE, &line, 1), 1);
    CHECK_STRING(line.perms, "r-xp");
    expect_ok(mprotect(memory, PAGE, PROT_NONE));
    CHECK_EQ(read_maps((uintptr_t)memory, (uintptr_t)memory + PAGE, &line, 1), 1);
    CHECK_STRING(line.perms, "---p");
}

static void timeouts_stay(void)
{
    struct timespec time = {0, 1000000};

    expect_ok(personality(STICKY_TIMEOUTS));
    CHECK_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, NULL), 0);
    CHECK_EQ(time.tv_nsec, 1000000);
    expect_ok(personality(0));
    CHECK_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, NULL), 0);
    CHECK_EQ(time.tv_nsec, 0);
}

static void restarting(void)
{
    expect_errno(syscall(SYS_restart_syscall), EINTR);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(files),
        TEST(watched_files),
        TEST(shared),
        TEST(kept_personality),
        TEST(reading_is_executing),
        TEST(timeouts_stay),
        TEST(restarting),
    };

    return TAP_MAIN(argc, argv, tests);
}
