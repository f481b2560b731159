/*
 * stat: print all that is known of files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "regular file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symbolic link";
    case S_IFCHR:
        return "character device";
    case S_IFBLK:
        return "block device";
    case S_IFIFO:
        return "pipe";
    case S_IFSOCK:
        return "socket";
    default:
        return "unknown";
    }
}

static void print_time(const char *label, const struct timespec *stamp)
{
    char date[64], zone[16];
    struct tm *parts = localtime(&stamp->tv_sec);

    if (parts && strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", parts) &&
        strftime(zone, sizeof(zone), "%z", parts))
        printf("%8s: %s.%09ld %s\n", label, date, stamp->tv_nsec, zone);
    else
        printf("%8s: %jd.%09ld\n", label, (intmax_t)stamp->tv_sec, stamp->tv_nsec);
}

static bool print_name(const char *path, const struct stat *status)
{
    printf("%8s: %s", "File", path);
    if (S_ISLNK(status->st_mode)) {
        size_t size = (size_t)status->st_size + 64;
        char *target = allocate(size);
        ssize_t length = readlink(path, target, size);
        if (length >= 0)
            printf(" -> %.*s", (int)length, target);
        free(target);
        if (length < 0) {
            putchar('\n');
            report("%s", path);
            return false;
        }
    }
    putchar('\n');
    return true;
}

static bool print_status(const char *path)
{
    struct stat status;
    char letters[11];

    if (lstat(path, &status) < 0) {
        report("%s", path);
        return false;
    }
    if (!print_name(path, &status))
        return false;
    format_mode(status.st_mode, letters);
    printf("%8s: %-10jd Blocks: %-8jd IO block: %-6ld %s\n", "Size", (intmax_t)status.st_size,
           (intmax_t)status.st_blocks, (long)status.st_blksize, type_name(status.st_mode));
    printf("%8s: %u,%u Inode: %ju Links: %ju", "Device", major(status.st_dev), minor(status.st_dev),
           (uintmax_t)status.st_ino, (uintmax_t)status.st_nlink);
    if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
        printf(" Type: %u,%u", major(status.st_rdev), minor(status.st_rdev));
    printf("\n%8s: (%04o/%s) Uid: %u Gid: %u\n", "Mode", (unsigned)(status.st_mode & 07777),
           letters, status.st_uid, status.st_gid);
    print_time("Access", &status.st_atim);
    print_time("Modify", &status.st_mtim);
    print_time("Change", &status.st_ctim);
    return true;
}

int main(int argc, char **argv)
{
    bool printed = true;

    program_begin(argv[0], "stat FILE...");
    int first = no_options(argc, argv);
    if (first == argc)
        usage_error();
    for (int i = first; i < argc; i++)
        printed &= print_status(argv[i]);
    return finish(printed ? EXIT_SUCCESS : EXIT_FAILURE);
}
