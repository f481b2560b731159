/* futex(2), and the lists of set_robust_list(2). */
#ifndef MAPIX_ABI_FUTEX_H
#define MAPIX_ABI_FUTEX_H

#include <stdint.h>

#define FUTEX_WAIT            0
#define FUTEX_WAKE            1
#define FUTEX_REQUEUE         3
#define FUTEX_CMP_REQUEUE     4
#define FUTEX_WAKE_OP         5
#define FUTEX_LOCK_PI         6
#define FUTEX_UNLOCK_PI       7
#define FUTEX_TRYLOCK_PI      8
#define FUTEX_WAIT_BITSET     9
#define FUTEX_WAKE_BITSET     10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI  12
#define FUTEX_LOCK_PI2        13

#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256

#define FUTEX_BITSET_MATCH_ANY 0xffffffffu

/* futex_waitv(2) and the calls like it. */
#define FUTEX2_SIZE_U32 2
#define FUTEX2_PRIVATE  128
#define FUTEX_WAITV_MAX 128u

struct futex_waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

/* The third value of FUTEX_WAKE_OP: operation, comparison, and their 12-bit arguments. */
#define FUTEX_OP_SET         0
#define FUTEX_OP_ADD         1
#define FUTEX_OP_OR          2
#define FUTEX_OP_ANDN        3
#define FUTEX_OP_XOR         4
#define FUTEX_OP_OPARG_SHIFT 8
#define FUTEX_OP_CMP_EQ      0
#define FUTEX_OP_CMP_NE      1
#define FUTEX_OP_CMP_LT      2
#define FUTEX_OP_CMP_LE      3
#define FUTEX_OP_CMP_GT      4
#define FUTEX_OP_CMP_GE      5

/* A word that is a robust, or a priority-inheriting lock. */
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

#define ROBUST_LIST_LIMIT 2048

struct robust_list_head {
    uint64_t first; /* the address of this structure ends the list; bit 0: priority-inheriting */
    int64_t offset; /* from an entry to its word */
    uint64_t pending;
};

#endif
