/* /proc/PID: what a process is asked there, and what can be set. */
#include "tap.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USER  1234
#define OTHER 2345

static char text[65536];

static const char *contents(const char *name)
{
    read_file(name, text, sizeof(text));
    return text;
}

/* write(2) of the whole value: 0, or the errno of open or write. */
static int set(const char *name, const char *value)
{
    int fd = open(name, O_WRONLY | O_TRUNC), error = errno;

    if (fd < 0)
        return error;
    error = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : errno;
    close(fd);
    return error;
}

/* ---- names ---- */

static void command(void)
{
    char name[16];

    CHECK_EQ(set("/proc/self/comm", "changed"), 0);
    CHECK_STRING(contents("/proc/self/comm"), "changed\n");
    expect_ok(prctl(PR_GET_NAME, name));
    CHECK_STRING(name, "changed");
    CHECK_EQ(set("/proc/self/comm", "longer than fifteen characters"), 0);
    CHECK_STRING(contents("/proc/thread-self/comm"), "longer than fif\n");
    expect_ok(prctl(PR_SET_NAME, "back"));
    CHECK_STRING(contents("/proc/self/comm"), "back\n");
    CHECK_EQ(set("/proc/1/comm", "x"), geteuid() == 0 ? EINVAL : EACCES);
}

/* Field 48 or 49 of stat: where the arguments begin and end. */
static char *argument_edge(int number)
{
    const char *at = strrchr(contents("/proc/self/stat"), ')') + 1;

    for (int field = 3; field < number; field++)
        at = strchr(at + 1, ' ');
    return (char *)(uintptr_t)strtoul(at, NULL, 10);
}

/* A title over the arguments, and one that is longer than they are. */
static void title(void)
{
    char *start = argument_edge(48), *end = argument_edge(49), expected[4096];
    size_t size = (size_t)(end - start);

    CHECK(size > 0 && size + 8 < sizeof(expected));
    CHECK_EQ(read_file("/proc/self/cmdline", text, sizeof(text)), size);
    CHECK(memcmp(text, start, size) == 0);
    memset(start, 'x', size + 5);
    start[size + 5] = '\0';
    memset(expected, 'x', size + 5);
    CHECK_EQ(read_file("/proc/self/cmdline", text, sizeof(text)), size + 6);
    CHECK(memcmp(text, expected, size + 5) == 0);
}

static void auxiliary_vector(void)
{
    size_t size = read_file("/proc/self/auxv", text, sizeof(text));
    const Elf64_auxv_t *vector = (const Elf64_auxv_t *)text;
    size_t count = size / sizeof(*vector);

    CHECK(count > 10 && size % sizeof(*vector) == 0);
    for (size_t i = 0; i < count && vector[i].a_type != AT_NULL; i++) {
        uint64_t type = vector[i].a_type; /* libraries have their own idea of AT_HWCAP2 */
        if (type == AT_PHDR || type == AT_ENTRY || type == AT_PAGESZ || type == AT_RANDOM ||
            type == AT_EXECFN || type == AT_UID)
            CHECK_EQ(vector[i].a_un.a_val, getauxval(type));
    }
    CHECK_EQ(vector[count - 1].a_type, AT_NULL);
}

static void constants(void)
{
    CHECK_STRING(contents("/proc/self/personality"), "00000000\n");
    CHECK(strstr(contents("/proc/self/uid_map"), "         0          0 4294967295\n") == text);
    CHECK_STRING(contents("/proc/self/setgroups"), "allow\n");
    CHECK_STRING(contents("/proc/self/wchan"), "0");
    CHECK(strstr(contents("/proc/self/cgroup"), ":/") != NULL);
    CHECK_STRING(contents("/proc/self/timerslack_ns"), "50000\n");
    CHECK_EQ(set("/proc/self/timerslack_ns", "1000\n"), 0);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
    CHECK_EQ(set("/proc/self/timerslack_ns", "x"), EINVAL);
}

/* ---- memory ---- */

