/* prctl(2): what a process says about itself, and what follows from it. */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void name(void)
{
    char text[16], long_name[] = "abcdefghijklmnopqrst";

    expect_ok(prctl(PR_SET_NAME, long_name));
    expect_ok(prctl(PR_GET_NAME, text));
    CHECK_STRING(text, "abcdefghijklmno");
    expect_errno(prctl(PR_SET_NAME, 8), EFAULT);
    expect_ok(prctl(PR_SET_NAME, ""));
    expect_ok(prctl(PR_GET_NAME, text));
    CHECK_STRING(text, "");
}

static void dumpable(void)
{
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    expect_errno(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    expect_ok(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(prctl(PR_GET_DUMPABLE));
    expect_exited(reap(pid), 0);
}

static void no_new_privileges(void)
{
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    expect_errno(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
    expect_errno(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    expect_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    expect_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    expect_exited(reap(pid), 1);
}

static void odds_and_ends(void)
{
    int value = -1;

    expect_errno(prctl(12345), EINVAL);
    CHECK_EQ(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
    expect_errno(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    expect_ok(prctl(PR_SET_TIMERSLACK, 1234));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1234);
    expect_ok(prctl(PR_SET_TIMERSLACK, 0));
    expect_errno(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    expect_ok(prctl(PR_GET_PDEATHSIG, &value));
    CHECK_EQ(value, 0);
    expect_ok(prctl(PR_GET_CHILD_SUBREAPER, &value));
    CHECK_EQ(value, 0);
    expect_errno(prctl(PR_GET_CHILD_SUBREAPER, 8), EFAULT);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    expect_ok(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    expect_errno(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
}

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

static void auxiliary_vector(void)
{
    unsigned long told[128], read[128];
    int size = prctl(PR_GET_AUXV, told, sizeof(told), 0, 0);

    if (size < 0 && errno == EINVAL)
        skip("no PR_GET_AUXV");
    CHECK(size > 0 && size <= (int)sizeof(told));
    size_t there = read_file("/proc/self/auxv", (char *)read, sizeof(read));
    CHECK(memcmp(told, read, there < (size_t)size ? there : (size_t)size) == 0);
    expect_errno(prctl(PR_GET_AUXV, told, sizeof(told), 1, 0), EINVAL);
    expect_errno(prctl(PR_GET_AUXV, 8, sizeof(told), 0, 0), EFAULT);
}

/* ---- the death of a parent ---- */

static int orphan_pipe[2]; /* its pid comes through */

/* A process that makes a child and dies once that is ready. */
static void parent_of_orphan(void *argument)
{
    struct sign ready;

    (void)argument;
    sign_open(&ready);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        expect_ok(prctl(PR_SET_PDEATHSIG, SIGUSR1));
        sign_send(&ready);
        for (;;)
            pause();
    }
    sign_await(&ready);
    write_all(orphan_pipe[1], &pid, sizeof(pid));
}

static void orphans_come_to_the_subreaper(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    expect_child_ok(parent_of_orphan, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_signaled(reap(orphan), SIGUSR1); /* ours now, and told of its parent's death */
    expect_errno(wait(NULL), ECHILD);
}

static void dies_before_its_parent(void *argument)
{
    (void)argument;
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(7);
    siginfo_t information;
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT));
    write_all(orphan_pipe[1], &pid, sizeof(pid));
}

static void dead_orphans_too(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    expect_child_ok(dies_before_its_parent, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_exited(reap(orphan), 7);
}

/* A subreaper that does not want to know of its children gets no zombies. */
static void unwanted_orphans(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = spawn(dies_before_its_parent, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_errno(waitpid(pid, NULL, 0), ECHILD);
    expect_errno(kill(orphan, 0), ESRCH);
}

/* The fields of /proc/self/stat from startcode (26) on that tell of memory, and those behind 45. */
static unsigned long stat_field(unsigned number)
{
    char text[2048], *at;

    read_file("/proc/self/stat", text, sizeof(text));
    at = strrchr(text, ')') + 2;
    for (unsigned field = 3; field < number; field++)
        at = strchr(at, ' ') + 1;
    return strtoul(at, NULL, 10);
}

static void check_command_line(const char *expected, size_t size)
{
    char text[4096];

    CHECK_EQ(read_file("/proc/self/cmdline", text, sizeof(text)), size);
    CHECK(memcmp(text, expected, size) == 0);
}

static int set_place(int option, const void *address)
{
    return prctl(PR_SET_MM, option, address, 0, 0);
}

/* Where the arguments and the environment are is what the process says. */
static void places_of_memory(void)
{
    static char words[] = "one\0two\0three";
    unsigned long begin = stat_field(48), end = stat_field(49);
    char *page = map_pages(1);

    if (set_place(PR_SET_MM_ARG_START, (void *)begin) < 0 && errno == EPERM)
        skip("needs CAP_SYS_RESOURCE");
    memcpy(page, words, sizeof(words));
    bool above = (uintptr_t)page > end;
    expect_ok(set_place(above ? PR_SET_MM_ARG_END : PR_SET_MM_ARG_START,
                        above ? page + sizeof(words) : page));
    expect_ok(set_place(above ? PR_SET_MM_ARG_START : PR_SET_MM_ARG_END,
                        above ? page : page + sizeof(words)));
    CHECK_EQ(stat_field(48), (uintptr_t)page);
    CHECK_EQ(stat_field(49), (uintptr_t)page + sizeof(words));
    check_command_line(words, sizeof(words));
    expect_errno(set_place(PR_SET_MM_ARG_END, page - 1), EINVAL);
    expect_errno(set_place(PR_SET_MM_ARG_START, page + PAGE), EINVAL);
    expect_errno(set_place(PR_SET_MM_ARG_START, (void *)1), EINVAL);
    expect_errno(set_place(PR_SET_MM_ARG_START, (void *)(1ul << 62)), EINVAL);
    expect_errno(set_place(99, page), EINVAL);
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_ARG_START, page, 1, 0), EINVAL);
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_ARG_START, page, 0, 1), EINVAL);
    expect_errno(set_place(PR_SET_MM_START_CODE, (void *)stat_field(27)), EINVAL);
    CHECK_EQ(stat_field(48), (uintptr_t)page);
    CHECK(begin != (uintptr_t)page);
    /* The heap ends where it is said to: brk(2) goes on from there. */
    char *heap = sbrk(0);
    expect_ok(set_place(PR_SET_MM_BRK, heap + 1));
    CHECK_EQ(syscall(SYS_brk, 0), (uintptr_t)heap + 1);
    expect_errno(set_place(PR_SET_MM_BRK, (void *)(stat_field(47) - 1)), EINVAL);
    expect_ok(setuid(65534));
    expect_errno(set_place(PR_SET_MM_ARG_START, page), EPERM);
}

/* All places at once, with no privilege. */
static void places_together(void)
{
    char *words = map_pages(1);
    struct prctl_mm_map map = {.start_code = stat_field(26),
                               .end_code = stat_field(27),
                               .start_data = stat_field(45),
                               .end_data = stat_field(46),
                               .start_brk = stat_field(47),
                               .brk = (uintptr_t)sbrk(0),
                               .start_stack = stat_field(28),
                               .arg_start = (uintptr_t)words,
                               .arg_end = (uintptr_t)words + 6,
                               .env_start = stat_field(50),
                               .env_end = stat_field(51),
                               .exe_fd = UINT32_MAX};
    unsigned size = 0;

    if (prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) < 0)
        skip("no PR_SET_MM_MAP here");
    CHECK_EQ(size, sizeof(map));
    strcpy(words, "title");
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, size - 8, 0), EINVAL);
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, 8, size, 0), EFAULT);
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, 8, 0, 0), EFAULT);
    expect_ok(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, size, 0));
    check_command_line(words, 6);
    map.end_code = map.start_code;
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, size, 0), EINVAL);
    check_command_line(words, 6);
    map.end_code = stat_field(27);
    map.env_end = map.env_start - 1;
    expect_errno(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, size, 0), EINVAL);
    /* Much more than there are arguments ever. */
    char *large = expect_ok((char *)mmap(NULL, 1ul << 30, PROT_READ,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    map.env_start = (uintptr_t)large;
    map.env_end = (uintptr_t)large + (1ul << 30);
    expect_ok(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, size, 0));
    int fd = expect_ok(open("/proc/self/environ", O_RDONLY));
    char bytes[4096];
    CHECK_EQ(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
}

static const struct test tests[] = {
    TEST(name),
    TEST(dumpable),
    TEST(no_new_privileges),
    TEST(odds_and_ends),
    TEST(auxiliary_vector),
    TEST(orphans_come_to_the_subreaper),
    TEST(dead_orphans_too),
    TEST(unwanted_orphans),
    TEST(places_of_memory),
    TEST(places_together),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
