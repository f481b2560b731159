/*
 * Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2), io_pgetevents, io_cancel(2),
 * io_destroy(2), and the ring of events that programs look into.
 */
#include "tap.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct ring {
    unsigned id, count, head, tail, magic, compatible, incompatible, header_length;
    struct io_event events[];
};

static long setup(unsigned count, aio_context_t *context)
{
    return syscall(SYS_io_setup, count, context);
}

static long destroy(aio_context_t context)
{
    return syscall(SYS_io_destroy, context);
}

static long submit(aio_context_t context, long count, struct iocb **requests)
{
    return syscall(SYS_io_submit, context, count, requests);
}

static long submit_one(aio_context_t context, struct iocb *request)
{
    return submit(context, 1, &request);
}

static long get_events(aio_context_t context, long least, long most, struct io_event *events,
                       const struct timespec *timeout)
{
    return syscall(SYS_io_getevents, context, least, most, events, timeout);
}

static long cancel(aio_context_t context, struct iocb *request)
{
    struct io_event event;
    return syscall(SYS_io_cancel, context, request, &event);
}

static aio_context_t new_context(unsigned count)
{
    aio_context_t context = 0;
    if (setup(count, &context) == -1 && errno == ENOSYS)
        skip("this kernel has no asynchronous I/O");
    CHECK(context != 0);
    return context;
}

static struct iocb request(int operation, int fd, void *buffer, size_t size, off_t offset)
{
    return (struct iocb){.aio_lio_opcode = (uint16_t)operation,
                         .aio_fildes = (uint32_t)fd,
                         .aio_buf = (uintptr_t)buffer,
                         .aio_nbytes = size,
                         .aio_offset = offset,
                         .aio_data = 0x1234567890abcdef,
                         .aio_key = 99};
}

static const struct timespec at_once = {0, 0}, soon = {0, 20000000};

/* Submit one request, and the result in its event. */
static long perform(aio_context_t context, struct iocb *iocb)
{
    struct io_event event = {.res2 = 1};
    expect_ok(submit_one(context, iocb));
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK_EQ(event.data, iocb->aio_data);
    CHECK_EQ(event.obj, (uintptr_t)iocb);
    CHECK_EQ(event.res2, 0);
    return event.res;
}

static void setup_and_destroy(void)
{
    aio_context_t context = new_context(1), other = 0;
    expect_errno(setup(1, &context), EINVAL);
    expect_errno(setup(0, &other), EINVAL);
    expect_errno(setup(UINT32_MAX, &other), EINVAL);
    expect_errno(setup(1, NULL), EFAULT);
    expect_ok(setup(100, &other));
    CHECK(other != context);
    expect_ok(destroy(context));
    expect_errno(destroy(context), EINVAL);
    expect_errno(destroy(0), EINVAL);
    expect_errno(get_events(context, 0, 0, NULL, NULL), EINVAL);
    expect_errno(submit(context, 0, NULL), EINVAL);
    expect_ok(destroy(other));
}

static void limits(void)
{
    long most = read_setting("fs/aio-max-nr"), before = read_setting("fs/aio-nr");
    aio_context_t context = new_context(10), other = 0;
    CHECK(read_setting("fs/aio-nr") >= before + 10);
    if (most < 1000000)
        expect_errno(setup((unsigned)most + 1, &other), EAGAIN);
    expect_ok(destroy(context));
    CHECK_EQ(read_setting("fs/aio-nr"), before);
}

