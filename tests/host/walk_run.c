/* The streams of walk_run.h. */
#include "walk_run.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/thread.h"
#include "fs/file.h"
#include "fs/mount_internal.h"
#include "fs/mount_namespace.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "fs/untrusted.h"
#include "fs/vfs.h"
#include "shim.h"
#include "walk_machine.h"
#include "walk_model.h"
#include "walk_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MOST 65536 /* bytes of the path of any directory */

/* What a walk has found: the number of a file, and the mount that shows it. */
struct sight {
    uint64_t number;
    const struct mount *mount;
};

uint64_t walk_successes[WALK_KINDS];

static struct model model;
static struct place handles[MODEL_HANDLES];
/* By the model's number, as far as seen, and the order of the one that has been seen. */
static const struct mount *mounts[MODEL_MOUNTS];
static uint64_t orders[MODEL_MOUNTS];
static const struct operation *current, *meanwhile;
static unsigned links_read;
static int meanwhile_error;

static const char *const kind_names[WALK_KINDS] = {
    "look up", "open", "create", "mkdir", "symlink", "link",  "unlink", "rmdir",  "rename",
    "mount",   "bind", "umount", "chdir", "chroot",  "chmod", "user",   "handle", "shrink"};

static void describe(const struct operation *operation)
{
    fprintf(stderr,
            "  %s: %d:\"%.300s\", %d:\"%.300s\", text \"%.300s\", flags %x, resolve %x, mode %o, "
            "keep %d\n",
            kind_names[operation->kind], operation->start, operation->path, operation->other_start,
            operation->other_path, operation->text, operation->flags, operation->resolve,
            operation->mode, operation->keep);
}

static _Noreturn void difference(const char *what, int64_t got, int64_t want)
{
    fprintf(stderr, "difference: %s: %ld, the model says %ld\n", what, (long)got, (long)want);
    if (current) {
        describe(current);
        if (current->meanwhile)
            describe(current->meanwhile);
    }
    abort();
}

/* The kernel's side */

static struct place no_place(void)
{
    return (struct place){NULL, NULL};
}

static int look_up(const struct place *start, const struct operation *operation,
                   struct place *result)
{
    return path_lookup_place(start, operation->path, operation->flags & PATH_FOLLOW, result);
}

static int open_file(const struct place *start, const struct operation *operation,
                     struct place *result)
{
    struct open_how how = {
        .flags = operation->flags, .mode = operation->mode, .resolve = operation->resolve};
    struct file *file;
    int error = path_open_resolving(start, operation->path, &how, &file);

    if (error)
        return error;
    *result = file_place(file);
    place_reference(result);
    file_release(file);
    return 0;
}

static int change_place(const struct place *start, const struct operation *operation)
{
    struct path_context *context = current_thread()->path_context;
    struct place place;
    int error = path_lookup_place(start, operation->path, PATH_FOLLOW, &place);

    if (error)
        return error;
    error = vnode_type(place.vnode) == S_IFDIR ? vnode_permission(place.vnode, 1) : -ENOTDIR;
    if (error)
        place_release(&place);
    else if (operation->kind == WALK_CHANGE_ROOT)
        path_context_set_root(context, place);
    else
        path_context_set_directory(context, place);
    return error;
}

static int change_mode(const struct place *start, const struct operation *operation)
{
    struct vnode *vnode;
    int error = path_lookup(start, operation->path, PATH_FOLLOW, &vnode);

    if (error)
        return error;
    if (vnode_is_owner(vnode))
        store_set_mode(vnode, operation->mode);
    else
        error = -EPERM;
    vnode_release(vnode);
    return error;
}

