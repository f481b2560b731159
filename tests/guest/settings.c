/* /proc/sys: what the settings say is so, and what is written takes effect. */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL "/proc/sys/kernel/"

static char text[256];

static const char *line_of(const char *name)
{
    size_t length = read_file(name, text, sizeof(text));

    CHECK(length > 0 && text[length - 1] == '\n');
    text[length - 1] = '\0';
    return text;
}

/* The setting can be opened for writing here. */
static int open_setting(const char *name)
{
    int fd = open(name, O_WRONLY);

    if (fd < 0 && (errno == EACCES || errno == EROFS))
        skip("%s cannot be written", name);
    return expect_ok(fd);
}

static int set(const char *name, const char *value)
{
    int fd = open_setting(name), error;

    error = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : errno;
    close(fd);
    return error;
}

static void names(void)
{
    struct utsname names;

    expect_ok(uname(&names));
    CHECK_STRING(line_of(KERNEL "ostype"), names.sysname);
    CHECK_STRING(line_of(KERNEL "osrelease"), names.release);
    CHECK_STRING(line_of(KERNEL "version"), names.version);
    CHECK_STRING(line_of(KERNEL "hostname"), names.nodename);
    CHECK_STRING(line_of(KERNEL "domainname"), names.domainname);
    expect_errno(open(KERNEL "ostype", O_WRONLY), EACCES); /* for root, too */
    expect_errno(open(KERNEL "ostype", O_RDWR), EACCES);
}

static void host_name(void)
{
    struct utsname names, changed;

    expect_ok(uname(&names));
    CHECK_EQ(set(KERNEL "hostname", "somewhere\n"), 0);
    expect_ok(uname(&changed));
    CHECK_EQ(set(KERNEL "hostname", names.nodename), 0);
    CHECK_STRING(changed.nodename, "somewhere");
    CHECK_STRING(line_of(KERNEL "hostname"), names.nodename);
}

static void numbers(void)
{
    static const char *const files[] = {
        "kernel/pid_max",       "kernel/threads-max",  "kernel/cap_last_cap",
        "kernel/ngroups_max",   "kernel/overflowuid",  "kernel/randomize_va_space",
        "vm/overcommit_memory", "vm/mmap_min_addr",    "vm/overcommit_ratio",
        "fs/file-max",          "fs/nr_open",          "kernel/tainted",
        "kernel/panic",         "kernel/core_uses_pid"};
    char name[64], *end;

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(name, sizeof(name), "/proc/sys/%s", files[i]);
        const char *line = line_of(name);
        strtoull(line, &end, 10);
        if (end == line || *end)
            fail("%s is no number: %s", name, line);
    }
    CHECK_EQ(atoi(line_of(KERNEL "ngroups_max")), 65536);
    CHECK(atoi(line_of(KERNEL "pid_max")) > 300);
}

static void bad_numbers(void)
{
    static const char *const values[] = {"abc", "12x", "-1", "0", "99999999999999999999"};
    char old[64];

    snprintf(old, sizeof(old), "%s", line_of(KERNEL "pid_max"));
    for (size_t i = 0; i < COUNT_OF(values); i++)
        CHECK_EQ(set(KERNEL "pid_max", values[i]), EINVAL);
    CHECK_STRING(line_of(KERNEL "pid_max"), old);
    CHECK_EQ(set(KERNEL "pid_max", " 30000 \n"), 0);
    CHECK_STRING(line_of(KERNEL "pid_max"), "30000");
    CHECK_EQ(set(KERNEL "pid_max", old), 0);
}

/* With 1, a mapping far larger than memory is made; with 0 it is refused. */
static void overcommit(void)
{
    const char *name = "/proc/sys/vm/overcommit_memory";
    struct sysinfo info;
    char old[64];
    void *heuristic, *always;

    expect_ok(sysinfo(&info));
    size_t size = (size_t)(info.totalram + info.totalswap) * info.mem_unit + (1ul << 30);
    snprintf(old, sizeof(old), "%s", line_of(name));
    CHECK_EQ(set(name, "0"), 0);
    heuristic = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error = errno;
    CHECK_EQ(set(name, "1"), 0);
    always = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_EQ(set(name, old), 0);
    CHECK(heuristic == MAP_FAILED && error == ENOMEM);
    CHECK(always != MAP_FAILED);
    CHECK_EQ(set(name, "3"), EINVAL);
}

