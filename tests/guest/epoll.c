/* epoll: modes, errors, nesting, closing, limits. */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int set, ends[2];
static struct epoll_event events[16];

static void make(int *epoll)
{
    *epoll = expect_ok(epoll_create1(EPOLL_CLOEXEC));
}

static int add(int epoll, int fd, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.u64 = (uint64_t)fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int modify(int epoll, int fd, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.u64 = (uint64_t)fd};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

static int ready(int epoll)
{
    return expect_ok(epoll_wait(epoll, events, COUNT_OF(events), 0));
}

static void put(int fd, const char *text)
{
    write_all(fd, text, strlen(text));
}

static char take(int fd)
{
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
    return byte;
}

static void level_triggered(void)
{
    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN));
    expect_ok(add(set, ends[1], EPOLLOUT));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(events[0].events, EPOLLOUT);
    CHECK_EQ(events[0].data.u64, ends[1]);
    put(ends[1], "ab");
    CHECK_EQ(ready(set), 2);
    CHECK_EQ(ready(set), 2);
    take(ends[0]);
    CHECK_EQ(ready(set), 2);
    take(ends[0]);
    CHECK_EQ(ready(set), 1);
    expect_ok(close(ends[1]));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(events[0].events, EPOLLHUP); /* asked for or not */
}

/* An edge is reported once; reading less than all brings no other, writing does. */
static void edge_triggered(void)
{
    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN | EPOLLET));
    CHECK_EQ(ready(set), 0);
    put(ends[1], "abc");
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
    take(ends[0]);
    CHECK_EQ(ready(set), 0);
    put(ends[1], "d");
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(events[0].events, EPOLLIN);
    CHECK_EQ(ready(set), 0);
    /* Modifying asks anew. */
    expect_ok(modify(set, ends[0], EPOLLIN | EPOLLET));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
}

static void edge_of_a_full_pipe(void)
{
    static char block[4096];

    make(&set);
    expect_ok(pipe2(ends, O_NONBLOCK));
    expect_ok(add(set, ends[1], EPOLLOUT | EPOLLET));
    CHECK_EQ(ready(set), 1);
    while (write(ends[1], block, sizeof(block)) > 0)
        ;
    CHECK_EQ(ready(set), 0);
    CHECK_EQ(read(ends[0], block, sizeof(block)), sizeof(block));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
}

static void one_shot(void)
{
    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN | EPOLLONESHOT));
    put(ends[1], "a");
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
    put(ends[1], "b");
    CHECK_EQ(ready(set), 0);
    expect_ok(modify(set, ends[0], EPOLLIN | EPOLLONESHOT));
    CHECK_EQ(ready(set), 1);
    expect_ok(close(ends[1]));
    CHECK_EQ(ready(set), 0); /* not even the hang-up */
    expect_ok(modify(set, ends[0], 0));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(events[0].events, EPOLLHUP);
}

static void modify_what_is_wanted(void)
{
    make(&set);
    expect_ok(pipe(ends));
    put(ends[1], "a");
    expect_ok(add(set, ends[0], 0));
    CHECK_EQ(ready(set), 0);
    expect_ok(modify(set, ends[0], EPOLLIN));
    CHECK_EQ(ready(set), 1);
    expect_ok(modify(set, ends[0], EPOLLPRI));
    CHECK_EQ(ready(set), 0);
    expect_ok(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
    expect_errno(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), ENOENT);
    CHECK_EQ(ready(set), 0);
}

