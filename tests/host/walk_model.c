/* The model of walk_model.h. */
#include "walk_model.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "fs/path.h"
#include <stdlib.h>
#include <string.h>

#define LINKS_MOST 40

#define LONG4  "abcd"
#define LONG16 LONG4 LONG4 LONG4 LONG4
#define LONG64 LONG16 LONG16 LONG16 LONG16
#define LONGEST                                                                                    \
    LONG64 LONG64 LONG64 LONG16 LONG16 LONG16 LONG4 LONG4 LONG4 "abc" /* NAME_MAX bytes */

_Static_assert(sizeof(LONGEST) == NAME_MAX + 1, "the longest name");

const char *const model_names[MODEL_NAMES] = {"a", "b", "c", "d", "ab", "x", LONGEST};

/* What is the same for all of one walk. */
struct way {
    struct model *model;
    unsigned resolve;
    struct model_spot base; /* the start */
    unsigned links;
    uint64_t moves; /* when it began */
};

/* The last name of a path. */
struct last {
    char name[MODEL_PATH]; /* empty: the path is "/" */
    bool slash;            /* behind the name */
};

static bool same_spot(struct model_spot a, struct model_spot b)
{
    return a.mount == b.mount && a.node == b.node;
}

static struct model_node *node_at(struct model *model, struct model_spot spot)
{
    return &model->nodes[spot.node];
}

static bool is_directory(struct model *model, struct model_spot spot)
{
    return node_at(model, spot)->type == MODEL_DIRECTORY;
}

/* May the user? access as vnode_permission has it. */
static bool allowed(const struct model *model, const struct model_node *node, unsigned access)
{
    unsigned bits = node->mode >> (model->user == node->user ? 6 : 0);

    return model->user == 0 || !(access & ~bits);
}

static int name_index(const char *name)
{
    for (int i = 0; i < MODEL_NAMES; i++) {
        if (!strcmp(name, model_names[i]))
            return i;
    }
    return -1;
}

static unsigned child_of(struct model *model, struct model_spot spot, const char *name)
{
    int i = name_index(name);
    return i < 0 ? 0 : node_at(model, spot)->names[i];
}

/* Up or down between mounts */

static unsigned covering(const struct model *model, struct model_spot spot)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (model->mounts[i].used && model->mounts[i].covered.node &&
            same_spot(model->mounts[i].covered, spot))
            return i;
    }
    return 0;
}

static bool is_covered(const struct model *model, unsigned node)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (model->mounts[i].used && model->mounts[i].covered.node == node)
            return true;
    }
    return false;
}

/* What is seen at the spot: the root of what covers it, or itself. */
static struct model_spot uppermost(const struct model *model, struct model_spot spot)
{
    unsigned mount;

    while ((mount = covering(model, spot)))
        spot = (struct model_spot){mount, model->mounts[mount].root};
    return spot;
}

/* Stand on a spot of the same mount, or on what covers it. */
static int enter(struct way *way, struct model_spot *at, struct model_spot spot)
{
    spot = uppermost(way->model, spot);
    if ((way->resolve & RESOLVE_NO_XDEV) && spot.mount != at->mount)
        return -EXDEV;
    *at = spot;
    return 0;
}

static struct model_spot root_of(const struct way *way)
{
    return way->resolve & RESOLVE_IN_ROOT ? way->base : way->model->root;
}

/* For the target of a link. */
static int jump_to_root(struct way *way, struct model_spot *at)
{
    if (way->resolve & RESOLVE_BENEATH)
        return -EXDEV;
    if ((way->resolve & RESOLVE_NO_XDEV) && at->mount != root_of(way).mount)
        return -EXDEV;
    *at = root_of(way);
    return 0;
}

/* Is the directory the root of what the mount shows, or below it? */
static bool is_shown(const struct model *model, unsigned mount, unsigned node)
{
    unsigned root = model->mounts[mount].root;

    while (node != root && model->nodes[node].parent != node)
        node = model->nodes[node].parent;
    return node == root;
}

/* The spot that a root of a mount covers, down to one that is no root. false: the walk's root, or
 * the root of all, comes before that. */
static bool leave_mounts(struct way *way, struct model_spot *spot, struct model_spot root)
{
    const struct model_mount *mounts = way->model->mounts;

    while (mounts[spot->mount].root == spot->node) {
        if (same_spot(*spot, root) || !mounts[spot->mount].covered.node)
            return false;
        *spot = mounts[spot->mount].covered;
    }
    return !same_spot(*spot, root);
}

