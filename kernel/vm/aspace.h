/*
 * aspace: an address space. An ordered set of regions, the page tables that cache them, and what is
 * counted against limits. Regions change with the lock held for writing; faults and look-ups hold
 * it for reading.
 */
#ifndef MAPIX_VM_ASPACE_H
#define MAPIX_VM_ASPACE_H

#include "arch/riscv/pmap.h"
#include "core/lock.h"
#include "lib/radix.h"
#include "lib/tree.h"
#include "vm/page.h"

struct object;
struct pager;
struct region;
struct vnode;

/* Letters: (w) lock for writing, (a) atomic, (c) constant after exec. */
struct aspace {
    struct rwlock lock;
    struct tree regions;       /* (w) by start, with the largest gap per subtree */
    uint64_t region_count;     /* (w) */
    struct region *last_found; /* a hint for look-ups, atomic */
    struct pmap pmap;
    uint64_t references;      /* (a) processes and borrowers */
    int64_t sharers;          /* (a) processes that run in it, less one (core/process.c) */
    uint64_t walkers;         /* (a) reverse mapping walks that use it */
    struct list evict_link;   /* evict.c: all address spaces */
    uint64_t evict_hand;      /* (a) evict.c: address to go on from */
    bool offered;             /* (a) evict.c: amaps may have pages offered with MADV_FREE */
    uint64_t mapped_pages;    /* (w) size of all regions */
    uint64_t mapped_peak;     /* (w) the most that was */
    uint64_t committed_pages; /* (w) see vm/commit.h */
    uint64_t data_pages;      /* (w) private writable ones, for RLIMIT_DATA */
    uint64_t locked_pages;    /* (w) in locked regions, for RLIMIT_MEMLOCK */
    unsigned lock_future;     /* (w) mlockall(MCL_FUTURE): REGION_LOCKED_FLAGS of new regions */
    bool sealed;              /* (w) a region is, or was, sealed */
    uint64_t brk_start, brk;  /* (w) heap */
    uint64_t mmap_top;        /* (c) mappings are placed below, top-down */
    uint64_t stack_top;       /* (w) */
    uint64_t vdso;            /* (c) where the vDSO is (core/vdso.h) */
    uint64_t stack_limit;     /* (a) RLIMIT_STACK: how far the stack may grow, bytes */
    uint64_t address_limit;   /* (a) RLIMIT_AS, bytes */
    uint64_t data_limit;      /* (a) RLIMIT_DATA, bytes */
    uint64_t lock_limit;      /* (a) RLIMIT_MEMLOCK, bytes */
    uint64_t argument_start, argument_end, environment_start, environment_end; /* (w) */
    uint64_t auxiliary_start, auxiliary_end;                                   /* (c) */
    uint64_t code_start, code_end, data_start, data_end;                       /* (w) */
    uint64_t swapped_pages;              /* (a) private ones */
    struct radix marks;                  /* (l) of single pages (vm/mark.h) */
    uint64_t minor_faults, major_faults; /* (a) */
};

/* Lowest address that is chosen for a mapping, as Linux's vm.mmap_min_addr; below it only the
 * privileged may map. */
#define MAPPING_LOWEST 65536ul

/* Flags of a map request. */
enum map_flag {
    MAPPING_SHARED = 1 << 0,
    MAPPING_FIXED = 1 << 1,      /* at address exactly, replacing what is there */
    MAPPING_NOREPLACE = 1 << 2,  /* at address exactly, -EEXIST if something is there */
    MAPPING_POPULATE = 1 << 3,   /* fault all pages in at once; failing to do so is no error */
    MAPPING_NORESERVE = 1 << 4,  /* no check against the memory there is */
    MAPPING_GROWS_DOWN = 1 << 5, /* a stack */
    MAPPING_LOCKED = 1 << 6,     /* keep in memory; -EAGAIN beyond the limit */
    MAPPING_SEGMENT = 1 << 7,    /* a System V segment */
    MAPPING_DROPPABLE = 1 << 8,  /* its pages may go, as those that MADV_FREE offers */
};

struct map_request {
    vaddr_t address;       /* hint, or the place */
    uint64_t length;       /* bytes, rounded up to pages */
    unsigned access;       /* ACCESS_* */
    unsigned max_access;   /* what mprotect may raise it to */
    unsigned flags;        /* enum map_flag */
    struct object *object; /* NULL: private anonymous memory; else a reference is taken */
    struct vnode *vnode; /* the file, for names in /proc/PID/maps and to keep it in use; or NULL */
    bool writer;         /* made from a file open for writing: no execve of it while mapped */
    uint64_t offset;     /* bytes into object, a multiple of the page size */
    uint64_t origin;     /* what is mapped by one open file or shmat(2), and only that, may merge */
    const char *name;    /* "[heap]", "[stack]", ...: static string, or NULL */
};

/* A number for map_request->origin that nobody has had. */
uint64_t map_origin_new(void);

