/* getdents64(2): an entry, and the types of files in it. */
#ifndef MAPIX_ABI_DIRENT_H
#define MAPIX_ABI_DIRENT_H

#include <stdint.h>

struct dirent64 {
    uint64_t number;
    int64_t next_offset;
    uint16_t length; /* of the whole entry, a multiple of 8 */
    uint8_t type;
    char name[]; /* with a NUL */
};

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12

/* The DT_* of a mode's type. */
#define DT_OF_MODE(mode) (((mode)&0170000) >> 12)

#endif