static int go_up(struct way *way, struct model_spot *at)
{
    struct model *model = way->model;
    bool beneath = way->resolve & RESOLVE_BENEATH;
    struct model_spot spot = *at, root = beneath ? way->base : root_of(way);

    if ((way->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) && way->moves != model->moves)
        return -EAGAIN;
    if (!leave_mounts(way, &spot, root))
        return beneath ? -EXDEV : enter(way, at, *at);
    if ((way->resolve & RESOLVE_NO_XDEV) && spot.mount != at->mount)
        return -EXDEV;
    spot.node = node_at(model, spot)->parent;
    if (!is_shown(model, spot.mount, spot.node))
        return -ENOENT;
    return enter(way, at, spot);
}

/* Walking */

static int walk(struct way *way, struct model_spot *at, const char *path, bool follow,
                struct last *last);

static void run_meanwhile(struct model *model)
{
    const struct operation *operation = model->meanwhile;

    if (operation && ++model->links_read == model->meanwhile_at) {
        model->meanwhile = NULL;
        model->meanwhile_outcome = model_apply(model, operation);
    }
}

/* Go to where the link's text leads; last as walk has it. */
static int follow_link(struct way *way, struct model_spot *at, unsigned link, struct last *last)
{
    char text[MODEL_PATH];

    if ((way->resolve & RESOLVE_NO_SYMLINKS) || ++way->links > LINKS_MOST)
        return -ELOOP;
    strcpy(text, way->model->texts[link]);
    way->model->pins[way->model->pin_count++] = *at;
    run_meanwhile(way->model);
    way->model->pin_count--;
    int error = *text == '/' ? jump_to_root(way, at) : 0;
    return error ? error : walk(way, at, text, true, last);
}

static int check_search(struct model *model, struct model_spot at)
{
    if (!is_directory(model, at))
        return -ENOTDIR;
    return allowed(model, node_at(model, at), 1) ? 0 : -EACCES;
}

static int step(struct way *way, struct model_spot *at, const char *name, bool follow)
{
    unsigned child;

    if (!strcmp(name, "."))
        return 0;
    if (!strcmp(name, ".."))
        return go_up(way, at);
    if (!node_at(way->model, *at)->links)
        return -ENOENT;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;
    if (!(child = child_of(way->model, *at, name)))
        return -ENOENT;
    if (follow && way->model->nodes[child].type == MODEL_LINK)
        return follow_link(way, at, child, NULL);
    return enter(way, at, (struct model_spot){at->mount, child});
}

/* Walk along a path that is not empty; last: stop before the last name, which goes there. */
static int walk(struct way *way, struct model_spot *at, const char *path, bool follow,
                struct last *last)
{
    int error = 0;

    if (last)
        *last = (struct last){"", false};
    path += strspn(path, "/");
    while (!error && *path) {
        char name[MODEL_PATH] = "";
        size_t length = strcspn(path, "/");
        bool slash = path[length] == '/';
        memcpy(name, path, length);
        path += length;
        path += strspn(path, "/");
        error = check_search(way->model, *at);
        if (error)
            return error;
        if (last && !*path) {
            strcpy(last->name, name);
            last->slash = slash;
            return 0;
        }
        error = step(way, at, name, follow || slash);
        if (!error && slash && !is_directory(way->model, *at))
            error = -ENOTDIR;
    }
    return error;
}

/* Begin at a handle or the working directory, or at the root. */
static int begin(struct model *model, struct way *way, int start, const char *path,
                 unsigned resolve, struct model_spot *at)
{
    struct model_spot base = start < 0 ? model->directory : model->handles[start];

    *way = (struct way){model, resolve, base, 0, model->moves};
    *at = base;
    if (!*path)
        return -ENOENT;
    if (*path == '/' && (resolve & RESOLVE_BENEATH))
        return -EXDEV;
    if (*path == '/' && (resolve & RESOLVE_IN_ROOT) && !is_directory(model, base))
        return -ENOTDIR;
    if (*path == '/')
        *at = root_of(way);
    return 0;
}

static int look_up(struct model *model, int start, const char *path, bool follow, unsigned resolve,
                   struct model_spot *at)
{
    struct way way;
    int error = begin(model, &way, start, path, resolve, at);

    return error ? error : walk(&way, at, path, follow, NULL);
}

/* To the directory of the last name. */
static int look_up_parent(struct model *model, int start, const char *path, struct model_spot *at,
                          struct last *last)
{
    struct way way;
    int error = begin(model, &way, start, path, 0, at);

