/* The helpers that every guest test is linked with. */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FAILED  1
#define STATUS_SKIPPED 77
#define REASON_FD      100 /* where the reason pipe goes, out of the way of tests that count */
#define HANGING        200 /* seconds after which a test is taken to hang: far more than it needs */
#define FAILING        8   /* ... when its allocations fail, and it may wait for what never comes */

static char scratch[PATH_MAX - 64];
static char self[PATH_MAX];
static int reason_fd = -1;

const char *self_path(void)
{
    return self;
}

static void find_self(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    char directory[PATH_MAX / 2];

    if (name[0] == '/' || getcwd(directory, sizeof(directory)) == NULL)
        snprintf(self, sizeof(self), "%s", name);
    else
        snprintf(self, sizeof(self), "%s/%s", directory, name);
}

static bool make_scratch(const char *parent, const char *name)
{
    if (parent == NULL)
        return false;
    snprintf(scratch, sizeof(scratch), "%s/%s.%d", strcmp(parent, "/") ? parent : "", name,
             (int)getpid());
    return mkdir(scratch, 0755) == 0;
}

void suite_begin(const char *name)
{
    char directory[PATH_MAX / 2];

    find_self();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (make_scratch(getcwd(directory, sizeof(directory)), name) ||
        make_scratch(getenv("TMPDIR"), name) || make_scratch("/tmp", name))
        return;
    printf("Bail out! no directory to write in: %s\n", error_name(errno));
    exit(1);
}

/* Remove everything in the directory, which is closed. */
static void remove_contents(int directory)
{
    DIR *stream = fdopendir(directory);
    struct dirent *entry;

    if (stream == NULL) {
        close(directory);
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(stream), entry->d_name, 0) == 0)
            continue;
        int child = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (child >= 0)
            remove_contents(child);
        unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
    }
    closedir(stream);
}

static void remove_tree(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY);

    if (directory >= 0)
        remove_contents(directory);
    rmdir(path);
}

void suite_end(void)
{
    remove_tree(scratch);
}

static void stop_with(int status, const char *format, va_list arguments)
{
    char text[512];
    int length = vsnprintf(text, sizeof(text), format, arguments);

    if (length >= (int)sizeof(text))
        length = sizeof(text) - 1;
    if (reason_fd < 0 || write(reason_fd, text, (size_t)length + 1) < 0)
        fprintf(stderr, "%s\n", text);
    _exit(status);
}

void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    stop_with(STATUS_FAILED, format, arguments);
    __builtin_unreachable();
}

void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    stop_with(STATUS_SKIPPED, format, arguments);
    __builtin_unreachable();
}

/* With FAIL_NTH in the environment (helper_failures.c) the kernel's allocations for a test fail. */
static void begin_failures(void)
{
    const char *numbers = getenv("FAIL_NTH");

    if (numbers == NULL)
        return;
    alarm(FAILING);
    write_file("/proc/thread-self/fail-nth", numbers, 0);
}

static void run_in_child(const struct test *test, const char *directory, int reasons[2])
{
    close(reasons[0]);
    reason_fd = fcntl(reasons[1], F_DUPFD_CLOEXEC, REASON_FD);
    if (reason_fd < 0)
        reason_fd = reasons[1];
    else
        close(reasons[1]);
    setpgid(0, 0);
    alarm(HANGING);
    if (chdir(directory) < 0)
        fail("chdir %s: %s", directory, error_name(errno));
    begin_failures();
    test->run();
    _exit(0);
}