static void reading_and_writing(void)
{
    aio_context_t context = new_context(8);
    int fd = pattern_file("f", 3 * PAGE);
    char buffer[PAGE], second[PAGE];
    struct iovec pieces[2] = {{buffer, 100}, {second, 200}};
    struct iocb read_it = request(IOCB_CMD_PREAD, fd, buffer, PAGE, 1000);
    struct iocb write_it = request(IOCB_CMD_PWRITE, fd, buffer, 50, 5000);
    struct iocb read_pieces = request(IOCB_CMD_PREADV, fd, pieces, 2, 7);
    struct iocb write_pieces = request(IOCB_CMD_PWRITEV, fd, pieces, 2, 10000);
    CHECK_EQ(perform(context, &read_it), PAGE);
    CHECK_EQ(read_it.aio_key, 0);
    CHECK_PATTERN(buffer, 1000, PAGE);
    memset(buffer, 'x', PAGE);
    CHECK_EQ(perform(context, &write_it), 50);
    CHECK_EQ(pread(fd, second, 60, 5000), 60);
    CHECK(all_bytes(second, 'x', 50));
    CHECK_PATTERN(second + 50, 5050, 10);
    CHECK_EQ(perform(context, &read_pieces), 300);
    CHECK_PATTERN(buffer, 7, 100);
    CHECK_PATTERN(second, 107, 200);
    CHECK_EQ(perform(context, &write_pieces), 300);
    CHECK_EQ(pread(fd, buffer, 300, 10000), 300);
    CHECK_PATTERN(buffer, 7, 300);
    read_it.aio_offset = 3 * PAGE - 5;
    CHECK_EQ(perform(context, &read_it), 5);
    read_it.aio_offset = 3 * PAGE;
    CHECK_EQ(perform(context, &read_it), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

static void synchronizing(void)
{
    aio_context_t context = new_context(8);
    int fd = pattern_file("f", PAGE), pipes[2];
    struct iocb all = request(IOCB_CMD_FSYNC, fd, NULL, 0, 0);
    struct iocb data = request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0);
    CHECK_EQ(perform(context, &all), 0);
    CHECK_EQ(perform(context, &data), 0);
    all.aio_nbytes = 1;
    expect_errno(submit_one(context, &all), EINVAL);
    all.aio_nbytes = 0;
    expect_ok(pipe(pipes));
    all.aio_fildes = (uint32_t)pipes[0];
    expect_errno(submit_one(context, &all), EINVAL);
}

static void errors_of_submit(void)
{
    aio_context_t context = new_context(8);
    int fd = pattern_file("f", PAGE), read_only = expect_ok(open("f", O_RDONLY));
    int directory = expect_ok(open(".", O_RDONLY)), path = expect_ok(open("f", O_PATH));
    char buffer[16];
    struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0), *list[3] = {&iocb, NULL, &iocb};
    struct io_event events[4];

    expect_errno(submit(context, -1, list), EINVAL);
    CHECK_EQ(submit(context, 0, list), 0);
    expect_errno(submit(context, 1, NULL), EFAULT);
    expect_errno(submit(context, 1, &list[1]), EFAULT);
    CHECK_EQ(submit(context, 3, list), 1);
    CHECK_EQ(get_events(context, 0, 4, events, NULL), 1);

    iocb = request(77, fd, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_NOOP, fd, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_PREAD, -1, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EBADF);
    iocb = request(IOCB_CMD_PREAD, path, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EBADF);
    iocb = request(IOCB_CMD_PWRITE, read_only, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EBADF);
    iocb = request(IOCB_CMD_PREAD, directory, buffer, 16, 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, -1);
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_PREAD, fd, buffer, (size_t)-1, 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    iocb.aio_reserved2 = 1;
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    iocb.aio_rw_flags = (int)0x80000000;
    expect_errno(submit_one(context, &iocb), EOPNOTSUPP);
    iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    iocb.aio_flags = IOCB_FLAG_IOPRIO;
    iocb.aio_reqprio = 7 << 13;
    expect_errno(submit_one(context, &iocb), EINVAL);
    CHECK_EQ(get_events(context, 0, 4, events, NULL), 0);

    iocb = request(IOCB_CMD_PREAD, fd, find_hole(1), 16, 0);
    CHECK_EQ(perform(context, &iocb), -EFAULT);
}

