/*
 * Events: signals, and waiting for one of many files.
 */
#include "beside.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static int file, out;

static void note(int number)
{
    (void)number;
}

static void prepare_signal(void)
{
    signal(SIGUSR1, note);
}

static void send_signal(void)
{
    MUST(kill(getpid(), SIGUSR1));
}

static struct pollfd polled[100];

static void prepare_poll(void)
{
    for (int i = 0; i < 100; i++)
        polled[i] = (struct pollfd){.fd = MUST(eventfd(0, 0)), .events = POLLIN};
}

static void poll_100(void)
{
    MUST(poll(polled, 100, 0));
}

static void prepare_epoll(void)
{
    file = MUST(epoll_create1(0));
    for (int i = 0; i < 500; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        out = MUST(eventfd(0, 0));
        MUST(epoll_ctl(file, EPOLL_CTL_ADD, out, &event));
    }
}

static void epoll_one(void)
{
    struct epoll_event event;
    uint64_t one = 1;
    MUST(write(out, &one, sizeof(one)));
    MUST(epoll_wait(file, &event, 1, -1));
    MUST(read(out, &one, sizeof(one)));
}

static void block_signals(void)
{
    sigset_t set, old;
    sigfillset(&set);
    MUST(sigprocmask(SIG_BLOCK, &set, &old));
    MUST(sigprocmask(SIG_SETMASK, &old, NULL));
}

static void set_handler(void)
{
    struct sigaction action = {.sa_handler = note};
    MUST(sigaction(SIGUSR1, &action, NULL));
}

static void prepare_blocked(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void queue_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1}));
    MUST(sigtimedwait(&set, NULL, &(struct timespec){0}));
}

static void select_100(void)
{
    fd_set set;
    FD_ZERO(&set);
    for (int i = 0; i < 100; i++)
        FD_SET(polled[i].fd, &set);
    MUST(select(polled[99].fd + 1, &set, NULL, NULL, &(struct timeval){0}));
}

static void poll_1(void)
{
    MUST(poll(polled, 1, 0));
}

static void prepare_poll_sockets(void)
{
    for (int i = 0; i < 100; i += 2) {
        int ends[2];
        connect_pair(ends);
        for (int j = 0; j < 2; j++)
            polled[i + j] = (struct pollfd){.fd = ends[j], .events = POLLIN};
    }
}

static void add_remove(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    MUST(epoll_ctl(file, EPOLL_CTL_DEL, out, &event));
    MUST(epoll_ctl(file, EPOLL_CTL_ADD, out, &event));
}

static void prepare_timer(void)
{
    file = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
}

static void set_timer(void)
{
    struct itimerspec time = {.it_value = {1000, 0}};
    MUST(timerfd_settime(file, 0, &time, NULL));
}

static void set_alarm(void)
{
    struct itimerval time = {.it_value = {1000, 0}};
    MUST(setitimer(ITIMER_REAL, &time, NULL));
}

const struct operation events_operations[] = {
    {"signal", prepare_signal, send_signal, "send oneself a signal, handle it"},
    {"poll", prepare_poll, poll_100, "poll 100 descriptors, none ready"},
    {"epoll", prepare_epoll, epoll_one, "make one of 500 ready, wait for it"},
    {"sigprocmask", NULL, block_signals, "block all signals, and no longer"},
    {"sigaction", NULL, set_handler, "set a handler"},
    {"sigqueue", prepare_blocked, queue_signal, "queue a signal, take it with sigtimedwait"},
    {"select", prepare_poll, select_100, "select on 100 descriptors, none ready"},
    {"poll-1", prepare_poll, poll_1, "poll one descriptor that is not ready"},
    {"poll-tcp", prepare_poll_sockets, poll_100, "poll 100 TCP sockets, none ready"},
    {"epoll-ctl", prepare_epoll, add_remove, "remove a descriptor from an epoll, add it again"},
    {"timerfd", prepare_timer, set_timer, "set a timerfd"},
    {"setitimer", NULL, set_alarm, "set an interval timer"},
    {0},
};