static int run_operation(const struct operation *operation, struct place *result)
{
    const struct place *start = operation->start < 0 ? NULL : &handles[operation->start];
    const struct place *other =
        operation->other_start < 0 ? NULL : &handles[operation->other_start];
    const char *path = operation->path, *options = operation->mode & 1 ? "changing" : "";

    switch (operation->kind) {
    case WALK_LOOK_UP:
        return look_up(start, operation, result);
    case WALK_OPEN:
        return open_file(start, operation, result);
    case WALK_CREATE:
        return path_create(start, path, S_IFREG | operation->mode, 0);
    case WALK_MAKE_DIRECTORY:
        return path_create(start, path, S_IFDIR | operation->mode, 0);
    case WALK_MAKE_LINK:
        return path_symlink(operation->text, start, path);
    case WALK_LINK:
        return path_link(start, path, other, operation->other_path, operation->flags);
    case WALK_UNLINK:
    case WALK_REMOVE_DIRECTORY:
        return path_unlink(start, path, operation->kind == WALK_REMOVE_DIRECTORY);
    case WALK_RENAME:
        return path_rename(start, path, other, operation->other_path, operation->flags);
    case WALK_MOUNT:
        return path_mount("none", path, "store", 0, options);
    case WALK_BIND:
        return path_mount(path, operation->other_path, "", MS_BIND | operation->flags, "");
    case WALK_UNMOUNT:
        return path_unmount(path, operation->flags);
    case WALK_CHANGE_DIRECTORY:
    case WALK_CHANGE_ROOT:
        return change_place(start, operation);
    case WALK_CHANGE_MODE:
        return change_mode(start, operation);
    case WALK_CHANGE_USER:
        machine_set_user(operation->flags & 1 ? MODEL_USER : 0);
        return 0;
    case WALK_DROP_HANDLE:
        place_release(&handles[operation->keep]);
        handles[operation->keep] = no_place();
        return 0;
    default:
        vnode_cache_shrink(operation->flags);
        return 0;
    }
}

static struct sight sight_of(const struct place *place)
{
    return (struct sight){place->vnode ? place->vnode->number : 0, place->mount};
}

/* Run it in the kernel. What it finds goes to the handle that is to keep it, or is let go. */
static int run_in_kernel(const struct operation *operation, struct sight *sight)
{
    struct place found = no_place();
    int error = run_operation(operation, &found);

    *sight = sight_of(&found);
    if (operation->keep >= 0 && !error && found.vnode) {
        place_release(&handles[operation->keep]);
        handles[operation->keep] = found;
    } else {
        place_release(&found);
    }
    return error;
}

/* The kernel has read a link: is it the time for the other operation? */
static void link_read(void)
{
    if (!meanwhile || ++links_read != current->meanwhile_at)
        return;
    const struct operation *operation = meanwhile;
    meanwhile = NULL;
    struct sight sight;
    meanwhile_error = run_in_kernel(operation, &sight);
}

/* Comparing */

static unsigned node_of(const struct vnode *vnode)
{
    for (unsigned i = 1; i < MODEL_NODES; i++) {
        if (model.nodes[i].type != MODEL_FREE && model.nodes[i].number == vnode->number)
            return i;
    }
    return 0;
}

/* Forget the mounts that the model has no more. */
static void forget_mounts(void)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (!model.mounts[i].used || model.mounts[i].order != orders[i])
            mounts[i] = NULL;
        orders[i] = model.mounts[i].order;
    }
}

/* It is what the model has; a mount that is seen for the first time gets its number. */
static void compare_sight(const char *what, struct sight sight, struct model_spot spot)
{
    if (sight.number != (spot.node ? model.nodes[spot.node].number : 0))
        difference(what, (int64_t)sight.number, (int64_t)model.nodes[spot.node].number);
    if (!sight.number)
        return;
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (mounts[i] == sight.mount && i != spot.mount)
            difference("the mount of a place", i, spot.mount);
    }
    if (mounts[spot.mount] && mounts[spot.mount] != sight.mount)
        difference("the mount of a place", 0, spot.mount);
    mounts[spot.mount] = sight.mount;
}

static void compare_place(const char *what, const struct place *place, struct model_spot spot)
{
    compare_sight(what, sight_of(place), spot);
}