static void results_are_counted(void)
{
    aio_context_t context = new_context(8);
    int fd = pattern_file("f", PAGE), counter = expect_ok(eventfd(0, EFD_NONBLOCK));
    char buffer[16];
    uint64_t count;
    struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    iocb.aio_flags = IOCB_FLAG_RESFD;
    iocb.aio_resfd = (uint32_t)counter;
    CHECK_EQ(perform(context, &iocb), 16);
    CHECK_EQ(perform(context, &iocb), 16);
    CHECK_EQ(read(counter, &count, 8), 8);
    CHECK_EQ(count, 2);
    iocb.aio_resfd = (uint32_t)fd;
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb.aio_resfd = (uint32_t)-1;
    expect_errno(submit_one(context, &iocb), EBADF);
    iocb.aio_resfd = (uint32_t)counter;
    iocb.aio_fildes = (uint32_t)-1;
    expect_errno(submit_one(context, &iocb), EBADF);
    expect_errno(read(counter, &count, 8), EAGAIN);
}

static void pipes_are_read_and_written(void)
{
    aio_context_t context = new_context(8);
    char buffer[8] = "abcdefg", got[8];
    int fds[2];
    expect_ok(pipe(fds));
    struct iocb write_it = request(IOCB_CMD_PWRITE, fds[1], buffer, 8, 0);
    struct iocb read_it = request(IOCB_CMD_PREAD, fds[0], got, 8, 0);
    CHECK_EQ(perform(context, &write_it), 8);
    CHECK_EQ(perform(context, &read_it), 8);
    CHECK_STRING(got, "abcdefg");
    signal(SIGPIPE, SIG_IGN);
    close(fds[0]);
    CHECK_EQ(perform(context, &write_it), -EPIPE);
}

static void order_and_room(void)
{
    aio_context_t context = new_context(2);
    struct ring *ring = (struct ring *)context;
    int fd = pattern_file("f", PAGE);
    char buffer[16];
    struct io_event events[16];
    struct iocb iocbs[16], *one = &iocbs[0];
    unsigned count = 0, got = 0;
    for (unsigned i = 0; i < 16; i++) {
        iocbs[i] = request(IOCB_CMD_PREAD, fd, buffer, i, 0);
        iocbs[i].aio_data = i;
        CHECK_EQ(submit_one(context, &iocbs[i]), 1);
    }
    CHECK_EQ(get_events(context, 1, 5, events, NULL), 5);
    CHECK_EQ(get_events(context, 11, 11, events + 5, NULL), 11);
    for (unsigned i = 0; i < 16; i++)
        CHECK(events[i].data == i && events[i].res == i);
    while (submit(context, 1, &one) == 1 && count < 2000)
        count++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(count >= 2 && count < ring->count);
    for (long n; (n = get_events(context, 0, 16, events, NULL)) > 0;)
        got += (unsigned)n;
    CHECK_EQ(got, count);
    CHECK_EQ(submit(context, 1, &one), 1);
}

/* As fio and QEMU do: events are taken without a call. */
static void ring_is_in_memory(void)
{
    aio_context_t context = new_context(8);
    struct ring *ring = (struct ring *)context;
    int fd = pattern_file("f", PAGE);
    char buffer[16];
    struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    struct io_event event;
    CHECK_EQ(ring->magic, 0xa10a10a1);
    CHECK_EQ(ring->incompatible, 0);
    CHECK_EQ(ring->header_length, sizeof(*ring));
    CHECK_EQ(ring->head, ring->tail);
    for (unsigned i = 0; i < 3 * ring->count; i++) {
        iocb.aio_data = i;
        expect_ok(submit_one(context, &iocb));
        unsigned head = ring->head;
        CHECK_EQ((head + 1) % ring->count, ring->tail);
        CHECK(ring->events[head].data == i && ring->events[head].res == 16);
        CHECK_EQ(ring->events[head].obj, (uintptr_t)&iocb);
        ring->head = (head + 1) % ring->count;
    }
    CHECK_EQ(get_events(context, 0, 1, &event, NULL), 0);
}

