/*
 * A naive model of a tree of names: files in plain arrays, a path walked component by component as
 * path_resolution(7) tells it, no cache, no references, no locks. Everything is in one structure,
 * so that a copy of it is a snapshot.
 *
 * Files are of a store (a file system); a mount shows a store, or a file of one, at
 * a file that another mount shows. What a path leads to is a spot: a file, and the mount that shows
 * it.
 */
#ifndef MAPIX_TESTS_WALK_MODEL_H
#define MAPIX_TESTS_WALK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_NODES   64
#define MODEL_MOUNTS  12
#define MODEL_HANDLES 4
#define MODEL_NAMES   7
#define MODEL_PATH    1024 /* bytes of a path at most, and of a link's target */
#define MODEL_PINS    8

#define MODEL_USER 1000u /* the user without privileges; the other one is 0 */

enum model_type { MODEL_FREE, MODEL_DIRECTORY, MODEL_FILE, MODEL_LINK };

/* 0 is no node, and no mount. */
struct model_node {
    uint64_t number; /* in the order in which files are made, never used again */
    enum model_type type;
    unsigned store; /* which is the number of its root */
    unsigned mode, user;
    unsigned links;             /* names that lead to it; a directory: 1 or 0 */
    unsigned parent;            /* where it got its name; of a root itself; stays after removal */
    bool linked;                /* has had several names */
    bool changing;              /* of a root: names come and go by themselves */
    unsigned text;              /* of a link: into model.texts */
    uint8_t names[MODEL_NAMES]; /* of a directory: the nodes, 0: no such name */
};

struct model_spot {
    unsigned mount, node;
};

struct model_mount {
    bool used, detached;
    unsigned root;             /* node */
    struct model_spot covered; /* zeros: nothing */
    uint64_t order;            /* the later, the higher */
};

enum operation_kind {
    WALK_LOOK_UP,
    WALK_OPEN,
    WALK_CREATE,
    WALK_MAKE_DIRECTORY,
    WALK_MAKE_LINK,
    WALK_LINK,
    WALK_UNLINK,
    WALK_REMOVE_DIRECTORY,
    WALK_RENAME,
    WALK_MOUNT,
    WALK_BIND,
    WALK_UNMOUNT,
    WALK_CHANGE_DIRECTORY,
    WALK_CHANGE_ROOT,
    WALK_CHANGE_MODE,
    WALK_CHANGE_USER,
    WALK_DROP_HANDLE,
    WALK_SHRINK, /* the caches; nothing in the model */
    WALK_KINDS
};

struct operation {
    enum operation_kind kind;
    int start, other_start; /* a handle, or -1: the working directory */
    char path[MODEL_PATH], other_path[MODEL_PATH];
    char text[MODEL_PATH]; /* of a link to be made */
    unsigned flags;        /* O_*, RENAME_*, MNT_*, MS_REC; PATH_FOLLOW; a number of vnodes */
    unsigned resolve;      /* RESOLVE_* */
    unsigned mode;
    int keep; /* the handle that becomes what was found; -1: none */
    /* Another operation, in the middle of this one: when so many links have been read; NULL. */
    const struct operation *meanwhile;
    unsigned meanwhile_at;
};

struct outcome {
    int error; /* 0 or -errno */
    struct model_spot spot;
};

struct model {
    struct model_node nodes[MODEL_NODES];
    struct model_mount mounts[MODEL_MOUNTS];
    struct model_spot root, directory, handles[MODEL_HANDLES];
    struct model_spot pins[MODEL_PINS]; /* where walks that are not at their end stand */
    unsigned pin_count;
    unsigned user;
    uint64_t next_number, next_order;
    uint64_t moves; /* directories that got another parent, and changes of what covers what */
    unsigned links_read;
    const struct operation *meanwhile; /* still to come in this operation */
    unsigned meanwhile_at;
    struct outcome meanwhile_outcome;
    char texts[MODEL_NODES][MODEL_PATH]; /* by node */
};

/* The names that files are given. */
extern const char *const model_names[MODEL_NAMES];

/* One mount with an empty directory, which is everybody's. */
void model_start(struct model *model);

/* Is there room for what the operation may make? */
bool model_has_room(const struct model *model);

struct outcome model_apply(struct model *model, const struct operation *operation);

/* Free mounts that no path leads to, and that nobody uses: before each mounting, after each
 * unmounting, whether it fails or not. */
void model_reap(struct model *model);

/* References that others hold to a node, and to a bind mount. */
unsigned model_references(const struct model *model, unsigned node);
unsigned model_users(const struct model *model, unsigned mount);

/* One of the names in a directory, and step to it; NULL: there is none. */
const char *model_child(const struct model *model, struct model_spot *at, unsigned choice);

/* Is something mounted on a file, not a directory, of which it is not clear where it is: it has had
 * several names, or they change? */
bool model_has_vague_mount(const struct model *model);

/* The path of a spot from the root directory; false: there is none. */
bool model_path(const struct model *model, struct model_spot spot, char path[MODEL_PATH]);

#endif
