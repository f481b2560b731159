/* The files of /proc that programs read: their formats, and that what they say is so. */
#include "tap.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[65536];

/* ---- the system ---- */

/* MemTotal:       24682744 kB */
static void memory_information(void)
{
    static const char *const needed[] = {"MemTotal", "MemFree",   "MemAvailable", "Buffers",
                                         "Cached",   "SwapTotal", "AnonPages",    "Shmem"};

    CHECK(read_file("/proc/meminfo", text, sizeof(text)) > 0);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':'), *end;
        CHECK(colon != NULL && colon[1] == ' ');
        strtoul(colon + 1, &end, 10);
        CHECK(end > colon + 1);
        CHECK(strcmp(end, " kB") == 0 || strcmp(end, "") == 0);
    }
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (memory_kib(needed[i]) < 0)
            fail("%s is missing", needed[i]);
    CHECK(memory_kib("MemTotal") > 4096);
    CHECK(memory_kib("MemFree") > 0 && memory_kib("MemFree") < memory_kib("MemTotal"));
    CHECK(memory_kib("MemAvailable") <= memory_kib("MemTotal"));
}

/* name active total size per-slab pages : tunables 3 numbers : slabdata 3 numbers */
static void slab_information(void)
{
    unsigned long active, total, size, in_use, slabs;
    char name[64];
    int caches = 0;

    if (access("/proc/slabinfo", R_OK) != 0)
        skip("not readable");
    CHECK(read_file("/proc/slabinfo", text, sizeof(text)) > 0);
    CHECK_STRING(strtok(text, "\n"), "slabinfo - version: 2.1");
    CHECK(strncmp(strtok(NULL, "\n"), "# name ", 7) == 0);
    for (char *line = strtok(NULL, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK_EQ(sscanf(line,
                        "%63s %lu %lu %lu %*u %*u : tunables %*u %*u %*u : slabdata %lu %lu %*u",
                        name, &active, &total, &size, &in_use, &slabs),
                 6);
        CHECK(size > 0 && active <= total && in_use <= slabs);
        caches++;
    }
    CHECK(caches > 10);
}

/* Memory that is taken is missing in MemFree, and comes back. */
static void take_memory(void *argument)
{
    const size_t size = 12 << 20;
    long before = (long)(intptr_t)argument;
    char *memory = map_pages(size / PAGE);

    memset(memory, 1, size);
    if (memory_kib("MemTotal") < 512 * 1024) /* on a larger machine others take and give as well */
        CHECK(memory_kib("MemFree") < before - 6 * 1024);
}

static void free_memory_moves(void)
{
    long before = memory_kib("MemFree");

    if (before < 16 * 1024)
        skip("less than 16 MiB are free");
    expect_child_ok(take_memory, (void *)(intptr_t)before);
}

/* device directory type options 0 0 */
static void mounts(void)
{
    char device[256], directory[256], type[64], options[512];
    int dump, pass;
    bool root = false, proc = false;

    CHECK(read_file("/proc/mounts", text, sizeof(text)) > 0);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK_EQ(sscanf(line, "%255s %255s %63s %511s %d %d", device, directory, type, options,
                        &dump, &pass),
                 6);
        CHECK_EQ(directory[0], '/');
        CHECK(strncmp(options, "rw", 2) == 0 || strncmp(options, "ro", 2) == 0);
        root |= strcmp(directory, "/") == 0;
        proc |= strcmp(directory, "/proc") == 0 && strcmp(type, "proc") == 0;
    }
    CHECK(root && proc);
}

/* id parent major:minor root directory options ... - type source options; the mounts are those of
 * mounts, each with a number of its own, and statx(2) tells the number. */
