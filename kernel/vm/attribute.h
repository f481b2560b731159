/*
 * Changing attributes of the regions of a range.
 */
#ifndef MAPIX_VM_ATTRIBUTE_H
#define MAPIX_VM_ATTRIBUTE_H

#include "vm/aspace.h"
#include "vm/region.h"

struct attribute_change {
    unsigned set, clear;          /* enum region_flag */
    bool rename;                  /* give it the label, or none */
    struct region_label *label;   /* the caller's reference stays his */
    bool watch;                   /* register them with userfault, or none */
    struct userfault *userfault;  /* the caller's reference stays his */
    struct userfault *registered; /* by which those to be unregistered may be registered */
    /* Go on behind a hole, and return -ENOMEM in the end; or at once; or take no notice. */
    enum { HOLES_REPORTED, HOLES_STOP, HOLES_FINE } holes;
    /* May this region be changed? 0 or the errno, which ends the change there. NULL: any. */
    int (*check)(const struct region *region);
    /* May the whole change be begun? Called once, locked for writing. NULL: yes. */
    int (*limit)(struct aspace *aspace, vaddr_t start, vaddr_t end,
                 const struct attribute_change *change);
};

/* Change [start, end): 0, -ENOMEM (a hole, too many regions, no memory), or what the checks say. */
int aspace_change(struct aspace *aspace, vaddr_t start, vaddr_t end,
                  const struct attribute_change *change);

#endif
