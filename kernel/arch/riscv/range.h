/*
 * A small sorted set of disjoint address ranges, for the time before there is an allocator.
 */
#ifndef MAPIX_ARCH_RISCV_RANGE_H
#define MAPIX_ARCH_RISCV_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#define RANGE_MAX 64

struct range {
    uint64_t start, end;
};

struct range_set {
    unsigned count;
    struct range ranges[RANGE_MAX];
};

/* Add [start, end), which may touch or overlap what is there. When the set is full, it is left out.
 */
void range_add(struct range_set *set, uint64_t start, uint64_t end);

/* Take [start, end) out. When that would make one range too many, the smaller rest of the range
 * that it cuts in two is lost. */
void range_remove(struct range_set *set, uint64_t start, uint64_t end);

#endif