static enum outcome judge(int status, int reasons, char *why, size_t size)
{
    why[0] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return PASSED;
    if (WIFSIGNALED(status)) {
        snprintf(why, size, "killed by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGALRM ? ": it hung" : "");
        return FAILED;
    }
    if (WIFEXITED(status) &&
        (WEXITSTATUS(status) == STATUS_FAILED || WEXITSTATUS(status) == STATUS_SKIPPED)) {
        ssize_t length = read(reasons, why, size - 1);
        why[length > 0 ? length : 0] = '\0';
    } else {
        snprintf(why, size, "wait status %#x", status);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED ? SKIPPED : FAILED;
}

/* Kill what a test left behind in its process group, and wait until that has closed its files, so
 * that the next test finds the memory and the disk at rest. A zombie that nobody reaps is not
 * waited for for ever. */
static void end_group(pid_t leader)
{
    for (int i = 0; i < 1000 && kill(-leader, SIGKILL) == 0; i++)
        usleep(1000);
}

enum outcome suite_run(const struct test *test, char *why, size_t size)
{
    char directory[PATH_MAX];
    int reasons[2], status;
    enum outcome outcome;

    snprintf(directory, sizeof(directory), "%s/t", scratch);
    if (mkdir(directory, 0755) < 0 || pipe(reasons) < 0) {
        snprintf(why, size, "cannot prepare: %s", error_name(errno));
        return FAILED;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_in_child(test, directory, reasons);
    close(reasons[1]);
    if (pid < 0) {
        snprintf(why, size, "fork: %s", error_name(errno));
        outcome = FAILED;
    } else {
        status = reap(pid);
        end_group(pid);
        outcome = judge(status, reasons[0], why, size);
    }
    close(reasons[0]);
    remove_tree(directory);
    return outcome;
}

static bool chosen(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 1;
}

static int print_names(const struct test *tests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        puts(tests[i].name);
    return 0;
}

int tap_main(int argc, char **argv, const struct test *tests, size_t count)
{
    char why[600];
    const char *name = strrchr(argv[0], '/');
    size_t planned = 0, number = 0, failed = 0;

    if (argc == 2 && strcmp(argv[1], "-l") == 0)
        return print_names(tests, count);
    suite_begin(name ? name + 1 : argv[0]);
    for (size_t i = 0; i < count; i++)
        planned += chosen(argc, argv, tests[i].name);
    printf("1..%zu\n", planned);
    for (size_t i = 0; i < count; i++) {
        if (!chosen(argc, argv, tests[i].name))
            continue;
        number++;
        switch (suite_run(&tests[i], why, sizeof(why))) {
        case PASSED:
            printf("ok %zu - %s\n", number, tests[i].name);
            break;
        case SKIPPED:
            printf("ok %zu - %s # SKIP %s\n", number, tests[i].name, why);
            break;
        case FAILED:
            printf("not ok %zu - %s # %s\n", number, tests[i].name, why);
            failed++;
            break;
        }
    }
    suite_end();
    return failed != 0 || planned == 0;
}

const char *error_name(int code)
{
    const char *name = strerrorname_np(code);

    return name ? name : "unknown error";
}

pid_t spawn(void (*function)(void *), void *argument)
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork: %s", error_name(errno));
    if (pid == 0) {
        function(argument);
        _exit(0);
    }
    return pid;
}

int reap(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail("waitpid %d: %s", (int)pid, error_name(errno));
    return status;
}

int child_status(void (*function)(void *), void *argument)
{
    return reap(spawn(function, argument));
}

void check_exited(int status, int code, const char *file, int line)
{
    if (WIFSIGNALED(status))
        fail("%s:%d: child killed by signal %d, expected exit %d", file, line, WTERMSIG(status),
             code);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        fail("%s:%d: child's wait status is %#x, expected exit %d", file, line, status, code);
}

void check_signaled(int status, int signal, const char *file, int line)
{
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal)
        fail("%s:%d: child's wait status is %#x, expected death by signal %d", file, line, status,
             signal);
}

__attribute__((no_sanitize("undefined"))) static void touch(const volatile void *address, char how)
{
    volatile char *byte = (volatile char *)(uintptr_t)address;

    if (how == 'x')
        ((void (*)(void))(uintptr_t)address)();
    else if (how == 'w')
        *byte = *byte;
    else
        (void)*byte;
}

int touch_status(const volatile void *address, char how)
{
    fflush(NULL);
    pid_t pid = fork();

    if (pid < 0)
        fail("fork: %s", error_name(errno));
    if (pid == 0) {
        touch(address, how);
        _exit(0);
    }
    return reap(pid);
}

void sign_open(struct sign *sign)
{
    int ends[2];

    expect_ok(pipe(ends));
    sign->in = ends[0];
    sign->out = ends[1];
}

void sign_send(struct sign *sign)
{
    write_all(sign->out, "!", 1);
}

void sign_await(struct sign *sign)
{
    char byte;

    read_all(sign->in, &byte, 1);
}

unsigned char pattern_byte(uint64_t offset)
{
    return (unsigned char)((offset * 7 + (offset >> 9) * 31 + (offset >> 20) * 13) % 255 + 1);
}

void pattern_fill(void *buffer, uint64_t offset, size_t size)
{
    unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern_byte(offset + i);
}

size_t pattern_mismatch(const void *buffer, uint64_t offset, size_t size)
{
    const unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != pattern_byte(offset + i))
            return i;
    return size;
}

