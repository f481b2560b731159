/*
 * Sets of address ranges (range.h).
 */
#include "arch/riscv/range.h"

static void insert(struct range_set *set, unsigned index, uint64_t start, uint64_t end)
{
    for (unsigned i = set->count; i > index; i--)
        set->ranges[i] = set->ranges[i - 1];
    set->ranges[index] = (struct range){start, end};
    set->count++;
}

static void drop(struct range_set *set, unsigned index)
{
    set->count--;
    for (unsigned i = index; i < set->count; i++)
        set->ranges[i] = set->ranges[i + 1];
}

void range_add(struct range_set *set, uint64_t start, uint64_t end)
{
    unsigned i = 0;

    if (start >= end)
        return;
    while (i < set->count && set->ranges[i].end < start)
        i++;
    while (i < set->count && set->ranges[i].start <= end) {
        start = set->ranges[i].start < start ? set->ranges[i].start : start;
        end = set->ranges[i].end > end ? set->ranges[i].end : end;
        drop(set, i);
    }
    if (set->count < RANGE_MAX)
        insert(set, i, start, end);
}

/* Take [start, end) out of the middle of one range. */
static void cut(struct range_set *set, unsigned index, uint64_t start, uint64_t end)
{
    struct range whole = set->ranges[index];
    bool keep_lower = start - whole.start >= whole.end - end;

    if (set->count < RANGE_MAX) {
        set->ranges[index].end = start;
        insert(set, index + 1, end, whole.end);
    } else if (keep_lower) {
        set->ranges[index].end = start;
    } else {
        set->ranges[index].start = end;
    }
}

void range_remove(struct range_set *set, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < set->count;) {
        struct range *range = &set->ranges[i];
        if (end <= range->start || start >= range->end) {
            i++;
        } else if (start <= range->start && end >= range->end) {
            drop(set, i);
        } else if (start > range->start && end < range->end) {
            cut(set, i, start, end);
            return;
        } else if (start <= range->start) {
            range->start = end;
            i++;
        } else {
            range->end = start;
            i++;
        }
    }
}
