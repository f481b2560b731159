/*
 * rm: remove files, and with -r directories with all that is in them.
 *
 * A tree may be deeper than a path may be long, than descriptors can be open and than the stack
 * could follow, so it is walked in a loop with one descriptor, that of the directory at hand: down
 * by name, without following symbolic links, and up by "..", checking that this leads back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

/* A directory on the way down to the one at hand. */
struct level {
    struct level *parent; /* NULL for the operand */
    char *name;
    struct strings names; /* what was in it */
    size_t next;          /* the first of them still to be removed */
    dev_t device;
    ino_t number;
};

static bool recursive, force;

/* The allocated path of name in a level's directory; of the directory itself if name is NULL. */
static char *level_path(const struct level *level, const char *name)
{
    char *path = name ? join_path(level->name, name) : duplicate(level->name);

    for (level = level->parent; level; level = level->parent) {
        char *longer = join_path(level->name, path);
        free(path);
        path = longer;
    }
    return path;
}

static bool report_level(const struct level *level, const char *name)
{
    int error = errno;
    char *path = level_path(level, name);

    errno = error;
    report("%s", path);
    free(path);
    return false;
}

/* Go into a directory: *directory becomes its descriptor. NULL with errno. */
static struct level *descend(int *directory, struct level *parent, const char *name)
{
    struct stat status;
    struct strings names;
    int child = openat(*directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (child < 0)
        return NULL;
    if (fstat(child, &status) < 0 || read_names(child, &names) < 0) {
        int error = errno;
        close(child);
        errno = error;
        return NULL;
    }
    if (*directory != AT_FDCWD)
        close(*directory);
    *directory = child;
    struct level *level = allocate(sizeof(*level));
    *level = (struct level){.parent = parent,
                            .name = duplicate(name),
                            .names = names,
                            .device = status.st_dev,
                            .number = status.st_ino};
    return level;
}

/* Go back up: *directory becomes the parent's descriptor. */
static void ascend(int *directory, const struct level *parent)
{
    struct stat status;
    int up = parent ? openat(*directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;

    if (parent && (up < 0 || fstat(up, &status) < 0))
        fail("%s", parent->name);
    if (parent && (status.st_dev != parent->device || status.st_ino != parent->number)) {
        complain("%s: directories were moved meanwhile", parent->name);
        exit(EXIT_FAILURE);
    }
    close(*directory);
    *directory = up;
}

static void free_level(struct level *level)
{
    strings_free(&level->names);
    free(level->name);
    free(level);
}

static bool is_directory(int directory, const char *name)
{
    struct stat status;

    return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Remove the next name in the level; a directory becomes the new level at hand. */
static bool remove_next(int *directory, struct level **level)
{
    const char *name = (*level)->names.items[(*level)->next++];

    if (!is_directory(*directory, name))
        return unlinkat(*directory, name, 0) == 0 || report_level(*level, name);
    struct level *child = descend(directory, *level, name);
    if (child) {
        *level = child;
        return true;
    }
    return unlinkat(*directory, name, AT_REMOVEDIR) == 0 || report_level(*level, name);
}

static bool remove_tree(const char *path)
{
    int directory = AT_FDCWD;
    bool removed = true;
    struct level *level = descend(&directory, NULL, path);

    if (!level) {
        if (rmdir(path) == 0)
            return true;
        report("%s", path);
        return false;
    }
    while (level) {
        if (level->next < level->names.count) {
            removed &= remove_next(&directory, &level);
            continue;
        }
        struct level *parent = level->parent;
        ascend(&directory, parent);
        if (unlinkat(directory, level->name, AT_REMOVEDIR) < 0 && (removed || errno != ENOTEMPTY))
            removed = report_level(level, NULL);
        free_level(level);
        level = parent;
    }
    return removed;
}

/* "." and ".." could not be removed, only emptied; and "/" is never meant. */
static bool is_refused(const char *path)
{
    char *name = last_part(path);
    bool refused = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0;

    free(name);
    if (refused)
        complain("%s: is not removed", path);
    return refused;
}

static bool remove_operand(const char *path)
{
    struct stat status;

    if (is_refused(path))
        return false;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (recursive)
            return remove_tree(path);
        errno = EISDIR;
    } else if (unlink(path) == 0 || (force && (errno == ENOENT || errno == ENOTDIR))) {
        return true;
    }
    report("%s", path);
    return false;
}

int main(int argc, char **argv)
{
    bool removed = true;
    int option;

    program_begin(argv[0], "rm [-rf] FILE...");
    while ((option = getopt(argc, argv, "rf")) != -1) {
        if (option == 'r')
            recursive = true;
        else if (option == 'f')
            force = true;
        else
            usage_error();
    }
    if (optind == argc && !force)
        usage_error();
    for (int i = optind; i < argc; i++)
        removed &= remove_operand(argv[i]);
    return removed ? EXIT_SUCCESS : EXIT_FAILURE;
}