static void memory_file(void)
{
    char *memory = map_pages(3), buffer[64];
    int fd = expect_ok(open("/proc/self/mem", O_RDWR));

    memset(memory, 'a', 3 * PAGE);
    expect_ok(munmap(memory + 2 * PAGE, PAGE));
    CHECK_EQ(pread(fd, buffer, 10, (off_t)(intptr_t)memory), 10);
    CHECK(all_bytes(buffer, 'a', 10));
    CHECK_EQ(pwrite(fd, "hello", 5, (off_t)(intptr_t)(memory + PAGE - 2)), 5); /* over two pages */
    CHECK(memcmp(memory + PAGE - 3, "ahelloa", 7) == 0);
    CHECK_EQ(pread(fd, buffer, 64, (off_t)(intptr_t)(memory + 2 * PAGE - 10)),
             10); /* up to a hole */
    expect_errno(pread(fd, buffer, 10, (off_t)(intptr_t)(memory + 2 * PAGE)), EIO);
    expect_errno(pwrite(fd, "x", 1, (off_t)(intptr_t)(memory + 2 * PAGE)), EIO);
    CHECK_EQ(lseek(fd, (off_t)(intptr_t)memory, SEEK_SET), (off_t)(intptr_t)memory);
    CHECK_EQ(read(fd, buffer, 3), 3);
}

static void waits(void *argument)
{
    struct sign *ready = argument;

    sign_send(ready);
    for (;;)
        pause();
}

static volatile long shared_number = 5;

static void memory_of_another(void)
{
    char name[64];
    struct sign ready;
    long number = 0;

    sign_open(&ready);
    pid_t pid = spawn(waits, &ready);
    sign_await(&ready);
    shared_number = 7; /* ours, not the child's */
    snprintf(name, sizeof(name), "/proc/%d/mem", (int)pid);
    int fd = expect_ok(open(name, O_RDONLY));
    CHECK_EQ(pread(fd, &number, sizeof(number), (off_t)(intptr_t)&shared_number), sizeof(number));
    CHECK_EQ(number, 5);
    expect_errno(pwrite(fd, "x", 1, (off_t)(intptr_t)&shared_number), EBADF);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
    CHECK(pread(fd, &number, sizeof(number), (off_t)(intptr_t)&shared_number) <= 0);
}

/* A field of smaps or smaps_rollup, in KiB. */
static long kib(const char *from, const char *name)
{
    char line[64];
    snprintf(line, sizeof(line), "\n%s:", name);
    const char *at = strstr(from, line);
    if (at == NULL)
        fail("no %s", name);
    return strtol(at + strlen(line), NULL, 10);
}