/* The kernel believes nothing that is written there. */
static void ring_may_be_spoilt(void)
{
    aio_context_t context = new_context(8);
    struct ring *ring = (struct ring *)context;
    size_t size = sizeof(*ring) + ring->count * sizeof(struct io_event);
    int fd = pattern_file("f", PAGE);
    char buffer[16];
    struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    struct io_event events[8];
    for (int i = 1; i < 100; i++) {
        unsigned id = ring->id;
        memset(ring, 37 * i, size);
        ring->id = id; /* by which Linux finds the context */
        (void)submit_one(context, &iocb);
        (void)get_events(context, 0, 8, events, &at_once);
    }
    expect_ok(destroy(context));
}

static void waiting_for_events(void)
{
    aio_context_t context = new_context(8);
    int fd = pattern_file("f", PAGE);
    char buffer[16];
    struct io_event events[4];
    struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, 16, 0);
    const struct timespec odd = {0, 1000000000};
    CHECK_EQ(get_events(context, 0, 4, events, NULL), 0);
    CHECK_EQ(get_events(context, 1, 4, events, &at_once), 0);
    CHECK_EQ(get_events(context, 1, 4, events, &soon), 0);
    expect_errno(get_events(context, -1, 4, events, NULL), EINVAL);
    expect_errno(get_events(context, 5, 4, events, NULL), EINVAL);
    expect_errno(get_events(context, 0, -1, events, NULL), EINVAL);
    expect_errno(get_events(context, 1, 1, events, (struct timespec *)1), EFAULT);
    expect_ok(submit_one(context, &iocb));
    expect_errno(get_events(context, 1, 1, NULL, NULL), EFAULT);
    CHECK_EQ(get_events(context, 2, 4, events, &soon), 1);
    expect_ok(submit_one(context, &iocb));
    CHECK_EQ(get_events(context, 1, 4, events, &odd), 1);
}

static void on_alarm(int number)
{
    (void)number;
}

static void set_alarm(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {.it_value.tv_usec = 20000};
    expect_ok(sigaction(SIGALRM, &action, NULL));
    expect_ok(setitimer(ITIMER_REAL, &timer, NULL));
}

static void signals_end_waits(void)
{
    aio_context_t context = new_context(8);
    struct io_event events[4];
    sigset_t set, old;
    struct {
        sigset_t *set;
        size_t size;
    } mask = {&set, 8};
    set_alarm();
    expect_errno(get_events(context, 1, 4, events, NULL), EINTR);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    expect_ok(sigprocmask(SIG_BLOCK, &set, &old));
    set_alarm();
    CHECK_EQ(get_events(context, 1, 4, events, &(struct timespec){0, 60000000}), 0);
    sigemptyset(&set);
    expect_errno(syscall(SYS_io_pgetevents, context, 1L, 4L, events, NULL, &mask), EINTR);
    CHECK_EQ(syscall(SYS_io_pgetevents, context, 1L, 4L, events, &at_once, NULL), 0);
    mask.size = 7;
    expect_errno(syscall(SYS_io_pgetevents, context, 1L, 4L, events, &at_once, &mask), EINVAL);
    mask.size = 8;
    mask.set = (sigset_t *)1;
    expect_errno(syscall(SYS_io_pgetevents, context, 1L, 4L, events, &at_once, &mask), EFAULT);
}

/* Requests that wait for files */