    return error ? error : walk(&way, at, path, true, last);
}

static bool is_name(const struct last *last)
{
    return *last->name && strcmp(last->name, ".") && strcmp(last->name, "..");
}

/* The child of the last name, 0: none. */
static int find_last(struct model *model, struct model_spot at, const struct last *last,
                     unsigned *child)
{
    *child = 0;
    if (!node_at(model, at)->links)
        return -ENOENT;
    if (strlen(last->name) > NAME_MAX)
        return -ENAMETOOLONG;
    *child = child_of(model, at, last->name);
    return 0;
}

/* Changing directories */

static int check_change(struct model *model, struct model_spot at)
{
    if (!node_at(model, at)->links)
        return -ENOENT;
    return allowed(model, node_at(model, at), 3) ? 0 : -EACCES;
}

static bool owns(const struct model *model, unsigned node)
{
    return model->user == 0 || model->user == model->nodes[node].user;
}

static int check_removal(struct model *model, struct model_spot at, unsigned child)
{
    int error = check_change(model, at);

    if (!error && (node_at(model, at)->mode & S_ISVTX) && !owns(model, child) &&
        !owns(model, at.node))
        error = -EPERM;
    return error;
}

/* store: 0: it is the root of a new one. */
static unsigned make_node(struct model *model, enum model_type type, unsigned store, unsigned mode)
{
    unsigned node = 1;

    while (model->nodes[node].type != MODEL_FREE)
        node++;
    model->nodes[node] = (struct model_node){.number = model->next_number++,
                                             .type = type,
                                             .store = store ? store : node,
                                             .mode = mode,
                                             .user = model->user,
                                             .links = 1,
                                             .parent = node};
    return node;
}

/* Make a file under a name that is absent. */
static unsigned make(struct model *model, struct model_spot at, const char *name,
                     enum model_type type, unsigned mode)
{
    unsigned node = make_node(model, type, node_at(model, at)->store, mode);

    model->nodes[node].parent = at.node;
    node_at(model, at)->names[name_index(name)] = (uint8_t)node;
    return node;
}

/* The last name must be free: -EEXIST and others. */
static int check_new(struct model *model, struct model_spot at, const struct last *last,
                     bool directory)
{
    unsigned child;

    if (!is_name(last))
        return -EEXIST;
    int error = find_last(model, at, last, &child);
    if (!error && child)
        return -EEXIST;
    return !error && last->slash && !directory ? -ENOENT : error;
}

static int create(struct model *model, const struct operation *operation, enum model_type type)
{
    struct model_spot at;
    struct last last;
    int error = look_up_parent(model, operation->start, operation->path, &at, &last);

    if (!error)
        error = check_new(model, at, &last, type == MODEL_DIRECTORY);
    if (!error)
        error = check_change(model, at);
    if (error)
        return error;
    unsigned node = make(model, at, last.name, type, operation->mode);
    if (type == MODEL_LINK)
        strcpy(model->texts[node], operation->text);
    return 0;
}

/* May the user give the node another name? */
static bool may_link(const struct model *model, unsigned at)
{
    const struct model_node *node = &model->nodes[at];
    bool gives_group = (node->mode & S_ISGID) && (node->mode & S_IXGRP);

    return owns(model, at) || (node->type == MODEL_FILE && !(node->mode & S_ISUID) &&
                               !gives_group && allowed(model, node, 6));
}

static int link_file(struct model *model, const struct operation *operation)
{
    struct model_spot from, at;
    struct last last;
    int error =
        look_up(model, operation->start, operation->path, operation->flags & PATH_FOLLOW, 0, &from);

    if (error)
        return error;
    model->pins[model->pin_count++] = from;
    error = look_up_parent(model, operation->other_start, operation->other_path, &at, &last);
    model->pin_count--;
    if (!error)
        error = check_new(model, at, &last, false);
    if (!error && from.mount != at.mount)
        error = -EXDEV;
    if (!error && !may_link(model, from.node))
        error = -EPERM;
    if (!error)
        error = check_change(model, at);
    if (!error && is_directory(model, from))
        error = -EPERM;
    if (!error && !node_at(model, from)->links)
        error = -ENOENT;
    if (error)
        return error;
    node_at(model, from)->links++;
    node_at(model, from)->linked = true;
    node_at(model, at)->names[name_index(last.name)] = (uint8_t)from.node;
    return 0;
}

