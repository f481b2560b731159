/* Files, call by call: flags of open, offsets, sizes, vectors, descriptors and their flags. */
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static off_t size_of(int fd)
{
    struct stat status;

    expect_ok(fstat(fd, &status));
    return status.st_size;
}

/* ---- open ---- */

static void open_modes(void)
{
    char byte = 'x';

    expect_ok(close(pattern_file("file", 10)));
    int fd = expect_ok(open("file", O_RDONLY));
    CHECK_EQ(read(fd, &byte, 1), 1);
    expect_errno(write(fd, &byte, 1), EBADF);
    expect_errno(ftruncate(fd, 0), EINVAL);
    expect_ok(close(fd));
    fd = expect_ok(open("file", O_WRONLY));
    expect_errno(read(fd, &byte, 1), EBADF);
    expect_errno(pread(fd, &byte, 1, 0), EBADF);
    CHECK_EQ(write(fd, &byte, 1), 1);
    expect_ok(close(fd));
    fd = expect_ok(open("file", O_RDWR));
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(byte, (char)pattern_byte(0));
    CHECK_EQ(write(fd, &byte, 1), 1);
}

static void open_create(void)
{
    expect_errno(open("file", O_RDWR), ENOENT);
    int fd = expect_ok(open("file", O_RDWR | O_CREAT, 0644));
    CHECK_EQ(size_of(fd), 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    expect_errno(open("file", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
    fd = expect_ok(open("file", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(size_of(fd), 3);
    fd = expect_ok(open("file", O_WRONLY | O_TRUNC));
    CHECK_EQ(size_of(fd), 0);
    expect_ok(symlink("target", "link"));
    expect_errno(open("link", O_RDONLY), ENOENT);
    expect_errno(open("link", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
    expect_ok(close(expect_ok(open("link", O_RDWR | O_CREAT, 0644)))); /* makes the target */
    expect_ok(access("target", F_OK));
    expect_errno(open("no/such/file", O_RDWR | O_CREAT, 0644), ENOENT);
    expect_errno(open("new/", O_RDWR | O_CREAT, 0644), EISDIR);
    /* A file that is made read-only can be written through the descriptor that made it. */
    fd = expect_ok(open("new", O_RDWR | O_CREAT | O_EXCL, 0400));
    CHECK_EQ(write(fd, "abc", 3), 3);
}

static void open_special_flags(void)
{
    expect_ok(mkdir("dir", 0755));
    expect_ok(close(pattern_file("file", 10)));
    expect_ok(symlink("file", "link"));
    expect_ok(symlink("dir", "dirlink"));
    expect_ok(close(expect_ok(open("dir", O_RDONLY | O_DIRECTORY))));
    expect_ok(close(expect_ok(open("dirlink", O_RDONLY | O_DIRECTORY))));
    expect_errno(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_errno(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    expect_errno(open("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    expect_ok(close(expect_ok(open("link", O_RDONLY))));
    int fd = expect_ok(open("file", O_RDONLY | O_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fd = expect_ok(open("file", O_RDWR | O_APPEND | O_NONBLOCK));
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
             O_RDWR | O_APPEND | O_NONBLOCK);
    expect_ok(close(expect_ok(open("file", O_RDONLY | O_SYNC))));
}

static void open_relative(void)
{
    char byte;

    expect_ok(mkdir("dir", 0755));
    int directory = expect_ok(open("dir", O_RDONLY));
    int fd = expect_ok(openat(directory, "inside", O_RDWR | O_CREAT, 0644));
    CHECK_EQ(write(fd, "i", 1), 1);
    expect_ok(access("dir/inside", F_OK));
    fd = expect_ok(openat(directory, "../dir/./inside", O_RDONLY));
    CHECK_EQ(read(fd, &byte, 1), 1);
    expect_errno(openat(directory, "", O_RDONLY), ENOENT);
    expect_errno(openat(fd, "x", O_RDONLY), ENOTDIR);
    expect_ok(faccessat(fd, "/", F_OK, 0)); /* an absolute path needs no directory */
    expect_ok(rename("dir", "moved"));
    expect_ok(faccessat(directory, "inside", F_OK, 0));
}

/* ---- offsets and sizes ---- */

static void seeking(void)
{
    int fd = pattern_file("file", 100);
    unsigned char byte;

    CHECK_EQ(lseek(fd, 30, SEEK_SET), 30);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(byte, pattern_byte(30));
    CHECK_EQ(lseek(fd, 9, SEEK_CUR), 40);
    CHECK_EQ(lseek(fd, -40, SEEK_CUR), 0);
    CHECK_EQ(lseek(fd, -1, SEEK_END), 99);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(lseek(fd, 1000, SEEK_END), 1100); /* behind the end is allowed */
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(size_of(fd), 100);
    expect_errno(lseek(fd, -1, SEEK_SET), EINVAL);
    expect_errno(lseek(fd, -101, SEEK_END), EINVAL);
    expect_errno(lseek(fd, 0, 99), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1100);
    expect_errno(pread(fd, &byte, 1, -1), EINVAL);
    expect_errno(pwrite(fd, &byte, 1, -1), EINVAL);
}

static void writing_behind_the_end(void)
{
    static char buffer[20000];
    int fd = pattern_file("file", 100);

    CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000);
    CHECK_EQ(write(fd, "end", 3), 3);
    CHECK_EQ(size_of(fd), 10003);
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 10003);
    CHECK_PATTERN(buffer, 0, 100);
    CHECK(all_bytes(buffer + 100, 0, 9900));
    CHECK(memcmp(buffer + 10000, "end", 3) == 0);
}

static void positioned_calls_keep_the_offset(void)
{
    char buffer[10];
    int fd = pattern_file("file", 100);

    CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
    CHECK_EQ(pread(fd, buffer, 10, 50), 10);
    CHECK_PATTERN(buffer, 50, 10);
    CHECK_EQ(pread(fd, buffer, 10, 95), 5);
    CHECK_EQ(pread(fd, buffer, 10, 100), 0);
    CHECK_EQ(pread(fd, buffer, 10, 1l << 40), 0);
    CHECK_EQ(pwrite(fd, "xyz", 3, 20), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
}

static void appending(void)
{
    char text[32];
    int fd = pattern_file("file", 0);
    int first = expect_ok(open("file", O_WRONLY | O_APPEND));
    int second = expect_ok(open("file", O_WRONLY | O_APPEND));

    CHECK_EQ(write(first, "1", 1), 1);
    CHECK_EQ(write(second, "22", 2), 2);
    CHECK_EQ(lseek(first, 0, SEEK_SET), 0);
    CHECK_EQ(write(first, "333", 3), 3); /* to the end, wherever the offset was */
    CHECK_EQ(lseek(first, 0, SEEK_CUR), 6);
    CHECK_EQ(pwrite(second, "4", 1, 0), 1); /* and, on Linux, even so */
    read_file("file", text, sizeof(text));
    CHECK_STRING(text, "1223334");
    expect_ok(fcntl(fd, F_SETFL, O_APPEND));
    CHECK_EQ(write(fd, "5", 1), 1);
    read_file("file", text, sizeof(text));
    CHECK_STRING(text, "12233345");
    expect_ok(fcntl(fd, F_SETFL, 0));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(write(fd, "0", 1), 1);
    read_file("file", text, sizeof(text));
    CHECK_STRING(text, "02233345");
}

static void truncating(void)
{
    static char buffer[20000];
    int fd = pattern_file("file", 10000);

    expect_ok(truncate("file", 5000));
    CHECK_EQ(size_of(fd), 5000);
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 5000);
    CHECK_PATTERN(buffer, 0, 5000);
    expect_ok(ftruncate(fd, 15000));
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 15000);
    CHECK_PATTERN(buffer, 0, 5000);
    CHECK(all_bytes(buffer + 5000, 0, 10000));
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    expect_errno(ftruncate(fd, -1), EINVAL);
    expect_errno(truncate("file", -1), EINVAL);
    expect_errno(truncate("none", 0), ENOENT);
    expect_ok(symlink("file", "link"));
    expect_ok(truncate("link", 1));
    CHECK_EQ(size_of(fd), 1);
    expect_ok(ftruncate(fd, 1)); /* the same size again */
}

/* Sizes around those of blocks and pages. */
static void truncating_at_edges(void)
{
    static const off_t edges[] = {0,    1,    511,  512,  513,   1023,  1024,  1025, 2047,
                                  2048, 4095, 4096, 4097, 12287, 12288, 13312, 40000};
    static char buffer[50000];
    int fd = pattern_file("file", 0);

    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        for (size_t j = 0; j < COUNT_OF(edges); j += 3) {
            expect_ok(ftruncate(fd, 0));
            memset(buffer, 'e', sizeof(buffer));
            CHECK_EQ(pwrite(fd, buffer, 40000, 0), 40000);
            expect_ok(ftruncate(fd, edges[i]));
            expect_ok(ftruncate(fd, edges[i] + edges[j]));
            ssize_t size = pread(fd, buffer, sizeof(buffer), 0);
            CHECK_EQ(size, edges[i] + edges[j] > 50000 ? 50000 : edges[i] + edges[j]);
            CHECK(all_bytes(buffer, 'e', (size_t)edges[i]));
            CHECK(all_bytes(buffer + edges[i], 0, (size_t)(size - edges[i])));
        }
    }
}

/* Blocks are counted in units of 512 bytes, whatever the file system's block is. */
static void block_counts(void)
{
    struct statvfs system;
    struct stat status;
    int fd = pattern_file("file", 100000);

    expect_ok(fsync(fd));
    expect_ok(fstatvfs(fd, &system));
    expect_ok(fstat(fd, &status));
    CHECK(status.st_blocks * 512 >= 100000);
    CHECK(status.st_blocks * 512 <= 100000 + 4 * (blkcnt_t)system.f_frsize + 8192);
    CHECK(status.st_blksize >= 512);
    expect_ok(ftruncate(fd, 0));
    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_blocks, 0);
}

/* ---- vectors ---- */

static void vectors(void)
{
    char a[5], b[1], c[100];
    struct iovec out[4] = {{"one", 3}, {"", 0}, {"three", 5}, {"4", 1}};
    struct iovec in[3] = {{a, 5}, {b, 1}, {c, 100}};
    int fd = pattern_file("file", 0);

    CHECK_EQ(writev(fd, out, 4), 9);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 9);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(readv(fd, in, 3), 9);
    CHECK(memcmp(a, "oneth", 5) == 0 && b[0] == 'r' && memcmp(c, "ee4", 3) == 0);
    CHECK_EQ(readv(fd, in, 3), 0);
    /* As many as there may be. */
    static struct iovec many[IOV_MAX];
    static char bytes[IOV_MAX];
    for (size_t i = 0; i < IOV_MAX; i++) {
        bytes[i] = (char)i;
        many[i] = (struct iovec){bytes + i, 1};
    }
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(writev(fd, many, IOV_MAX), IOV_MAX);
    memset(bytes, 0, sizeof(bytes));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(readv(fd, many, IOV_MAX), IOV_MAX);
    for (size_t i = 0; i < IOV_MAX; i++)
        CHECK_EQ(bytes[i], (char)i);
}

/* ---- descriptors ---- */

static void duplicates_share(void)
{
    char byte;
    int fd = pattern_file("file", 100), copy = expect_ok(dup(fd));
    int other = expect_ok(open("file", O_RDONLY));

    CHECK_EQ(lseek(fd, 10, SEEK_SET), 10);
    CHECK_EQ(lseek(copy, 0, SEEK_CUR), 10);
    CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
    expect_ok(fcntl(fd, F_SETFL, O_APPEND));
    CHECK_EQ(fcntl(copy, F_GETFL) & O_APPEND, O_APPEND); /* a flag of the open file */
    expect_ok(fcntl(fd, F_SETFD, FD_CLOEXEC));
    CHECK_EQ(fcntl(copy, F_GETFD), 0); /* a flag of the descriptor */
    expect_ok(close(fd));
    CHECK_EQ(read(copy, &byte, 1), 1);
    expect_errno(close(fd), EBADF);
}

static void duplicating(void)
{
    int fd = pattern_file("file", 10), other = pattern_file("other", 20);

    CHECK_EQ(dup2(fd, fd), fd);
    CHECK_EQ(dup2(fd, other), other); /* what was there is closed */
    CHECK_EQ(size_of(other), 10);
    CHECK_EQ(dup3(fd, 40, O_CLOEXEC), 40);
    CHECK_EQ(fcntl(40, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(dup2(fd, 40), 40);
    CHECK_EQ(fcntl(40, F_GETFD), 0);
    expect_errno(dup3(fd, fd, 0), EINVAL);
    expect_errno(dup3(fd, 41, O_APPEND), EINVAL);
    expect_errno(dup2(fd, -1), EBADF);
    CHECK_EQ(fcntl(fd, F_DUPFD, 40), 41);
    CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 40), 42);
    CHECK_EQ(fcntl(41, F_GETFD), 0);
    CHECK_EQ(fcntl(42, F_GETFD), FD_CLOEXEC);
    expect_errno(fcntl(fd, F_DUPFD, -1), EINVAL);
    expect_errno(fcntl(fd, 9999, 0), EINVAL);
}

/* ---- other ---- */

static void access_of_files(void)
{
    write_file("plain", "", 0644);
    write_file("program", "", 0755);
    expect_ok(access("plain", F_OK));
    expect_ok(access("plain", R_OK | W_OK));
    expect_errno(access("plain", X_OK), EACCES); /* not even the superuser */
    expect_ok(access("program", R_OK | W_OK | X_OK));
    expect_ok(access(".", R_OK | W_OK | X_OK));
    expect_errno(access("none", F_OK), ENOENT);
    expect_errno(access("plain", 8), EINVAL);
}

static void file_system_status(void)
{
    struct statvfs status;
    int fd = pattern_file("file", 0);

    expect_ok(statvfs(".", &status));
    CHECK(status.f_bsize >= 512 && status.f_frsize >= 512);
    CHECK(status.f_blocks > 0 && status.f_bfree <= status.f_blocks);
    CHECK(status.f_bavail <= status.f_bfree);
    CHECK_EQ(status.f_namemax, 255);
    expect_ok(fstatvfs(fd, &status));
    expect_errno(statvfs("none", &status), ENOENT);
}

static void standard_io(void)
{
    char line[64];
    FILE *stream = fopen("file", "w+");

    CHECK(stream != NULL);
    for (int i = 0; i < 3000; i++)
        CHECK(fprintf(stream, "line %d of many\n", i) > 0);
    CHECK_EQ(fflush(stream), 0);
    rewind(stream);
    for (int i = 0; i < 3000; i++) {
        int number;
        CHECK(fgets(line, sizeof(line), stream) != NULL);
        CHECK_EQ(sscanf(line, "line %d of many", &number), 1);
        CHECK_EQ(number, i);
    }
    CHECK(fgets(line, sizeof(line), stream) == NULL && feof(stream));
    CHECK_EQ(fseek(stream, -5, SEEK_END), 0);
    CHECK(fgets(line, sizeof(line), stream) != NULL);
    CHECK_STRING(line, "many\n");
    CHECK_EQ(fclose(stream), 0);
}

/* Files that have nothing to store, and a range to read ahead that is none. */
static void nothing_to_store(void)
{
    int null = expect_ok(open("/dev/null", O_WRONLY)), fifo, file;

    expect_errno(fsync(null), EINVAL);
    expect_errno(fdatasync(null), EINVAL);
    expect_ok(mkfifo("fifo", 0600));
    fifo = expect_ok(open("fifo", O_RDWR));
    expect_errno(fsync(fifo), EINVAL);
    write_file("file", "text", 0600);
    file = expect_ok(open("file", O_RDONLY));
    expect_errno(readahead(file, 0, (size_t)-1), EINVAL);
    expect_ok(readahead(file, 0, 4));
}

/* Which call has made the file (F_CREATED_QUERY, since Linux 6.12). */
static void created_by(void)
{
    const int created_query = 1024 + 4;
    int fd = expect_ok(open("new", O_CREAT | O_RDWR, 0600));

    if (fcntl(fd, created_query, 0) < 0 && errno == EINVAL)
        skip("not known here");
    CHECK_EQ(fcntl(fd, created_query, 0), 1);
    CHECK_EQ(fcntl(dup(fd), created_query, 0), 1);
    CHECK_EQ(fcntl(open("new", O_CREAT | O_RDWR, 0600), created_query, 0), 0);
    CHECK_EQ(fcntl(open("/dev/null", O_RDWR), created_query, 0), 0);
}

static const struct test tests[] = {
    TEST(open_modes),
    TEST(open_create),
    TEST(open_special_flags),
    TEST(open_relative),
    TEST(seeking),
    TEST(writing_behind_the_end),
    TEST(positioned_calls_keep_the_offset),
    TEST(appending),
    TEST(truncating),
    TEST(truncating_at_edges),
    TEST(block_counts),
    TEST(vectors),
    TEST(duplicates_share),
    TEST(duplicating),
    TEST(access_of_files),
    TEST(file_system_status),
    TEST(standard_io),
    TEST(nothing_to_store),
    TEST(created_by),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
