/* A movement of pages: what io.c and those who need a spare one know. */
#ifndef MAPIX_FS_EXT_IO_H
#define MAPIX_FS_EXT_IO_H

#include "fs/ext/ext.h"

struct ext_io {
    struct ext *ext;
    struct object *object;
    bool write;
    bool spare;     /* the caller's: every request is waited for, and it is not freed */
    uint64_t size;  /* of the file; what is read behind it becomes zeros */
    uint32_t users; /* atomic: requests, and the one who adds them */
    unsigned count;
    uint64_t first_index;
    struct page *pages[EXT_IO_PAGES];
    uint32_t
        pending[EXT_IO_PAGES];    /* atomic: requests for each page, and one until all are added */
    int errors[EXT_IO_PAGES];     /* atomic */
    uint8_t mapped[EXT_IO_PAGES]; /* blocks of each page that are on the device */
    struct block_request request; /* being gathered */
    uint64_t next_sector;         /* behind it */
};

#endif
