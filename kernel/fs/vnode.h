/*
 * vnode: a file of any kind, in memory. Mounted file systems embed it in their own inode structure.
 *
 * A vnode is found in its volume's cache by number; the cache keeps unreferenced vnodes (and with
 * them their cached pages) until memory is short. The vnode lock serialises changes of a file or a
 * directory; reads take no lock but those of the pages. Path look-up, and the rules of POSIX that
 * are the same for all file systems, are in fs/path.c and fs/vfs.c; a file system does one step at
 * a time and may rely on what each operation promises below.
 *
 * A vnode that a file system puts into the cache (vnode_cache_insert) stays there when the last
 * reference goes, unless it has no links; another one (a pipe) is freed then.
 *
 * Letters: (l) lock, (a) atomic, (c) constant, (v) vnode cache lock.
 */
#ifndef MAPIX_FS_VNODE_H
#define MAPIX_FS_VNODE_H

#include "abi/stat.h"
#include "core/lock.h"
#include "core/time.h"
#include "lib/list.h"
#include "vm/object.h"

struct file;
struct file_locks;
struct file_operations;
struct mount;
struct place;
struct volume;
struct vnode;

struct name {
    const char *bytes; /* not NUL-terminated */
    uint32_t length;   /* 1..255 */
};

/* One entry for getdents64: return false when the reader has had enough (the entry was not taken).
 */
typedef bool directory_entry_sink(void *context, const struct name *name, uint64_t number,
                                  unsigned type, int64_t next_offset);

/* What a new file is made with. */
struct creation {
    uint32_t mode; /* type and permissions, umask applied */
    uint32_t uid, gid;
    uint64_t device;      /* for character and block specials */
    uint32_t inode_flags; /* FS_*_FL */
    const char *target;   /* for symbolic links */
};

/* Attributes to change: those whose ATTRIBUTE_* bit is set in valid. */
enum {
    ATTRIBUTE_MODE = 1,
    ATTRIBUTE_UID = 2,
    ATTRIBUTE_GID = 4,
    ATTRIBUTE_ATIME = 8,
    ATTRIBUTE_MTIME = 16
};

struct attributes {
    unsigned valid;
    uint32_t mode, uid, gid;
    struct timestamp atime, mtime;
};

/* Bytes of a file that have space one behind the other. */
struct file_extent {
    uint64_t start, end;
    uint64_t physical; /* on the disk, in bytes */
    bool placed;       /* false: they have no place yet */
};

/*
 * Operations of a file system on its vnodes. Directories come locked; the name is not "." or "..",
 * the directory is not removed (links > 0), permissions are checked. A target comes locked too, and
 * the source of a rename if it is a directory. A NULL operation: -EPERM or as vfs.c says.
 */