bool all_bytes(const void *buffer, unsigned char value, size_t size)
{
    const unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

int pattern_file(const char *name, size_t size)
{
    unsigned char block[PAGE];
    int fd = expect_ok(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));

    for (size_t done = 0; done < size; done += PAGE) {
        size_t length = size - done < PAGE ? size - done : PAGE;
        pattern_fill(block, done, length);
        write_all(fd, block, length);
    }
    expect_ok(lseek(fd, 0, SEEK_SET));
    return fd;
}

void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = expect_ok(open(name, O_WRONLY | O_CREAT | O_TRUNC, mode));

    write_all(fd, text, strlen(text));
    expect_ok(close(fd));
}

size_t read_file(const char *name, char *buffer, size_t size)
{
    int fd = expect_ok(open(name, O_RDONLY));
    size_t length = 0;

    while (length < size - 1) {
        ssize_t count = expect_ok(read(fd, buffer + length, size - 1 - length));
        if (count == 0)
            break;
        length += (size_t)count;
    }
    buffer[length] = '\0';
    expect_ok(close(fd));
    return length;
}

void write_all(int fd, const void *buffer, size_t size)
{
    const char *bytes = buffer;

    while (size > 0) {
        ssize_t count = expect_ok(write(fd, bytes, size));
        CHECK(count > 0);
        bytes += count;
        size -= (size_t)count;
    }
}

void read_all(int fd, void *buffer, size_t size)
{
    char *bytes = buffer;

    while (size > 0) {
        ssize_t count = expect_ok(read(fd, bytes, size));
        if (count == 0)
            fail("end of file with %zu bytes to come", size);
        bytes += count;
        size -= (size_t)count;
    }
}

#define TMPFS_MAGIC 0x01021994

void skip_on_tmpfs(void)
{
    struct statfs status;

    expect_ok(statfs(".", &status));
    if (status.f_type == TMPFS_MAGIC)
        skip("the scratch directory is in a tmpfs");
}

/* The next line of the file, without its newline, by way of a small buffer; false at the end. */
struct line_reader {
    int fd;
    size_t start, length;
    char buffer[PAGE];
};

static bool next_line(struct line_reader *reader, char *line, size_t size)
{
    size_t used = 0;

    for (;;) {
        if (reader->start == reader->length) {
            ssize_t count = expect_ok(read(reader->fd, reader->buffer, sizeof(reader->buffer)));
            if (count == 0)
                return false;
            reader->start = 0;
            reader->length = (size_t)count;
        }
        char next = reader->buffer[reader->start++];
        if (next == '\n')
            break;
        if (used < size - 1)
            line[used++] = next;
    }
    line[used] = '\0';
    return true;
}

