/* personality(2). */
#ifndef MAPIX_ABI_PERSONALITY_H
#define MAPIX_ABI_PERSONALITY_H

#define PERSONALITY_QUERY 0xffffffffu /* asks for the current one */
#define ADDR_NO_RANDOMIZE 0x0040000u
#define READ_IMPLIES_EXEC 0x0400000u
#define UNAME26           0x0020000u
#define STICKY_TIMEOUTS   0x4000000u
#define PER_MASK          0x00000ffu

/* What a program that gains privileges does not inherit. */
#define PER_CLEAR_ON_SETID                                                                         \
    (READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | 0x0200000u /* ADDR_COMPAT_LAYOUT */ |                 \
     0x0100000u /* MMAP_PAGE_ZERO */)

#endif
