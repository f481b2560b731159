/* The devices every program counts on: null, zero, full, random, urandom, tty and console. */
#include "tap.h"

#include <dirent.h>
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static void numbers(void)
{
    static const struct {
        const char *name;
        unsigned major, minor;
    } devices[] = {
        {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
        {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
    };
    struct stat status;

    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        if (stat(devices[i].name, &status) < 0)
            fail("%s: %s", devices[i].name, error_name(errno));
        CHECK(S_ISCHR(status.st_mode));
        CHECK_EQ(status.st_mode & 0666, 0666);
        CHECK_EQ(status.st_size, 0);
        CHECK_EQ(major(status.st_rdev), devices[i].major);
        CHECK_EQ(minor(status.st_rdev), devices[i].minor);
    }
}

static void listed(void)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    bool seen[COUNT_OF(names)] = {false};
    DIR *directory = opendir("/dev");
    struct dirent *entry;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        for (size_t i = 0; i < COUNT_OF(names); i++)
            seen[i] |= strcmp(entry->d_name, names[i]) == 0;
    closedir(directory);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!seen[i])
            fail("/dev does not list %s", names[i]);
}

static void null(void)
{
    char buffer[100] = "unchanged";
    int fd = expect_ok(open("/dev/null", O_RDWR));

    CHECK_EQ(read(fd, buffer, sizeof(buffer)), 0);
    CHECK_STRING(buffer, "unchanged");
    CHECK_EQ(write(fd, buffer, sizeof(buffer)), sizeof(buffer));
    CHECK_EQ(read(fd, buffer, sizeof(buffer)), 0);
    CHECK_EQ(pwrite(fd, buffer, 10, 1l << 40), 10);
    CHECK_EQ(pread(fd, buffer, 10, 1l << 40), 0);
    struct iovec vector[2] = {{buffer, 30}, {buffer, 40}};
    CHECK_EQ(writev(fd, vector, 2), 70);
    CHECK_EQ(readv(fd, vector, 2), 0);
    CHECK_EQ(lseek(fd, 1000, SEEK_SET), 0);
    expect_errno(ftruncate(fd, 0), EINVAL);
    expect_errno(open("/dev/null/x", O_RDONLY), ENOTDIR);
    expect_errno(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_ok(close(expect_ok(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644))));
    CHECK_EQ(isatty(fd), 0);
    CHECK_EQ(errno, ENOTTY);
    expect_errno(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
}

static void zero(void)
{
    static char buffer[100000];
    int fd = expect_ok(open("/dev/zero", O_RDWR));

    memset(buffer, 1, sizeof(buffer));
    CHECK_EQ(read(fd, buffer, 50001), 50001);
    CHECK(all_bytes(buffer, 0, 50001));
    CHECK_EQ(buffer[50001], 1);
    CHECK_EQ(write(fd, buffer, sizeof(buffer)), sizeof(buffer));
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 12345), sizeof(buffer));
    CHECK(all_bytes(buffer, 0, sizeof(buffer)));
    char *fresh = map_pages(8); /* into memory that nobody has touched */
    CHECK_EQ(read(fd, fresh + 100, 7 * PAGE), 7 * PAGE);
    CHECK(all_bytes(fresh, 0, 8 * PAGE));
}

static void zero_mapped(void)
{
    int fd = expect_ok(open("/dev/zero", O_RDWR));
    char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    if (private == MAP_FAILED && errno == ENODEV)
        skip("/dev/zero cannot be mapped here");
    CHECK(private != MAP_FAILED);
    CHECK(all_bytes(private, 0, 4 * PAGE));
    memset(private, 1, 4 * PAGE);
    char *other = expect_ok((char *)mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0));
    CHECK(all_bytes(other, 0, 4 * PAGE)); /* each mapping has zeros of its own */
    other[0] = 2;
    char buffer[8] = "x";
    CHECK_EQ(read(fd, buffer, 8), 8);
    CHECK(all_bytes(buffer, 0, 8));
}

static void full(void)
{
    char buffer[100];
    int fd = expect_ok(open("/dev/full", O_RDWR));

    memset(buffer, 1, sizeof(buffer));
    CHECK_EQ(read(fd, buffer, sizeof(buffer)), sizeof(buffer));
    CHECK(all_bytes(buffer, 0, sizeof(buffer)));
    expect_errno(write(fd, buffer, 1), ENOSPC);
    expect_errno(write(fd, buffer, sizeof(buffer)), ENOSPC);
}