static void parse_map_line(const char *text, struct map_line *line)
{
    int path = -1;
    int count = sscanf(text, "%lx-%lx %4s %llx %x:%x %lu %n", &line->start, &line->end, line->perms,
                       &line->offset, &line->major, &line->minor, &line->inode, &path);

    if (count != 7 || path < 0)
        fail("line of /proc/self/maps not understood: \"%s\"", text);
    snprintf(line->path, sizeof(line->path), "%s", text + path);
}

size_t read_maps(uintptr_t start, uintptr_t end, struct map_line *lines, size_t max)
{
    struct line_reader reader = {.fd = expect_ok(open("/proc/self/maps", O_RDONLY))};
    char text[512];
    size_t count = 0;

    while (next_line(&reader, text, sizeof(text))) {
        struct map_line line;
        parse_map_line(text, &line);
        if (line.end <= start || line.start >= end)
            continue;
        if (count < max)
            lines[count] = line;
        count++;
    }
    close(reader.fd);
    return count;
}

static char page_letter(const char *perms)
{
    bool shared = perms[3] == 's';

    if (perms[2] == 'x')
        return shared ? 'x' : 'X';
    if (perms[1] == 'w')
        return shared ? 'w' : 'W';
    if (perms[0] == 'r')
        return shared ? 'r' : 'R';
    return shared ? '=' : '-';
}

#define PICTURE_LINES 64

void draw_pages(const void *base, size_t pages, char *picture, size_t size)
{
    static struct map_line lines[PICTURE_LINES];
    uintptr_t start = (uintptr_t)base, end = start + pages * PAGE, last = 0;
    size_t count = read_maps(start, end, lines, PICTURE_LINES), line = 0, used = 0;

    CHECK(count <= PICTURE_LINES && size >= 2 * pages + 1);
    for (uintptr_t at = start; at < end; at += PAGE) {
        while (line < count && lines[line].end <= at)
            line++;
        if (line == count || lines[line].start > at) {
            picture[used++] = '.';
            continue;
        }
        if (lines[line].start == at && at != start && last == at)
            picture[used++] = '|';
        picture[used++] = page_letter(lines[line].perms);
        last = at + PAGE;
    }
    picture[used] = '\0';
}

void check_picture(const void *base, size_t pages, const char *expected, const char *file, int line)
{
    char picture[512];

    draw_pages(base, pages, picture, sizeof(picture));
    if (strcmp(picture, expected) != 0)
        fail("%s:%d: mapped is %s, expected %s", file, line, picture, expected);
}

char *find_hole(size_t pages)
{
    char *base = expect_ok(
        (char *)mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    expect_ok(munmap(base, (pages + 2) * PAGE));
    return base + PAGE;
}

char *map_pages(size_t pages)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

long memory_kib(const char *field)
{
    char text[8192], *line;

    read_file("/proc/meminfo", text, sizeof(text));
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        size_t length = strlen(field);
        if (strncmp(line, field, length) == 0 && line[length] == ':')
            return strtol(line + length + 1, NULL, 10);
    }
    return -1;
}

static uint64_t random_state = 88172645463325252u;

void random_seed(uint64_t seed)
{
    random_state = seed * 2 + 1;
}

uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % bound);
}

#define SWAP_SIGNATURE 4086 /* where it is, in the first page */

void make_swap_area(const char *name, size_t size, bool prepared)
{
    static char chunk[64 * 1024];
    uint32_t numbers[3] = {1, (uint32_t)(size / PAGE - 1), 0}; /* version, last page, bad pages */
    int fd = expect_ok(open(name, O_CREAT | O_TRUNC | O_RDWR, 0600));

    for (size_t at = 0; at < size; at += sizeof(chunk))
        CHECK_EQ(write(fd, chunk, sizeof(chunk)), sizeof(chunk));
    if (prepared) {
        CHECK_EQ(pwrite(fd, numbers, sizeof(numbers), 1024), sizeof(numbers));
        CHECK_EQ(pwrite(fd, "SWAPSPACE2", 10, SWAP_SIGNATURE), 10);
    }
    expect_ok(fsync(fd));
    expect_ok(close(fd));
}
