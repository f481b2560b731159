/*
 * Disks that are full, and disks that fail: small ext2 file systems on loop devices. The second is
 * made by a file without space in a memory file system that has none left either.
 */
#include "tap.h"

#include <fcntl.h>
#include <libgen.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define DISK_SIZE (1024 * 1024)

static int device = -1;

/* The file system that is installed beside the test programs, copied. */
static void copy_disk(const char *name)
{
    static char bytes[DISK_SIZE];
    char directory[512], path[600];

    snprintf(directory, sizeof(directory), "%s", self_path());
    snprintf(path, sizeof(path), "%s/small.ext2", dirname(directory));
    int from = expect_ok(open(path, O_RDONLY)), to = expect_ok(open(name, O_CREAT | O_RDWR, 0600));
    read_all(from, bytes, sizeof(bytes));
    write_all(to, bytes, sizeof(bytes));
    close(from);
    close(to);
}

/* Mount a file that holds a file system on "m". */
static void mount_disk(const char *name)
{
    char path[32];
    int control = open("/dev/loop-control", O_RDWR);

    if (control < 0)
        skip("no loop devices");
    snprintf(path, sizeof(path), "/dev/loop%d", (int)expect_ok(ioctl(control, LOOP_CTL_GET_FREE)));
    close(control);
    device = expect_ok(open(path, O_RDWR));
    int fd = expect_ok(open(name, O_RDWR));
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    close(fd);
    if (mkdir("m", 0700) != 0)
        CHECK_EQ(errno, EEXIST);
    expect_ok(mount(path, "m", "ext2", 0, NULL));
}

static void unmount_disk(void)
{
    expect_ok(umount("m"));
    expect_ok(ioctl(device, LOOP_CLR_FD, 0));
    close(device);
}

/* Write to a new file until there is no space: how much it holds. */
static size_t fill_disk(const char *name)
{
    static char bytes[PAGE];
    size_t written = 0;
    ssize_t count;
    int fd = expect_ok(open(name, O_CREAT | O_WRONLY | O_EXCL, 0600));

    memset(bytes, 0x5a, sizeof(bytes));
    while ((count = write(fd, bytes, sizeof(bytes))) > 0)
        written += (size_t)count;
    CHECK_EQ(count, -1);
    CHECK_EQ(errno, ENOSPC);
    expect_errno(write(fd, bytes, 1), ENOSPC);
    close(fd);
    return written;
}

static volatile sig_atomic_t faults;
static siginfo_t fault;
static char *volatile replaced;

/* Let the store go on, to a page of its own. */
static void on_bus_error(int number, siginfo_t *information, void *context)
{
    (void)number, (void)context;
    faults++;
    fault = *information;
    if (mmap(replaced, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != replaced)
        _exit(9);
}

static void expect_bus_error(char *address)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

    expect_ok(sigaction(SIGBUS, &action, NULL));
    faults = 0;
    replaced = (char *)((uintptr_t)address & ~(PAGE - 1));
    *(volatile char *)address = 1;
    signal(SIGBUS, SIG_DFL);
    CHECK_EQ(faults, 1);
    CHECK_EQ(fault.si_code, BUS_ADRERR);
    CHECK(fault.si_addr == (void *)address);
}

/*  the map      |allocated|hole|hole|...      the disk  |allocated|filler.........|  */
static void stores_on_a_full_disk(void)
{
    copy_disk("disk");
    mount_disk("disk");
    int fd = expect_ok(open("m/sparse", O_CREAT | O_RDWR, 0600));
    expect_ok(ftruncate(fd, 16 * PAGE));
    int allocated = fallocate(fd, 0, 0, 8 * PAGE);
    if (allocated != 0) {
        CHECK_EQ(errno, EOPNOTSUPP);
        static char zeros[8 * PAGE];
        CHECK_EQ(pwrite(fd, zeros, sizeof(zeros), 0), (ssize_t)sizeof(zeros));
    }
    size_t filler = fill_disk("m/filler");
    char *map = expect_ok(mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0));
    for (size_t i = 0; i < 8; i++)
        map[i * PAGE] = 'a';
    expect_bus_error(map + 9 * PAGE + 100);
    expect_bus_error(map + 15 * PAGE);
    expect_errno(pwrite(fd, "x", 1, 12 * PAGE), ENOSPC);
    CHECK_EQ(map[12 * PAGE], 0); /* it can be read */
    expect_ok(msync(map, 8 * PAGE, MS_SYNC));

    /* With space, what failed goes on. */
    expect_ok(unlink("m/filler"));
    expect_access(map + 12 * PAGE, 'w');
    CHECK_EQ(pwrite(fd, "x", 1, 12 * PAGE), 1);
    CHECK_EQ(map[12 * PAGE], 'x');
    expect_ok(munmap(map, 16 * PAGE));
    close(fd);
    CHECK(fill_disk("m/filler") <= filler);
    unmount_disk();

    char page[PAGE];
    mount_disk("disk");
    fd = expect_ok(open("m/sparse", O_RDONLY));
    for (off_t i = 0; i < 16; i++) {
        CHECK_EQ(pread(fd, page, PAGE, i * (off_t)PAGE), PAGE);
        CHECK_EQ(page[0], i < 8 ? 'a' : i == 12 ? 'x' : 0);
        CHECK(all_bytes(page + 1, 0, PAGE - 1));
    }
    close(fd);
    unmount_disk();
}

