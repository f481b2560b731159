/*
 * What happens to names: look-up, create, link, unlink, rename, symbolic links. The rules of POSIX
 * have been checked (fs/vfs.c, fs/rename.c); the directories are locked.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"
#include "lib/string.h"

int ext_lookup(struct vnode *vnode, const struct name *name, struct vnode **result)
{
    struct ext_inode *directory = ext_inode_of(vnode), *inode;
    struct ext_place place;
    int error = ext_directory_find(directory, name, &place);

    if (!error)
        error = ext_inode_get(ext_of(directory), place.number, false, &inode);
    if (!error)
        *result = &inode->vnode;
    return error;
}

/* Put a symbolic link's target into the inode, or into a block of its own. */
static int set_target(struct ext_operation *operation, struct ext_inode *inode, const char *target)
{
    struct ext *ext = operation->ext;
    size_t length = strlen(target);
    uint32_t physical, count;
    struct ext_block block;

    inode->vnode.object.size = length;
    if (length < EXT_FAST_LINK) {
        memcpy(inode->block, target, length);
        return 0;
    }
    if (length >= ext->block_size)
        return -ENAMETOOLONG;
    mutex_lock(&inode->map_lock);
    int error = ext_map_allocate(operation, inode, 0, 1, false, &physical, &count);
    mutex_unlock(&inode->map_lock);
    if (!error)
        error = ext_block_get_new(ext, physical, &block);
    if (error)
        return error;
    memcpy(block.data, target, length);
    ext_block_changed(operation, &block);
    ext_block_put(&block);
    return 0;
}

/* What a new inode of its type begins with. */
static int fill_new(struct ext_operation *operation, struct ext_inode *inode, uint64_t parent,
                    const struct creation *creation)
{
    switch (creation->mode & S_IFMT) {
    case S_IFDIR:
        inode->vnode.links = 2;
        return ext_directory_make(operation, inode, parent);
    case S_IFLNK:
        return set_target(operation, inode, creation->target);
    default:
        return 0;
    }
}

/* A new inode, referenced, which gets one name: nothing is left on failure but *inode without
 * links, to be released. */
static int create_inode(struct ext_operation *operation, struct ext_inode *directory,
                        const struct creation *creation, struct ext_inode **inode)
{
    struct ext *ext = operation->ext;
    bool is_directory = (creation->mode & S_IFMT) == S_IFDIR;
    uint64_t parent = directory->vnode.number, number;
    int error = ext_allocate_inode(operation, parent, is_directory, &number);

    *inode = NULL;
    if (error)
        return error;
    error = ext_inode_create(ext, number, creation, inode);
    if (error == -ENOMEM)
        ext_free_inode(operation, number, is_directory);
    if (error)
        return error;
    ext_operation_inode(operation, *inode);
    error = fill_new(operation, *inode, parent, creation);
    if (error)
        (*inode)->vnode.links = 0; /* its last release frees it */
    return error;
}

int ext_create(struct vnode *vnode, const struct name *name, const struct creation *creation,
               struct vnode **result)
{
    struct ext_inode *directory = ext_inode_of(vnode), *inode = NULL;
    struct ext_operation operation;

    if ((creation->mode & S_IFMT) == S_IFDIR && vnode->links >= EXT_LINKS_MAX)
        return -EMLINK;
    int error = ext_operation_begin(&operation, ext_of(directory));
    if (!error)
        error = create_inode(&operation, directory, creation, &inode);
    if (!error) {
        error = ext_directory_add(&operation, directory, name, inode->vnode.number, creation->mode);
        if (error)
            inode->vnode.links = 0;
        else if (vnode_type(&inode->vnode) == S_IFDIR)
            vnode->links++;
    }
    ext_operation_end(&operation);
    if (!error)
        *result = &inode->vnode;
    else if (inode)
        vnode_release(&inode->vnode);
    return error;
}

int ext_create_unnamed(struct vnode *vnode, const struct creation *creation, struct vnode **result)
{
    struct ext *ext = ext_of(ext_inode_of(vnode));
    struct ext_inode *inode = NULL;
    struct ext_operation operation;
    uint64_t number;
    int error = ext_operation_begin(&operation, ext);

    if (!error)
        error = ext_allocate_inode(&operation, vnode->number, false, &number);
    if (!error) {
        error = ext_inode_create(ext, number, creation, &inode);
        if (error == -ENOMEM)
            ext_free_inode(&operation, number, false);
    }
    if (!error) {
        inode->vnode.links = 0;
        ext_operation_inode(&operation, inode);
        ext_orphan_add(&operation, inode);
        *result = &inode->vnode;
    }
    ext_operation_end(&operation);
    return error;
}

int ext_link(struct vnode *vnode, const struct name *name, struct vnode *target)
{
    struct ext_inode *directory = ext_inode_of(vnode), *inode = ext_inode_of(target);
    struct ext_operation operation;

    if (target->links >= EXT_LINKS_MAX)
        return -EMLINK;
    int error = ext_operation_begin(&operation, ext_of(directory));
    if (!error)
        error = ext_directory_add(&operation, directory, name, target->number, target->mode);
    if (!error) {
        if (target->links == 0)
            ext_orphan_remove(&operation, inode);
        target->links++;
        target->ctime = time_stamp();
        ext_operation_inode(&operation, inode);
    }
    ext_operation_end(&operation);
    return error;
}

