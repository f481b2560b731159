/*
 * The lists of mounts in /proc/PID: mounts, mountinfo, mountstats (proc(5)). All processes see the
 * same ones.
 */
#include "abi/device.h"
#include "fs/mount.h"
#include "fs/procfs.h"

/* A name in a list: blanks, line ends and what would be taken for an escape are in octal. */
static void write_name(struct text *text, const char *name)
{
    for (; *name; name++) {
        if (*name == ' ' || *name == '\t' || *name == '\n' || *name == '\\' || *name == '#')
            text_format(text, "\\%03o", (unsigned)*name);
        else
            text_add(text, name, 1);
    }
}

static const char *access_option(const struct mount *mount)
{
    return mount->flags & MS_RDONLY ? "ro" : "rw";
}

static const char *time_option(uint64_t flags)
{
    if (flags & MS_NOATIME)
        return ",noatime";
    return flags & MS_STRICTATIME ? "" : ",relatime";
}

/* The options of the mount itself. */
static void write_flags(struct text *text, const struct mount *mount)
{
    uint64_t flags = mount->flags;
    text_format(text, "%s%s%s%s%s%s", access_option(mount), flags & MS_NOSUID ? ",nosuid" : "",
                flags & MS_NODEV ? ",nodev" : "", flags & MS_NOEXEC ? ",noexec" : "",
                time_option(flags), flags & MS_NODIRATIME ? ",nodiratime" : "");
}

/* SOURCE TARGET TYPE OPTIONS 0 0 */
static void write_mount(const struct mount *mount, const char *options, void *context)
{
    struct text *text = context;
    write_name(text, mount->source);
    text_format(text, " ");
    write_name(text, mount->target);
    text_format(text, " %s ", mount->type->name);
    write_flags(text, mount);
    text_format(text, "%s 0 0\n", options);
}

/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS - TYPE SOURCE OPTIONS-OF-THE-FILE-SYSTEM */
static void write_information(const struct mount *mount, const char *options, void *context)
{
    struct text *text = context;
    unsigned parent = mount->parent ? mount->parent->id : mount->id;
    text_format(text, "%u %u %u:%u ", mount->id, parent, device_major(mount->device_number),
                device_minor(mount->device_number));
    write_name(text, mount->base ? mount->inside : "/");
    text_format(text, " ");
    write_name(text, mount->target);
    text_format(text, " ");
    write_flags(text, mount);
    text_format(text, " - %s ", mount->type->name);
    write_name(text, mount->source);
    text_format(text, " %s%s\n", access_option(mount), options);
}

static void write_statistics(const struct mount *mount, const char *options, void *context)
{
    struct text *text = context;
    (void)options;
    text_format(text, "device ");
    write_name(text, mount->source);
    text_format(text, " mounted on ");
    write_name(text, mount->target);
    text_format(text, " with fstype %s\n", mount->type->name);
}

int procfs_write_mounts(uint64_t key, struct text *text)
{
    (void)key;
    mount_visit(write_mount, text);
    return 0;
}

int procfs_write_mount_information(uint64_t key, struct text *text)
{
    (void)key;
    mount_visit(write_information, text);
    return 0;
}

int procfs_write_mount_statistics(uint64_t key, struct text *text)
{
    (void)key;
    mount_visit(write_statistics, text);
    return 0;
}