static void polls(void)
{
    aio_context_t context = new_context(8);
    int fds[2], file = pattern_file("f", PAGE), counter = expect_ok(eventfd(0, EFD_NONBLOCK));
    struct io_event event;
    uint64_t count;
    expect_ok(pipe(fds));
    struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
    iocb.aio_flags = IOCB_FLAG_RESFD;
    iocb.aio_resfd = (uint32_t)counter;
    expect_ok(submit_one(context, &iocb));
    CHECK_EQ(get_events(context, 1, 1, &event, &soon), 0);
    expect_errno(read(counter, &count, 8), EAGAIN);
    write_all(fds[1], "x", 1);
    struct pollfd pollfd = {counter, POLLIN, 0};
    CHECK_EQ(poll(&pollfd, 1, -1), 1);
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK(event.res & POLLIN);
    CHECK_EQ(event.obj, (uintptr_t)&iocb);

    CHECK_EQ(perform(context, &iocb), POLLIN);
    read_all(fds[0], &(char){0}, 1);
    expect_ok(submit_one(context, &iocb));
    close(fds[1]);
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK_EQ(event.res, POLLHUP);

    iocb = request(IOCB_CMD_POLL, file, (void *)(uintptr_t)(POLLIN | POLLOUT), 0, 0);
    CHECK_EQ(perform(context, &iocb), POLLIN | POLLOUT);
    iocb.aio_nbytes = 1;
    expect_errno(submit_one(context, &iocb), EINVAL);
    iocb = request(IOCB_CMD_POLL, file, (void *)0x10001, 0, 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
}

/* A descriptor that is closed meanwhile does not take the file from a request. */
static void polls_keep_files(void)
{
    aio_context_t context = new_context(8);
    int fds[2], copy;
    struct io_event event;
    expect_ok(pipe(fds));
    struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
    expect_ok(submit_one(context, &iocb));
    copy = expect_ok(dup(fds[1]));
    close(fds[0]);
    close(fds[1]);
    write_all(copy, "x", 1);
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK(event.res & POLLIN);
}

static void cancelling(void)
{
    aio_context_t context = new_context(8);
    int fds[2];
    struct io_event event;
    expect_ok(pipe(fds));
    struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
    expect_errno(cancel(context, NULL), EFAULT);
    expect_errno(cancel(context, &iocb), EINVAL);
    iocb.aio_key = 0;
    expect_errno(cancel(context, &iocb), EINVAL);
    expect_ok(submit_one(context, &iocb));
    expect_errno(cancel(0, &iocb), EINVAL);
    expect_errno(cancel(context, &iocb), EINPROGRESS);
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK_EQ(event.res, 0);
    CHECK_EQ(event.obj, (uintptr_t)&iocb);
    expect_errno(cancel(context, &iocb), EINVAL);
}

static void *destroy_soon(void *context)
{
    usleep(20000);
    expect_ok(destroy((aio_context_t)context));
    return NULL;
}

/* The end of a context ends its requests and wakes who waits. */
static void destroying_with_requests(void)
{
    aio_context_t context = new_context(8);
    int fds[2];
    struct io_event event;
    pthread_t thread;
    expect_ok(pipe(fds));
    struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
    expect_ok(submit_one(context, &iocb));
    CHECK_EQ(pthread_create(&thread, NULL, destroy_soon, (void *)context), 0);
    long result = get_events(context, 2, 2, &event, NULL);
    CHECK(result == 1 || (result == -1 && errno == EINVAL));
    CHECK_EQ(pthread_join(thread, NULL), 0);
    expect_errno(submit_one(context, &iocb), EINVAL);
}

static void child_has_none(void *argument)
{
    struct io_event event;
    expect_errno(get_events(*(aio_context_t *)argument, 0, 1, &event, NULL), EINVAL);
}

/* A process that ends, or executes another program, leaves nothing behind. */
static void leave_requests(void *argument)
{
    aio_context_t context = new_context(8);
    int fds[2];
    expect_ok(pipe(fds));
    struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
    expect_ok(submit_one(context, &iocb));
    if (argument)
        execl(self_path(), self_path(), "--nothing", NULL);
}

static void processes(void)
{
    long before = read_setting("fs/aio-nr");
    aio_context_t context = new_context(8);
    expect_child_ok(child_has_none, &context);
    expect_child_ok(leave_requests, NULL);
    expect_child_ok(leave_requests, "exec");
    expect_ok(destroy(context));
    CHECK_EQ(read_setting("fs/aio-nr"), before);
}

/* Threads that submit, poll and take events at once. */

#define THREADS 4
#define ROUNDS  300

static aio_context_t common;

static void *submitting(void *argument)
{
    int fds[2];
    (void)argument;
    expect_ok(pipe(fds));
    for (int i = 0; i < ROUNDS; i++) {
        struct iocb iocb = request(IOCB_CMD_POLL, fds[0], (void *)(uintptr_t)POLLIN, 0, 0);
        while (submit_one(common, &iocb) == -1)
            CHECK_EQ(errno, EAGAIN);
        write_all(fds[1], "x", 1);
        read_all(fds[0], &(char){0}, 1);
        (void)cancel(common, &iocb);
    }
    return NULL;
}

static void many_threads(void)
{
    pthread_t threads[THREADS];
    struct io_event events[7];
    common = new_context(8);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, submitting, NULL), 0);
    for (int got = 0; got < THREADS * ROUNDS;)
        got += (int)expect_ok(get_events(common, 1, 7, events, NULL));
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(get_events(common, 1, 7, events, &at_once), 0);
}