static void compare_path(const struct place *place, struct model_spot spot)
{
    static char got[PATH_MOST];
    char want[MODEL_PATH];

    if (!spot.node || !model_path(&model, spot, want))
        return;
    long length = place_path(place, got, sizeof(got));
    if (length != (long)strlen(want) || strcmp(got, want)) {
        fprintf(stderr, "path \"%s\", the model says \"%s\"\n", length < 0 ? "" : got, want);
        difference("the path of a directory", length, (int64_t)strlen(want));
    }
}

/* Each vnode has the references that the model knows of, and no other. */
static void compare_references(void)
{
    bool seen[MODEL_NODES] = {0};

    for (struct vnode *vnode = NULL; (vnode = store_next_vnode(vnode));) {
        unsigned node = node_of(vnode);
        if (!node)
            difference("a vnode of a file that is gone", (int64_t)vnode->number, 0);
        if (vnode->references != model_references(&model, node))
            difference("references", (int64_t)vnode->references, model_references(&model, node));
        if (vnode->links != model.nodes[node].links)
            difference("links", vnode->links, model.nodes[node].links);
        seen[node] = true;
    }
    for (unsigned i = 1; i < MODEL_NODES; i++) {
        if (!seen[i] && model.nodes[i].type != MODEL_FREE && model_references(&model, i))
            difference("vnodes of a file in use", 0, 1);
    }
}

static void compare_mounts(void)
{
    unsigned count = 0, want = 0;

    list_for_each (link, &mount_list)
        count++;
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        want += model.mounts[i].used;
        if (mounts[i] && mounts[i]->users != model_users(&model, i))
            difference("users of a mount", (int64_t)mounts[i]->users, model_users(&model, i));
    }
    if (count != want)
        difference("mounts", count, want);
}

/* What the name cache knows of a name is true. */
static void check_cached(struct vnode *directory, const char *text)
{
    struct name name = {text, (uint32_t)strlen(text)};
    struct vnode *vnode;

    if (!name_cache_lookup(directory, &name, &vnode))
        return;
    uint64_t number = vnode ? vnode->number : 0;
    if (directory->operations->names_change)
        difference("a cached name in a directory that changes", (int64_t)number, 0);
    if (number != store_number_of(directory, &name))
        difference("a cached name", (int64_t)number, (int64_t)store_number_of(directory, &name));
    if (vnode)
        vnode_release(vnode);
}

static void check_name_cache(void)
{
    for (struct vnode *vnode = NULL; (vnode = store_next_vnode(vnode));) {
        if (vnode_type(vnode) != S_IFDIR)
            continue;
        spin_lock(&vnode_cache_lock);
        vnode_reference_locked(vnode);
        spin_unlock(&vnode_cache_lock);
        for (unsigned i = 0; i < MODEL_NAMES; i++)
            check_cached(vnode, model_names[i]);
        vnode_release(vnode);
    }
}

static void compare_all(bool paths)
{
    struct path_context *context = current_thread()->path_context;

    if (shim_locks_held())
        difference("locks held", shim_locks_held(), 0);
    compare_place("the root directory", &context->root, model.root);
    compare_place("the working directory", &context->directory, model.directory);
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        compare_place("a handle", &handles[i], model.handles[i]);
        if (paths)
            compare_path(&handles[i], model.handles[i]);
    }
    if (paths)
        compare_path(&context->directory, model.directory);
    compare_references();
    compare_mounts();
    check_name_cache();
}

static bool is_mounting(enum operation_kind kind)
{
    return kind >= WALK_MOUNT && kind <= WALK_UNMOUNT;
}

