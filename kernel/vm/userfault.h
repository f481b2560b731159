/*
 * userfault: memory that a program fills itself (userfaultfd(2)).
 *
 * Regions name the userfault that they are registered with. A fault that finds a page missing there
 * joins the queue of faults, and sleeps; the program reads of it, supplies the page, and the fault
 * is woken and starts again.
 *
 *   fault, amap or object locked          program
 *   page missing: join the queue    ->    reads the message
 *   drop the locks, sleep                 supplies the page, under the same lock; then wakes
 *   start again                     <-    the faults of that range
 *
 * The fault joins under the lock of the page's owner, so a page that is supplied later finds it
 * there.
 */
#ifndef MAPIX_VM_USERFAULT_H
#define MAPIX_VM_USERFAULT_H

#include "core/lock.h"
#include "lib/list.h"
#include "vm/aspace.h"

/* Letters: (l) lock, (a) atomic, (c) constant from before the first region has it. */
struct userfault {
    uint64_t references;   /* (a) regions, waiting faults, the file */
    struct aspace *aspace; /* (c) referenced until userfault_end */
    struct spinlock lock;
    struct list faults;         /* (l) the oldest first */
    bool ended;                 /* (l) nobody will supply anything any more */
    bool users_only;            /* (c) faults of the kernel fail */
    bool refuses;               /* (c) all faults fail */
    struct wait_queue readers;  /* woken when a fault has joined */
    struct wait_queue sleepers; /* the faults */
};

/* A fault, as long as it waits. */
struct userfault_wait {
    struct list link;
    struct userfault *userfault; /* referenced; NULL: it is in no queue */
    vaddr_t address;
    bool store;
    bool read;      /* (l) the program knows of it */
    uint32_t woken; /* (a) */
    uint32_t thread;
};

/* A userfault of an address space, which is referenced, with one reference; NULL: no memory. */
struct userfault *userfault_create(struct aspace *aspace, bool users_only);
void userfault_reference(struct userfault *userfault);
void userfault_release(struct userfault *userfault);

/* The file is closed: regions forget the userfault, and faults go on without it. */
void userfault_end(struct userfault *userfault);

/* Set up the slab cache. Boot only. */
void userfault_cache_init(void);

/* Join the queue; false: the fault is not for the program, and fails. Locks up to RANK_OBJECT may
 * be held. */
bool userfault_join(struct userfault *userfault, struct userfault_wait *wait, bool by_user);

/* Sleep until woken, and leave the queue: 0, or -EINTR: a signal came first. */
int userfault_sleep(struct userfault_wait *wait, bool by_user);

/* The oldest fault that has not been read, marked as read; false: there is none. */
bool userfault_read(struct userfault *userfault, struct userfault_wait *copy);
bool userfault_has_unread(struct userfault *userfault);

/* Wake the faults in [start, start + length). */
void userfault_wake(struct userfault *userfault, vaddr_t start, uint64_t length);

/* Register or (NULL) unregister the regions in [start, start + length) of the userfault's address
 * space: -ENOMEM, -EINVAL (nothing there, or not memory), -EBUSY (another has it), -EPERM (may
 * never be written). */
int userfault_register(struct userfault *userfault, vaddr_t start, uint64_t length);
int userfault_unregister(struct userfault *userfault, vaddr_t start, uint64_t length);

/* Fill missing pages of [start, start + length) with the bytes at source in the caller's memory, or
 * (0) with zeros: the bytes filled, or if none were -ENOENT (not registered), -EEXIST, -EFAULT,
 * -ENOMEM, -EINVAL. */
long userfault_fill(struct userfault *userfault, vaddr_t start, uint64_t length, vaddr_t source);

#endif
