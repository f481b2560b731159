/*
 * The lab's test of shared mappings: the call's errors, stores that reach the file, and two
 * processes that map one file each for itself and talk through its one physical page while both
 * run.
 */
#include "../guest/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static void mmap_call(void)
{
    int fd = pattern_file("file", PAGE);
    int readable = expect_ok(open("file", O_RDONLY));

    expect_errno(mmap(NULL, PAGE, RW, MAP_SHARED, -1, 0), EBADF);
    expect_errno(mmap(NULL, 0, RW, MAP_SHARED, fd, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, RW, 0, fd, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 1), EINVAL);
    expect_errno(mmap(NULL, PAGE, RW, MAP_SHARED, readable, 0), EACCES);
    expect_errno(munmap(NULL, 0), EINVAL);
    printf("mmap syscall error handled\n");
    char *map = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    CHECK_PATTERN(map, 0, PAGE);
    expect_ok(munmap(map, PAGE));
}

static void basic_map_shared(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *first = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
    char *second = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
    char text[6];

    CHECK(first != second);
    memcpy(first + PAGE - 3, "share", 6);
    CHECK_STRING(second + PAGE - 3, "share");
    CHECK_EQ(pread(fd, text, 6, PAGE - 3), 6);
    CHECK_STRING(text, "share");
    CHECK_EQ(pwrite(fd, "write", 6, 100), 6);
    CHECK_STRING(first + 100, "write");
    expect_ok(munmap(first, 2 * PAGE));
    CHECK_STRING(second + PAGE - 3, "share");
}

/* Map the file anew and close it; pages_above moves the address that the kernel chooses. */
static char *map_for_myself(size_t pages_above)
{
    int fd = expect_ok(open("shared", O_RDWR));

    if (pages_above > 0)
        expect_ok(mmap(NULL, pages_above * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char *map = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    expect_ok(close(fd));
    return map;
}

/* Count to 200 in turns with the other process, which waits for what this one stores. */
static void count_in_turns(char *map, unsigned first)
{
    unsigned *turn = (unsigned *)(map + 200);

    for (unsigned i = first; i < 200; i += 2) {
        while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != i)
            usleep(50);
        __atomic_store_n(turn, i + 1, __ATOMIC_RELEASE);
    }
}

static struct {
    int address[2]; /* a pipe: where the parent has the page */
    struct sign answered, finished;
} talk;

static void child_task(void *argument)
{
    char *parent_address, *map;

    (void)argument;
    read_all(talk.address[0], &parent_address, sizeof(parent_address));
    map = map_for_myself(7);
    printf("child mapped %p\n", (void *)map);
    CHECK(map != parent_address);
    CHECK_STRING(map, "from the parent");
    strcpy(map + 100, "from the child");
    sign_send(&talk.answered);
    count_in_turns(map, 1);
    sign_await(&talk.finished);
    CHECK_STRING(map, "the parent's last");
    printf("child: shared page success\n");
}

/* The child is forked before either maps the file, so that neither mapping is inherited. */
static void shared_physical_pages(void)
{
    expect_ok(close(pattern_file("shared", PAGE)));
    expect_ok(pipe(talk.address));
    sign_open(&talk.answered);
    sign_open(&talk.finished);
    pid_t pid = spawn(child_task, NULL);
    char *map = map_for_myself(0);
    printf("parent mapped %p ok\n", (void *)map);
    memset(map, 0, PAGE);
    strcpy(map, "from the parent");
    write_all(talk.address[1], &map, sizeof(map));
    sign_await(&talk.answered);
    CHECK_STRING(map + 100, "from the child");
    count_in_turns(map, 0);
    strcpy(map, "the parent's last");
    printf("parent: shared page success\n");
    sign_send(&talk.finished);
    expect_exited(reap(pid), 0);
}

static const struct {
    struct test test;
    const char *before, *after;
} parts[] = {
    {{"mmap syscall", mmap_call}, "test mmap syscall exists", "mmap syscall: ok"},
    {{"basic map_shared", basic_map_shared}, "test basic map_shared", "basic map_shared: ok"},
    {{"shared_task", shared_physical_pages}, "test shared physical pages", "shared_task: passed"},
};

int main(void)
{
    char why[600];
    int failed = 0;

    suite_begin("mmapsharedtest");
    printf("mmapsharedtest start\n");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        printf("%s\n", parts[i].before);
        if (suite_run(&parts[i].test, why, sizeof(why)) == PASSED) {
            printf("%s\n", parts[i].after);
        } else {
            printf("%s: failed: %s\n", parts[i].test.name, why);
            failed = 1;
        }
    }
    suite_end();
    if (!failed)
        printf("mmapsharedtest done\n");
    return failed;
}