static void errors(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int file = pattern_file("file", 10), directory = expect_ok(open(".", O_RDONLY));
    int path = expect_ok(open("file", O_PATH)), other;

    make(&set);
    make(&other);
    expect_ok(pipe(ends));
    expect_errno(epoll_create1(1), EINVAL);
    expect_errno(epoll_create(0), EINVAL);
    expect_errno(add(set, file, EPOLLIN), EPERM);
    expect_errno(add(set, directory, EPOLLIN), EPERM);
    expect_errno(add(set, path, EPOLLIN), EBADF);
    expect_errno(add(set, 1000, EPOLLIN), EBADF);
    expect_errno(add(1000, ends[0], EPOLLIN), EBADF);
    expect_errno(add(ends[0], ends[1], EPOLLIN), EINVAL);
    expect_errno(add(set, set, EPOLLIN), EINVAL);
    expect_errno(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], NULL), EFAULT);
    expect_errno(epoll_ctl(set, 77, ends[0], &event), EINVAL);
    expect_errno(modify(set, ends[0], EPOLLIN), ENOENT);
    expect_ok(add(set, ends[0], EPOLLIN));
    expect_errno(add(set, ends[0], EPOLLIN), EEXIST);
    expect_errno(epoll_wait(set, events, 0, 0), EINVAL);
    expect_errno(syscall(SYS_epoll_pwait, set, events, -1, 0, NULL, 8), EINVAL);
    expect_errno(epoll_wait(ends[0], events, 1, 0), EINVAL);
    expect_errno(epoll_wait(1000, events, 1, 0), EBADF);
    expect_errno(read(set, events, 100), EINVAL);
    expect_errno(write(set, events, 100), EINVAL);
    expect_errno(add(other, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
    expect_errno(add(other, set, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    expect_ok(add(other, ends[0], EPOLLIN | EPOLLEXCLUSIVE));
    expect_errno(modify(other, ends[0], EPOLLIN), EINVAL);
    expect_errno(modify(set, ends[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
}

/* What cannot be stored stays to be reported. */
static void bad_address(void)
{
    char *page = map_pages(2);

    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN | EPOLLET));
    put(ends[1], "a");
    expect_ok(mprotect(page, PAGE, PROT_READ));
    expect_errno(epoll_wait(set, (void *)page, 1, 0), EFAULT);
    expect_ok(munmap(page, 2 * PAGE));
    expect_errno(epoll_wait(set, (void *)page, 1, 0), EFAULT);
    /* Memory that was never touched is faulted in. */
    struct epoll_event *fresh = (void *)map_pages(1);
    CHECK_EQ(epoll_wait(set, fresh, 4, 0), 1);
    CHECK_EQ(fresh->data.u64, ends[0]);
}

/* A file is watched until its last descriptor is closed, whatever descriptor that is. */
static void closing(void)
{
    make(&set);
    expect_ok(pipe(ends));
    put(ends[1], "a");
    expect_ok(add(set, ends[0], EPOLLIN));
    int copy = expect_ok(dup(ends[0]));
    expect_ok(add(set, copy, EPOLLIN)); /* another descriptor is another item */
    CHECK_EQ(ready(set), 2);
    expect_ok(close(ends[0]));
    CHECK_EQ(ready(set), 2);
    expect_errno(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), EBADF);
    expect_ok(close(copy));
    CHECK_EQ(ready(set), 0);
    /* The same numbers again are others. */
    expect_ok(close(ends[1]));
    expect_ok(pipe(ends));
    put(ends[1], "b");
    CHECK_EQ(ready(set), 0);
    expect_ok(add(set, ends[0], EPOLLIN));
    CHECK_EQ(ready(set), 1);
    expect_ok(close(set));
    CHECK_EQ(take(ends[0]), 'b');
}

static void nested(void)
{
    struct pollfd poller;
    int outer;

    make(&set);
    make(&outer);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN));
    expect_ok(add(outer, set, EPOLLIN));
    poller = (struct pollfd){.fd = outer, .events = POLLIN};
    CHECK_EQ(ready(outer), 0);
    CHECK_EQ(poll(&poller, 1, 0), 0);
    put(ends[1], "a");
    CHECK_EQ(poll(&poller, 1, 0), 1);
    CHECK_EQ(ready(outer), 1);
    CHECK_EQ(events[0].data.u64, set);
    CHECK_EQ(ready(outer), 1);
    take(ends[0]);
    CHECK_EQ(poll(&poller, 1, 0), 0);
    CHECK_EQ(ready(outer), 0);
    CHECK_EQ(ready(set), 0);
}

static void nested_edge(void)
{
    int outer;

    make(&set);
    make(&outer);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN | EPOLLET));
    expect_ok(add(outer, set, EPOLLIN | EPOLLET));
    put(ends[1], "a");
    CHECK_EQ(ready(outer), 1);
    CHECK_EQ(ready(outer), 0);
    put(ends[1], "b");
    CHECK_EQ(ready(outer), 1);
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
}

/* No cycles, and chains of five sets at the most. */
static void chains(void)
{
    int up[6], down[6];

    for (int i = 0; i < 6; i++) {
        make(&up[i]);
        make(&down[i]);
    }
    for (int i = 1; i < 5; i++) {
        expect_ok(add(up[i], up[i - 1], EPOLLIN));
        expect_ok(add(down[i - 1], down[i], EPOLLIN));
    }
    expect_errno(add(up[5], up[4], EPOLLIN), ELOOP);
    expect_errno(add(down[4], down[5], EPOLLIN), ELOOP);
    expect_errno(add(up[0], up[4], EPOLLIN), ELOOP);
    expect_errno(add(up[0], up[1], EPOLLIN), ELOOP);
    expect_ok(close(up[2]));
    expect_ok(add(up[5], up[4], EPOLLIN));
}