/* One name of the inode has gone; a directory loses its own "." too. */
static void drop_link(struct ext_operation *operation, struct ext_inode *inode)
{
    struct vnode *vnode = &inode->vnode;

    if (vnode_type(vnode) == S_IFDIR)
        vnode->links = 0;
    else if (vnode->links)
        vnode->links--;
    vnode->ctime = time_stamp();
    ext_operation_inode(operation, inode);
    if (vnode->links == 0)
        ext_orphan_add(operation, inode);
}

/* A directory has lost a subdirectory, with its "..". */
static void drop_child(struct ext_operation *operation, struct ext_inode *directory)
{
    if (directory->vnode.links > 2)
        directory->vnode.links--;
    ext_operation_inode(operation, directory);
}

/* Find the name, which must lead to this inode. */
static int find_expected(struct ext_inode *directory, const struct name *name,
                         const struct vnode *expected, struct ext_place *place)
{
    int error = ext_directory_find(directory, name, place);

    if (!error && place->number != expected->number)
        error = ext_error(ext_of(directory), "a name leads elsewhere", expected->number);
    return error;
}

int ext_unlink(struct vnode *vnode, const struct name *name, struct vnode *target)
{
    struct ext_inode *directory = ext_inode_of(vnode), *inode = ext_inode_of(target);
    bool is_directory = vnode_type(target) == S_IFDIR;
    struct ext_operation operation;
    struct ext_place place;
    int error = is_directory ? ext_directory_check_empty(inode) : 0;

    if (!error)
        error = find_expected(directory, name, target, &place);
    if (!error)
        error = ext_operation_begin(&operation, ext_of(directory));
    if (error)
        return error;
    error = ext_directory_remove(&operation, directory, &place);
    if (!error) {
        drop_link(&operation, inode);
        if (is_directory)
            drop_child(&operation, directory);
    }
    ext_operation_end(&operation);
    return error;
}

/* A rename with everything it concerns. */
struct move {
    struct ext_inode *from, *to, *source, *target, *whiteout; /* the last two may be NULL */
    struct ext_place from_place, to_place, parent_place;
    bool is_directory, changes_parent;
};

/* Find all entries that are to be changed, and check that they can be. */
static int find_entries(struct move *move, const struct name *from_name, const struct name *to_name)
{
    static const struct name dot_dot = {"..", 2};
    int error = 0;

    if (move->target && vnode_type(&move->target->vnode) == S_IFDIR)
        error = ext_directory_check_empty(move->target);
    if (!error)
        error = find_expected(move->from, from_name, &move->source->vnode, &move->from_place);
    if (!error && move->target)
        error = find_expected(move->to, to_name, &move->target->vnode, &move->to_place);
    if (!error && move->changes_parent) {
        error = ext_directory_find(move->source, &dot_dot, &move->parent_place);
        if (error == -ENOENT)
            error = ext_error(ext_of(move->source), "a directory has no parent",
                              move->source->vnode.number);
        if (!error && !move->target && move->to->vnode.links >= EXT_LINKS_MAX)
            error = -EMLINK;
    }
    return error;
}

/* Remove the old name, or let it lead to the whiteout. Its place is looked up again if the new
 * entry has gone to the same block, where it may have become the one before it. */
static int remove_old(struct ext_operation *operation, struct move *move,
                      const struct name *from_name)
{
    int error = 0;

    if (move->from == move->to && !move->target)
        error = find_expected(move->from, from_name, &move->source->vnode, &move->from_place);
    if (error || !move->whiteout)
        return error ? error : ext_directory_remove(operation, move->from, &move->from_place);
    struct vnode *whiteout = &move->whiteout->vnode;
    return ext_directory_replace(operation, move->from, &move->from_place, whiteout->number,
                                 whiteout->mode);
}

/* The links of directories that a moved one brings along. */
static int adjust_parents(struct ext_operation *operation, struct move *move)
{
    if (move->target)
        drop_link(operation, move->target);
    if (move->target && move->is_directory)
        drop_child(operation, move->to);
    if (!move->changes_parent)
        return 0;
    drop_child(operation, move->from);
    move->to->vnode.links++;
    ext_operation_inode(operation, move->to);
    return ext_directory_replace(operation, move->source, &move->parent_place,
                                 move->to->vnode.number, S_IFDIR);
}

/* Give the source its new name. A power cut must not lose a file that has been on the disk for
 * long: unless one write of a block brings all of the change, the new name is on the disk before
 * the old one, or what the new one led to, is given up. */
