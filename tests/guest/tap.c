/* Running the tests of a program (tap.h). */
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