static bool is_empty(const struct model_node *directory)
{
    for (unsigned i = 0; i < MODEL_NAMES; i++) {
        if (directory->names[i])
            return false;
    }
    return true;
}

static int check_last_to_remove(const struct last *last, bool directory)
{
    if (is_name(last))
        return 0;
    if (!directory)
        return -EISDIR;
    return !*last->name ? -EBUSY : !strcmp(last->name, ".") ? -EINVAL : -ENOTEMPTY;
}

static int remove_name(struct model *model, const struct operation *operation, bool directory)
{
    struct model_spot at;
    struct last last;
    unsigned child = 0;
    int error = look_up_parent(model, operation->start, operation->path, &at, &last);

    if (!error)
        error = check_last_to_remove(&last, directory);
    if (!error)
        error = find_last(model, at, &last, &child);
    if (!error && !child)
        error = -ENOENT;
    if (error)
        return error;
    bool is = model->nodes[child].type == MODEL_DIRECTORY;
    if (!directory && last.slash)
        return is ? -EISDIR : -ENOTDIR;
    error = check_removal(model, at, child);
    if (!error && directory != is)
        error = is ? -EISDIR : -ENOTDIR;
    if (!error && is_covered(model, child))
        error = -EBUSY;
    if (!error && is && !is_empty(&model->nodes[child]))
        error = -ENOTEMPTY;
    if (error)
        return error;
    model->nodes[child].links--;
    node_at(model, at)->names[name_index(last.name)] = 0;
    return 0;
}

/* Renaming */

struct move {
    struct model_spot from, to;
    struct last from_last, to_last;
    unsigned source, target;
    bool exchange;
};

/* The child of ancestor that is node, or above it; 0: node is not below ancestor. */
static unsigned branch(const struct model *model, unsigned ancestor, unsigned node)
{
    while (model->nodes[node].parent != ancestor && model->nodes[node].parent != node)
        node = model->nodes[node].parent;
    return node != ancestor && model->nodes[node].parent == ancestor ? node : 0;
}