static void shares(void)
{
    static const char *const names[] = {
        "Size",          "KernelPageSize", "MMUPageSize",  "Rss",
        "Pss",           "Shared_Clean",   "Shared_Dirty", "Private_Clean",
        "Private_Dirty", "Referenced",     "Anonymous",    "AnonHugePages",
        "Swap",          "SwapPss",        "Locked",       "THPeligible"};
    char *memory = map_pages(16), address[64];
    struct sign ready;

    memset(memory, 1, 8 * PAGE);
    snprintf(address, sizeof(address), "%lx-", (unsigned long)(uintptr_t)memory);
    sign_open(&ready);
    const char *entry = strstr(contents("/proc/self/smaps"), address);
    CHECK(entry != NULL);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        kib(entry, names[i]);
    CHECK_EQ(kib(entry, "Size"), 64);
    CHECK_EQ(kib(entry, "Rss"), 32);
    CHECK_EQ(kib(entry, "Pss"), 32);
    CHECK_EQ(kib(entry, "Private_Dirty"), 32);
    CHECK_EQ(kib(entry, "Anonymous"), 32);
    const char *flags = strstr(entry, "\nVmFlags: ");
    CHECK(flags != NULL && strncmp(flags, "\nVmFlags: rd wr mr mw me ", 25) == 0);
    pid_t pid = spawn(waits, &ready); /* now it shares them */
    sign_await(&ready);
    entry = strstr(contents("/proc/self/smaps"), address);
    CHECK_EQ(kib(entry, "Rss"), 32);
    CHECK_EQ(kib(entry, "Pss"), 16);
    CHECK_EQ(kib(entry, "Shared_Dirty"), 32);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void sum_up(long *resident, long *private_dirty)
{
    *resident = *private_dirty = 0;
    contents("/proc/self/smaps");
    for (const char *at = text; (at = strstr(at, "\nSize:")) != NULL; at++) {
        *resident += kib(at, "Rss");
        *private_dirty += kib(at, "Private_Dirty");
    }
    contents("/proc/self/smaps_rollup");
}

static void sum_of_shares(void)
{
    long resident, private_dirty;

    memset(text, 1, sizeof(text));
    for (int i = 0; i < 3; i++) /* all that this needs is in memory then */
        sum_up(&resident, &private_dirty);
    CHECK(strstr(text, "[rollup]\n") != NULL);
    CHECK_EQ(kib(text, "Rss"), resident);
    CHECK_EQ(kib(text, "Private_Dirty"), private_dirty);
    CHECK(kib(text, "Pss_Anon") + kib(text, "Pss_File") + kib(text, "Pss_Shmem") <=
          kib(text, "Pss") + 2);
}

static uint64_t page_entry(int fd, const void *address)
{
    uint64_t entry;
    off_t offset = (off_t)((uintptr_t)address / PAGE * sizeof(entry));

    CHECK_EQ(pread(fd, &entry, sizeof(entry), offset), sizeof(entry));
    return entry;
}

static void page_map(void)
{
    char *memory = map_pages(2);
    int fd = expect_ok(open("/proc/self/pagemap", O_RDONLY));
    uint64_t entry;

    memory[0] = 1;
    CHECK_EQ(page_entry(fd, memory) >> 61, 4);     /* present, neither of a file nor swapped */
    CHECK_EQ(page_entry(fd, memory) >> 56 & 1, 1); /* exclusively mapped */
    CHECK_EQ(page_entry(fd, memory + PAGE) >> 61, 0);
    CHECK_EQ(page_entry(fd, (void *)(uintptr_t)PAGE), 0); /* nothing is there */
    int file = pattern_file("file", PAGE);
    char *mapped = expect_ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0));
    CHECK(*(volatile char *)mapped);
    CHECK_EQ(page_entry(fd, mapped) >> 61, 5);
    expect_errno(pread(fd, &entry, 4, 0), EINVAL);
    expect_errno(pread(fd, &entry, 8, 4), EINVAL);
    if (geteuid() == 0) {
        expect_ok(setresuid(USER, USER, USER));
        expect_ok(prctl(PR_SET_DUMPABLE, 1));
        fd = expect_ok(open("/proc/self/pagemap", O_RDONLY));
        CHECK_EQ(page_entry(fd, memory) & ((1ul << 55) - 1), 0); /* no frames for all */
    }
}

/* ---- descriptors ---- */

static void descriptors(void)
{
    char name[64], target[256];
    struct stat status;
    unsigned flags;
    long position;

    write_file("file", "hello world", 0644);
    int fd = expect_ok(open("file", O_RDWR | O_APPEND));
    expect_ok(lseek(fd, 5, SEEK_SET));
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    expect_ok(lstat(name, &status));
    CHECK_EQ(status.st_mode, S_IFLNK | 0700);
    ssize_t length = expect_ok(readlink(name, target, sizeof(target) - 1));
    target[length] = '\0';
    CHECK_STRING(strrchr(target, '/'), "/file");
    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    contents(name);
    CHECK_EQ(sscanf(text, "pos:\t%ld\nflags:\t%o\nmnt_id:", &position, &flags), 2);
    CHECK_EQ(position, 5);
    CHECK_EQ(flags & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
    expect_ok(stat("file", &status));
    CHECK_EQ(strtoul(strstr(text, "ino:\t") + 5, NULL, 10), status.st_ino);
    close(fd);
    fd = expect_ok(open("file", O_RDONLY));
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    expect_ok(lstat(name, &status));
    CHECK_EQ(status.st_mode, S_IFLNK | 0500);
    close(fd);
    expect_errno(lstat(name, &status), ENOENT);
    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    expect_errno(open(name, O_RDONLY), ENOENT);
}

static void namespaces(void)
{
    static const char *const names[] = {"mnt", "pid", "user", "uts", "net", "ipc"};
    char name[64], target[64], expected[16];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(name, sizeof(name), "/proc/self/ns/%s", names[i]);
        ssize_t length = expect_ok(readlink(name, target, sizeof(target) - 1));
        target[length] = '\0';
        snprintf(expected, sizeof(expected), "%s:[", names[i]);
        CHECK(strncmp(target, expected, strlen(expected)) == 0);
        CHECK_EQ(target[length - 1], ']');
        struct stat status, other;
        expect_ok(stat(name, &status));
        CHECK_EQ(strtoul(target + strlen(expected), NULL, 10), status.st_ino);
        int fd = expect_ok(open(name, O_RDONLY));
        expect_ok(fstat(fd, &other));
        CHECK(other.st_ino == status.st_ino && other.st_dev == status.st_dev);
        expect_errno(read(fd, target, 1), EINVAL);
        close(fd);
    }
}

