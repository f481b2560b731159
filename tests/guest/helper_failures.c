/*
 * helper_failures NUMBER EVERY SECONDS DIRECTORY PROGRAM...: every test of the programs of a
 * directory, in turn, while allocations of the kernel fail for it (/proc/PID/fail-nth of the DEBUG
 * kernel). A test may fail for that reason, and is not asked; but it has to end, and the kernel's
 * memory has to come back.
 *
 *   a run:     the n-th allocation fails, and after it each EVERY-th (0: no other), in the test's
 *              children too; what the test has left behind is removed
 *   a round:   runs of one test with n from NUMBER on, each one at first, then fewer and fewer,
 *              until no allocation is the n-th, n has gone through EVERY, or SECONDS are over
 *   a leak:    objects or frames in use, caches dropped, grow in each of LEAK_ROUNDS rounds
 *
 * Prints one TAP test per program.
 */
#include "tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEAK_ROUNDS  4
#define DENSE        16 /* so many n are tried one by one; then n grows by so large a part */
#define NEVER        1000000000 /* no test has so many allocations */
#define END_SECONDS  60         /* for a test, then for its death */
#define CACHES_MAX   80
#define SETTINGS_MAX 200
#define NAMES_SIZE   16384
#define SCRATCH      "/failing"
#define LOOP_DEVICES 8

static unsigned long first, every, runs;
static long seconds;
static const char *directory;
static char text[65536];

/* ---- what tests leave behind ---- */

struct setting {
    char path[120];
    char value[120];
};

static struct setting settings[SETTINGS_MAX];
static size_t setting_count, mount_count, swap_count;

/* The lines of a file: of each, from the word-th word on; how many there are. */
static size_t read_lines(const char *path, unsigned word, char **lines, size_t max)
{
    size_t count = 0;

    read_file(path, text, sizeof(text));
    for (char *line = strtok(text, "\n"); line && count < max; line = strtok(NULL, "\n")) {
        for (unsigned i = 0; i < word; i++)
            line += strcspn(line, " \t"), line += strspn(line, " \t");
        lines[count++] = line;
    }
    return count;
}

static void get_value(const char *path, char *value, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t length = fd >= 0 ? read(fd, value, size - 1) : 0;

    value[length > 0 ? length : 0] = '\0';
    close(fd);
}

static int note_setting(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    struct setting *setting = &settings[setting_count];

    (void)place;
    if (kind != FTW_F || !(status->st_mode & 0200) || strlen(path) >= sizeof(setting->path) ||
        setting_count == SETTINGS_MAX)
        return 0;
    strcpy(setting->path, path);
    get_value(path, setting->value, sizeof(setting->value));
    /* The identifiers to be used next: -1 cannot be written. */
    setting_count += setting->value[0] != '\0' && setting->value[0] != '-';
    return 0;
}

static void restore_settings(void)
{
    char value[sizeof(settings[0].value)];

    for (size_t i = 0; i < setting_count; i++) {
        get_value(settings[i].path, value, sizeof(value));
        int fd = strcmp(value, settings[i].value) ? open(settings[i].path, O_WRONLY) : -1;
        if (fd >= 0 && write(fd, settings[i].value, strlen(settings[i].value)) < 0)
            printf("# %s stays %s", settings[i].path, value);
        if (fd >= 0)
            close(fd);
    }
}

static void undo_mounts(void)
{
    char *lines[200];
    size_t count = read_lines("/proc/mounts", 1, lines, COUNT_OF(lines));

    while (count > mount_count) {
        char *path = lines[--count];
        path[strcspn(path, " ")] = '\0';
        umount2(path, MNT_DETACH);
    }
}

static void undo_swap(void)
{
    char *lines[40];
    size_t count = read_lines("/proc/swaps", 0, lines, COUNT_OF(lines));

    while (count > swap_count) {
        char *path = lines[--count];
        path[strcspn(path, " ")] = '\0';
        swapoff(path);
    }
}

