/* Everything in /proc is read, again and again, while processes and threads come and go: each read
 * gives bytes or an error that proc(5) knows, and nothing hangs. */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH_MAX 6
#define READ_MAX  (256 << 10)

/* Files that wait for something, show all of memory, or take very long. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"kmsg",        "kcore", "kpagecount", "kpageflags",
                                        "kpagecgroup", "mem",   "pagemap",    "map_files",
                                        "vmallocinfo", "cwd",   "root",       "net",
                                        "kallsyms",    "fd",    "attr",       "bus"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static unsigned long files_read;

static void read_whole(const char *path)
{
    static char buffer[16384];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    ssize_t count = 1;

    for (size_t total = 0; fd >= 0 && count > 0 && total < READ_MAX; total += (size_t)count)
        count = read(fd, buffer, sizeof(buffer));
    if (fd >= 0)
        close(fd);
    files_read++;
}

static void walk(const char *path, int depth)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    char name[PATH_MAX], target[PATH_MAX];
    struct stat status;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.' || is_left_out(entry->d_name))
            continue;
        if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
            continue;
        if (lstat(name, &status) < 0)
            continue; /* it has gone */
        if (S_ISLNK(status.st_mode))
            (void)!readlink(name, target, sizeof(target));
        else if (S_ISREG(status.st_mode))
            read_whole(name);
        else if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
            walk(name, depth + 1);
    }
    if (directory != NULL)
        closedir(directory);
}

static void *end_at_once(void *argument)
{
    return argument;
}

/* Processes that have threads, children and memory of their own, each for a moment. */
static void come_and_go(void *argument)
{
    (void)argument;
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t threads[4];
            size_t made = 0;
            for (; made < COUNT_OF(threads); made++)
                if (pthread_create(&threads[made], NULL, end_at_once, NULL) != 0)
                    break;
            free(memset(malloc(1 << 20), 1, 1 << 20));
            for (size_t i = 0; i < made; i++)
                pthread_join(threads[i], NULL);
            execl("/proc/self/exe", "procfs_walk", "nothing", NULL);
            _exit(0);
        }
        if (pid > 0)
            reap(pid);
    }
}

/* The processes of the test, and what is not of a process. */
static void walk_all(const pid_t *pids, size_t count)
{
    char name[64];

    walk("/proc/self", 1);
    walk("/proc/sys", 1);
    walk("/sys/devices/system", 1);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "/proc/%d", (int)pids[i]);
        walk(name, 1);
        for (int next = 1; next < 8; next++) { /* its children, most likely */
            snprintf(name, sizeof(name), "/proc/%d", (int)pids[i] + next);
            walk(name, 1);
        }
    }
}

static void while_processes_change(void)
{
    pid_t pids[3];

    for (size_t i = 0; i < COUNT_OF(pids); i++)
        pids[i] = spawn(come_and_go, NULL);
    for (int i = 0; i < 5; i++)
        walk_all(pids, COUNT_OF(pids));
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
        expect_ok(kill(pids[i], SIGKILL));
        expect_signaled(reap(pids[i]), SIGKILL);
    }
    CHECK(files_read > 200);
}

static void several_readers(void *argument)
{
    const pid_t *pid = argument;

    for (int i = 0; i < 3; i++)
        walk_all(pid, 1);
}

static void by_many_at_once(void)
{
    pid_t changing = spawn(come_and_go, NULL), readers[4];

    for (size_t i = 0; i < COUNT_OF(readers); i++)
        readers[i] = spawn(several_readers, &changing);
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        expect_exited(reap(readers[i]), 0);
    expect_ok(kill(changing, SIGKILL));
    expect_signaled(reap(changing), SIGKILL);
}

/* All files of the root as well, once. */
static void everything_once(void)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    char name[300];

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_type != DT_REG || is_left_out(entry->d_name))
            continue;
        snprintf(name, sizeof(name), "/proc/%s", entry->d_name);
        read_whole(name);
    }
    closedir(directory);
    CHECK(files_read > 10);
}

static const struct test tests[] = {
    TEST(while_processes_change),
    TEST(by_many_at_once),
    TEST(everything_once),
};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "nothing") == 0)
        return 0;
    return TAP_MAIN(argc, argv, tests);
}