static void few_at_a_time(void)
{
    int pipes[5][2];
    unsigned seen = 0;

    make(&set);
    for (int i = 0; i < 5; i++) {
        expect_ok(pipe(pipes[i]));
        put(pipes[i][1], "x");
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, pipes[i][0], &event));
    }
    /* Level-triggered ones take turns. */
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(epoll_wait(set, events, 1, -1), 1);
        seen |= 1u << events[0].data.u32;
    }
    CHECK_EQ(seen, 31);
}

static void send_late(void *argument)
{
    usleep(30000);
    put(ends[1], argument);
}

static void waiting(void)
{
    struct timespec before, after, limit = {0, 20000000};

    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN));
    expect_ok(clock_gettime(CLOCK_MONOTONIC, &before));
    CHECK_EQ(epoll_wait(set, events, 1, 20), 0);
    CHECK_EQ(epoll_pwait2(set, events, 1, &limit, NULL), 0);
    expect_ok(clock_gettime(CLOCK_MONOTONIC, &after));
    CHECK((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >=
          40000000);
    limit.tv_nsec = 1000000000;
    expect_errno(epoll_pwait2(set, events, 1, &limit, NULL), EINVAL);
    pid_t pid = spawn(send_late, "z");
    CHECK_EQ(epoll_wait(set, events, 1, -1), 1);
    CHECK_EQ(take(ends[0]), 'z');
    expect_exited(reap(pid), 0);
    pid = spawn(send_late, "y");
    CHECK_EQ(epoll_pwait2(set, events, 1, NULL, NULL), 1);
    expect_exited(reap(pid), 0);
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void alarm_parent(void *argument)
{
    (void)argument;
    usleep(30000);
    kill(getppid(), SIGUSR1);
}

/* The mask holds during the wait, and only then; SA_RESTART does not restart it. */
static void masked(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t blocked, none, now;

    make(&set);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_ok(sigprocmask(SIG_BLOCK, &blocked, NULL));
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(caught, 0);
    expect_errno(epoll_pwait(set, events, 1, -1, &none), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, NULL, &now));
    CHECK(sigismember(&now, SIGUSR1));
    expect_errno(syscall(SYS_epoll_pwait, set, events, 1, 0, &none, 4), EINVAL);
    caught = 0;
    expect_ok(sigprocmask(SIG_SETMASK, &none, NULL));
    pid_t pid = spawn(alarm_parent, NULL);
    expect_errno(epoll_wait(set, events, 1, -1), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    expect_exited(reap(pid), 0);
}

static void hang_ups(void)
{
    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[1], 0));
    CHECK_EQ(ready(set), 0);
    expect_ok(close(ends[0]));
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(events[0].events, EPOLLERR);
}

/* The set is shared with children; what one takes with EPOLLET the other does not see. */
static void child_takes(void *argument)
{
    (void)argument;
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
}

static void shared_by_fork(void)
{
    make(&set);
    expect_ok(pipe(ends));
    expect_ok(add(set, ends[0], EPOLLIN | EPOLLET));
    put(ends[1], "a");
    expect_child_ok(child_takes, NULL);
    CHECK_EQ(ready(set), 0);
}

/* How many files the epolls of a user may watch is a setting; closing one makes room. */
static void limit_of_items(void)
{
    enum { MOST = 3, USER = 54322 };
    int copies[MOST + 1], done = 0;
    bool too_many, room;

    expect_ok(pipe(ends));
    for (int i = 0; i <= MOST; i++)
        copies[i] = expect_ok(dup(ends[0]));
    long old = change_setting("fs/epoll/max_user_watches", MOST);
    expect_ok(setresuid(USER, -1, -1));
    make(&set); /* whose user is another one */
    while (done <= MOST && add(set, copies[done], EPOLLIN) == 0)
        done++;
    too_many = errno == ENOSPC;
    room =
        epoll_ctl(set, EPOLL_CTL_DEL, copies[0], NULL) == 0 && add(set, copies[MOST], EPOLLIN) == 0;
    change_setting("fs/epoll/max_user_watches", old);
    CHECK_EQ(done, MOST);
    CHECK(too_many && room);
}

static const struct test tests[] = {
    TEST(level_triggered),
    TEST(edge_triggered),
    TEST(edge_of_a_full_pipe),
    TEST(one_shot),
    TEST(modify_what_is_wanted),
    TEST(errors),
    TEST(bad_address),
    TEST(closing),
    TEST(nested),
    TEST(nested_edge),
    TEST(chains),
    TEST(few_at_a_time),
    TEST(waiting),
    TEST(masked),
    TEST(hang_ups),
    TEST(shared_by_fork),
    TEST(limit_of_items),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
