/*
 * Directories: making, reading, removing and walking them; ten thousand entries; the working
 * directory.
 */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    CHECK(directory != NULL);
    errno = 0;
    while ((entry = readdir(directory)) != NULL)
        count++;
    CHECK_EQ(errno, 0);
    closedir(directory);
    return count;
}

static void make_and_remove(void)
{
    struct stat status;

    expect_ok(mkdir("dir", 0755));
    expect_ok(stat("dir", &status));
    CHECK(S_ISDIR(status.st_mode));
    CHECK_EQ(status.st_nlink, 2);
    CHECK_EQ(count_entries("dir"), 2);
    expect_errno(mkdir("dir", 0755), EEXIST);
    expect_ok(mkdir("dir/sub/", 0755));
    expect_errno(rmdir("dir"), ENOTEMPTY);
    expect_errno(unlink("dir/sub"), EISDIR);
    expect_errno(mkdir("none/sub", 0755), ENOENT);
    expect_errno(rmdir("none"), ENOENT);
    expect_ok(rmdir("dir/sub"));
    expect_ok(rmdir("dir/"));
    expect_errno(stat("dir", &status), ENOENT);
    expect_errno(rmdir("."), EINVAL);
    expect_errno(rmdir("/"), EBUSY);
    expect_errno(mkdir("/", 0755), EEXIST);
    expect_errno(mkdir(".", 0755), EEXIST);
}

static void dots(void)
{
    struct stat here, other;

    expect_ok(mkdir("dir", 0755));
    expect_ok(stat(".", &here));
    expect_ok(stat("dir/..", &other));
    CHECK_EQ(here.st_ino, other.st_ino);
    expect_ok(stat("dir", &here));
    expect_ok(stat("dir/.", &other));
    CHECK_EQ(here.st_ino, other.st_ino);
    expect_ok(stat("./././dir//./../dir/", &other));
    CHECK_EQ(here.st_ino, other.st_ino);
    expect_ok(stat("/", &here));
    expect_ok(stat("/..", &other)); /* the root is above itself */
    CHECK_EQ(here.st_ino, other.st_ino);
    expect_ok(stat("/../../../.", &other));
    CHECK_EQ(here.st_ino, other.st_ino);
    expect_errno(stat("dir/none/..", &other), ENOENT);
}

static void listing(void)
{
    static const char *const names[] = {"a", "file.txt", "sub", "link", ".hidden", "with space"};
    bool seen[COUNT_OF(names)] = {false};
    size_t dotted = 0;
    struct dirent *entry;

    write_file("a", "", 0644);
    write_file("file.txt", "", 0644);
    expect_ok(mkdir("sub", 0755));
    expect_ok(symlink("a", "link"));
    write_file(".hidden", "", 0644);
    write_file("with space", "", 0644);
    DIR *directory = opendir(".");
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        struct stat status;
        bool known = false;
        expect_ok(lstat(entry->d_name, &status));
        if (strcmp(entry->d_name, "..") != 0) /* where a file system is mounted they may differ */
            CHECK_EQ(entry->d_ino, status.st_ino);
        CHECK(entry->d_type == DT_UNKNOWN || entry->d_type == IFTODT(status.st_mode));
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            if (strcmp(entry->d_name, names[i]) == 0) {
                CHECK(!seen[i]);
                seen[i] = known = true;
            }
        }
        if (!known) {
            CHECK(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
            dotted++;
        }
    }
    CHECK_EQ(dotted, 2);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(seen[i]);
    rewinddir(directory);
    CHECK(readdir(directory) != NULL);
    closedir(directory);
}

struct raw_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    unsigned char type;
    char name[];
};

/* The records as the kernel gives them: aligned, whole, within the buffer; positions that lead
 * back. */