static int add_new(struct ext_operation *operation, struct move *move, const struct name *name)
{
    struct vnode *source = &move->source->vnode;
    struct ext_place place = {0};
    int error;

    if (move->target)
        error = ext_directory_replace(operation, move->to, &move->to_place, source->number,
                                      source->mode);
    else
        error = ext_directory_add(operation, move->to, name, source->number, source->mode);
    bool apart = move->target || move->from != move->to;
    if (!error && !apart) {
        error = ext_directory_find(move->to, name, &place);
        apart = place.logical != move->from_place.logical;
    }
    if (error)
        return error;
    source->ctime = time_stamp();
    ext_operation_inode(operation, move->source);
    if (apart)
        ext_operation_settle(operation);
    return 0;
}

int ext_rename(struct vnode *from, const struct name *from_name, struct vnode *source,
               struct vnode *to, const struct name *to_name, struct vnode *target,
               const struct creation *whiteout)
{
    struct move move = {.from = ext_inode_of(from),
                        .to = ext_inode_of(to),
                        .source = ext_inode_of(source),
                        .target = target ? ext_inode_of(target) : NULL,
                        .is_directory = vnode_type(source) == S_IFDIR};
    struct ext_operation operation;

    move.changes_parent = move.is_directory && from != to;
    int error = find_entries(&move, from_name, to_name);
    if (!error)
        error = ext_operation_begin(&operation, ext_of(move.from));
    if (error)
        return error;
    if (whiteout)
        error = create_inode(&operation, move.from, whiteout, &move.whiteout);
    if (!error)
        error = add_new(&operation, &move, to_name);
    if (!error)
        error = remove_old(&operation, &move, from_name);
    if (error && move.whiteout)
        move.whiteout->vnode.links = 0;
    if (!error)
        error = adjust_parents(&operation, &move);
    ext_operation_end(&operation);
    if (move.whiteout)
        vnode_release(&move.whiteout->vnode);
    return error;
}

/* A name of directory leads to this inode from now on. */
struct redirection {
    struct ext_inode *directory, *inode;
    struct ext_place place, parent_place; /* the latter: of ".." of a directory that moves */
    bool moves;
};

/* Find the entry, which leads to expected now, and what else is to be changed. */
static int find_redirection(struct redirection *redirection, const struct name *name,
                            const struct vnode *expected, bool across)
{
    static const struct name dot_dot = {"..", 2};
    struct ext_inode *inode = redirection->inode;
    int error = find_expected(redirection->directory, name, expected, &redirection->place);

    redirection->moves = across && vnode_type(&inode->vnode) == S_IFDIR;
    if (error || !redirection->moves)
        return error;
    error = ext_directory_find(inode, &dot_dot, &redirection->parent_place);
    if (error == -ENOENT)
        error = ext_error(ext_of(inode), "a directory has no parent", inode->vnode.number);
    return error;
}

static int redirect(struct ext_operation *operation, struct redirection *redirection)
{
    struct vnode *vnode = &redirection->inode->vnode;
    struct ext_inode *directory = redirection->directory;
    int error = ext_directory_replace(operation, directory, &redirection->place, vnode->number,
                                      vnode->mode);

    if (!error && redirection->moves)
        error = ext_directory_replace(operation, redirection->inode, &redirection->parent_place,
                                      directory->vnode.number, S_IFDIR);
    if (!error) {
        vnode->ctime = time_stamp();
        ext_operation_inode(operation, redirection->inode);
        ext_operation_inode(operation, directory);
    }
    return error;
}

int ext_exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                 struct vnode *to, const struct name *to_name, struct vnode *target)
{
    struct redirection back = {.directory = ext_inode_of(from), .inode = ext_inode_of(target)};
    struct redirection forth = {.directory = ext_inode_of(to), .inode = ext_inode_of(source)};
    struct ext_operation operation;
    int error = find_redirection(&back, from_name, source, from != to);

    if (!error)
        error = find_redirection(&forth, to_name, target, from != to);
    if (!error && ((forth.moves && !back.moves && to->links >= EXT_LINKS_MAX) ||
                   (back.moves && !forth.moves && from->links >= EXT_LINKS_MAX)))
        error = -EMLINK;
    if (!error)
        error = ext_operation_begin(&operation, ext_of(back.directory));
    if (error)
        return error;
    from->links += (uint32_t)back.moves - (uint32_t)forth.moves;
    to->links += (uint32_t)forth.moves - (uint32_t)back.moves;
    error = redirect(&operation, &back);
    if (!error)
        error = redirect(&operation, &forth);
    ext_operation_end(&operation);
    return error;
}

long ext_read_link(struct vnode *vnode, char *buffer, size_t size)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    size_t length = vnode->object.size < size ? vnode->object.size : size;
    uint32_t physical, count;
    struct ext_block block;

    if (ext_inode_is_fast_link(inode)) {
        memcpy(buffer, inode->block, length);
        return (long)length;
    }
    mutex_lock(&inode->map_lock);
    int error = ext_map_find(inode, 0, 1, &physical, &count);
    mutex_unlock(&inode->map_lock);
    if (!error && !physical)
        error = ext_error(ext_of(inode), "a symbolic link has no target", vnode->number);
    if (!error)
        error = ext_block_get(ext_of(inode), physical, &block);
    if (error)
        return error;
    memcpy(buffer, block.data, length);
    ext_block_put(&block);
    return (long)length;
}