/* Remove every identifier of one kind of System V IPC. */
static void undo_ipc(const char *path, char kind)
{
    char *lines[500];
    size_t count = read_lines(path, 0, lines, COUNT_OF(lines));

    for (size_t i = 1; i < count; i++) {
        int id = -1;
        sscanf(lines[i], "%*d %d", &id);
        if (kind == 'm')
            shmctl(id, IPC_RMID, NULL);
        else if (kind == 's')
            semctl(id, 0, IPC_RMID);
        else
            msgctl(id, IPC_RMID, NULL);
    }
}

static void undo_loops(void)
{
    for (int i = 0; i < LOOP_DEVICES; i++) {
        char path[20];
        snprintf(path, sizeof(path), "/dev/loop%d", i);
        int fd = open(path, O_RDONLY);
        if (fd >= 0)
            ioctl(fd, LOOP_CLR_FD, 0);
        if (fd >= 0)
            close(fd);
    }
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    if (place->level > 0)
        remove(path);
    return 0;
}

static void tidy(void)
{
    undo_swap();
    undo_mounts();
    undo_loops();
    undo_ipc("/proc/sysvipc/shm", 'm');
    undo_ipc("/proc/sysvipc/sem", 's');
    undo_ipc("/proc/sysvipc/msg", 'q');
    restore_settings();
    nftw(SCRATCH, remove_one, 20, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    nftw("/dev/shm", remove_one, 20, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void look_around(void)
{
    char *lines[200];

    mkdir(SCRATCH, 0755);
    expect_ok(chdir(SCRATCH));
    nftw("/proc/sys", note_setting, 20, FTW_PHYS);
    mount_count = read_lines("/proc/mounts", 0, lines, COUNT_OF(lines));
    swap_count = read_lines("/proc/swaps", 0, lines, COUNT_OF(lines));
}

/* ---- memory in use ---- */

struct usage {
    long frames; /* KiB of what is neither free, nor cached, nor in slabs */
    size_t caches;
    long objects[CACHES_MAX];
    char names[CACHES_MAX][20];
};

static void measure(struct usage *usage)
{
    char *lines[CACHES_MAX + 2];

    sync();
    write_file("/proc/sys/vm/drop_caches", "3", 0);
    write_file("/proc/sys/vm/drop_caches", "3", 0);
    usage->frames = memory_kib("MemTotal") - memory_kib("MemFree") - memory_kib("Cached") -
                    memory_kib("Buffers") - memory_kib("Slab");
    usage->caches = read_lines("/proc/slabinfo", 0, lines, COUNT_OF(lines)) - 2;
    for (size_t i = 0; i < usage->caches; i++)
        sscanf(lines[i + 2], "%19s %ld", usage->names[i], &usage->objects[i]);
}

/* What of the kernel's memory is more than before, in words; false: nothing. */
static bool has_grown(const struct usage *before, const struct usage *now, char *words, size_t size)
{
    size_t used = 0;

    words[0] = '\0';
    if (now->frames > before->frames)
        used += (size_t)snprintf(words, size, " %ld KiB", now->frames - before->frames);
    for (size_t i = 0; i < now->caches && used < size; i++)
        if (now->objects[i] > before->objects[i])
            used += (size_t)snprintf(words + used, size - used, " %s+%ld", now->names[i],
                                     now->objects[i] - before->objects[i]);
    return used > 0;
}

/* ---- running ---- */

/* Wait for a process for so many seconds: true, it has ended. */
static bool ends_within(pid_t pid, int seconds)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    struct timespec start, now;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (waitpid(pid, &status, WNOHANG) != 0)
            return true;
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < seconds);
    return false;
}

/* Run one test with failures from the number-th allocation on; false: it could not be ended. */
static bool attempt(const char *program, const char *test, unsigned long number)
{
    char path[PATH_MAX], numbers[60];
    int nothing = expect_ok(open("/dev/null", O_RDWR));
    pid_t pid = expect_ok(fork());

    if (pid == 0) {
        snprintf(path, sizeof(path), "%s/%s", directory, program);
        snprintf(numbers, sizeof(numbers), "%lu %lu", number, every);
        setenv("FAIL_NTH", numbers, 1);
        setpgid(0, 0);
        for (int fd = 0; fd < 3; fd++)
            dup2(nothing, fd);
        execl(path, path, test, (char *)NULL);
        _exit(127);
    }
    setpgid(pid, pid);
    bool ended = ends_within(pid, END_SECONDS);
    kill(-pid, SIGKILL);
    ended = ended || ends_within(pid, END_SECONDS);
    close(nothing);
    tidy();
    runs++;
    return ended;
}

/* How many allocations the kernel has made to fail. */
static long count_failures(void)
{
    static const char name[] = "failures_injected ";

    read_file("/proc/vmstat", text, sizeof(text));
    const char *at = strstr(text, name);
    CHECK(at != NULL);
    return atol(at + strlen(name));
}

static long seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* A round; false: a run could not be ended. */
static bool try_test(const char *program, const char *test)
{
    long end = seconds_now() + seconds, before, failures = 1;
    bool ended = true;

    for (unsigned long n = first; ended && failures > 0 && n < first + every && seconds_now() < end;
         n += 1 + (n - first) / DENSE) {
        before = count_failures();
        ended = attempt(program, test, n);
        failures = count_failures() - before;
    }
    return ended;
}

/* Does every round with the test leave more of the kernel's memory in use? */
static bool leaks(const char *program, const char *test, bool *ended, char *words, size_t size)
{
    static struct usage before, now;
    bool grown = true;

    *ended = attempt(program, test, first); /* caches fill */
    measure(&now);
    for (int round = 0; *ended && grown && round < LEAK_ROUNDS; round++) {
        before = now;
        *ended = try_test(program, test);
        measure(&now);
        grown = has_grown(&before, &now, words, size);
    }
    return grown;
}

/* The names of a program's tests, one a line. */
static void list_tests(const char *program, char *names, size_t size)
{
    char command[PATH_MAX];

    snprintf(command, sizeof(command), "%s/%s -l", directory, program);
    FILE *stream = popen(command, "re");
    CHECK(stream != NULL);
    size_t length = fread(names, 1, size - 1, stream);
    names[length] = '\0';
    CHECK_EQ(pclose(stream), 0);
    CHECK(length > 0);
}

static bool try_program(const char *program)
{
    static char names[NAMES_SIZE];
    char words[400], *rest = NULL;
    bool fine = true, ended;

    list_tests(program, names, sizeof(names));
    for (char *test = strtok_r(names, "\n", &rest); test; test = strtok_r(NULL, "\n", &rest)) {
        bool leaking = leaks(program, test, &ended, words, sizeof(words));
        if (!ended)
            printf("# %s does not end\n", test);
        else if (leaking)
            printf("# %s leaves in use:%s\n", test, words);
        fine &= ended && !leaking;
    }
    return fine;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 6) {
        fprintf(stderr, "usage: helper_failures NUMBER EVERY SECONDS DIRECTORY PROGRAM...\n");
        return 2;
    }
    first = strtoul(argv[1], NULL, 10);
    every = strtoul(argv[2], NULL, 10);
    if (every == 0)
        every = NEVER;
    seconds = atol(argv[3]);
    directory = argv[4];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    look_around();
    printf("1..%d\n", argc - 5);
    for (int i = 5; i < argc; i++) {
        bool fine = try_program(argv[i]);
        printf("%sok %d - %s\n", fine ? "" : "not ", i - 4, argv[i]);
        failed += !fine;
    }
    printf("# %ld failures in %lu runs\n", count_failures(), runs);
    return failed != 0;
}