static int check_move_names(struct model *model, const struct move *move)
{
    bool source_directory = model->nodes[move->source].type == MODEL_DIRECTORY;
    unsigned up = branch(model, move->from.node, move->to.node);
    unsigned down = branch(model, move->to.node, move->from.node);

    if (!source_directory && (move->from_last.slash || (!move->exchange && move->to_last.slash)))
        return -ENOTDIR;
    if (move->exchange && model->nodes[move->target].type != MODEL_DIRECTORY && move->to_last.slash)
        return -ENOTDIR;
    if (up && move->source == up)
        return -EINVAL;
    if (down && move->target == down)
        return move->exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int check_move(struct model *model, const struct move *move)
{
    const struct model_node *source = &model->nodes[move->source];
    const struct model_node *target = &model->nodes[move->target];
    bool source_directory = source->type == MODEL_DIRECTORY;
    bool target_directory = target->type == MODEL_DIRECTORY;
    bool across = move->from.node != move->to.node;
    int error = check_removal(model, move->from, move->source);

    if (!error)
        error = move->target ? check_removal(model, move->to, move->target)
                             : check_change(model, move->to);
    if (!error && move->target && !move->exchange && source_directory != target_directory)
        error = source_directory ? -ENOTDIR : -EISDIR;
    if (!error && across && source_directory && !allowed(model, source, 2))
        error = -EACCES;
    if (!error && across && move->exchange && target_directory && !allowed(model, target, 2))
        error = -EACCES;
    if (!error &&
        (is_covered(model, move->source) || (move->target && is_covered(model, move->target))))
        error = -EBUSY;
    if (!error && across && (source_directory || (move->exchange && target_directory)))
        model->moves++; /* as a walk that must not leave its base sees it */
    if (!error && move->target && !move->exchange && target_directory && !is_empty(target))
        error = -ENOTEMPTY;
    return error;
}

static void do_move(struct model *model, const struct move *move)
{
    struct model_node *source = &model->nodes[move->source], *target = &model->nodes[move->target];
    uint8_t *from_name = &node_at(model, move->from)->names[name_index(move->from_last.name)];
    uint8_t *to_name = &node_at(model, move->to)->names[name_index(move->to_last.name)];

    *from_name = move->exchange ? (uint8_t)move->target : 0;
    *to_name = (uint8_t)move->source;
    source->parent = move->to.node;
    if (move->exchange)
        target->parent = move->from.node;
    if (move->target && !move->exchange)
        target->links--;
}

static int rename_file(struct model *model, const struct operation *operation)
{
    struct move move = {.exchange = operation->flags & RENAME_EXCHANGE};
    bool no_replace = operation->flags & RENAME_NOREPLACE;
    int error =
        look_up_parent(model, operation->start, operation->path, &move.from, &move.from_last);

    if (error)
        return error;
    model->pins[model->pin_count++] = move.from;
    error = look_up_parent(model, operation->other_start, operation->other_path, &move.to,
                           &move.to_last);
    model->pin_count--;
    if (!error && move.from.mount != move.to.mount)
        error = -EXDEV;
    if (!error && !is_name(&move.from_last))
        error = -EBUSY;
    if (!error && !is_name(&move.to_last))
        error = no_replace ? -EEXIST : -EBUSY;
    if (!error)
        error = find_last(model, move.from, &move.from_last, &move.source);
    if (!error && !move.source)
        error = -ENOENT;
    if (!error)
        error = find_last(model, move.to, &move.to_last, &move.target);
    if (!error && move.target && no_replace)
        error = -EEXIST;
    if (!error && move.exchange && !move.target)
        error = -ENOENT;
    if (!error)
        error = check_move_names(model, &move);
    if (error || move.source == move.target)
        return error;
    error = check_move(model, &move);
    if (!error)
        do_move(model, &move);
    return error;
}

/* Opening */

/* A link that another has laid into a directory for all is not opened with O_CREAT; what is no link
 * is, as the settings are. */
static bool untrusted(const struct model *model, unsigned directory, unsigned child)
{
    const struct model_node *in = &model->nodes[directory], *node = &model->nodes[child];

    return node->type == MODEL_LINK && (in->mode & S_ISVTX) && (in->mode & S_IWOTH) &&
           node->user != in->user && node->user != model->user;
}

/* The last step with O_CREAT, again and again as long as it is a link. */
static int open_creating(struct way *way, const struct operation *operation, struct model_spot *at,
                         bool *created)
{
    struct model *model = way->model;
    bool exclusive = operation->flags & O_EXCL;
    bool follow = !exclusive && !(operation->flags & O_NOFOLLOW);
    struct last last;
    unsigned child;
    int error = walk(way, at, operation->path, true, &last);

    for (;;) {
        if (error)
            return error;
        if (is_name(&last) && last.slash)
            return -EISDIR;
        if (!is_name(&last)) {
            error = *last.name ? step(way, at, last.name, true) : 0;
            return error ? error : exclusive ? -EEXIST : -EISDIR;
        }
        error = find_last(model, *at, &last, &child);
        if (error)
            return error;
        if (!child || model->nodes[child].type != MODEL_LINK || !follow)
            break;
        error = follow_link(way, at, child, &last);
    }
    if (child) {
        bool trusted = !untrusted(model, at->node, child);
        error = enter(way, at, (struct model_spot){at->mount, child});
        if (error)
            return error;
        return exclusive ? -EEXIST : trusted ? 0 : -EACCES;
    }
    error = check_change(model, *at);
    if (!error) {
        at->node = make(model, *at, last.name, MODEL_FILE, operation->mode);
        *created = true;
    }
    return error;
}

static int open_file(struct model *model, const struct operation *operation, struct model_spot *at)
{
    struct way way;
    bool created = false, create = operation->flags & O_CREAT;
    bool write = (operation->flags & O_ACCMODE) == O_WRONLY;
    int error = begin(model, &way, operation->start, operation->path, operation->resolve, at);

    if (!error && create)
        error = open_creating(&way, operation, at, &created);
    else if (!error)
        error = walk(&way, at, operation->path, !(operation->flags & O_NOFOLLOW), NULL);
    if (error)
        return error;
    const struct model_node *node = node_at(model, *at);
    if ((operation->flags & O_DIRECTORY) && node->type != MODEL_DIRECTORY)
        return -ENOTDIR;
    if (operation->flags & O_PATH)
        return 0;
    if (node->type == MODEL_LINK)
        return -ELOOP;
    if (node->type == MODEL_DIRECTORY && (write || create))
        return -EISDIR;
    return created || allowed(model, node, write ? 2 : 4) ? 0 : -EACCES;
}

/* Mounts */

static bool is_holding(struct model_spot spot, unsigned node, unsigned mount)
{
    return (node && spot.node == node) || (mount && spot.mount == mount);
}

/* The spots that stand on the node, or on a file that the mount shows. */
static unsigned count_spots(const struct model *model, unsigned node, unsigned mount)
{
    unsigned count =
        is_holding(model->root, node, mount) + is_holding(model->directory, node, mount);

    for (unsigned i = 0; i < MODEL_HANDLES; i++)
        count += is_holding(model->handles[i], node, mount);
    for (unsigned i = 0; i < model->pin_count; i++)
        count += is_holding(model->pins[i], node, mount);
    for (unsigned i = 1; i < MODEL_MOUNTS; i++)
        count += model->mounts[i].used && is_holding(model->mounts[i].covered, node, mount);
    return count;
}

unsigned model_references(const struct model *model, unsigned node)
{
    unsigned count = count_spots(model, node, 0);

    for (unsigned i = 1; i < MODEL_MOUNTS; i++)
        count += model->mounts[i].used && model->mounts[i].root == node;
    for (unsigned i = 1; i < MODEL_NODES; i++)
        count += model->nodes[i].type == MODEL_DIRECTORY && !model->nodes[i].links &&
                 model->nodes[i].parent == node;
    return count + (model->nodes[node].store == node); /* by the store */
}

unsigned model_users(const struct model *model, unsigned mount)
{
    return count_spots(model, 0, mount);
}

static unsigned take_mount(struct model *model, struct model_spot covered)
{
    unsigned mount = 1;

    while (model->mounts[mount].used)
        mount++;
    model->mounts[mount] =
        (struct model_mount){.used = true, .covered = covered, .order = model->next_order++};
    model->moves++;
    return mount;
}

/* May something be mounted there? */
static int check_point(const struct model *model, struct model_spot at)
{
    if (model->mounts[at.mount].detached)
        return -EINVAL;
    return model->nodes[at.node].links ? 0 : -ENOENT;
}

static int mount_store(struct model *model, const struct operation *operation)
{
    struct model_spot at;
    int error = look_up(model, -1, operation->path, true, 0, &at);

    if (error)
        return error;
    at = uppermost(model, at);
    error = check_point(model, at);
    if (error)
        return error;
    if (!is_directory(model, at))
        return -ENOTDIR;
    unsigned mount = take_mount(model, at), root = make_node(model, MODEL_DIRECTORY, 0, 0777);
    model->mounts[mount].root = root;
    model->nodes[root].changing = operation->mode & 1;
    return 0;
}

bool model_has_vague_mount(const struct model *model)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        const struct model_node *covered = &model->nodes[model->mounts[i].covered.node];
        if (model->mounts[i].used && covered->type == MODEL_FILE &&
            (covered->linked || model->nodes[covered->store].changing))
            return true;
    }
    return false;
}