static void raw_records(void)
{
    static char names[40][16];
    static off_t positions[40];
    static uint64_t buffer[32];
    size_t count = 0;

    for (int i = 0; i < 30; i++) {
        snprintf(names[0], sizeof(names[0]), "entry%.*s%d", i % 7, "xxxxxxx", i);
        write_file(names[0], "", 0644);
    }
    int fd = expect_ok(open(".", O_RDONLY));
    long size;
    while ((size = expect_ok(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)))) > 0) {
        for (long at = 0; at < size;) {
            struct raw_entry *entry = (struct raw_entry *)((char *)buffer + at);
            CHECK_EQ(entry->length % 8, 0);
            CHECK(entry->length >= 24 && at + entry->length <= size);
            CHECK(strlen(entry->name) + 20 <= entry->length);
            CHECK(entry->inode != 0);
            CHECK(count < COUNT_OF(names));
            snprintf(names[count], sizeof(names[0]), "%.15s", entry->name);
            positions[count++] = entry->offset;
            at += entry->length;
        }
    }
    CHECK_EQ(count, 32);
    /* Each position is that of the next entry. */
    for (size_t i = 0; i + 1 < count; i += 5) {
        CHECK_EQ(lseek(fd, positions[i], SEEK_SET), positions[i]);
        CHECK(expect_ok(syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0);
        CHECK_STRING(((struct raw_entry *)buffer)->name, names[i + 1]);
    }
    CHECK_EQ(lseek(fd, positions[count - 1], SEEK_SET), positions[count - 1]);
    CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), 0);
    expect_ok(lseek(fd, 0, SEEK_SET));
    expect_errno(syscall(SYS_getdents64, fd, buffer, 23), EINVAL);
}

enum { ENTRIES = 10000 };

static void entry_name(char *name, size_t size, int number)
{
    snprintf(name, size, "e%05d%.*s", number, number % 20, "abcdefghijklmnopqrstuvwxyz");
}

/* Ten thousand names of one file, which is cheaper than ten thousand files: some file systems allow
 * fewer links, so that a new file is begun every 5,000. */
static void make_entries(void)
{
    char name[64], target[64];

    for (int i = 0; i < ENTRIES; i++) {
        entry_name(name, sizeof(name), i);
        if (i % 5000 == 0) {
            strcpy(target, name);
            expect_ok(close(expect_ok(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644))));
        } else {
            expect_ok(link(target, name));
        }
    }
}

static void ten_thousand_entries(void)
{
    static bool seen[ENTRIES];
    char name[64];
    struct stat status;
    struct dirent *entry;
    size_t count = 0;

    make_entries();
    DIR *directory = opendir(".");
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != 'e')
            continue;
        int number = atoi(entry->d_name + 1);
        CHECK(number >= 0 && number < ENTRIES && !seen[number]);
        seen[number] = true;
        count++;
    }
    closedir(directory);
    CHECK_EQ(count, ENTRIES);
    for (int i = 0; i < ENTRIES; i += 100) {
        entry_name(name, sizeof(name), i);
        expect_ok(stat(name, &status));
        CHECK_EQ(status.st_nlink, 5000);
    }
    expect_errno(stat("e99999", &status), ENOENT);
    /* The last ones first, so that the ends of the directory are freed, then what is left. */
    for (int i = ENTRIES - 1; i >= ENTRIES / 2; i--) {
        entry_name(name, sizeof(name), i);
        expect_ok(unlink(name));
    }
    CHECK_EQ(count_entries("."), ENTRIES / 2 + 2);
    for (int i = 0; i < ENTRIES / 2; i++) {
        entry_name(name, sizeof(name), i);
        expect_ok(unlink(name));
    }
    CHECK_EQ(count_entries("."), 2);
}

/* Removed names leave room that new ones use, long ones too. */
static void names_come_and_go(void)
{
    char name[256];

    random_seed(31);
    for (int round = 0; round < 300; round++) {
        size_t length = 1 + random_below(255);
        memset(name, 'a' + round % 26, length);
        name[length - 1] = '\0';
        if (length == 1)
            strcpy(name, "z");
        int fd = expect_ok(open(name, O_CREAT | O_RDWR, 0644));
        expect_ok(close(fd));
        if (round % 3)
            expect_ok(unlink(name));
    }
    size_t count = count_entries(".");
    DIR *directory = opendir(".");
    struct dirent *entry;
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            expect_ok(unlink(entry->d_name));
            count--;
        }
    }
    closedir(directory);
    CHECK_EQ(count, 2);
}