/* An empty address space with one reference. NULL: no memory. */
struct aspace *aspace_create(void);
void aspace_reference(struct aspace *aspace);

/* Drop a reference; the last destroys it, which is active nowhere. May sleep. */
void aspace_release(struct aspace *aspace);

/* fork(2): a copy; shared regions share, private pages are copied on write. -ENOMEM. */
int aspace_fork(struct aspace *parent, struct aspace **child);

/* The most regions that an address space may have, vm.max_map_count. Atomic. */
extern uint64_t region_count_limit;

/* Does the current process (true: with the privilege) escape RLIMIT_MEMLOCK? */
bool process_may_lock_memory(void);

/* mmap(2) behind its decoding: -ENOMEM, -EEXIST, -EPERM, -EAGAIN. *address is the place chosen.
 * Takes a reference on the object and the vnode; on failure nothing has changed. */
int aspace_map(struct aspace *aspace, const struct map_request *request, vaddr_t *address);

/* What aspace_map would now say of the place and of locking, which Linux looks at before the file:
 * 0, -EEXIST, -EPERM, -EAGAIN. */
int aspace_map_check(struct aspace *aspace, const struct map_request *request);

/* munmap(2): page-aligned start, length > 0, inside user space. -ENOMEM: no memory for a split, or
 * too many regions; -EPERM: sealed. */
int aspace_unmap(struct aspace *aspace, vaddr_t start, uint64_t length);

/* shmdt(2): unmap what is left of the mapping at address of an object with this pager: -EINVAL:
 * there is none; -EPERM: sealed. */
int aspace_detach(struct aspace *aspace, vaddr_t address, const struct pager *pager);

/* How far a change of protection reaches beyond its range (PROT_GROWSDOWN, PROT_GROWSUP). */
enum protect_reach { PROTECT_RANGE, PROTECT_DOWNWARDS, PROTECT_UPWARDS };

/* mprotect(2): -ENOMEM (hole, or no memory), -EACCES, -EPERM (sealed), -EINVAL (reach). */
int aspace_protect(struct aspace *aspace, vaddr_t start, uint64_t length, unsigned access,
                   enum protect_reach reach);

/* mremap(2). Lengths in bytes, multiples of the page size. */
enum remap_flag {
    REMAP_MAY_MOVE = 1 << 0,
    REMAP_FIXED = 1 << 1, /* to new_address, replacing what is there */
    REMAP_KEEP = 1 << 2,  /* the old place stays mapped, without its pages */
};

struct remap_request {
    vaddr_t address, new_address;
    uint64_t old_length, new_length;
    unsigned flags;
};

/* The new address in *result; -EFAULT, -EINVAL, -ENOMEM, -EAGAIN, -EPERM as mremap(2) says. */
int aspace_remap(struct aspace *aspace, const struct remap_request *request, vaddr_t *result);

/* remap_file_pages(2): the shared mapping at start shows the object from page index on. -EINVAL,
 * -ENOMEM, ... */
int aspace_remap_object(struct aspace *aspace, vaddr_t start, uint64_t length, uint64_t index,
                        bool populate);

/* madvise(2): 0 or its errno; start and length in whole pages. Is advice (MADV_*) known at all? */
bool aspace_knows_advice(int advice);
int aspace_advise(struct aspace *aspace, vaddr_t start, uint64_t length, int advice);

/* prctl(PR_SET_VMA_ANON_NAME): text NULL: no name. -EBADF: not anonymous; -ENOMEM. */
int aspace_name(struct aspace *aspace, vaddr_t start, uint64_t length, const char *text);

/* mseal(2): -ENOMEM: a hole. */
int aspace_seal(struct aspace *aspace, vaddr_t start, uint64_t length);

/* May anything be locked at all? RLIMIT_MEMLOCK of 0: only by the privileged. */
bool aspace_may_lock_any(const struct aspace *aspace);

/* mlock2(2) and munlock(2): flags are of REGION_LOCKED_FLAGS, 0: unlock. */
int aspace_lock(struct aspace *aspace, vaddr_t start, uint64_t length, unsigned flags);

/* mlockall(2) and munlockall(2): what is mapped now, if current, and what will be (future). */
int aspace_lock_all(struct aspace *aspace, bool current, unsigned flags, unsigned future);

/* mincore(2): for count pages from start, one byte each, bit 0: resident. -ENOMEM: a hole. */
int aspace_resident(struct aspace *aspace, vaddr_t start, unsigned count, uint8_t *vector);

/* msync(2): write back (wait: MS_SYNC) shared mappings of the range; -ENOMEM if it has holes, -EIO,
 * -EBUSY: invalidate, and a part is locked. */
int aspace_sync(struct aspace *aspace, vaddr_t start, uint64_t length, bool wait, bool invalidate);

/* brk(2): try to move the end of the heap; the end that is in force is returned. */
uint64_t aspace_brk(struct aspace *aspace, uint64_t end);