/* A program that prints there is told, at the latest when it closes. */
static void full_and_stdio(void)
{
    FILE *stream = fopen("/dev/full", "w");

    CHECK(stream != NULL);
    CHECK(fprintf(stream, "text\n") > 0);
    CHECK_EQ(fclose(stream), EOF);
    CHECK_EQ(errno, ENOSPC);
}

static void random_bytes(const char *name)
{
    static unsigned char first[4096], second[4096];
    int counts[256] = {0}, fd = expect_ok(open(name, O_RDWR));

    for (size_t done = 0; done < sizeof(first);) /* a read may give less than was asked for */
        done += (size_t)expect_ok(read(fd, first + done, sizeof(first) - done));
    for (size_t done = 0; done < sizeof(second);)
        done += (size_t)expect_ok(read(fd, second + done, sizeof(second) - done));
    CHECK(memcmp(first, second, sizeof(first)) != 0);
    for (size_t i = 0; i < sizeof(first); i++)
        counts[first[i]]++;
    for (int i = 0; i < 256; i++)
        CHECK(counts[i] > 0 && counts[i] < 60); /* 16 are expected of each */
    CHECK_EQ(write(fd, "stir", 4), 4);
}

static void random_device(void)
{
    random_bytes("/dev/random");
}

static void urandom_device(void)
{
    random_bytes("/dev/urandom");
}

static void entropy(void)
{
    int fd = expect_ok(open("/dev/random", O_RDONLY)), bits = 0;

    expect_ok(ioctl(fd, RNDGETENTCNT, &bits));
    CHECK_EQ(bits, read_setting("kernel/random/entropy_avail"));
    expect_errno(ioctl(fd, RNDGETENTCNT, NULL), EFAULT);
    expect_errno(ioctl(expect_ok(open("/dev/zero", O_RDONLY)), RNDGETENTCNT, &bits), ENOTTY);
}

/* FIGETBSZ and FIOQSIZE: blocks of the file system, and the room of a file. */
static void room(void)
{
    int fd = pattern_file("file", 10000), size = 0, ends[2];
    struct statfs system;
    struct stat status;
    long long bytes = 0;

    expect_ok(fsync(fd));
    expect_ok(fstatfs(fd, &system));
    expect_ok(fstat(fd, &status));
    expect_ok(ioctl(fd, FIGETBSZ, &size));
    CHECK_EQ(size, system.f_bsize);
    expect_ok(ioctl(fd, FIOQSIZE, &bytes));
    CHECK_EQ(bytes, status.st_blocks * 512);
    expect_ok(pipe(ends));
    expect_ok(ioctl(ends[0], FIGETBSZ, &size));
    CHECK_EQ(size, sysconf(_SC_PAGESIZE));
    expect_errno(ioctl(ends[0], FIOQSIZE, &bytes), ENOTTY);
    expect_errno(ioctl(fd, FIGETBSZ, NULL), EFAULT);
}

static void without_terminal(void *argument)
{
    (void)argument;
    expect_ok(setsid());
    expect_errno(open("/dev/tty", O_RDWR), ENXIO);
}

/* /dev/tty is the controlling terminal, for those that have one. */
static void terminal(void)
{
    expect_child_ok(without_terminal, NULL);
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
    if (fd < 0) {
        CHECK_EQ(errno, ENXIO);
        skip("no controlling terminal");
    }
    CHECK_EQ(isatty(fd), 1);
    expect_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
    expect_errno(ftruncate(fd, 0), EINVAL);
}

static void console(void)
{
    struct stat status;

    if (stat("/dev/console", &status) < 0) {
        CHECK_EQ(errno, ENOENT);
        skip("no console");
    }
    CHECK(S_ISCHR(status.st_mode));
    if (major(status.st_rdev) != 5)
        skip("the console is another terminal here");
    CHECK_EQ(minor(status.st_rdev), 1);
}

static const struct test tests[] = {
    TEST(numbers),        TEST(listed),  TEST(null),           TEST(zero),
    TEST(zero_mapped),    TEST(full),    TEST(full_and_stdio), TEST(random_device),
    TEST(urandom_device), TEST(entropy), TEST(room),           TEST(terminal),
    TEST(console),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