/* ---- memory that is short ---- */

static void adjustment(void)
{
    CHECK(atoi(contents("/proc/self/oom_score")) >= 0);
    CHECK_EQ(set("/proc/self/oom_score_adj", "500\n"), 0);
    CHECK_STRING(contents("/proc/self/oom_score_adj"), "500\n");
    CHECK_STRING(contents("/proc/self/oom_adj"), "8\n");
    CHECK(atoi(contents("/proc/self/oom_score")) >= 900);
    CHECK_EQ(set("/proc/self/oom_score_adj", "1000"), 0);
    CHECK_STRING(contents("/proc/self/oom_adj"), "15\n");
    CHECK_EQ(set("/proc/self/oom_score_adj", "1001"), EINVAL);
    CHECK_EQ(set("/proc/self/oom_score_adj", "-1001"), EINVAL);
    CHECK_EQ(set("/proc/self/oom_score_adj", "5x"), EINVAL);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(strcmp(contents("/proc/self/oom_score_adj"), "1000\n") != 0);
    expect_exited(reap(pid), 0);
}

/* ---- status ---- */

static const char *field(const char *name)
{
    char line[64];
    snprintf(line, sizeof(line), "\n%s:\t", name);
    const char *at = strstr(text, line);
    if (at == NULL)
        fail("no %s", name);
    return at + strlen(line);
}

static void status_fields(void)
{
    static const char *const names[] = {
        "Umask",     "State",  "Tgid",   "Ngid",   "Pid",    "PPid",         "TracerPid",
        "Uid",       "Gid",    "FDSize", "Groups", "NStgid", "NSpid",        "NSpgid",
        "NSsid",     "VmSize", "VmRSS",  "VmData", "VmExe",  "Threads",      "SigQ",
        "SigPnd",    "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh",       "CapPrm",
        "CapEff",    "CapBnd", "CapAmb", "VmPTE",  "VmSwap", "Cpus_allowed", "Cpus_allowed_list",
        "NoNewPrivs"};
    const char *last = text;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    signal(SIGUSR2, SIG_IGN);
    expect_ok(raise(SIGUSR1));
    expect_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    contents("/proc/self/status");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(field(names[i]) > last);
    CHECK_EQ(strtoul(field("SigBlk"), NULL, 16), 1ul << (SIGUSR1 - 1));
    CHECK_EQ(strtoul(field("SigIgn"), NULL, 16) & (1ul << (SIGUSR2 - 1)), 1ul << (SIGUSR2 - 1));
    CHECK_EQ((strtoul(field("SigPnd"), NULL, 16) | strtoul(field("ShdPnd"), NULL, 16)),
             1ul << (SIGUSR1 - 1));
    CHECK_EQ(atoi(field("NoNewPrivs")), 1);
    CHECK_EQ(atoi(field("NSpid")), getpid());
}

/* What was the most stays, and getrusage(2) tells it as well. */
static void peaks(void)
{
    contents("/proc/self/status");
    long size = atol(field("VmSize"));
    char *memory = map_pages(2048);
    struct rusage usage;

    memset(memory, 1, 2048 * PAGE);
    expect_ok(munmap(memory, 2048 * PAGE));
    contents("/proc/self/status");
    CHECK(atol(field("VmPeak")) >= size + 8192);
    CHECK(atol(field("VmSize")) < size + 4096);
    CHECK(atol(field("VmHWM")) >= 8192);
    CHECK(atol(field("VmRSS")) < 8192);
    CHECK_EQ(atol(field("RssAnon")) + atol(field("RssFile")) + atol(field("RssShmem")),
             atol(field("VmRSS")));
    expect_ok(getrusage(RUSAGE_SELF, &usage));
    CHECK(usage.ru_maxrss >= 8192);
}

/* ---- threads ---- */

