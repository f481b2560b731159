/* mq_overview(7). */
#ifndef MAPIX_ABI_MQUEUE_H
#define MAPIX_ABI_MQUEUE_H

#include <stdint.h>

#define MQ_PRIO_MAX 32768u

struct mq_attr {
    int64_t flags; /* O_NONBLOCK */
    int64_t messages_most, size_most;
    int64_t messages; /* now */
    int64_t unused[4];
};

#endif