static void mount_information(void)
{
    unsigned id, parent, major, minor, root_id = 0, proc_id = 0, proc_parent = 0, count = 0;
    char root[256], directory[256], options[512];
    struct statx status;

    CHECK(read_file("/proc/self/mountinfo", text, sizeof(text)) > 0);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), count++) {
        CHECK_EQ(sscanf(line, "%u %u %u:%u %255s %255s %511s", &id, &parent, &major, &minor, root,
                        directory, options),
                 7);
        char *dash = strstr(line, " - ");
        CHECK(dash != NULL);
        CHECK(root[0] == '/' && directory[0] == '/');
        CHECK(strncmp(options, "rw", 2) == 0 || strncmp(options, "ro", 2) == 0);
        if (strcmp(directory, "/") == 0)
            root_id = id;
        if (strcmp(directory, "/proc") == 0 && strncmp(dash, " - proc ", 8) == 0) {
            proc_id = id;
            proc_parent = parent;
        }
    }
    CHECK(root_id != 0 && proc_id != 0 && proc_id != root_id);
    CHECK_EQ(proc_parent, root_id);
    expect_ok(statx(AT_FDCWD, "/proc/meminfo", 0, STATX_MNT_ID, &status));
    CHECK(status.stx_mask & STATX_MNT_ID);
    CHECK_EQ(status.stx_mnt_id, proc_id);
    CHECK(read_file("/proc/self/mounts", text, sizeof(text)) > 0);
    for (char *line = text; (line = strchr(line, '\n')) != NULL; line++)
        count--;
    CHECK_EQ(count, 0);
}

/* processor	: 0      one for each, numbered */
static void processors(void)
{
    int expected = 0, found;

    CHECK(read_file("/proc/cpuinfo", text, sizeof(text)) > 0);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK(strchr(line, ':') != NULL);
        if (sscanf(line, "processor\t: %d", &found) == 1)
            CHECK_EQ(found, expected++);
    }
    CHECK(expected >= 1);
}

/* 1234.56 2345.67 */
static void uptime(void)
{
    double first, second, idle;

    read_file("/proc/uptime", text, sizeof(text));
    CHECK_EQ(sscanf(text, "%lf %lf", &first, &idle), 2);
    CHECK(first > 0 && idle >= 0);
    CHECK(strchr(text, '.') != NULL && text[strlen(text) - 1] == '\n');
    usleep(30000);
    read_file("/proc/uptime", text, sizeof(text));
    CHECK_EQ(sscanf(text, "%lf %lf", &second, &idle), 2);
    CHECK(second > first);
}

/* cpu  user nice system idle iowait irq softirq steal guest guest_nice, and one line for each hart,
 * whose sum it is; then intr, ctxt, btime, processes, procs_running, procs_blocked. */
static void kernel_statistics(void)
{
    static const char *const needed[] = {"intr ",      "ctxt ",          "btime ",
                                         "processes ", "procs_running ", "procs_blocked "};
    unsigned long long all[10], sum[10] = {0};
    long harts = 0, number;

    CHECK(read_file("/proc/stat", text, sizeof(text)) > 0);
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        const char *line = strstr(text, needed[i]);
        CHECK(line != NULL && line[-1] == '\n');
    }
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long long t[10];
        if (strncmp(line, "cpu", 3) != 0)
            break;
        CHECK_EQ(sscanf(strchr(line, ' '), " %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", t,
                        t + 1, t + 2, t + 3, t + 4, t + 5, t + 6, t + 7, t + 8, t + 9),
                 10);
        if (line[3] == ' ') {
            memcpy(all, t, sizeof(all));
            continue;
        }
        CHECK_EQ(sscanf(line, "cpu%ld ", &number), 1);
        harts++;
        for (int i = 0; i < 10; i++)
            sum[i] += t[i];
    }
    CHECK_EQ(harts, sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < 4; i++) /* time passes, and is rounded down */
        CHECK(sum[i] + 1000 > all[i] && sum[i] < all[i] + 1000);
}

static unsigned long long busy_time(void)
{
    unsigned long long user, nice, system;

    read_file("/proc/stat", text, sizeof(text));
    CHECK_EQ(sscanf(text, "cpu %llu %llu %llu", &user, &nice, &system), 3);
    return user + nice + system;
}