/* A signalfd, and an epoll with one, are asked by somebody who gets no signals: that ended the
 * kernel. */
static void polls_of_signals(void)
{
    aio_context_t context = new_context(4);
    struct epoll_event wanted = {.events = EPOLLIN};
    struct io_event event;
    sigset_t set;
    int fds[3];

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    fds[0] = expect_ok(signalfd(-1, &set, 0));
    fds[1] = expect_ok(epoll_create1(0));
    fds[2] = expect_ok(eventfd(0, 0));
    expect_ok(epoll_ctl(fds[1], EPOLL_CTL_ADD, fds[0], &wanted));
    struct iocb requests[3];
    for (int i = 0; i < 3; i++) {
        requests[i] = request(IOCB_CMD_POLL, fds[i], (void *)(uintptr_t)POLLIN, 0, 0);
        CHECK_EQ(submit_one(context, &requests[i]), 1);
    }
    expect_ok(raise(SIGUSR1));
    CHECK_EQ(write(fds[2], "12345678", 8), 8);
    do
        CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    while (event.obj != (uintptr_t)&requests[2]);
    expect_ok(destroy(context));
}

/* The last reference to a file may be that of a request, and goes where no process is. */
static void last_reference(void)
{
    aio_context_t context = new_context(4);
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 1};
    struct io_event event;
    char name[32];

    snprintf(name, sizeof(name), "/aio.%d", (int)getpid());
    mqd_t reader = mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &attributes);
    if (reader == -1 && errno == ENOSYS)
        skip("no message queues");
    mqd_t writer = expect_ok(mq_open(name, O_WRONLY));
    expect_ok(mq_unlink(name));
    struct iocb iocb = request(IOCB_CMD_POLL, reader, (void *)(uintptr_t)POLLIN, 0, 0);
    CHECK_EQ(submit_one(context, &iocb), 1);
    expect_ok(mq_close(reader));
    expect_ok(mq_send(writer, "x", 1, 0));
    CHECK_EQ(get_events(context, 1, 1, &event, NULL), 1);
    CHECK(event.res & POLLIN);
    expect_ok(destroy(context));
}

static const struct test tests[] = {
    TEST(setup_and_destroy),
    TEST(limits),
    TEST(reading_and_writing),
    TEST(synchronizing),
    TEST(errors_of_submit),
    TEST(results_are_counted),
    TEST(pipes_are_read_and_written),
    TEST(order_and_room),
    TEST(ring_is_in_memory),
    TEST(ring_may_be_spoilt),
    TEST(waiting_for_events),
    TEST(signals_end_waits),
    TEST(polls),
    TEST(polls_of_signals),
    TEST(last_reference),
    TEST(polls_keep_files),
    TEST(cancelling),
    TEST(destroying_with_requests),
    TEST(processes),
    TEST(many_threads),
};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
        return 0;
    return TAP_MAIN(argc, argv, tests);
}
