/*
 * The lists of mounts in /proc/PID: mounts, mountinfo, mountstats (proc(5)): those that can be
 * reached from the root directory of the process.
 */
#include "abi/device.h"
#include "fs/mount.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* A name in a list: blanks, line ends and what would be taken for an escape are in octal; in that
 * of a source, with which a line may begin, what would be taken for a comment, too. */
static void write_name(struct text *text, const char *name, bool source)
{
    const char *escaped = source ? " \t\n\\#" : " \t\n\\";
    for (; *name; name++) {
        if (strchr(escaped, *name))
            text_format(text, "\\%03o", (unsigned)*name);
        else
            text_add(text, name, 1);
    }
}

static const char *access_option(bool read_only)
{
    return read_only ? "ro" : "rw";
}

/* The options of the mount itself, but whether it is read-only. */
static void write_flags(struct text *text, uint64_t flags)
{
    text_format(text, "%s%s%s%s%s%s%s", flags & MS_NOSUID ? ",nosuid" : "",
                flags & MS_NODEV ? ",nodev" : "", flags & MS_NOEXEC ? ",noexec" : "",
                flags & MS_NOATIME ? ",noatime" : "", flags & MS_NODIRATIME ? ",nodiratime" : "",
                flags & MS_RELATIME ? ",relatime" : "",
                flags & MS_NOSYMFOLLOW ? ",nosymfollow" : "");
}

/* The options of the volume that are the same for all types, but whether it is read-only. */
static void write_volume_flags(struct text *text, uint64_t flags)
{
    text_format(text, "%s%s%s", flags & MS_SYNCHRONOUS ? ",sync" : "",
                flags & MS_DIRSYNC ? ",dirsync" : "", flags & MS_LAZYTIME ? ",lazytime" : "");
}

/* SOURCE TARGET TYPE OPTIONS 0 0 */
static void write_mount(const struct mount *mount, const char *path, const char *options,
                        void *context)
{
    struct text *text = context;
    write_name(text, mount->source, true);
    text_format(text, " ");
    write_name(text, path, false);
    text_format(text, " %s %s", mount->volume->type->name,
                access_option(mount_is_read_only(mount)));
    write_volume_flags(text, mount->volume->flags);
    write_flags(text, mount->flags);
    text_format(text, "%s 0 0\n", options);
}

/* The path of a mount's root in its volume. */
static void write_root(struct text *text, const struct mount *mount)
{
    char *path = kmalloc(PATH_MAX);
    if (path && vnode_path_inside(mount->root, path, PATH_MAX) >= 0)
        write_name(text, path, false);
    kfree(path);
}

/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [unbindable] - TYPE SOURCE OPTIONS-OF-THE-FILE-SYSTEM
 */
static void write_information(const struct mount *mount, const char *path, const char *options,
                              void *context)
{
    struct text *text = context;
    const struct volume *volume = mount->volume;
    unsigned parent = mount->parent ? mount->parent->id : mount->id;
    text_format(text, "%u %u %u:%u ", mount->id, parent, device_major(volume->device_number),
                device_minor(volume->device_number));
    write_root(text, mount);
    text_format(text, " ");
    write_name(text, path, false);
    text_format(text, " %s", access_option(mount_has_flag(mount, MS_RDONLY)));
    write_flags(text, mount->flags);
    text_format(text, "%s - %s ", mount->unbindable ? " unbindable" : "", volume->type->name);
    write_name(text, mount->source, true);
    text_format(text, " %s", access_option(volume_is_read_only(volume)));
    write_volume_flags(text, volume->flags);
    text_format(text, "%s\n", options);
}

static void write_statistics(const struct mount *mount, const char *path, const char *options,
                             void *context)
{
    struct text *text = context;
    (void)options;
    text_format(text, "device ");
    write_name(text, mount->source, true);
    text_format(text, " mounted on ");
    write_name(text, path, false);
    text_format(text, " with fstype %s\n", mount->volume->type->name);
}

/* The mounts as the process sees them. */
static int write_all(uint64_t key, mount_visitor *visit, struct text *text)
{
    struct place root;
    int error = procfs_find_root(key, &root);
    if (error)
        return error;
    error = mount_visit(&root, visit, text);
    place_release(&root);
    return error;
}

int procfs_write_mounts(uint64_t key, struct text *text)
{
    return write_all(key, write_mount, text);
}

int procfs_write_mount_information(uint64_t key, struct text *text)
{
    return write_all(key, write_information, text);
}

int procfs_write_mount_statistics(uint64_t key, struct text *text)
{
    return write_all(key, write_statistics, text);
}