/* Run an operation in the model too, and compare what has come of it. */
static void compare_outcome(const struct operation *operation, int error, struct sight sight)
{
    struct outcome want = model_apply(&model, operation);

    forget_mounts();
    if (error != want.error)
        difference("result", error, want.error);
    compare_sight("what was found", sight, want.spot);
    if (operation->meanwhile && (!meanwhile) != (!model.meanwhile))
        difference("the other operation has come", !meanwhile, !model.meanwhile);
    if (operation->meanwhile && !meanwhile && meanwhile_error != model.meanwhile_outcome.error)
        difference("the other's result", meanwhile_error, model.meanwhile_outcome.error);
    walk_successes[operation->kind] += !error;
}

/* Run an operation on both sides. */
static void run(const struct operation *operation, bool failing)
{
    bool failed_before = shim_allocation_failed();
    struct sight sight;

    current = operation;
    meanwhile = operation->meanwhile;
    links_read = 0;
    int error = run_in_kernel(operation, &sight);
    if (error != -ENOMEM || failed_before || !shim_allocation_failed())
        compare_outcome(operation, error, sight);
    else if (is_mounting(operation->kind))
        model_reap(&model); /* nothing else has changed */
    if (operation->kind == WALK_MOUNT)
        model.next_number = store_next_number; /* of a store for which there was no mount */
    forget_mounts();
    meanwhile = model.meanwhile = NULL;
    compare_all(!failing);
    current = NULL;
}

/* Streams */

struct stream {
    const uint8_t *bytes;
    size_t left;
};

static unsigned take(struct stream *stream)
{
    if (!stream->left)
        return 0;
    stream->left--;
    return *stream->bytes++;
}

/* A path of few names, most of which exist: sometimes absolute, with dots, slashes, and a name too
 * long. fresh: the last one mostly does not exist. */
static void take_path(struct stream *stream, int start, bool fresh, char path[MODEL_PATH])
{
    unsigned shape = take(stream), count = shape % 4 + (shape % 16 == 15) * 4;
    struct model_spot at = start < 0 ? model.directory : model.handles[start];

    strcpy(path, shape & 32 ? shape & 64 ? "//" : "/" : "");
    if (shape & 32)
        at = model.root;
    if (shape == 255)
        return;
    count += !count;
    for (unsigned i = 0; i < count; i++) {
        unsigned choice = take(stream), kind = choice % 32;
        bool exists = kind < 20 && !(fresh && i + 1 == count && kind > 4);
        const char *child = exists ? model_child(&model, &at, choice / 32) : NULL;
        if (child && !strncmp(path, model_names[6], 255))
            child = NULL; /* one is enough */
        if (child)
            strcat(path, child);
        else if (kind < 23)
            strcat(path, model_names[choice % 6]);
        else if (kind < 27)
            strcat(path, "..");
        else if (kind < 28)
            strcat(path, ".");
        else if (kind == 28 && i == 0)
            strcat(path, model_names[6]);
        else if (kind == 29 && i == 0 && choice < 64)
            strcat(strcat(path, model_names[6]), "x");
        else
            strcat(path, "b");
        if (i + 1 < count || shape % 32 == 17)
            strcat(path, kind == 31 ? "//" : "/");
    }
}

static int take_start(struct stream *stream)
{
    unsigned choice = take(stream) % 16;

    return choice < MODEL_HANDLES && model.handles[choice].node ? (int)choice : -1;
}

static unsigned take_open_flags(struct stream *stream)
{
    static const unsigned flags[16] = {0,
                                       O_PATH,
                                       O_DIRECTORY,
                                       O_NOFOLLOW,
                                       O_PATH | O_NOFOLLOW,
                                       O_PATH | O_DIRECTORY,
                                       O_WRONLY,
                                       O_WRONLY | O_NOFOLLOW,
                                       O_CREAT,
                                       O_CREAT | O_WRONLY,
                                       O_CREAT | O_NOFOLLOW,
                                       O_CREAT | O_EXCL,
                                       O_CREAT | O_EXCL | O_WRONLY,
                                       O_PATH | O_NOFOLLOW | O_DIRECTORY,
                                       O_NOFOLLOW | O_DIRECTORY,
                                       O_CREAT | O_WRONLY | O_NOFOLLOW};
    return flags[take(stream) % 16];
}

