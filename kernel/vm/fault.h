#ifndef MAPIX_VM_FAULT_H
#define MAPIX_VM_FAULT_H

/* What the attempts of a fault (vm/fault.c) share with what is done between them
 * (vm/fault_resolve.c), and nobody else. */
#include "vm/userfault.h"
#include "vm/vm.h"

/* How a phase ends, and what has to be done without locks before the next attempt. */
enum outcome {
    DONE,
    FAILED,     /* fault->result says how */
    NEED_FRAME, /* into fault->spare */
    AGAIN,      /* the region has got an amap */
    NEED_TABLE, /* memory for page tables, tree nodes, an amap */
    NEED_READ,  /* of page fault->index of fault->object */
    NEED_WAIT,  /* for fault->page to be filled */
    NEED_SPACE, /* in the store, for fault->page */
    NEED_SWAP,  /* the amap's page is in a swap area */
    NEED_STACK, /* the region above grows down to the address */
    NEED_USER,  /* a program is asked (vm/userfault.h) */
    NEED_MARK,  /* to be taken from the page: it is protected, but nobody asks */
};

/* A forced access: the kernel's memory, for a store to read from, and where in the page it is. */
struct forced {
    void *buffer;
    vaddr_t address;
    size_t size;
};

struct fault {
    struct aspace *aspace;
    vaddr_t address; /* of the page */
    unsigned access;
    enum fault_result result;
    struct region *region;
    struct amap *amap;     /* of the region, or NULL */
    struct object *object; /* of the region; referenced while no lock is held */
    uint64_t index;        /* of the page in object */
    uint64_t slot;         /* of the page in amap */
    unsigned marks;        /* of the page (vm/mark.h) */
    struct page *page;     /* waited for: referenced */
    struct page *spare;    /* a frame reserved for a copy */
    struct object *stored; /* a page of it was stored to: referenced */
    struct tlb_gather *gather;
    const struct forced *forced; /* NULL: a fault */
    vaddr_t exact;               /* the address itself */
    bool brought;                /* the page was missing, and this fault has made it */
    bool by_user;                /* the program's own access, not one of a system call */
    struct userfault_wait wait;
};

/* Get, with no lock held, what the attempt lacked; false: it cannot be had, fault->result says why.
 */
bool fault_resolve(struct fault *fault, enum outcome need);

#endif
