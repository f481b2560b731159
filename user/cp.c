/*
 * cp: copy files; with -r also directories, symbolic links and special files as such; with -p their
 * modes, owners and times.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib.h"

enum { BLOCK = 64 * 1024 };

static bool recursive, preserve;

/* The directory that the copy of the operand at hand made first: it is not copied into itself. */
static dev_t made_device;
static ino_t made_number;
static bool has_made;

static bool copy(const char *from, const char *to);

static bool failed(const char *path)
{
    report("%s", path);
    return false;
}

/* Give the copy the owner, mode and times. Without the right to do so the owner is left. */
static bool copy_attributes(const char *to, const struct stat *status)
{
    mode_t mode = status->st_mode & 07777;
    struct timespec times[2] = {status->st_atim, status->st_mtim};

    if (lchown(to, status->st_uid, status->st_gid) < 0) {
        if (errno != EPERM)
            return failed(to);
        mode &= ~(mode_t)(S_ISUID | S_ISGID);
    }
    if (!S_ISLNK(status->st_mode) && chmod(to, mode) < 0)
        return failed(to);
    if (utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(to);
    return true;
}

static bool copy_bytes(int in, int out, const char *from, const char *to)
{
    static char block[BLOCK];
    ssize_t count;

    while ((count = read(in, block, sizeof(block))) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failed(from);
        if (write_all(out, block, (size_t)count) < 0)
            return failed(to);
    }
    return true;
}

static bool copy_file(const char *from, const char *to, const struct stat *status)
{
    int in = open(from, O_RDONLY);
    if (in < 0)
        return failed(from);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, status->st_mode & 0777);
    if (out < 0) {
        report("%s", to);
        close(in);
        return false;
    }
    bool copied = copy_bytes(in, out, from, to);
    close(in);
    if (close(out) < 0 && copied)
        copied = failed(to);
    return copied;
}

static bool copy_names(int directory, const char *from, const char *to)
{
    struct strings names;
    bool copied = true;

    if (read_names(directory, &names) < 0)
        return failed(from);
    for (size_t i = 0; i < names.count; i++) {
        char *source = join_path(from, names.items[i]);
        char *target = join_path(to, names.items[i]);
        copied &= copy(source, target);
        free(source);
        free(target);
    }
    strings_free(&names);
    return copied;
}

/* Make a directory, one that its owner can fill until the copy is done; *made if it was not there.
 */
static bool make_directory(const char *to, mode_t mode, bool *made)
{
    struct stat status;

    *made = mkdir(to, (mode & 0777) | S_IRWXU) == 0;
    if (!*made && (errno != EEXIST || stat(to, &status) < 0 || !S_ISDIR(status.st_mode)))
        return failed(to);
    if (!has_made && stat(to, &status) == 0) {
        has_made = true;
        made_device = status.st_dev;
        made_number = status.st_ino;
    }
    return true;
}

static bool copy_directory(const char *from, const char *to, const struct stat *status)
{
    bool made;

    if (!recursive) {
        complain("%s: is a directory; -r copies those", from);
        return false;
    }
    if (has_made && status->st_dev == made_device && status->st_ino == made_number) {
        complain("%s: is the copy; it is not copied into itself", from);
        return false;
    }
    int directory = open(from, O_RDONLY | O_DIRECTORY);
    if (directory < 0)
        return failed(from);
    bool copied = make_directory(to, status->st_mode, &made) && copy_names(directory, from, to);
    close(directory);
    if (copied && made && !preserve && (status->st_mode & S_IRWXU) != S_IRWXU) {
        mode_t mask = umask(0);
        umask(mask);
        if (chmod(to, status->st_mode & 0777 & ~mask) < 0)
            copied = failed(to);
    }
    return copied;
}

/* Remove what has the name, so that a link or a special file can take its place. */
static bool make_room(const char *to)
{
    return unlink(to) == 0 || errno == ENOENT || failed(to);
}

static bool copy_link(const char *from, const char *to, const struct stat *status)
{
    size_t size = (size_t)status->st_size + 1;

    for (;; size *= 2) {
        char *target = allocate(size);
        ssize_t length = readlink(from, target, size);
        if (length < 0 || (size_t)length < size) {
            bool copied = false;
            if (length < 0) {
                report("%s", from);
            } else if (make_room(to)) {
                target[length] = '\0';
                copied = symlink(target, to) == 0 || failed(to);
            }
            free(target);
            return copied;
        }
        free(target);
    }
}

static bool copy_special(const char *to, const struct stat *status)
{
    return make_room(to) && (mknod(to, status->st_mode, status->st_rdev) == 0 || failed(to));
}

static bool is_same(const struct stat *status, const char *to)
{
    struct stat other;

    return stat(to, &other) == 0 && other.st_dev == status->st_dev &&
           other.st_ino == status->st_ino;
}

static bool copy(const char *from, const char *to)
{
    struct stat status;
    bool copied;

    if ((recursive ? lstat(from, &status) : stat(from, &status)) < 0)
        return failed(from);
    mode_t type = status.st_mode & S_IFMT;
    if (is_same(&status, to)) {
        complain("%s and %s are the same file", from, to);
        return false;
    }
    if (type == S_IFDIR)
        copied = copy_directory(from, to, &status);
    else if (type == S_IFLNK)
        copied = copy_link(from, to, &status);
    else if (type == S_IFREG || !recursive)
        copied = copy_file(from, to, &status);
    else
        copied = copy_special(to, &status);
    return copied && (!preserve || copy_attributes(to, &status));
}

int main(int argc, char **argv)
{
    struct stat status;
    bool copied = true;
    int option;

    program_begin(argv[0], "cp [-rp] FILE COPY | cp [-rp] FILE... DIRECTORY");
    while ((option = getopt(argc, argv, "rp")) != -1) {
        if (option == 'r')
            recursive = true;
        else if (option == 'p')
            preserve = true;
        else
            usage_error();
    }
    if (argc - optind < 2)
        usage_error();
    const char *last = argv[argc - 1];
    bool into = stat(last, &status) == 0 && S_ISDIR(status.st_mode);
    if (argc - optind > 2 && !into) {
        complain("%s: is not a directory", last);
        return EXIT_FAILURE;
    }
    for (int i = optind; i < argc - 1; i++) {
        char *name = last_part(argv[i]);
        char *path = into ? join_path(last, name) : duplicate(last);
        has_made = false;
        copied &= copy(argv[i], path);
        free(path);
        free(name);
    }
    return copied ? EXIT_SUCCESS : EXIT_FAILURE;
}
