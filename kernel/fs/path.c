/*
 * Finding a file by its path, and the path of a file.
 */
#include "fs/path.h"
#include "abi/errno.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/walk.h"
#include "lib/string.h"
#include "vm/kmem.h"

int path_lookup_place(const struct place *directory, const char *path, unsigned flags,
                      struct place *result)
{
    struct walk walk;
    int error = walk_start(&walk, directory, path);

    if (error)
        return error;
    do {
        error = walk_to_last(&walk);
        if (!error)
            error = walk_step(&walk, flags & PATH_FOLLOW);
    } while (!error && walk.linked);
    if (!error && walk.slash && vnode_type(walk.directory) != S_IFDIR)
        error = -ENOTDIR;
    walk_end(&walk, error ? NULL : result);
    return error;
}

int path_lookup(const struct place *directory, const char *path, unsigned flags,
                struct vnode **result)
{
    struct place place;
    int error = path_lookup_place(directory, path, flags, &place);

    if (error)
        return error;
    *result = place.vnode;
    mount_let_go(place.mount);
    return 0;
}

/* The search for an entry by its number, in a directory whose names are not cached. */
struct search {
    uint64_t number;
    char *name;
    uint32_t length;
};

static bool compare_number(void *context, const struct name *name, uint64_t number, unsigned type,
                           int64_t next_offset)
{
    struct search *search = context;

    (void)type;
    (void)next_offset;
    bool dots = name->bytes[0] == '.' &&
                (name->length == 1 || (name->length == 2 && name->bytes[1] == '.'));
    if (number != search->number || dots)
        return true;
    memcpy(search->name, name->bytes, name->length);
    search->length = name->length;
    return false;
}

/* Find the parent of a directory, or of a file that knows it, and its name there, in the file
 * system. */
static int search_parent(struct vnode *vnode, struct vnode **parent, char *name, uint32_t *length)
{
    struct search search = {.number = vnode->number, .name = name};

    if (!vnode->links)
        return -ENOENT;
    int error = walk_parent(vnode, parent);
    if (error)
        return error;
    mutex_lock(&(*parent)->lock);
    if ((*parent)->operations->read_directory)
        error = (*parent)->operations->read_directory(*parent, 0, compare_number, &search);
    mutex_unlock(&(*parent)->lock);
    if (!error && !search.length)
        error = -ENOENT;
    if (error)
        vnode_release(*parent);
    *length = search.length;
    return error;
}

/* One step up from *vnode, whose name is looked for and put in front; the reference moves along. */
static int step_to_parent(struct reverse_path *path, struct vnode **vnode)
{
    char name[NAME_MAX];
    struct vnode *parent;
    uint32_t length;
    int error = search_parent(*vnode, &parent, name, &length);

    if (error)
        return error;
    vnode_release(*vnode);
    *vnode = parent;
    error = reverse_path_put(path, name, length);
    return error ? error : reverse_path_put(path, "/", 1);
}

/* Steps up from *vnode, to top at the most, or to root if that is below it. */
static int climb(struct reverse_path *path, struct vnode **vnode, const struct vnode *root,
                 const struct vnode *top)
{
    const struct vnode *from = *vnode;
    int error = name_cache_climb(path, vnode, root, top);

    return error || *vnode != from ? error : step_to_parent(path, vnode);
}

/* Collect the names from a place (whose references are taken over) up to root; or, if one_mount, up
 * to the root of the file system. *reached: it was the root, and not that of another tree. */
static int collect_names(struct reverse_path *path, struct place place, const struct place *root,
                         bool one_mount, bool *reached)
{
    struct place covered;
    int error = 0;

    *reached = true;
    while (!error && (place.vnode != root->vnode || place.mount != root->mount)) {
        const struct vnode *top = one_mount ? volume_root(place.vnode) : place.mount->root;
        if (place.vnode != top) {
            error = climb(path, &place.vnode, place.mount == root->mount ? root->vnode : NULL, top);
        } else if (!one_mount && mount_leave(place.mount, place.vnode, &covered)) {
            place_release(&place);
            place = covered;
        } else {
            *reached = false;
            break;
        }
    }
    place_release(&place);
    return error;
}

/* The path has been collected: bring it to the front of the buffer; mark tells that it has been
 * removed. */
static long finish_path(struct reverse_path *path, size_t size, const char *mark)
{
    int error = path->start == size ? reverse_path_put(path, "/", 1) : 0;
    size_t length = size - path->start, more = path->deleted ? strlen(mark) : 0;
    char *buffer = path->buffer;

    if (!error && length + more >= size)
        error = -ENAMETOOLONG;
    if (error)
        return error;
    memmove(buffer, buffer + path->start, length);
    memcpy(buffer + length, mark, more);
    buffer[length + more] = '\0';
    return (long)(length + more);
}

long place_path(const struct place *place, char *buffer, size_t size)
{
    struct reverse_path path = {.buffer = buffer, .start = size};
    struct place root = walk_root();
    bool reached;

    place_reference(place);
    int error = collect_names(&path, *place, &root, false, &reached);
    place_release(&root);
    return error ? error : finish_path(&path, size, " (deleted)");
}

long place_path_below(const struct place *place, const struct place *root, char *buffer,
                      size_t size)
{
    struct reverse_path path = {.buffer = buffer, .start = size};
    bool reached;

    place_reference(place);
    int error = collect_names(&path, *place, root, false, &reached);
    if (!error && !reached)
        error = -ENOENT;
    return error ? error : finish_path(&path, size, "//deleted");
}

long vnode_path(struct vnode *vnode, char *buffer, size_t size)
{
    vnode_reference(vnode);
    struct place place = place_of_vnode(vnode);
    long result = place_path(&place, buffer, size);
    place_release(&place);
    return result;
}

long vnode_path_inside(struct vnode *vnode, char *buffer, size_t size)
{
    struct reverse_path path = {.buffer = buffer, .start = size};
    const struct place nowhere = {0};
    bool reached;

    vnode_reference(vnode);
    int error = collect_names(&path, place_of_vnode(vnode), &nowhere, true, &reached);
    return error ? error : finish_path(&path, size, "//deleted");
}
