/* Disks that are files: loop(4). */
#ifndef MAPIX_ABI_LOOP_H
#define MAPIX_ABI_LOOP_H

#include <stdint.h>

#define LOOP_SET_FD         0x4c00
#define LOOP_CLR_FD         0x4c01
#define LOOP_SET_STATUS     0x4c02
#define LOOP_GET_STATUS     0x4c03
#define LOOP_SET_STATUS64   0x4c04
#define LOOP_GET_STATUS64   0x4c05
#define LOOP_SET_CAPACITY   0x4c07
#define LOOP_SET_DIRECT_IO  0x4c08
#define LOOP_SET_BLOCK_SIZE 0x4c09
#define LOOP_CONFIGURE      0x4c0a

#define LOOP_CTL_ADD      0x4c80
#define LOOP_CTL_REMOVE   0x4c81
#define LOOP_CTL_GET_FREE 0x4c82

#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
#define LO_FLAGS_PARTSCAN  8

#define LOOP_NAME_SIZE 64

struct loop_info64 {
    uint64_t device, inode, special; /* of the file */
    uint64_t offset, size_limit;     /* the part of it; 0: to its end */
    uint32_t number, encryption, key_size, flags;
    char name[LOOP_NAME_SIZE], cipher[LOOP_NAME_SIZE];
    uint8_t key[32];
    uint64_t unused[2];
};

/* The older form, of LOOP_SET_STATUS and LOOP_GET_STATUS. */
struct loop_info {
    int32_t number;
    uint32_t device;
    uint64_t inode;
    uint32_t special;
    int32_t offset, encryption, key_size, flags;
    char name[LOOP_NAME_SIZE];
    uint8_t key[32];
    uint64_t unused[2];
    char reserved[4];
};

struct loop_config {
    uint32_t descriptor, block_size;
    struct loop_info64 info;
    uint64_t reserved[8];
};

_Static_assert(sizeof(struct loop_info64) == 232, "loop_info64");
_Static_assert(sizeof(struct loop_config) == 304, "loop_config");

#endif