struct vnode_operations {
    /* Find name: *result referenced. -ENOENT. ".." is looked up too (the parent's number). */
    int (*lookup)(struct vnode *directory, const struct name *name, struct vnode **result);
    /* Of a file whose name is not kept (names_change): its directory, referenced. NULL: it is not
     * known. */
    struct vnode *(*find_directory)(struct vnode *file);
    /* Make a file of any kind under a name known to be absent: *result referenced. */
    int (*create)(struct vnode *directory, const struct name *name, const struct creation *creation,
                  struct vnode **result);
    /* Make a regular file without a name, in the file system of directory: *result referenced, with
     * no links. NULL: -EOPNOTSUPP. */
    int (*create_unnamed)(struct vnode *directory, const struct creation *creation,
                          struct vnode **result);
    /* target may be a file without links, which has never had a name. */
    int (*link)(struct vnode *directory, const struct name *name, struct vnode *target);
    /* Remove the name of target (a directory: known to be one, must be empty: -ENOTEMPTY). */
    int (*unlink)(struct vnode *directory, const struct name *name, struct vnode *target);
    /* Move source from one name to another, replacing target (NULL: none; all rules are checked but
     * emptiness), and leave a new file at the old name (whiteout; NULL: nothing). */
    int (*rename)(struct vnode *from, const struct name *from_name, struct vnode *source,
                  struct vnode *to, const struct name *to_name, struct vnode *target,
                  const struct creation *whiteout);
    /* Let two names change their files, neither of which is above the other. NULL: -EINVAL. */
    int (*exchange)(struct vnode *from, const struct name *from_name, struct vnode *source,
                    struct vnode *to, const struct name *to_name, struct vnode *target);
    int (*read_directory)(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                          void *context);
    long (*read_link)(struct vnode *link, char *buffer, size_t size);
    /* A link that leads to a file that its text may not name (/proc/PID/fd): *target referenced.
     * NULL: follow the text. */
    int (*follow)(struct vnode *link, struct place *target);
    int (*set_attributes)(struct vnode *vnode, const struct attributes *attributes); /* locked */
    int (*resize)(struct vnode *vnode, uint64_t size); /* locked: ftruncate, O_TRUNC */
    /* Locked, with the offset resolved (O_APPEND): the bytes written; size and times are updated.
     */
    long (*write)(struct vnode *vnode, uint64_t offset, struct transfer *transfer);
    /* fsync(2), not locked: data, then metadata, then a flush. */
    int (*sync)(struct vnode *vnode, bool data_only);
    /* posix_fallocate(3), locked: space for [offset, offset + length), which reads as zeros where
     * there was none; the size grows unless keep_size. NULL: -EOPNOTSUPP. */
    int (*allocate)(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size);
    /* fallocate(2) with FALLOC_FL_PUNCH_HOLE, locked: free the space of the range, which reads as
     * zeros from now on. NULL: -EOPNOTSUPP. */
    int (*punch)(struct vnode *vnode, uint64_t offset, uint64_t length);
    /* And with FALLOC_FL_ZERO_RANGE: zeros that have space. NULL: -EOPNOTSUPP. */
    int (*zero)(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size);
    /* lseek(2) with SEEK_DATA, or SEEK_HOLE: the first data, or hole, at or behind offset, which is
     * below the size: 0 with *result, or -ENXIO: no more data. NULL: a file has no holes. */
    int (*seek)(struct vnode *vnode, uint64_t offset, bool hole, uint64_t *result);
    /* The first extent in [offset, end), in whole blocks: 0, -ENXIO: there is none; -EFBIG: no file
     * is as large as offset. Of regular files and directories; not locked. NULL: -EOPNOTSUPP. */
    int (*find_extent)(struct vnode *vnode, uint64_t offset, uint64_t end,
                       struct file_extent *extent);
    /* Pass on changed attributes (vnode_set_dirty) towards the store. Not locked. */
    int (*write_back)(struct vnode *vnode);
    /* What /proc/PID/fd shows of a vnode without a mount: a format of its number. */
    const char *label;
    /* The extended attributes of a vnode take so many bytes more, or less: false: there is no room.
     * NULL: it has none (fs/xattr.h). */
    bool (*charge_xattrs)(struct vnode *vnode, int64_t change);
    uint32_t inode_flags_shown;    /* fs/inode_flags.h: those that it knows; 0: it has none */
    uint32_t inode_flags_settable; /* and those of them that can be changed */
    bool has_versions;             /* FS_IOC_GETVERSION and SETVERSION work */
    bool has_seals;                /* F_ADD_SEALS works: fs/seal.h */
    bool names_change; /* names come and go by themselves: they, and unused vnodes, are not kept */
    /* How an open of it behaves; NULL: by type (regular: fs/regular.c, device numbers: fs/devfs.c,
     * ...). */
    int (*open)(struct vnode *vnode, struct file *file);
    /* Last reference gone and links == 0: free its space. Else it may stay cached. */
    void (*remove)(struct vnode *vnode);
    /* Leaves the cache: free the structure that embeds it. */
    void (*free)(struct vnode *vnode);
};

struct vnode {
    const struct vnode_operations *operations; /* (c) */
    struct volume *volume;                     /* (c) */
    struct mutex lock;
    uint64_t number;                      /* (c) inode number */
    uint32_t mode;                        /* (l) type and permissions */
    uint32_t uid, gid;                    /* (l) */
    uint32_t links;                       /* (l) */
    uint64_t device;                      /* (c) rdev */
    uint64_t blocks;                      /* (l) 512-byte units */
    struct timestamp atime, mtime, ctime; /* (l) */
    uint32_t inode_flags;                 /* (l), (a) FS_*_FL, and what the store has besides */
    uint32_t generation;                  /* (a) tells files apart that had the number in turn */
    struct timestamp birth;               /* (c) seconds 0: not known */
    bool linkable;                        /* (l) has no name yet, and may be given one: O_TMPFILE */
    uint32_t seals;       /* (l) F_SEAL_*; read without the lock where a stale value is harmless */
    uint32_t write_hint;  /* (a) F_SET_RW_HINT */
    uint32_t dirty;       /* (a) attributes differ from the store */
    struct object object; /* regular files: the page cache; object.size is the file's size */
    uint64_t references;  /* (a) */
    uint32_t opens;       /* (a) open files of a regular one, but those of O_PATH */
    int64_t writers; /* (a) open for writing or mapped shared writable; negative: executed from */
    bool swapped_to; /* (a) no name of it is removed or moved: swapoff(2) needs one */
    struct vnode *removed_from; /* (l) of a removed directory: its "..", referenced */
    struct list xattrs;         /* (l) of fs/xattr.c */
    struct file_locks *locks;   /* of fs/file_lock.c; NULL: there were none */
    struct mount *mounted;      /* (v) what covers it: a list, one for each mount that shows it */
    struct list hash_link, idle_link; /* (v) */
    struct list dirty_link;           /* (v) */
    struct list watches;              /* of inotify (fs/notify.c) */
    struct list names;                /* (v) name cache: entries that lead to it */
    struct list children;             /* (v) name cache: entries in it */
};