static void *map_page(int protection, int flags)
{
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* With 2 and a limit of nothing, whatever could come to need memory is refused, and only that. */
static void strict_overcommit(void)
{
    const char *policy = "/proc/sys/vm/overcommit_memory";
    const char *ratio = "/proc/sys/vm/overcommit_ratio";
    struct sysinfo info;
    char old_ratio[64];

    expect_ok(sysinfo(&info));
    if ((info.totalram * info.mem_unit) >> 30 > 2 || info.totalswap)
        skip("other programs of a large machine would suffer");
    snprintf(old_ratio, sizeof(old_ratio), "%s", line_of(ratio));
    char *given = expect_ok((char *)map_page(PROT_READ, 0));
    CHECK_EQ(set(ratio, "0"), 0);
    CHECK_EQ(set(policy, "2"), 0);
    void *writable = map_page(PROT_READ | PROT_WRITE, 0);
    void *not_reserved = map_page(PROT_READ | PROT_WRITE, MAP_NORESERVE);
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *readable = map_page(PROT_READ, 0);
    int protect = mprotect(given, 4096, PROT_READ | PROT_WRITE);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK_EQ(set(policy, "0"), 0);
    CHECK_EQ(set(ratio, old_ratio), 0);
    CHECK(writable == MAP_FAILED && not_reserved == MAP_FAILED && shared == MAP_FAILED);
    CHECK(readable != MAP_FAILED);
    CHECK_EQ(protect, -1);
    CHECK_EQ(pid, -1);
    expect_ok(mprotect(given, 4096, PROT_READ | PROT_WRITE));
}

static void dropping_caches(void)
{
    const char *name = "/proc/sys/vm/drop_caches";

    write_file("file", "hello", 0644);
    sync();
    CHECK_EQ(set(name, "3\n"), 0);
    read_file("file", text, sizeof(text));
    CHECK_STRING(text, "hello");
    CHECK_EQ(set(name, "0"), EINVAL);
}

/* Pages that stay in use are passed over: looking at them again and again took for ever. */
static void dropping_locked_pages(void)
{
    enum { PAGES = 64 };
    int fd = expect_ok(open("locked", O_RDWR | O_CREAT, 0644));

    expect_ok(ftruncate(fd, PAGES * 4096));
    char *map = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    expect_ok(mlock(map, PAGES * 4096));
    memset(map, 7, PAGES * 4096);
    expect_ok(fsync(fd));
    CHECK_EQ(set("/proc/sys/vm/drop_caches", "1"), 0);
    for (int i = 0; i < PAGES; i++)
        CHECK_EQ(map[i * 4096], 7);
}

/* Names that were looked for in vain are forgotten too. */
static void dropping_names(void)
{
    enum { COUNT = 10000 };
    char name[200];

    memset(name, 'n', sizeof(name));
    for (int i = 0; i < COUNT; i++) {
        snprintf(name + 190, sizeof(name) - 190, "%d", i);
        expect_errno(access(name, F_OK), ENOENT);
    }
    long full = memory_kib("Slab");
    CHECK_EQ(set("/proc/sys/vm/drop_caches", "2"), 0);
    if (memory_kib("MemTotal") < 2048 * 1024) /* on a larger machine others take and give as well */
        CHECK(memory_kib("Slab") < full - 1024);
}

static bool is_uuid(const char *line)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";

    for (size_t i = 0; i < sizeof(form); i++) {
        if (form[i] == 'x'   ? !strchr("0123456789abcdef", line[i]) || !line[i]
            : form[i] == 'v' ? !strchr("89ab", line[i]) || !line[i]
                             : line[i] != form[i])
            return false;
    }
    return true;
}

static void random_identifiers(void)
{
    char first[256];

    CHECK(is_uuid(line_of(KERNEL "random/uuid")));
    snprintf(first, sizeof(first), "%s", text);
    CHECK(strcmp(line_of(KERNEL "random/uuid"), first) != 0);
    CHECK(is_uuid(line_of(KERNEL "random/boot_id")));
    snprintf(first, sizeof(first), "%s", text);
    CHECK_STRING(line_of(KERNEL "random/boot_id"), first);
    CHECK_EQ(atoi(line_of(KERNEL "random/poolsize")), 256);
    CHECK(atoi(line_of(KERNEL "random/entropy_avail")) > 0);
}