/* Names need space too; what could not be made leaves nothing behind. */
static void names_on_a_full_disk(void)
{
    char name[300], text[300];
    struct stat before, after;
    int made = 0;

    copy_disk("disk");
    mount_disk("disk");
    fill_disk("m/filler");
    expect_errno(mkdir("m/directory", 0700), ENOSPC);
    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    expect_errno(symlink(text, "m/link"), ENOSPC);
    expect_ok(stat("m", &before));
    for (;;) {
        snprintf(name, sizeof(name), "m/%0240d", made);
        int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);
        if (fd < 0)
            break;
        close(fd);
        made++;
    }
    CHECK_EQ(errno, ENOSPC);
    CHECK(made < 64);
    expect_errno(access(name, F_OK), ENOENT);
    expect_errno(access("m/directory", F_OK), ENOENT);
    expect_errno(access("m/link", F_OK), ENOENT);
    expect_ok(stat("m", &after));
    CHECK_EQ(after.st_nlink, before.st_nlink);
    expect_ok(rename("m/filler", "m/f"));
    expect_ok(unlink("m/f"));
    expect_ok(mkdir("m/directory", 0700));
    expect_ok(symlink(text, "m/link"));
    unmount_disk();
}

/* A disk in memory whose file "m/data" has lost the space of its bytes, with none to be had. */
static void make_failing_disk(void)
{
    static char bytes[4 * PAGE];

    expect_ok(mkdir("t", 0700));
    expect_ok(mount("t", "t", "tmpfs", 0, "size=1200k"));
    copy_disk("t/disk");
    mount_disk("t/disk");
    int fd = expect_ok(open("m/data", O_CREAT | O_RDWR, 0600));
    pattern_fill(bytes, 0, sizeof(bytes));
    write_all(fd, bytes, sizeof(bytes));
    expect_ok(fsync(fd));
    close(fd);
    unmount_disk();

    /* Find the bytes on the disk. */
    static char disk[DISK_SIZE];
    fd = expect_ok(open("t/disk", O_RDWR));
    read_all(fd, disk, sizeof(disk));
    char *place = memmem(disk, sizeof(disk), bytes, PAGE);
    CHECK(place && (place - disk) % PAGE == 0);
    CHECK(memcmp(place, bytes, sizeof(bytes)) == 0);
    expect_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place - disk,
                        (off_t)sizeof(bytes)));
    close(fd);
    fill_disk("t/filler");
    mount_disk("t/disk");
}

static void unmake_failing_disk(void)
{
    unmount_disk();
    expect_ok(umount("t"));
}

static void store(int fd, char value)
{
    char *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));

    *(volatile char *)map = value;
    expect_ok(munmap(map, PAGE));
}

/* Whoever had the file open when its bytes could not be written is told, once. */
static void told_once_to_each(void)
{
    make_failing_disk();
    int first = expect_ok(open("m/data", O_RDWR)), second = expect_ok(open("m/data", O_RDWR));
    int third = expect_ok(open("m/data", O_RDONLY)), copy = expect_ok(dup(third));
    store(first, 'x');
    expect_errno(fsync(first), ENOSPC);
    expect_ok(fsync(first));
    expect_errno(fdatasync(second), ENOSPC);
    expect_ok(fsync(second));
    expect_errno(fsync(copy), ENOSPC);
    expect_ok(fsync(third)); /* the same open file */
    int late = expect_ok(open("m/data", O_RDWR));
    expect_ok(fsync(late));

    /* With space again, what is stored gets to the disk. */
    expect_ok(unlink("t/filler"));
    store(first, 'y');
    expect_ok(fsync(first));
    expect_ok(fsync(late));
    close(first);
    close(second);
    close(third);
    close(copy);
    close(late);
    unmount_disk();
    char byte;
    mount_disk("t/disk");
    first = expect_ok(open("m/data", O_RDONLY));
    CHECK_EQ(pread(first, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'y');
    close(first);
    unmake_failing_disk();
}

/* msync and what is written synchronously fail at once. */
static void told_by_the_call(void)
{
    char page[PAGE];

    make_failing_disk();
    memset(page, 'z', sizeof(page));
    int fd = expect_ok(open("m/data", O_RDWR));
    char *map = expect_ok(mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
    map[PAGE] = 'x';
    expect_errno(msync(map, 2 * PAGE, MS_SYNC), ENOSPC);
    int synchronous = expect_ok(open("m/data", O_WRONLY | O_SYNC));
    expect_errno(write(synchronous, page, sizeof(page)), ENOSPC);
    expect_ok(munmap(map, 2 * PAGE));
    close(fd);
    close(synchronous);
    unmake_failing_disk();
}

/* Nobody was told: the next one to open the file is. */
static void told_to_the_next(void)
{
    make_failing_disk();
    int fd = expect_ok(open("m/data", O_RDWR));
    store(fd, 'x');
    close(fd);
    sync();
    fd = expect_ok(open("m/data", O_RDONLY));
    expect_errno(fsync(fd), ENOSPC);
    close(fd);
    fd = expect_ok(open("m/data", O_RDONLY));
    expect_ok(fsync(fd));
    close(fd);
    unmake_failing_disk();
}

static const struct test tests[] = {
    TEST(stores_on_a_full_disk), TEST(names_on_a_full_disk), TEST(told_once_to_each),
    TEST(told_by_the_call),      TEST(told_to_the_next),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
