/* seccomp(2): modes, flags, actions, what a filter sees. */
#ifndef MAPIX_ABI_SECCOMP_H
#define MAPIX_ABI_SECCOMP_H

#include <stdint.h>

#define SECCOMP_MODE_DISABLED 0
#define SECCOMP_MODE_STRICT   1
#define SECCOMP_MODE_FILTER   2

#define SECCOMP_SET_MODE_STRICT  0
#define SECCOMP_SET_MODE_FILTER  1
#define SECCOMP_GET_ACTION_AVAIL 2

#define SECCOMP_FILTER_FLAG_TSYNC       1u
#define SECCOMP_FILTER_FLAG_LOG         2u
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW  4u
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH 16u

/* A filter's result: the action, and 16 bits for it. As signed numbers, the smaller is the stricter
 * one. */
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#define SECCOMP_RET_KILL_THREAD  0x00000000u
#define SECCOMP_RET_TRAP         0x00030000u
#define SECCOMP_RET_ERRNO        0x00050000u
#define SECCOMP_RET_TRACE        0x7ff00000u
#define SECCOMP_RET_LOG          0x7ffc0000u
#define SECCOMP_RET_ALLOW        0x7fff0000u

#define SECCOMP_RET_ACTION 0xffff0000u
#define SECCOMP_RET_DATA   0x0000ffffu

struct seccomp_data {
    int32_t number;
    uint32_t architecture;
    uint64_t instruction; /* address behind it */
    uint64_t arguments[6];
};

#define SYS_SECCOMP 1 /* si_code of SIGSYS */

#endif