/* Show at a spot what another one shows. */
static unsigned bind_at(struct model *model, struct model_spot from, struct model_spot at)
{
    unsigned mount = take_mount(model, at);

    model->mounts[mount].root = from.node;
    return mount;
}

/* And what is mounted below the one at the other. */
static void bind_below(struct model *model, struct model_spot from, unsigned copy, uint64_t before)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        struct model_mount *mount = &model->mounts[i];
        if (!mount->used || mount->detached || mount->order >= before ||
            mount->covered.mount != from.mount)
            continue;
        unsigned node = mount->covered.node;
        while (node != from.node && model->nodes[node].parent != node)
            node = model->nodes[node].parent;
        if (node != from.node)
            continue;
        struct model_spot root = {i, mount->root};
        unsigned below = bind_at(model, root, (struct model_spot){copy, mount->covered.node});
        bind_below(model, root, below, before);
    }
}

static int bind_mount(struct model *model, const struct operation *operation)
{
    uint64_t before = model->next_order;
    struct model_spot at, from;
    int error = look_up(model, -1, operation->other_path, true, 0, &at);

    if (error)
        return error;
    model->pins[model->pin_count++] = at;
    error = look_up(model, -1, operation->path, true, 0, &from);
    model->pin_count--;
    if (error)
        return error;
    at = uppermost(model, at);
    if (model->mounts[from.mount].detached)
        return -EINVAL;
    error = check_point(model, at);
    if (error)
        return error;
    if (is_directory(model, from) != is_directory(model, at))
        return -ENOTDIR;
    unsigned copy = bind_at(model, from, at);
    if (operation->flags & MS_REC)
        bind_below(model, from, copy, before);
    return 0;
}

static unsigned store_of(const struct model *model, unsigned mount)
{
    return model->nodes[model->mounts[mount].root].store;
}

/* Does no other mount show its store? */
static bool is_last(const struct model *model, unsigned mount)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (i != mount && model->mounts[i].used && store_of(model, i) == store_of(model, mount))
            return false;
    }
    return true;
}

