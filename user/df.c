/*
 * df: how full the mounted file systems are; with -i, their inodes instead of their blocks.
 */
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib.h"

static const char mounts_path[] = "/proc/mounts";

static bool count_inodes, in_short_units;

static void print_header(void)
{
    printf("%-15s %10s %10s %10s %5s %s\n", "Filesystem",
           count_inodes     ? "Inodes"
           : in_short_units ? "Size"
                            : "1K-blocks",
           "Used", "Available", "Use%", "Mounted on");
}

/* Print a number of units of so many bytes; of unit 0, as it is. */
static void print_amount(uintmax_t count, uintmax_t unit)
{
    char text[32];

    if (unit && in_short_units)
        format_size(count * unit, text);
    else
        snprintf(text, sizeof(text), "%ju", unit ? count * unit / 1024 : count);
    printf(" %10s", text);
}

static void print_usage(const struct mntent *mount, const struct statvfs *status)
{
    uintmax_t unit = count_inodes ? 0 : status->f_frsize;
    uintmax_t total = count_inodes ? status->f_files : status->f_blocks;
    uintmax_t unused = count_inodes ? status->f_ffree : status->f_bfree;
    uintmax_t available = count_inodes ? status->f_favail : status->f_bavail;
    uintmax_t used = total - unused;
    uintmax_t usable = used + available;

    printf("%-15s", mount->mnt_fsname);
    print_amount(total, unit);
    print_amount(used, unit);
    print_amount(available, unit);
    if (usable > 0)
        printf(" %4ju%%", (100 * used + usable - 1) / usable);
    else
        printf(" %5s", "-");
    printf(" %s\n", mount->mnt_dir);
}

static FILE *open_mounts(void)
{
    FILE *mounts = setmntent(mounts_path, "r");

    if (!mounts)
        fail("%s", mounts_path);
    return mounts;
}

/* All file systems that have any blocks. */
static bool show_all(void)
{
    FILE *mounts = open_mounts();
    bool shown = true;

    for (struct mntent *mount; (mount = getmntent(mounts));) {
        struct statvfs status;
        if (statvfs(mount->mnt_dir, &status) < 0) {
            if (errno == EACCES || errno == ENOENT)
                continue;
            report("%s", mount->mnt_dir);
            shown = false;
        } else if (status.f_blocks > 0) {
            print_usage(mount, &status);
        }
    }
    endmntent(mounts);
    return shown;
}

/* The file system that path is in: of those on its device, the one mounted last. */
static bool show_one(const char *path)
{
    struct stat file, directory;
    struct statvfs status;
    struct mntent found = {0};

    if (stat(path, &file) < 0 || statvfs(path, &status) < 0) {
        report("%s", path);
        return false;
    }
    FILE *mounts = open_mounts();
    for (struct mntent *mount; (mount = getmntent(mounts));) {
        if (stat(mount->mnt_dir, &directory) < 0 || directory.st_dev != file.st_dev)
            continue;
        free(found.mnt_fsname);
        free(found.mnt_dir);
        found.mnt_fsname = duplicate(mount->mnt_fsname);
        found.mnt_dir = duplicate(mount->mnt_dir);
    }
    endmntent(mounts);
    bool is_mounted = found.mnt_dir;
    if (is_mounted)
        print_usage(&found, &status);
    else
        complain("%s: its file system is not in %s", path, mounts_path);
    free(found.mnt_fsname);
    free(found.mnt_dir);
    return is_mounted;
}

int main(int argc, char **argv)
{
    bool shown = true;
    int option;

    program_begin(argv[0], "df [-hi] [FILE...]");
    while ((option = getopt(argc, argv, "hi")) != -1) {
        if (option == 'h')
            in_short_units = true;
        else if (option == 'i')
            count_inodes = true;
        else
            usage_error();
    }
    print_header();
    if (optind == argc)
        shown = show_all();
    for (int i = optind; i < argc; i++)
        shown &= show_one(argv[i]);
    return finish(shown ? EXIT_SUCCESS : EXIT_FAILURE);
}
