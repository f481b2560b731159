/*
 * What threads have read and written, as getrusage(2) and /proc/PID/io tell it (proc(5)).
 */
#ifndef MAPIX_CORE_TRAFFIC_H
#define MAPIX_CORE_TRAFFIC_H

#include <stdint.h>

/* Counted by the thread itself; others may read it. */
struct traffic {
    uint64_t reads, writes;               /* calls, by read(2), write(2) and their like */
    uint64_t read_bytes, written_bytes;   /* what these moved */
    uint64_t fetched, dirtied, cancelled; /* bytes: read from disks; in pages of disks' files that
                                             became dirty; of these, removed before they went out */
};

/* A call has ended with this many bytes, or with an error. */
static inline void traffic_count_read(struct traffic *traffic, long result)
{
    traffic->reads++;
    if (result > 0)
        traffic->read_bytes += (uint64_t)result;
}

static inline void traffic_count_write(struct traffic *traffic, long result)
{
    traffic->writes++;
    if (result > 0)
        traffic->written_bytes += (uint64_t)result;
}

static inline void traffic_add(struct traffic *sum, const struct traffic *traffic)
{
    sum->reads += traffic->reads;
    sum->writes += traffic->writes;
    sum->read_bytes += traffic->read_bytes;
    sum->written_bytes += traffic->written_bytes;
    sum->fetched += traffic->fetched;
    sum->dirtied += traffic->dirtied;
    sum->cancelled += traffic->cancelled;
}

#endif
