/*
 * What the tests of signals share: a handler that notes them, and sets of them.
 */
#ifndef MAPIX_TESTS_SIGNALS_H
#define MAPIX_TESTS_SIGNALS_H

#include "tap.h"

#include <signal.h>

static volatile sig_atomic_t count, seen[64], seen_count;
static volatile siginfo_t last;

static inline void note(int number, siginfo_t *information, void *context)
{
    (void)context;
    count++;
    last = *information;
    if (seen_count < 64)
        seen[seen_count++] = number;
}

static inline void handle_with(int number, int flags, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    expect_ok(sigaction(number, &action, NULL));
}

static inline sigset_t set_of(int first, int second)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, first);
    if (second)
        sigaddset(&set, second);
    return set;
}

static inline void block(int first, int second)
{
    sigset_t set = set_of(first, second);

    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

static inline void unblock(int first, int second)
{
    sigset_t set = set_of(first, second);

    expect_ok(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static inline bool is_pending(int number)
{
    sigset_t set;

    expect_ok(sigpending(&set));
    return sigismember(&set, number);
}

static inline bool is_blocked(int number)
{
    sigset_t set;

    expect_ok(sigprocmask(SIG_BLOCK, NULL, &set));
    return sigismember(&set, number);
}

#endif