static void working_directory(void)
{
    char start[PATH_MAX], path[PATH_MAX], expected[PATH_MAX + 16];

    CHECK(getcwd(start, sizeof(start)) != NULL);
    expect_ok(mkdir("one", 0755));
    expect_ok(mkdir("one/two", 0755));
    expect_ok(symlink("one/two", "link"));
    expect_ok(chdir("link"));
    CHECK(getcwd(path, sizeof(path)) != NULL); /* the real one, not the link */
    snprintf(expected, sizeof(expected), "%s/one/two", start);
    CHECK_STRING(path, expected);
    expect_ok(chdir(".."));
    int fd = expect_ok(open(".", O_RDONLY));
    expect_ok(chdir("/"));
    CHECK_EQ(syscall(SYS_getcwd, path, sizeof(path)), 2); /* with the NUL */
    CHECK_STRING(path, "/");
    expect_ok(fchdir(fd));
    expect_ok(access("two", F_OK));
    expect_ok(rename(start, start)); /* to itself: allowed */
    expect_ok(rename("../one", "../renamed"));
    CHECK(getcwd(path, sizeof(path)) != NULL);
    snprintf(expected, sizeof(expected), "%s/renamed", start);
    CHECK_STRING(path, expected);
    expect_errno(syscall(SYS_getcwd, path, 2), ERANGE);
    expect_errno(syscall(SYS_getcwd, path, strlen(expected)), ERANGE);
    CHECK_EQ(syscall(SYS_getcwd, path, strlen(expected) + 1), strlen(expected) + 1);
    expect_errno(chdir("none"), ENOENT);
}

/* A process whose working directory was moved or removed goes on. */
static void moved_working_directory(void)
{
    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("a/b", 0755));
    expect_ok(mkdir("c", 0755));
    expect_ok(chdir("a/b"));
    expect_ok(rename("../b", "../../c/b"));
    expect_ok(rmdir("../../a"));
    write_file("file", "here", 0644);
    expect_ok(chdir(".."));
    expect_ok(access("b/file", F_OK));
    expect_ok(access("../c", F_OK));
}

/* An open directory that is removed is empty, and its number is not used again while it is open. */
static void removed_while_open(void)
{
    struct stat status, other;
    char buffer[256];

    expect_ok(mkdir("dir", 0755));
    int fd = expect_ok(open("dir", O_RDONLY));
    expect_ok(rmdir("dir"));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 0);
    expect_errno(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), ENOENT);
    expect_errno(openat(fd, "x", O_CREAT | O_WRONLY, 0644), ENOENT);
    expect_ok(mkdir("dir", 0755));
    expect_ok(stat("dir", &other));
    CHECK(status.st_ino != other.st_ino);
    expect_ok(fchdir(fd));
    expect_errno(open("x", O_CREAT | O_WRONLY, 0644), ENOENT);
}

/* ".." leads out of a tree that is removed from below, through directories that are gone. */
static void dot_dot_of_removed(void)
{
    struct stat status, middle;

    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("a/b", 0755));
    expect_ok(mkdir("a/b/c", 0755));
    expect_ok(stat("a/b", &middle));
    expect_ok(chdir("a/b/c"));
    expect_ok(rmdir("../c"));
    expect_ok(rmdir("../../b"));
    expect_ok(rmdir("../../../a"));
    for (int i = 0; i < 40; i++) { /* numbers that are free are used */
        char name[32];
        snprintf(name, sizeof(name), "../../../new%d", i);
        write_file(name, "", 0644);
    }
    expect_ok(stat("..", &status));
    CHECK_EQ(status.st_ino, middle.st_ino);
    CHECK(S_ISDIR(status.st_mode) && status.st_nlink == 0);
    expect_ok(access("../../../new7", F_OK));
    expect_errno(access("../c", F_OK), ENOENT);
    expect_ok(chdir("../../.."));
    expect_ok(access("new0", F_OK));
}

static const struct test tests[] = {
    TEST(make_and_remove),
    TEST(dots),
    TEST(listing),
    TEST(raw_records),
    TEST(ten_thousand_entries),
    TEST(names_come_and_go),
    TEST(working_directory),
    TEST(moved_working_directory),
    TEST(removed_while_open),
    TEST(dot_dot_of_removed),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