/* What a fault comes to. */
enum fault_result {
    FAULT_OK,
    FAULT_NO_REGION, /* SIGSEGV, SEGV_MAPERR */
    FAULT_ACCESS,    /* SIGSEGV, SEGV_ACCERR */
    FAULT_BUS,       /* SIGBUS, BUS_ADRERR: behind the end of the file, I/O error, no space */
    FAULT_POISON,    /* SIGBUS, BUS_ADRERR: the page is poisoned (vm/mark.h) */
    FAULT_NO_MEMORY, /* no frame could be had: the caller asks the out-of-memory killer, then
                        retries */
};

/* With the access: it is the program's own, not one that a system call makes for it. */
#define FAULT_BY_USER 8u

/* Resolve a fault at address for access (one of ACCESS_*). May sleep; no lock held. FAULT_OK may
 * also mean that a signal is to be acted upon first. */
enum fault_result aspace_fault(struct aspace *aspace, vaddr_t address, unsigned access);

/* A snapshot of the first region that ends above address, for /proc and messages. */
struct region_info {
    vaddr_t start, end;
    unsigned access;
    unsigned max_access;
    bool shared, grows_down, no_reserve;
    bool stored; /* it has, or had, private pages */
    uint64_t offset;
    struct vnode *vnode; /* referenced for the caller, or NULL */
    uint64_t number;     /* of the object, if there is no vnode */
    const char *name;
    unsigned flags;  /* enum region_flag */
    char label[100]; /* storage for name, where a program gave it */
    /* REGION_KINDS: pages, and those of them that are private, or shared without a file. */
    uint64_t resident, anonymous, shmem, swapped;
    /* REGION_SHARES: pages that others map too, changed ones, both, and used ones; and sums of the
     * part that each page has, one of as many as map it, in bytes / SHARE_UNIT. */
    uint64_t shared_pages, dirty, shared_dirty, referenced;
    uint64_t offered;       /* pages offered with MADV_FREE */
    uint64_t swapped_share; /* the part of swapped, as share */
    uint64_t share, dirty_share, anonymous_share, shmem_share;
};

#define SHARE_UNIT 4096u

/* How much is found out: the layout alone, or what the page tables say, or whom they share with. */
enum region_detail { REGION_LAYOUT, REGION_KINDS, REGION_SHARES };

/* How many map pages of objects, as far as it was counted lately: a page that very many regions
 * show is counted once for all of them. */
#define SHARE_MEMO_SIZE 128u

struct share_memo {
    struct {
        const struct object *object;
        uint64_t index;
        unsigned count; /* 0: unknown */
    } pages[SHARE_MEMO_SIZE];
};

/* false: there is none. memo: zeroed before the first call; for REGION_SHARES, else NULL. */
bool aspace_region_info(struct aspace *aspace, vaddr_t address, enum region_detail detail,
                        struct share_memo *memo, struct region_info *info);

/* The object, referenced, and the place in it of a byte in a shared mapping; in a private one,
 * *object is NULL and *offset the address. false: nothing is mapped there. */
bool aspace_find_object(struct aspace *aspace, vaddr_t address, struct object **object,
                        uint64_t *offset);

/* What there is at an address, for /proc/PID/pagemap. */
struct page_info {
    bool present, swapped;
    bool of_object;    /* a page of a file or of shared memory */
    bool exclusive;    /* nobody else maps it */
    bool is_protected; /* vm/mark.h */
    paddr_t frame;
    unsigned area; /* swapped: where */
    uint64_t slot;
};

/* Of count pages from address on. */
void aspace_page_info(struct aspace *aspace, vaddr_t address, unsigned count,
                      struct page_info *info);

/* proc(5), clear_refs: forget that pages were used, of all regions, or of those that show a file,
 * or of the others. */
enum reference_kind { REFERENCES_ALL, REFERENCES_ANONYMOUS, REFERENCES_FILES };
void aspace_clear_references(struct aspace *aspace, enum reference_kind kind);

/* The user memory of another process, or one's own: faults pages in, but no stack grows. Bytes
 * moved. */
size_t aspace_read(struct aspace *aspace, vaddr_t address, void *buffer, size_t size);
size_t aspace_write(struct aspace *aspace, vaddr_t address, const void *buffer, size_t size);

/* The same for a debugger: read what is mapped without access, write what is mapped read-only, into
 * a copy of the address space's own if it is private; shared memory is written only where a store
 * could. Instructions that were written are seen by every hart. Bytes moved. */
size_t aspace_read_forced(struct aspace *aspace, vaddr_t address, void *buffer, size_t size);
size_t aspace_write_forced(struct aspace *aspace, vaddr_t address, const void *buffer, size_t size);

/* Used by exec before the first region: where things go. */
void aspace_set_layout(struct aspace *aspace, vaddr_t stack_top, vaddr_t mmap_top,
                       vaddr_t brk_start);

void vm_init(void);

#endif