/* A process that computes without a system call is seen to. */
static void times_move(void)
{
    unsigned long long before = busy_time();
    pid_t pid = expect_ok(fork());

    if (pid == 0)
        for (volatile int i = 0;; i++)
            ;
    while (busy_time() < before + 5)
        usleep(10000);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

/* major minor name, and 11 numbers at least; what is in no cache must be read. */
static void disk_statistics(void)
{
    unsigned major, minor, disks = 0;
    unsigned long long numbers[11];
    char name[64];

    CHECK(read_file("/proc/diskstats", text, sizeof(text)) > 0);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long long *n = numbers;
        CHECK_EQ(sscanf(line, "%u %u %63s %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu",
                        &major, &minor, name, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7,
                        n + 8, n + 9, n + 10),
                 14);
        CHECK(numbers[2] >= numbers[0]); /* a request has a sector at least */
        disks += numbers[0] > 0;
    }
    CHECK(disks > 0);
}

static void interrupts(void)
{
    long harts = 0;
    char *line, *saved;

    CHECK(read_file("/proc/interrupts", text, sizeof(text)) > 0);
    line = strtok_r(text, "\n", &saved);
    for (char *at = line; (at = strstr(at, "CPU")) != NULL; at += 3)
        harts++;
    CHECK_EQ(harts, sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(strtok_r(NULL, "\n", &saved) != NULL);
}

/* ---- processes ---- */

/* Field number (1 is the pid) of a process's stat; the name may hold anything, so the fields after
 * it are counted from its last parenthesis. */
static const char *stat_field(const char *line, int number)
{
    const char *at = strrchr(line, ')');

    CHECK(at != NULL && number >= 3);
    at += 2;
    for (int field = 3; field < number; field++) {
        at = strchr(at, ' ');
        CHECK(at != NULL);
        at++;
    }
    return at;
}

static long stat_number(const char *line, int number)
{
    return strtol(stat_field(line, number), NULL, 10);
}

static void read_of(pid_t pid, const char *file)
{
    char name[64];

    snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, file);
    CHECK(read_file(name, text, sizeof(text)) > 0);
}

static void own_stat(void)
{
    char name[32], expected[32];
    int pid;

    read_file("/proc/self/stat", text, sizeof(text));
    CHECK_EQ(sscanf(text, "%d (%31[^)])", &pid, name), 2);
    CHECK_EQ(pid, getpid());
    snprintf(expected, sizeof(expected), "%.15s", strrchr(self_path(), '/') + 1);
    CHECK_STRING(name, expected);
    CHECK_EQ(stat_field(text, 3)[0], 'R');
    CHECK_EQ(stat_number(text, 4), getppid());
    CHECK_EQ(stat_number(text, 5), getpgrp());
    CHECK_EQ(stat_number(text, 6), getsid(0));
    CHECK_EQ(stat_number(text, 20), 1); /* threads */
    CHECK(stat_number(text, 23) > 0);   /* bytes of address space */
    CHECK(stat_number(text, 24) > 0);   /* pages resident */
    stat_field(text, 52);               /* there are as many as that */
    CHECK_EQ(text[strlen(text) - 1], '\n');
    int spaces = 0;
    for (const char *at = strrchr(text, ')'); *at; at++)
        spaces += *at == ' ';
    CHECK_EQ(spaces, 50);
}

static void wait_in_pipe(void *argument)
{
    sign_await(argument);
}

static void wait_for_state(pid_t pid, char state)
{
    for (int i = 0; i < 2000; i++) {
        read_of(pid, "stat");
        if (stat_field(text, 3)[0] == state)
            return;
        usleep(5000);
    }
    fail("state is %c, not %c", stat_field(text, 3)[0], state);
}

static void states(void)
{
    struct sign go;

    sign_open(&go);
    pid_t pid = spawn(wait_in_pipe, &go);
    wait_for_state(pid, 'S');
    CHECK_EQ(stat_number(text, 4), getpid());
    expect_ok(kill(pid, SIGSTOP));
    wait_for_state(pid, 'T');
    expect_ok(kill(pid, SIGCONT));
    wait_for_state(pid, 'S');
    sign_send(&go);
    wait_for_state(pid, 'Z');
    CHECK_EQ(stat_number(text, 23), 0); /* a zombie has no memory */
    read_of(pid, "status");
    CHECK(strstr(text, "\nState:\tZ (zombie)\n") != NULL);
    expect_exited(reap(pid), 0);
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    expect_errno(open(name, O_RDONLY), ENOENT);
}