/* The references to a node by the roots of its store and of the last mount: a removed directory
 * keeps those above it. */
static unsigned count_of_roots(const struct model *model, unsigned node, unsigned mount)
{
    unsigned root = model->mounts[mount].root, count = (node == model->nodes[node].store);

    count += node == root;
    while (model->nodes[root].type == MODEL_DIRECTORY && !model->nodes[root].links) {
        root = model->nodes[root].parent;
        count += node == root;
    }
    return count;
}

static bool is_busy(const struct model *model, unsigned mount)
{
    if (model_users(model, mount) || !is_last(model, mount))
        return model_users(model, mount);
    for (unsigned i = 1; i < MODEL_NODES; i++) {
        const struct model_node *node = &model->nodes[i];
        if (node->type != MODEL_FREE && node->store == store_of(model, mount) &&
            model_references(model, i) != count_of_roots(model, i, mount))
            return true;
    }
    return false;
}

static void free_mount(struct model *model, unsigned mount)
{
    unsigned store = is_last(model, mount) ? store_of(model, mount) : 0;

    model->mounts[mount] = (struct model_mount){0};
    for (unsigned i = 1; i < MODEL_NODES && store; i++) {
        if (model->nodes[i].store == store)
            model->nodes[i] = (struct model_node){0};
    }
}

void model_reap(struct model *model)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
            if (model->mounts[i].used && model->mounts[i].detached && !is_busy(model, i)) {
                free_mount(model, i);
                again = true;
            }
        }
    }
}

static bool has_mounts(const struct model *model, unsigned mount)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (model->mounts[i].used && model->mounts[i].covered.mount == mount)
            return true;
    }
    return false;
}

static void detach(struct model *model, unsigned mount)
{
    for (unsigned i = 1; i < MODEL_MOUNTS; i++) {
        if (model->mounts[i].used && model->mounts[i].covered.mount == mount)
            detach(model, i);
    }
    model->mounts[mount].detached = true;
    model->mounts[mount].covered = (struct model_spot){0, 0};
}

static int unmount(struct model *model, const struct operation *operation)
{
    struct model_spot at;
    bool follow = !(operation->flags & UMOUNT_NOFOLLOW);
    int error = look_up(model, -1, operation->path, follow, 0, &at);

    if (error)
        return error;
    at = uppermost(model, at);
    struct model_mount *mount = &model->mounts[at.mount];
    if (mount->root != at.node || mount->detached)
        return -EINVAL;
    if (!mount->covered.node)
        return -EBUSY;
    if (operation->flags & MNT_DETACH) {
        detach(model, at.mount);
    } else {
        if (has_mounts(model, at.mount) || is_busy(model, at.mount))
            return -EBUSY;
        free_mount(model, at.mount);
    }
    model->moves++;
    return 0;
}

/* The rest */

static int change_place(struct model *model, const struct operation *operation,
                        struct model_spot *place)
{
    struct model_spot at;
    int error = look_up(model, operation->start, operation->path, true, 0, &at);

    if (!error)
        error = check_search(model, at);
    if (!error)
        *place = at;
    return error;
}

static int change_mode(struct model *model, const struct operation *operation)
{
    struct model_spot at;
    int error = look_up(model, operation->start, operation->path, true, 0, &at);

    if (!error && !owns(model, at.node))
        error = -EPERM;
    if (!error)
        node_at(model, at)->mode = operation->mode;
    return error;
}

/* Files without names that nobody holds are gone, and then those that they held. */
static void collect(struct model *model)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 1; i < MODEL_NODES; i++) {
            if (model->nodes[i].type != MODEL_FREE && !model->nodes[i].links &&
                !model_references(model, i)) {
                model->nodes[i] = (struct model_node){0};
                again = true;
            }
        }
    }
}

