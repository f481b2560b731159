/*
 * What the tests of threads share: making and joining them.
 */
#ifndef MAPIX_TESTS_THREADS_H
#define MAPIX_TESTS_THREADS_H

#include "tap.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK (64ul << 10)

static inline void check_zero(int error, const char *what)
{
    if (error)
        fail("%s: %s", what, error_name(error));
}

static inline pthread_t start(void *(*function)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;

    check_zero(pthread_attr_init(&attributes), "pthread_attr_init");
    check_zero(pthread_attr_setstacksize(&attributes, STACK), "pthread_attr_setstacksize");
    check_zero(pthread_create(&thread, &attributes, function, argument), "pthread_create");
    return thread;
}

static inline void *join(pthread_t thread)
{
    void *result;

    check_zero(pthread_join(thread, &result), "pthread_join");
    return result;
}

static inline pid_t thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

#endif