/* The text behind "NAME:\t" in status. */
static const char *status_field(const char *name)
{
    static char line[64];
    const char *at;

    read_file("/proc/self/status", text, sizeof(text));
    snprintf(line, sizeof(line), "%s:\t", name);
    at = strncmp(text, line, strlen(line)) == 0 ? text : NULL;
    for (const char *next = text; at == NULL && (next = strchr(next, '\n')) != NULL; next++)
        if (strncmp(next + 1, line, strlen(line)) == 0)
            at = next + 1;
    if (at == NULL)
        fail("status has no %s", name);
    return at + strlen(line);
}

static long status_number(const char *name)
{
    return strtol(status_field(name), NULL, 10);
}

static void own_status(void)
{
    int ids[4];
    char name[32];

    snprintf(name, sizeof(name), "%.15s\n", strrchr(self_path(), '/') + 1);
    CHECK(strncmp(status_field("Name"), name, strlen(name)) == 0);
    CHECK(strncmp(status_field("State"), "R (running)\n", 12) == 0);
    CHECK_EQ(status_number("Pid"), getpid());
    CHECK_EQ(status_number("Tgid"), getpid());
    CHECK_EQ(status_number("PPid"), getppid());
    CHECK_EQ(sscanf(status_field("Uid"), "%d\t%d\t%d\t%d\n", ids, ids + 1, ids + 2, ids + 3), 4);
    CHECK(ids[0] == (int)getuid() && ids[1] == (int)geteuid());
    CHECK_EQ(sscanf(status_field("Gid"), "%d\t%d\t%d\t%d\n", ids, ids + 1, ids + 2, ids + 3), 4);
    CHECK(ids[0] == (int)getgid() && ids[1] == (int)getegid());
    CHECK_EQ(status_number("Threads"), 1);
    const char *size = status_field("VmSize");
    CHECK(strncmp(size + strspn(size, " 0123456789"), "kB\n", 3) == 0);
}

static void sizes_move(void)
{
    long size = status_number("VmSize"), resident = status_number("VmRSS");
    char *memory = map_pages(2048);

    CHECK_EQ(status_number("VmSize"), size + 8192); /* mapped ... */
    CHECK(status_number("VmRSS") < resident + 2048);
    memset(memory, 1, 2048 * PAGE / 2);
    CHECK(status_number("VmRSS") >= resident + 3072); /* ... and touched; Linux counts in batches */
    expect_ok(munmap(memory, 2048 * PAGE));
    CHECK_EQ(status_number("VmSize"), size);
    CHECK(status_number("VmRSS") <= resident + 1024);
}

/* ---- the directory ---- */

static bool lists(const char *path, const char *name)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool found = false;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        found |= strcmp(entry->d_name, name) == 0;
    closedir(directory);
    return found;
}

static void listing(void)
{
    static const char *const files[] = {"meminfo", "mounts", "cpuinfo", "uptime", "self"};
    static const char *const of_process[] = {"maps", "stat", "status"};
    char name[32];

    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (!lists("/proc", files[i]))
            fail("/proc does not list %s", files[i]);
    for (size_t i = 0; i < COUNT_OF(of_process); i++)
        if (!lists("/proc/self", of_process[i]))
            fail("/proc/self does not list %s", of_process[i]);
    snprintf(name, sizeof(name), "%d", (int)getpid());
    CHECK(lists("/proc", name));
    CHECK(lists("/proc", "1"));
    struct sign go;
    sign_open(&go);
    pid_t pid = spawn(wait_in_pipe, &go);
    snprintf(name, sizeof(name), "%d", (int)pid);
    CHECK(lists("/proc", name));
    sign_send(&go);
    expect_exited(reap(pid), 0);
    CHECK(!lists("/proc", name));
}

