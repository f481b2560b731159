/*
 * Capabilities, and the arguments of capget(2) and capset(2): capabilities(7).
 */
#ifndef MAPIX_ABI_CAPABILITY_H
#define MAPIX_ABI_CAPABILITY_H

#include <stdint.h>

#define CAP_CHOWN            0
#define CAP_DAC_OVERRIDE     1
#define CAP_DAC_READ_SEARCH  2
#define CAP_FOWNER           3
#define CAP_FSETID           4
#define CAP_KILL             5
#define CAP_SETGID           6
#define CAP_SETUID           7
#define CAP_SETPCAP          8
#define CAP_LINUX_IMMUTABLE  9
#define CAP_NET_BIND_SERVICE 10
#define CAP_NET_ADMIN        12
#define CAP_NET_RAW          13
#define CAP_IPC_LOCK         14
#define CAP_IPC_OWNER        15
#define CAP_SYS_RAWIO        17
#define CAP_SYS_CHROOT       18
#define CAP_SYS_PTRACE       19
#define CAP_SYS_PACCT        20
#define CAP_SYS_ADMIN        21
#define CAP_SYS_BOOT         22
#define CAP_SYS_NICE         23
#define CAP_SYS_RESOURCE     24
#define CAP_SYS_TIME         25
#define CAP_SYS_TTY_CONFIG   26
#define CAP_MKNOD            27
#define CAP_LEASE            28
#define CAP_SYSLOG           34
#define CAP_WAKE_ALARM       35
#define CAP_LAST_CAP         40

#define CAP_BIT(capability) (1ul << (capability))
#define CAP_ALL             (CAP_BIT(CAP_LAST_CAP + 1) - 1)

/* The capabilities over files, which follow the file system's user identifier. */
#define CAP_FILE_SET                                                                               \
    (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_DAC_OVERRIDE) |                         \
     CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |                    \
     CAP_BIT(CAP_LINUX_IMMUTABLE))

#define CAPABILITY_VERSION_1 0x19980330u /* 32 bits of each set */
#define CAPABILITY_VERSION_2 0x20071026u /* 64, in two halves */
#define CAPABILITY_VERSION_3 0x20080522u

struct capability_header {
    uint32_t version;
    int32_t pid;
};

struct capability_data {
    uint32_t effective, permitted, inheritable;
};

/* Of PR_SET_SECUREBITS; each has a bit beside it that locks it. */
#define SECBIT_NOROOT               0x01u
#define SECBIT_NO_SETUID_FIXUP      0x04u
#define SECBIT_KEEP_CAPS            0x10u
#define SECBIT_KEEP_CAPS_LOCKED     0x20u
#define SECBIT_NO_CAP_AMBIENT_RAISE 0x40u
#define SECBIT_ALL_BITS             0x55u
#define SECBIT_LOCKED(bits)         ((bits) << 1)

#endif
