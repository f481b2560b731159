/* riscv_hwprobe(2): what the harts are. */
#ifndef MAPIX_ABI_HWPROBE_H
#define MAPIX_ABI_HWPROBE_H

#include <stdint.h>

struct hwprobe_pair {
    int64_t key; /* becomes -1 if the kernel does not know it */
    uint64_t value;
};

#define HWPROBE_KEY_VENDOR            0
#define HWPROBE_KEY_ARCHITECTURE      1
#define HWPROBE_KEY_IMPLEMENTATION    2
#define HWPROBE_KEY_BASE_BEHAVIOR     3
#define HWPROBE_KEY_EXTENSIONS        4
#define HWPROBE_KEY_PERFORMANCE       5
#define HWPROBE_KEY_ZICBOZ_BLOCK_SIZE 6
#define HWPROBE_KEY_HIGHEST_ADDRESS   7
#define HWPROBE_KEY_TIME_FREQUENCY    8
#define HWPROBE_KEY_MISALIGNED_SCALAR 9

#define HWPROBE_BASE_IMA (1ul << 0)

/* Bits of HWPROBE_KEY_EXTENSIONS. */
#define HWPROBE_FD  (1ul << 0)
#define HWPROBE_C   (1ul << 1)
#define HWPROBE_ZBA (1ul << 3)
#define HWPROBE_ZBB (1ul << 4)
#define HWPROBE_ZBS (1ul << 5)
#define HWPROBE_ZBC (1ul << 7)

#define HWPROBE_MISALIGNED_UNKNOWN 0

/* Flag: find the harts for which all pairs hold. */
#define HWPROBE_WHICH_CPUS 1

#endif
