/*
 * Several processes do everything to a few files at once, on a disk and in a tmpfs: make, link,
 * rename, exchange, remove, write, map, truncate, punch, lock, give names to files without. What
 * each call returns depends on the others; what must not happen is a death, a hang, or that
 * anything is left when all is removed.
 */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESSES = 6, ROUNDS = 400, NAMES = 8, SIZE = 16 * 4096 };

static uint32_t state;
static sigjmp_buf behind_the_end;

static unsigned any(unsigned limit)
{
    state = state * 1103515245u + 12345u;
    return (state >> 16) % limit;
}

static const char *name(void)
{
    static char names[4][32];
    static unsigned next;
    char *text = names[next++ % 4];

    if (any(4) == 0)
        snprintf(text, 32, "d%u/f%u", any(3), any(NAMES));
    else if (any(6) == 0)
        snprintf(text, 32, "d%u", any(3));
    else
        snprintf(text, 32, "f%u", any(NAMES));
    return text;
}

static void on_bus(int number)
{
    (void)number;
    siglongjmp(behind_the_end, 1);
}

/* Store to a mapping of a file that others make shorter: SIGBUS is in order. */
static void use_mapping(int fd)
{
    char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED)
        return;
    if (!sigsetjmp(behind_the_end, 1)) {
        for (unsigned i = 0; i < 5; i++)
            *(volatile char *)(map + any(SIZE)) = (char)i;
        if (any(4) == 0)
            msync(map, SIZE, MS_SYNC);
    }
    munmap(map, SIZE);
}

static void use_file(int fd)
{
    static char buffer[SIZE];

    switch (any(9)) {
    case 0:
        (void)!pwrite(fd, buffer, any(SIZE), any(SIZE));
        break;
    case 1:
        (void)!ftruncate(fd, any(SIZE));
        break;
    case 2:
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, any(SIZE), 1 + any(SIZE));
        break;
    case 3:
        fallocate(fd, any(2) ? FALLOC_FL_KEEP_SIZE : 0, any(SIZE), 1 + any(SIZE));
        break;
    case 4:
        (void)!pread(fd, buffer, any(SIZE), any(SIZE));
        break;
    case 5:
        lseek(fd, any(SIZE), any(2) ? SEEK_DATA : SEEK_HOLE);
        break;
    case 6:
        if (flock(fd, LOCK_EX | (any(2) ? LOCK_NB : 0)) == 0)
            flock(fd, LOCK_UN);
        break;
    case 7:
        if (any(5) == 0)
            fsync(fd);
        break;
    default:
        use_mapping(fd);
    }
}

static void open_and_use(void)
{
    int flags = O_RDWR | (any(2) ? O_CREAT : 0) | (any(8) ? 0 : O_TRUNC);
    int fd = any(6) ? open(name(), flags, 0644) : open(".", O_TMPFILE | O_RDWR, 0644);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < 4; i++)
        use_file(fd);
    if (any(5) == 0) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        linkat(AT_FDCWD, path, AT_FDCWD, name(), AT_SYMLINK_FOLLOW);
    }
    close(fd);
}

static void use_names(void)
{
    switch (any(8)) {
    case 0:
        mkdir(name(), 0755);
        break;
    case 1:
        rmdir(name());
        break;
    case 2:
        unlink(name());
        break;
    case 3:
        rename(name(), name());
        break;
    case 4:
        renameat2(AT_FDCWD, name(), AT_FDCWD, name(), RENAME_EXCHANGE);
        break;
    case 5:
        link(name(), name());
        break;
    case 6:
        symlink(name(), name());
        break;
    default: {
        struct stat status;
        stat(name(), &status);
    }
    }
}

static void work(void *seed)
{
    state = (uint32_t)(uintptr_t)seed * 7919u;
    signal(SIGBUS, on_bus);
    for (int i = 0; i < ROUNDS; i++) {
        if (any(2))
            use_names();
        else
            open_and_use();
    }
}

/* Remove what is in the directory, which may be of any kind. */
static void remove_all(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    char below[600];

    CHECK(directory != NULL);
    while ((entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        if (unlink(below) < 0) {
            CHECK_EQ(errno, EISDIR);
            remove_all(below);
            expect_ok(rmdir(below));
        }
    }
    closedir(directory);
}

static void stress_in(const char *where)
{
    char directory[300];
    pid_t children[PROCESSES];

    snprintf(directory, sizeof(directory), "%s/stress.%d", where, (int)getpid());
    expect_ok(mkdir(directory, 0755));
    expect_ok(chdir(directory));
    for (unsigned i = 0; i < PROCESSES; i++)
        children[i] = spawn(work, (void *)(uintptr_t)(i + 1));
    for (unsigned i = 0; i < PROCESSES; i++)
        expect_exited(reap(children[i]), 0);
    remove_all(".");
    struct stat status;
    expect_ok(stat(".", &status));
    CHECK(status.st_nlink <= 2);
    expect_ok(chdir(".."));
    expect_ok(rmdir(directory));
}

static void on_disk(void)
{
    char here[256];

    CHECK(getcwd(here, sizeof(here)) != NULL);
    stress_in(here);
}

static void in_memory(void)
{
    stress_in("/dev/shm");
}

static const struct test tests[] = {TEST(on_disk), TEST(in_memory)};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