static void self_is_a_link(void)
{
    char target[32] = "", expected[16];
    struct stat status;

    expect_ok(readlink("/proc/self", target, sizeof(target) - 1));
    snprintf(expected, sizeof(expected), "%d", (int)getpid());
    CHECK_STRING(target, expected);
    expect_ok(stat("/proc/self", &status));
    CHECK(S_ISDIR(status.st_mode));
    expect_ok(stat("/proc/meminfo", &status));
    CHECK(S_ISREG(status.st_mode));
    CHECK_EQ(status.st_size, 0);
    CHECK_EQ(status.st_mode & 0222, 0);
}

static void what_is_not_there(void)
{
    struct stat status;

    expect_errno(stat("/proc/none", &status), ENOENT);
    expect_errno(stat("/proc/99999999", &status), ENOENT);
    expect_errno(stat("/proc/self/none", &status), ENOENT);
    expect_errno(stat("/proc/0", &status), ENOENT);
    expect_errno(stat("/proc/01", &status), ENOENT);
    expect_errno(stat("/proc/self/stat/x", &status), ENOTDIR);
    expect_errno(open("/proc", O_WRONLY), EISDIR);
}

/* A file is read in pieces, and from the start again after lseek. */
static void reading_in_pieces(void)
{
    char piece[8];
    size_t length = read_file("/proc/mounts", text, sizeof(text)), at = 0;
    int fd = expect_ok(open("/proc/mounts", O_RDONLY));
    ssize_t count;

    while ((count = expect_ok(read(fd, piece, 7))) > 0) {
        CHECK(memcmp(piece, text + at, (size_t)count) == 0);
        at += (size_t)count;
    }
    CHECK_EQ(at, length);
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(read(fd, piece, 7), 7);
    CHECK(memcmp(piece, text + 3, 7) == 0);
    CHECK_EQ(pread(fd, piece, 7, 5), 7);
    CHECK(memcmp(piece, text + 5, 7) == 0);
}

/* Processes come and go while everything is read. */
static void come_and_go(void *argument)
{
    (void)argument;
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid > 0)
            reap(pid);
    }
}

static void reading_while_processes_change(void)
{
    struct dirent *entry;
    int status;

    pid_t pid = spawn(come_and_go, NULL);
    do {
        DIR *directory = opendir("/proc");
        CHECK(directory != NULL);
        while ((entry = readdir(directory)) != NULL) {
            char name[300];
            snprintf(name, sizeof(name), "/proc/%.200s/stat", entry->d_name);
            int fd = isdigit((unsigned char)entry->d_name[0]) ? open(name, O_RDONLY) : -1;
            if (fd < 0)
                continue;
            ssize_t count = read(fd, text, sizeof(text));
            CHECK(count > 0 || (count < 0 && errno == ESRCH));
            close(fd);
        }
        closedir(directory);
    } while (expect_ok(waitpid(pid, &status, WNOHANG)) == 0);
    expect_exited(status, 0);
}

/* What the kernel has, compressed with gzip; told in pieces as a whole. */
static void features(void)
{
    unsigned char whole[65536], piece[1];
    int fd = open("/proc/config.gz", O_RDONLY);

    if (fd < 0)
        skip("not here");
    ssize_t size = expect_ok(read(fd, whole, sizeof(whole)));
    CHECK(size > 20 && whole[0] == 0x1f && whole[1] == 0x8b);
    CHECK_EQ(read(fd, piece, 1), 0);
    CHECK_EQ(pread(fd, piece, 1, size - 1), 1);
    CHECK_EQ(piece[0], whole[size - 1]);
}

static const struct test tests[] = {
    TEST(memory_information),
    TEST(slab_information),
    TEST(free_memory_moves),
    TEST(mounts),
    TEST(mount_information),
    TEST(processors),
    TEST(uptime),
    TEST(kernel_statistics),
    TEST(times_move),
    TEST(disk_statistics),
    TEST(interrupts),
    TEST(own_stat),
    TEST(states),
    TEST(own_status),
    TEST(sizes_move),
    TEST(listing),
    TEST(self_is_a_link),
    TEST(what_is_not_there),
    TEST(reading_in_pieces),
    TEST(reading_while_processes_change),
    TEST(features),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
