/* rseq(2). */
#ifndef MAPIX_ABI_RSEQ_H
#define MAPIX_ABI_RSEQ_H

#include <stdint.h>

#define RSEQ_FLAG_UNREGISTER 1

#define RSEQ_CPU_UNINITIALIZED UINT32_MAX

#define RSEQ_SIZE_FIRST 32u /* of the area, as it was at first, with room at its end */
#define RSEQ_SIZE       28u /* what is used of it */
#define RSEQ_ALIGNMENT  32u

struct rseq {
    uint32_t cpu_id_start, cpu_id;
    uint64_t sequence; /* the address of a struct rseq_sequence; 0: none */
    uint32_t flags;
    uint32_t node_id, concurrency_id;
};

struct rseq_sequence {
    uint32_t version, flags;
    uint64_t start_ip, length, abort_ip;
};

#endif
