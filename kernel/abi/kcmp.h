/* kcmp(2): what is compared. */
#ifndef MAPIX_ABI_KCMP_H
#define MAPIX_ABI_KCMP_H

#include <stdint.h>

#define KCMP_FILE      0
#define KCMP_VM        1
#define KCMP_FILES     2
#define KCMP_FS        3
#define KCMP_SIGHAND   4
#define KCMP_IO        5
#define KCMP_SYSVSEM   6
#define KCMP_EPOLL_TFD 7

/* KCMP_EPOLL_TFD: a file that an epoll watches; of those at the same descriptor, which. */
struct kcmp_epoll_slot {
    uint32_t epoll, descriptor, number;
};

#endif