static int apply(struct model *model, const struct operation *operation, struct model_spot *at)
{
    switch (operation->kind) {
    case WALK_LOOK_UP:
        return look_up(model, operation->start, operation->path, operation->flags & PATH_FOLLOW, 0,
                       at);
    case WALK_OPEN:
        return open_file(model, operation, at);
    case WALK_CREATE:
        return create(model, operation, MODEL_FILE);
    case WALK_MAKE_DIRECTORY:
        return create(model, operation, MODEL_DIRECTORY);
    case WALK_MAKE_LINK:
        return create(model, operation, MODEL_LINK);
    case WALK_LINK:
        return link_file(model, operation);
    case WALK_UNLINK:
    case WALK_REMOVE_DIRECTORY:
        return remove_name(model, operation, operation->kind == WALK_REMOVE_DIRECTORY);
    case WALK_RENAME:
        return rename_file(model, operation);
    case WALK_MOUNT:
        return mount_store(model, operation);
    case WALK_BIND:
        return bind_mount(model, operation);
    case WALK_UNMOUNT:
        return unmount(model, operation);
    case WALK_CHANGE_DIRECTORY:
        return change_place(model, operation, &model->directory);
    case WALK_CHANGE_ROOT:
        return change_place(model, operation, &model->root);
    case WALK_CHANGE_MODE:
        return change_mode(model, operation);
    case WALK_CHANGE_USER:
        model->user = operation->flags & 1 ? MODEL_USER : 0;
        return 0;
    case WALK_DROP_HANDLE:
        model->handles[operation->keep] = (struct model_spot){0, 0};
        return 0;
    default:
        return 0;
    }
}

struct outcome model_apply(struct model *model, const struct operation *operation)
{
    struct outcome outcome = {0};

    if (operation->meanwhile) {
        model->links_read = 0;
        model->meanwhile = operation->meanwhile;
        model->meanwhile_at = operation->meanwhile_at;
    }
    if (operation->kind == WALK_MOUNT || operation->kind == WALK_BIND)
        model_reap(model);
    outcome.error = apply(model, operation, &outcome.spot);
    if (outcome.error)
        outcome.spot = (struct model_spot){0, 0};
    if (!outcome.error && operation->keep >= 0 &&
        (operation->kind == WALK_LOOK_UP || operation->kind == WALK_OPEN))
        model->handles[operation->keep] = outcome.spot;
    if (operation->kind == WALK_UNMOUNT)
        model_reap(model);
    if (!model->pin_count)
        collect(model);
    return outcome;
}

bool model_has_room(const struct model *model)
{
    unsigned nodes = 0, mounts = 0;

    for (unsigned i = 1; i < MODEL_NODES; i++)
        nodes += model->nodes[i].type != MODEL_FREE;
    for (unsigned i = 1; i < MODEL_MOUNTS; i++)
        mounts += model->mounts[i].used;
    return nodes + 2 < MODEL_NODES && 2 * mounts + 1 < MODEL_MOUNTS;
}

void model_start(struct model *model)
{
    memset(model, 0, sizeof(*model));
    model->next_number = model->next_order = 1;
    unsigned mount = take_mount(model, (struct model_spot){0, 0});
    unsigned node = make_node(model, MODEL_DIRECTORY, 0, 0777);
    model->mounts[mount].root = node;
    model->root = model->directory = (struct model_spot){mount, node};
}

/* Paths */

const char *model_child(const struct model *model, struct model_spot *at, unsigned choice)
{
    const struct model_node *node = &model->nodes[at->node];
    unsigned count = 0;

    for (unsigned i = 0; i < MODEL_NAMES; i++)
        count += node->names[i] != 0;
    if (!count)
        return NULL;
    choice %= count;
    unsigned name = 0;
    while (!node->names[name] || choice-- > 0)
        name++;
    *at = uppermost(model, (struct model_spot){at->mount, node->names[name]});
    return model_names[name];
}

static const char *name_in(const struct model *model, unsigned directory, unsigned node)
{
    for (unsigned i = 0; i < MODEL_NAMES; i++) {
        if (model->nodes[directory].names[i] == node)
            return model_names[i];
    }
    return NULL;
}

bool model_path(const struct model *model, struct model_spot spot, char path[MODEL_PATH])
{
    char text[2 * MODEL_PATH] = "", longer[2 * MODEL_PATH];

    if (model->nodes[spot.node].type != MODEL_DIRECTORY || !model->nodes[spot.node].links)
        return false;
    while (!same_spot(spot, model->root)) {
        if (model->mounts[spot.mount].root == spot.node) {
            spot = model->mounts[spot.mount].covered;
            if (!spot.node)
                return false;
            continue;
        }
        unsigned parent = model->nodes[spot.node].parent;
        const char *name = name_in(model, parent, spot.node);
        if (!name || strlen(text) + strlen(name) + 2 > MODEL_PATH || parent == spot.node)
            return false;
        strcpy(longer, "/");
        strcat(longer, name);
        strcat(longer, text);
        strcpy(text, longer);
        spot.node = parent;
    }
    strcpy(path, *text ? text : "/");
    return true;
}
