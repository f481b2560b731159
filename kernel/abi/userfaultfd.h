/* userfaultfd(2): requests, messages and features of the Linux ABI. */
#ifndef MAPIX_ABI_USERFAULTFD_H
#define MAPIX_ABI_USERFAULTFD_H

#include <stdint.h>

#define UFFD_USER_MODE_ONLY 1
#define UFFD_CLOEXEC        02000000
#define UFFD_NONBLOCK       04000

#define UFFD_API 0xaaul

#define UFFDIO_API          0xc018aa3fu
#define UFFDIO_REGISTER     0xc020aa00u
#define UFFDIO_UNREGISTER   0x8010aa01u
#define UFFDIO_WAKE         0x8010aa02u
#define UFFDIO_COPY         0xc028aa03u
#define UFFDIO_ZEROPAGE     0xc020aa04u
#define UFFDIO_MOVE         0xc028aa05u
#define UFFDIO_WRITEPROTECT 0xc018aa06u
#define UFFDIO_CONTINUE     0xc020aa07u
#define UFFDIO_POISON       0xc020aa08u

/* Bits of ioctls, by the numbers of the requests. */
#define UFFD_API_IOCTLS     (1ul << 63 | 1ul << 1 | 1ul << 0)
#define UFFD_RANGE_IOCTLS   (1ul << 2 | 1ul << 3 | 1ul << 4 | 1ul << 5 | 1ul << 8)
#define UFFD_PROTECT_IOCTL  (1ul << 6)
#define UFFD_CONTINUE_IOCTL (1ul << 7)

#define UFFD_FEATURE_PAGEFAULT_FLAG_WP  (1ul << 0)
#define UFFD_FEATURE_MISSING_SHMEM      (1ul << 5)
#define UFFD_FEATURE_SIGBUS             (1ul << 7)
#define UFFD_FEATURE_THREAD_ID          (1ul << 8)
#define UFFD_FEATURE_MINOR_SHMEM        (1ul << 10)
#define UFFD_FEATURE_EXACT_ADDRESS      (1ul << 11)
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1ul << 12)
#define UFFD_FEATURE_WP_UNPOPULATED     (1ul << 13)
#define UFFD_FEATURE_POISON             (1ul << 14)
#define UFFD_FEATURE_WP_ASYNC           (1ul << 15)
#define UFFD_FEATURE_MOVE               (1ul << 16)

#define UFFDIO_REGISTER_MODE_MISSING      1ul
#define UFFDIO_REGISTER_MODE_WP           2ul
#define UFFDIO_REGISTER_MODE_MINOR        4ul
#define UFFDIO_MODE_DONTWAKE              1ul
#define UFFDIO_MODE_WP                    2ul /* of COPY and CONTINUE */
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES  2ul
#define UFFDIO_WRITEPROTECT_MODE_WP       1ul
#define UFFDIO_WRITEPROTECT_MODE_DONTWAKE 2ul

#define UFFD_EVENT_PAGEFAULT      0x12
#define UFFD_PAGEFAULT_FLAG_WRITE 1u
#define UFFD_PAGEFAULT_FLAG_WP    2u
#define UFFD_PAGEFAULT_FLAG_MINOR 4u

struct uffd_message {
    uint8_t event;
    uint8_t reserved[7];
    uint64_t flags, address;
    uint32_t thread, unused;
};

struct uffdio_api {
    uint64_t api, features, ioctls;
};

struct uffdio_range {
    uint64_t start, length;
};

struct uffdio_register {
    struct uffdio_range range;
    uint64_t mode, ioctls;
};

/* UFFDIO_COPY and UFFDIO_MOVE. */
struct uffdio_copy {
    uint64_t destination, source, length, mode;
    int64_t copied;
};

struct uffdio_writeprotect {
    struct uffdio_range range;
    uint64_t mode;
};

/* UFFDIO_ZEROPAGE, UFFDIO_CONTINUE and UFFDIO_POISON. */
struct uffdio_zeropage {
    struct uffdio_range range;
    uint64_t mode;
    int64_t zeroed;
};

#endif