static unsigned take_resolve(struct stream *stream)
{
    static const unsigned resolve[16] = {0,
                                         0,
                                         RESOLVE_BENEATH,
                                         RESOLVE_BENEATH,
                                         RESOLVE_IN_ROOT,
                                         RESOLVE_IN_ROOT,
                                         RESOLVE_NO_XDEV,
                                         RESOLVE_NO_XDEV,
                                         RESOLVE_NO_SYMLINKS,
                                         RESOLVE_BENEATH | RESOLVE_NO_XDEV,
                                         RESOLVE_IN_ROOT | RESOLVE_NO_XDEV,
                                         RESOLVE_NO_MAGICLINKS};
    return resolve[take(stream) % 16];
}

static unsigned take_flags(struct stream *stream, enum operation_kind kind)
{
    static const unsigned renames[8] = {
        0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, 0};
    static const unsigned unmounts[4] = {0, 0, MNT_DETACH, UMOUNT_NOFOLLOW};

    switch (kind) {
    case WALK_OPEN:
        return take_open_flags(stream);
    case WALK_RENAME:
        return renames[take(stream) % 8];
    case WALK_UNMOUNT:
        return unmounts[take(stream) % 4];
    case WALK_BIND:
        return take(stream) & 1 ? MS_REC : 0;
    default:
        return take(stream);
    }
}

static unsigned take_mode(struct stream *stream)
{
    static const unsigned modes[8] = {0777, 0755, 0777, 0711, 0700, 0777, 0744, 01777};
    return modes[take(stream) % 8];
}

static enum operation_kind take_kind(struct stream *stream)
{
    static const uint8_t often[WALK_KINDS] = {24, 28, 12, 24, 20, 10, 12, 10, 36,
                                              10, 12, 10, 10, 3,  6,  7,  6,  6};
    unsigned choice = take(stream), kind = 0;

    while (kind < WALK_KINDS - 1 && choice >= often[kind])
        choice -= often[kind++];
    return (enum operation_kind)kind;
}

/* The kind that is possible now: privileged ones by the user without privileges are not. */
static enum operation_kind possible(enum operation_kind kind)
{
    bool makes = kind <= WALK_BIND && kind != WALK_LOOK_UP;

    if (makes && !model_has_room(&model))
        return kind == WALK_OPEN ? WALK_LOOK_UP : kind == WALK_RENAME ? kind : WALK_UNLINK;
    if (model.user && kind >= WALK_MOUNT && kind <= WALK_CHANGE_ROOT &&
        kind != WALK_CHANGE_DIRECTORY)
        return WALK_CHANGE_USER;
    return kind;
}

static bool is_making(enum operation_kind kind)
{
    return kind >= WALK_CREATE && kind <= WALK_MAKE_LINK;
}

static void decode(struct stream *stream, struct operation *operation)
{
    memset(operation, 0, sizeof(*operation));
    operation->kind = possible(take_kind(stream));
    operation->start = operation->other_start = operation->keep = -1;
    if (operation->kind < WALK_MOUNT || operation->kind == WALK_CHANGE_DIRECTORY)
        operation->start = take_start(stream);
    take_path(stream, operation->start, is_making(operation->kind), operation->path);
    if (operation->kind == WALK_LINK || operation->kind == WALK_RENAME) {
        operation->other_start = take_start(stream);
        take_path(stream, operation->other_start, operation->kind != WALK_BIND,
                  operation->other_path);
    }
    if (operation->kind == WALK_BIND)
        take_path(stream, operation->other_start, operation->kind != WALK_BIND,
                  operation->other_path);
    do
        take_path(stream, -1, false, operation->text);
    while (operation->kind == WALK_MAKE_LINK && !*operation->text);
    operation->flags = take_flags(stream, operation->kind);
    if (operation->kind == WALK_CHANGE_USER && model.user)
        operation->flags = 0;
    if (operation->kind == WALK_BIND && model_has_vague_mount(&model))
        operation->flags = 0;
    if (operation->kind == WALK_OPEN)
        operation->resolve = take_resolve(stream);
    operation->mode = take_mode(stream);
    unsigned keep = take(stream);
    if (operation->kind == WALK_DROP_HANDLE || keep % 4 == 0)
        operation->keep = (int)(keep / 4 % MODEL_HANDLES);
    if (operation->kind == WALK_LOOK_UP)
        operation->flags &= PATH_FOLLOW;
    if (operation->kind == WALK_LINK)
        operation->flags &= PATH_FOLLOW;
}