static void open_files(void)
{
    unsigned long open_now, none, most;

    CHECK_EQ(sscanf(line_of("/proc/sys/fs/file-nr"), "%lu\t%lu\t%lu", &open_now, &none, &most), 3);
    CHECK(open_now > 0 && none == 0 && most > open_now);
    CHECK_EQ(sscanf(line_of("/proc/sys/fs/inode-nr"), "%lu\t%lu", &open_now, &none), 2);
    CHECK(open_now > 0);
}

/* The next segment gets the identifier that was asked for, once; and there are no more of them than
 * the limit says. */
static void shared_memory_settings(void)
{
    char old[64];
    int next = 3 * 32768 + 77, found = -1, refused = 0, id;

    if (access(KERNEL "shm_next_id", W_OK))
        skip("identifiers cannot be chosen");
    CHECK_STRING(line_of(KERNEL "shm_next_id"), "-1");
    snprintf(text, sizeof(text), "%d", next);
    CHECK_EQ(set(KERNEL "shm_next_id", text), 0);
    id = expect_ok(shmget(IPC_PRIVATE, 1, 0600));
    CHECK_EQ(id, next);
    CHECK_STRING(line_of(KERNEL "shm_next_id"), "-1");
    snprintf(old, sizeof(old), "%s", line_of(KERNEL "shmmni"));
    CHECK_EQ(set(KERNEL "shmmni", "1"), 0);
    found = shmget(IPC_PRIVATE, 1, 0600);
    refused = errno;
    CHECK_EQ(set(KERNEL "shmmni", old), 0);
    CHECK(found < 0 && refused == ENOSPC);
    expect_ok(shmctl(id, IPC_RMID, NULL));
    snprintf(old, sizeof(old), "%s", line_of(KERNEL "shmmax"));
    CHECK_EQ(set(KERNEL "shmmax", "8192"), 0);
    found = shmget(IPC_PRIVATE, 8193, 0600);
    refused = errno;
    CHECK_EQ(set(KERNEL "shmmax", old), 0);
    CHECK(found < 0 && refused == EINVAL);
}

/* A longer message, and a queue with less room, as the settings say. */
static void message_settings(void)
{
    struct {
        long type;
        char bytes[9000];
    } message = {.type = 1};
    char old[64];

    CHECK_EQ(sscanf(line_of(KERNEL "sem"), "%*d %*d %*d %63s", old), 1);
    CHECK(atoi(old) > 0);
    CHECK_STRING(line_of(KERNEL "msgmax"), "8192");
    int queue = expect_ok(msgget(IPC_PRIVATE, 0600));
    expect_errno(msgsnd(queue, &message, sizeof(message.bytes), 0), EINVAL);
    CHECK_EQ(set(KERNEL "msgmax", "9000"), 0);
    int sent = msgsnd(queue, &message, sizeof(message.bytes), 0);
    CHECK_EQ(set(KERNEL "msgmax", "8192"), 0);
    expect_ok(sent);
    expect_ok(msgctl(queue, IPC_RMID, NULL));
    snprintf(old, sizeof(old), "%s", line_of(KERNEL "msgmnb"));
    CHECK_EQ(set(KERNEL "msgmnb", "100"), 0);
    queue = msgget(IPC_PRIVATE, 0600);
    CHECK_EQ(set(KERNEL "msgmnb", old), 0);
    expect_errno(msgsnd(queue, &message, 101, IPC_NOWAIT), EAGAIN);
    expect_ok(msgsnd(queue, &message, 100, IPC_NOWAIT));
    expect_ok(msgctl(queue, IPC_RMID, NULL));
}

static void shape(void)
{
    struct stat status;

    expect_ok(stat("/proc/sys/kernel", &status));
    CHECK_EQ(status.st_mode, S_IFDIR | 0555);
    expect_ok(stat(KERNEL "hostname", &status));
    CHECK_EQ(status.st_mode, S_IFREG | 0644);
    expect_ok(stat(KERNEL "ostype", &status));
    CHECK_EQ(status.st_mode, S_IFREG | 0444);
    expect_errno(stat("/proc/sys/kernel/none", &status), ENOENT);
}

static const struct test tests[] = {
    TEST(names),
    TEST(host_name),
    TEST(numbers),
    TEST(bad_numbers),
    TEST(overcommit),
    TEST(strict_overcommit),
    TEST(dropping_caches),
    TEST(dropping_locked_pages),
    TEST(dropping_names),
    TEST(random_identifiers),
    TEST(open_files),
    TEST(shape),
    TEST(shared_memory_settings),
    TEST(message_settings),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