static inline unsigned vnode_type(const struct vnode *vnode)
{
    return vnode->mode & S_IFMT;
}

/* A vnode with one reference, one link, owner root, the current time and an object of size 0
 * without a pager (object.pager may be set before anybody else sees it). volume is NULL for pipes.
 */
void vnode_init(struct vnode *vnode, struct volume *volume,
                const struct vnode_operations *operations, uint64_t number, uint32_t mode);

/* The vnode of that number, referenced; NULL: not in the cache. */
struct vnode *vnode_cache_find(struct volume *volume, uint64_t number);

/* Put a new vnode into the cache. If there is one of its number already, that one is returned,
 * referenced, and the new one is the caller's to drop (vnode_discard); else vnode itself. */
struct vnode *vnode_cache_insert(struct vnode *vnode);

/* Undo vnode_init, and free: for a vnode with one reference that is not in the cache. */
void vnode_discard(struct vnode *vnode);

void vnode_reference(struct vnode *vnode);
void vnode_release(struct vnode *vnode); /* may sleep, may free space on the disk */

/* The attributes differ from the store: write_back will be called. Any thread context. */
void vnode_set_dirty(struct vnode *vnode);

/* pager.stored of files: their times move. Any thread context. */
void vnode_stored(struct object *object);

/* End the use of a volume's vnodes, by the last mount that shows it (NULL: none has yet): uncover
 * its directory, release both roots and write back and free all of them. false: one is in use,
 * nothing changed. */
bool vnode_cache_drop_volume(struct volume *volume, struct mount *last);

/* Is a file of the volume open for writing? */
bool vnode_cache_has_writers(struct volume *volume);

/* Set up the cache. Boot only. */
void vnode_cache_init(void);

/* The vnode that an object is the page cache of. */
struct vnode *vnode_of_object(struct object *object);

/* ETXTBSY rules: take or give back write access, or execution: -ETXTBSY when the other is held. */
int vnode_write_begin(struct vnode *vnode);
void vnode_write_end(struct vnode *vnode);
int vnode_execute_begin(struct vnode *vnode);
void vnode_execute_end(struct vnode *vnode);

/* May the current process access it so (4 read, 2 write, 1 execute or search)? 0 or -EACCES. */
int vnode_permission(const struct vnode *vnode, unsigned access);

/* As vnode_permission for the real user and group, as access(2) asks. */
int vnode_permission_real(const struct vnode *vnode, unsigned access);

/* Is the current process the owner, or privileged? */
bool vnode_is_owner(const struct vnode *vnode);

/* Begin (wait: and finish) to write changed attributes of all vnodes to their stores. */
void vnode_write_back_all(bool wait);

/* The vnodes in the cache, and how many of them are unreferenced. */
uint64_t vnode_cache_count(uint64_t *unused);

/* Free up to wanted unreferenced, clean vnodes without cached pages, and names that lead nowhere:
 * how many. Tries locks only. */
unsigned vnode_cache_shrink(unsigned wanted);

/* Take new attributes over into a locked vnode, and the time of that: 0. As the operation
 * set_attributes it is all that a file system in memory has to do. */
int vnode_take_attributes(struct vnode *vnode, const struct attributes *attributes);

void vnode_status(struct vnode *vnode, struct stat *status);

/* The absolute path of a place, or of a vnode where a mount of its volume shows it, from the
 * current process's root, for /proc and getcwd: its length or -ENOENT, -ENAMETOOLONG. Names of
 * removed files end in " (deleted)". For lists of mounts, where they end in "//deleted":
 * place_path_below: from root, -ENOENT if it is not below it; vnode_path_inside: from the root of
 * its volume. */
long place_path_below(const struct place *place, const struct place *root, char *buffer,
                      size_t size);
long place_path(const struct place *place, char *buffer, size_t size);
long vnode_path(struct vnode *vnode, char *buffer, size_t size);
long vnode_path_inside(struct vnode *vnode, char *buffer, size_t size);

#endif