/* May the one run in the middle of the other? Not if it takes away what the other starts from. */
static bool fits_meanwhile(const struct operation *outer, const struct operation *inner)
{
    return !(is_mounting(outer->kind) && is_mounting(inner->kind)) &&
           inner->kind != WALK_DROP_HANDLE && inner->kind != WALK_CHANGE_ROOT &&
           inner->kind != WALK_CHANGE_DIRECTORY && inner->kind != WALK_CHANGE_USER &&
           inner->keep < 0;
}

static void step(struct stream *stream, bool failing)
{
    static struct operation outer, inner;

    decode(stream, &outer);
    unsigned when = take(stream);
    if (!failing && when % 4 == 0) {
        decode(stream, &inner);
        if (fits_meanwhile(&outer, &inner)) {
            outer.meanwhile = &inner;
            outer.meanwhile_at = 1 + when / 4 % 3;
        }
    }
    run(&outer, failing);
}

static void start(void)
{
    shim_memory_start(64);
    store_start();
    name_cache_init();
    vnode_cache_init();
    file_init();
    rename_init();
    mounts_init();
    protected_symlinks = 0; /* the model follows all; tests/guest/permissions.c does not */
    machine_set_user(0);
    memset(handles, 0, sizeof(handles));
    memset(mounts, 0, sizeof(mounts));
    store_link_read = link_read;
    model_start(&model);
    if (!mount_make_root("store", NULL, "none"))
        difference("the first mount", 1, 0);
    current_thread()->path_context =
        path_context_create(mount_root_place(), mount_root_place(), &mount_namespace_first);
    path_context_set_umask(current_thread()->path_context, 0);
}

/* The last mount that covers something; NULL: there is none. */
static struct mount *find_covering(void)
{
    struct mount *mount = NULL;

    list_for_each (link, &mount_list) {
        if (container_of(link, struct mount, link)->covered)
            mount = container_of(link, struct mount, link);
    }
    return mount;
}

/* Take away all mounts but the first. */
static void unmount_all(void)
{
    struct mount *mount;

    mutex_lock(&mount_lock);
    while ((mount = find_covering()))
        mount_detach(mount);
    mount_reap_detached();
    mutex_unlock(&mount_lock);
}

static void finish(void)
{
    struct place root = mount_root_place();

    place_release(&root);
    machine_set_user(0);
    for (unsigned i = 0; i < MODEL_HANDLES; i++)
        place_release(&handles[i]);
    path_context_release(current_thread()->path_context);
    current_thread()->path_context = NULL;
    unmount_all();
    mutex_lock(&mount_lock);
    mount_drop(root.mount);
    mutex_unlock(&mount_lock);
    if (!list_empty(&mount_list))
        difference("files in use at the end", 1, 0);
    uint64_t unused;
    if (vnode_cache_count(&unused) || store_files() || shim_live_objects() || shim_live_frames())
        difference("objects left at the end", (int64_t)shim_live_objects(), 0);
    shim_end();
}

bool walk_run(const uint8_t *bytes, size_t size, uint64_t fail_at)
{
    struct stream stream = {bytes, size};

    start();
    shim_fail_allocation(fail_at);
    while (stream.left)
        step(&stream, fail_at);
    bool failed = shim_allocation_failed();
    shim_fail_allocation(0);
    finish();
    return failed;
}