struct worker {
    int id;
    struct sign ready, go;
};

static void *work(void *argument)
{
    struct worker *worker = argument;

    worker->id = (int)syscall(SYS_gettid);
    prctl(PR_SET_NAME, "worker");
    sign_send(&worker->ready);
    sign_await(&worker->go);
    return NULL;
}

static int count_entries(const char *name)
{
    DIR *directory = opendir(name);
    struct dirent *entry;
    int count = 0;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void threads(void)
{
    struct worker worker;
    pthread_t thread;
    char name[64], target[64], expected[64];

    sign_open(&worker.ready);
    sign_open(&worker.go);
    CHECK_EQ(count_entries("/proc/self/task"), 1);
    CHECK_EQ(pthread_create(&thread, NULL, work, &worker), 0);
    sign_await(&worker.ready);
    CHECK_EQ(count_entries("/proc/self/task"), 2);
    snprintf(name, sizeof(name), "/proc/self/task/%d/comm", worker.id);
    CHECK_STRING(contents(name), "worker\n");
    CHECK_EQ(set(name, "renamed"), 0);
    CHECK_STRING(contents(name), "renamed\n");
    CHECK(strcmp(contents("/proc/self/comm"), "renamed\n") != 0);
    snprintf(name, sizeof(name), "/proc/self/task/%d/status", worker.id);
    contents(name);
    CHECK_EQ(atoi(field("Pid")), worker.id);
    CHECK_EQ(atoi(field("Tgid")), getpid());
    CHECK_EQ(atoi(field("Threads")), 2);
    snprintf(name, sizeof(name), "/proc/%d/stat", worker.id); /* not listed, but there */
    CHECK_EQ(atoi(contents(name)), worker.id);
    snprintf(name, sizeof(name), "/proc/1/task/%d/stat", worker.id);
    expect_errno(open(name, O_RDONLY), ENOENT);
    ssize_t length = expect_ok(readlink("/proc/thread-self", target, sizeof(target) - 1));
    target[length] = '\0';
    snprintf(expected, sizeof(expected), "%d/task/%d", (int)getpid(), (int)getpid());
    CHECK_STRING(target, expected);
    sign_send(&worker.go);
    CHECK_EQ(pthread_detach(thread), 0);
    snprintf(name, sizeof(name), "/proc/self/task/%d", worker.id);
    while (access(name, F_OK) == 0) /* until it has ended */
        usleep(1000);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(count_entries("/proc/self/task"), 1);
    CHECK_EQ(chdir("/proc/self/task"), 0);
    CHECK_EQ(access("../status", F_OK), 0);
}

/* ---- what it has read and written ---- */

static uint64_t moved(const char *file, const char *what)
{
    const char *line = strstr(contents(file), what);

    CHECK(line);
    return strtoul(strchr(line, ':') + 1, NULL, 10);
}

/* Bytes and calls since the last time; telling them is two reads, to the end, that are not told
 * yet.
 */
static void expect_moved(uint64_t bytes_read, uint64_t written, uint64_t reads, uint64_t writes)
{
    static uint64_t last[4];
    uint64_t now[4], expected[4] = {bytes_read, written, reads, writes};
    char *at = strchr(contents("/proc/self/io"), ':');

    for (int i = 0; i < 4; i++, at = strchr(at, ':'))
        now[i] = strtoul(at + 1, &at, 10);
    for (int i = 0; i < 4; i++) {
        CHECK(!last[i] || now[i] - last[i] == expected[i]);
        last[i] = now[i] + (i == 0 ? strlen(text) : i == 2 ? 2 : 0);
    }
}

static void write_in_child(void *fd)
{
    CHECK_EQ(write((int)(intptr_t)fd, text, 77), 77);
}

static void traffic(void)
{
    int pipes[2], null = (int)expect_ok(open("/dev/null", O_WRONLY));
    int file = (int)expect_ok(open("file", O_RDWR | O_CREAT, 0600));
    off_t offset = 0;

    expect_ok(pipe2(pipes, O_NONBLOCK));
    CHECK_EQ(write(pipes[1], text, 1), 1);
    expect_moved(0, 0, 0, 0);
    CHECK_EQ(write(pipes[1], text, 100), 100);
    expect_moved(0, 100, 0, 1);
    CHECK_EQ(read(pipes[0], text, 200), 101);
    expect_errno(read(pipes[0], text, 200), EAGAIN);
    expect_errno(read(99, text, 200), EBADF);
    expect_moved(101, 0, 2, 0);
    CHECK_EQ(pwrite(file, text, 3000, 0), 3000);
    CHECK_EQ(sendfile(null, file, &offset, 2000), 2000);
    CHECK_EQ(pread(file, text, 4000, 0), 3000);
    expect_moved(5000, 5000, 2, 2);
    expect_child_ok(write_in_child, (void *)(intptr_t)null);
    expect_moved(0, 77, 0, 1);
    CHECK(moved("/proc/thread-self/io", "wchar") < moved("/proc/self/io", "wchar"));
}

/* Pages that become dirty count, and those that go before they are written count again. */
static void traffic_of_disks(void)
{
    static char pages[4 * 4096];
    uint64_t written, cancelled;
    struct rusage before, after;

    skip_on_tmpfs();
    int file = (int)expect_ok(open("file", O_RDWR | O_CREAT, 0600));
    written = moved("/proc/self/io", "\nwrite_bytes");
    cancelled = moved("/proc/self/io", "cancelled");
    expect_ok(getrusage(RUSAGE_SELF, &before));
    CHECK_EQ(write(file, pages, sizeof(pages)), (ssize_t)sizeof(pages));
    expect_ok(getrusage(RUSAGE_SELF, &after));
    expect_ok(ftruncate(file, 0));
    CHECK(moved("/proc/self/io", "\nwrite_bytes") - written >= sizeof(pages));
    CHECK(after.ru_oublock - before.ru_oublock >= (long)sizeof(pages) / 512);
    CHECK(moved("/proc/self/io", "cancelled") - cancelled <= sizeof(pages));
}

/* ---- who may ask ---- */

static void becomes_other(void *argument)
{
    expect_ok(setresuid(OTHER, OTHER, OTHER));
    expect_ok(prctl(PR_SET_DUMPABLE, 1));
    waits(argument);
}

static int try_open(pid_t pid, const char *file, int flags)
{
    char name[64];

    snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, file);
    int fd = open(name, flags);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : errno;
}

