/*
 * userfault: memory that a program fills itself, or watches (userfaultfd(2)).
 *
 * Regions name the userfault that they are registered with, and what it is asked about. A fault
 * that finds a page missing there joins the queue of faults, and sleeps; the program reads of it,
 * supplies the page, and the fault is woken and starts again. Likewise the first access to a page
 * of shared memory that is there, and a store to a page that the program has protected (mark.h).
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
    bool unasked;               /* (c) the first store to a protected page ends its protection */
    bool protects_missing;      /* (c) missing anonymous pages can be protected as well */
    struct wait_queue readers;  /* woken when a fault has joined */
    struct wait_queue sleepers; /* the faults */
};

/* A fault, as long as it waits. */
struct userfault_wait {
    struct list link;
    struct userfault *userfault; /* referenced; NULL: it is in no queue */
    vaddr_t address;
    unsigned flags; /* UFFD_PAGEFAULT_FLAG_* */
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

/* Register the regions in [start, start + length) of the userfault's address space, to be asked
 * about what ask says (REGION_ASK_FLAGS), or unregister them: -ENOMEM, -EINVAL (nothing there, or
 * not memory of that kind), -EBUSY (another has it), -EPERM (may never be written). */
int userfault_register(struct userfault *userfault, vaddr_t start, uint64_t length, unsigned ask);
int userfault_unregister(struct userfault *userfault, vaddr_t start, uint64_t length);

/* Fill missing pages of [start, start + length) with the bytes at source in the caller's memory, or
 * (0) with zeros, protected from stores or not: the bytes filled, or if none were -ENOENT (not
 * registered), -EEXIST, -EFAULT, -ENOMEM, -EINVAL. */
long userfault_fill(struct userfault *userfault, vaddr_t start, uint64_t length, vaddr_t source,
                    bool protect);

/* The same with what the object of shared memory has there: -EFAULT: nothing. */
long userfault_map(struct userfault *userfault, vaddr_t start, uint64_t length, bool protect);

/* The same with the pages at from, which leave their place: private memory, as accessible and as
 * locked. holes: those that are missing there stay missing. -ENOENT (missing, or not mapped),
 * -EBUSY (another process has the page too), -EINVAL, -EFAULT (poisoned), -EEXIST, -ENOMEM. */
long userfault_move(struct userfault *userfault, vaddr_t to, vaddr_t from, uint64_t length,
                    bool holes);

/* Poison missing pages: every access to them fails from now on. As userfault_fill. */
long userfault_poison(struct userfault *userfault, vaddr_t start, uint64_t length);

/* Protect [start, start + length) from stores, or end that: 0, -ENOENT (not registered for it),
 * -ENOMEM (a part is protected). */
int userfault_protect(struct userfault *userfault, vaddr_t start, uint64_t length, bool protect);

#endif
