/*
 * Limits and usage of resources: getrlimit(2), getrusage(2), getpriority(2).
 */
#ifndef MAPIX_ABI_RESOURCE_H
#define MAPIX_ABI_RESOURCE_H

#include "abi/time.h"

#define RLIMIT_CPU        0
#define RLIMIT_FSIZE      1
#define RLIMIT_DATA       2
#define RLIMIT_STACK      3
#define RLIMIT_CORE       4
#define RLIMIT_RSS        5
#define RLIMIT_NPROC      6
#define RLIMIT_NOFILE     7
#define RLIMIT_MEMLOCK    8
#define RLIMIT_AS         9
#define RLIMIT_LOCKS      10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE   12
#define RLIMIT_NICE       13
#define RLIMIT_RTPRIO     14
#define RLIMIT_RTTIME     15

#define RLIM_INFINITY UINT64_MAX

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

struct rusage {
    struct timeval user_time, system_time;
    int64_t max_resident; /* KiB */
    int64_t shared_size, data_size, stack_size;
    int64_t minor_faults, major_faults, swaps;
    int64_t blocks_in, blocks_out, messages_sent, messages_received, signals;
    int64_t voluntary_switches, involuntary_switches;
};

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

#endif