static void only_for_its_user(void)
{
    char target[64], name[64];
    struct stat status;
    struct sign ready;

    if (geteuid() != 0)
        skip("not root");
    sign_open(&ready);
    pid_t pid = spawn(becomes_other, &ready);
    sign_await(&ready);
    snprintf(name, sizeof(name), "/proc/%d", (int)pid);
    expect_ok(stat(name, &status));
    CHECK_EQ(status.st_uid, OTHER);
    expect_ok(setresuid(USER, USER, 0));
    CHECK_EQ(try_open(pid, "environ", O_RDONLY), EACCES);
    CHECK_EQ(try_open(pid, "maps", O_RDONLY), EACCES);
    CHECK_EQ(try_open(pid, "mem", O_RDWR), EACCES);
    CHECK_EQ(try_open(pid, "auxv", O_RDONLY), EACCES);
    CHECK_EQ(try_open(pid, "io", O_RDONLY), EACCES);
    CHECK_EQ(try_open(pid, "fd", O_RDONLY), EACCES);
    CHECK_EQ(try_open(pid, "stat", O_RDONLY), 0);
    CHECK_EQ(try_open(pid, "status", O_RDONLY), 0);
    CHECK_EQ(try_open(pid, "cmdline", O_RDONLY), 0);
    CHECK_EQ(try_open(pid, "oom_score_adj", O_RDWR), EACCES);
    snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
    expect_errno(readlink(name, target, sizeof(target)), EACCES);
    expect_ok(setresuid(-1, 0, -1));
    CHECK_EQ(try_open(pid, "mem", O_RDWR), 0);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static const struct test tests[] = {
    TEST(command),          TEST(title),
    TEST(auxiliary_vector), TEST(constants),
    TEST(memory_file),      TEST(memory_of_another),
    TEST(shares),           TEST(sum_of_shares),
    TEST(page_map),         TEST(descriptors),
    TEST(namespaces),       TEST(adjustment),
    TEST(status_fields),    TEST(peaks),
    TEST(threads),          TEST(traffic),
    TEST(traffic_of_disks), TEST(only_for_its_user),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
