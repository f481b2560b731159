/*
 * Processes with threads that do all at once: map and unmap, fault, fork, execute, make threads,
 * wait and send signals; they are stopped, looked at and killed at any moment. Whatever happens,
 * each ends as it was told to, and nothing is left.
 */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK   (64ul << 10)
#define WORKERS 5

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static bool start(pthread_t *thread, void *(*function)(void *), void *argument)
{
    pthread_attr_t attributes;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    error = pthread_create(thread, &attributes, function, argument);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

static void map_and_touch(void)
{
    volatile char *pages =
        mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return;
    for (int i = 0; i < 16; i++)
        pages[i * PAGE] = (char)i;
    mprotect((void *)pages, 8 * PAGE, PROT_READ);
    munmap((void *)(pages + 4 * PAGE), 4 * PAGE);
    munmap((void *)pages, 16 * PAGE);
}

static void fork_and_wait(bool execute)
{
    pid_t child = fork();

    if (child == 0) {
        if (execute)
            execl("/bin/sh", "sh", "-c", ":", NULL);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void *nothing(void *argument)
{
    return argument;
}

static void make_and_join(void)
{
    pthread_t thread;

    if (start(&thread, nothing, NULL))
        pthread_join(thread, NULL);
}

static void wait_a_little(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mutex);
    pthread_cond_timedwait(&condition, &mutex, &time);
    pthread_mutex_unlock(&mutex);
}

static void handle(int number)
{
    (void)number;
}

static void *work(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;

    for (;;) {
        seed = seed * 1103515245 + 12345;
        switch (seed >> 16 & 7) {
        case 0:
            fork_and_wait(seed >> 20 & 1);
            break;
        case 1:
            make_and_join();
            break;
        case 2:
            wait_a_little();
            break;
        case 3:
            sigqueue(getpid(), SIGRTMIN, (union sigval){0});
            break;
        case 4:
            pthread_mutex_lock(&mutex);
            pthread_cond_broadcast(&condition);
            pthread_mutex_unlock(&mutex);
            break;
        default:
            map_and_touch();
        }
    }
    return NULL;
}

/* Before there are threads, or children that others send signals to. */
static void install_handler(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    expect_ok(sigaction(SIGRTMIN, &action, NULL));
}

static void start_workers(unsigned seed)
{
    pthread_t thread;

    for (unsigned i = 0; i < WORKERS; i++)
        start(&thread, work, (void *)(uintptr_t)(seed * 31 + i));
}

static void pause_for(unsigned microseconds)
{
    struct timespec time = {0, microseconds * 1000l};

    while (nanosleep(&time, &time) && errno == EINTR)
        ;
}

/* The ends */

static void run_until_killed(void *argument)
{
    start_workers((unsigned)(uintptr_t)argument);
    work(argument);
}

static void run_and_exit(void *argument)
{
    start_workers((unsigned)(uintptr_t)argument);
    pause_for(random_below(20000));
    _exit(21);
}

/* A signal that is pending goes on to the new program, which has no handler. */
static void execute_shell(const char *command)
{
    signal(SIGRTMIN, SIG_IGN);
    execl("/bin/sh", "sh", "-c", command, NULL);
}

static void run_and_execute(void *argument)
{
    start_workers((unsigned)(uintptr_t)argument);
    pause_for(random_below(20000));
    execute_shell("exit 22");
}

static void *execute(void *argument)
{
    pause_for(random_below(20000));
    execute_shell("exit 23");
    return argument;
}

static void run_and_execute_in_thread(void *argument)
{
    pthread_t thread;

    start_workers((unsigned)(uintptr_t)argument);
    start(&thread, execute, NULL);
    for (;;)
        pause();
}

/* Read what /proc tells of each thread. */
static void look_at(pid_t pid)
{
    char path[300], text[4096];
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, entry->d_name);
        int fd = open(path, O_RDONLY);
        if (fd >= 0) {
            CHECK(read(fd, text, sizeof(text)) >= -1);
            close(fd);
        }
    }
    closedir(directory);
}

/* Take part in the child's life, then end it. Its own children end by themselves. */
static void disturb(pid_t child)
{
    for (unsigned i = random_below(6); i > 0; i--) {
        pause_for(random_below(4000));
        switch (random_below(3)) {
        case 0:
            look_at(child);
            break;
        case 1:
            kill(child, SIGSTOP);
            pause_for(random_below(2000));
            kill(child, SIGCONT);
            break;
        default:
            kill(child, SIGRTMIN);
        }
    }
}

static void killed(void)
{
    install_handler();
    for (unsigned i = 0; i < 25; i++) {
        pid_t child = spawn(run_until_killed, (void *)(uintptr_t)i);
        pause_for(5000);
        disturb(child);
        expect_ok(kill(child, SIGKILL));
        expect_signaled(reap(child), SIGKILL);
    }
}

static void ends(void (*function)(void *), int code)
{
    install_handler();
    for (unsigned i = 0; i < 15; i++)
        expect_exited(child_status(function, (void *)(uintptr_t)i), code);
}

static void exits(void)
{
    ends(run_and_exit, 21);
}

static void executes(void)
{
    ends(run_and_execute, 22);
}

static void executes_in_thread(void)
{
    ends(run_and_execute_in_thread, 23);
}

/* Several such processes at a time. */
static void many(void)
{
    pid_t children[6];

    install_handler();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT_OF(children); i++)
            children[i] = spawn(run_until_killed, (void *)(uintptr_t)(round * 10 + i));
        pause_for(20000);
        for (unsigned i = 0; i < COUNT_OF(children); i++)
            disturb(children[i]);
        for (unsigned i = 0; i < COUNT_OF(children); i++)
            expect_ok(kill(children[i], SIGKILL));
        for (unsigned i = 0; i < COUNT_OF(children); i++)
            expect_signaled(reap(children[i]), SIGKILL);
    }
}

/* The first touches of fresh memory: one thread stores while another loads. */
enum { FRESH_ROUNDS = 300 };

static volatile char *fresh;
static int round_begun, round_ended; /* atomic */

static void *load_fresh(void *argument)
{
    (void)argument;
    for (int round = 1; round <= FRESH_ROUNDS; round++) {
        while (__atomic_load_n(&round_begun, __ATOMIC_ACQUIRE) < round)
            sched_yield();
        (void)*fresh;
        __atomic_store_n(&round_ended, round, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* What was stored is there, though the load found nothing. file: -1: anonymous memory. */
static void touch_first(int file)
{
    int flags = MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0);
    char *space =
        expect_ok((char *)mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    pthread_t thread;

    round_begun = round_ended = 0;
    CHECK(start(&thread, load_fresh, NULL));
    for (int round = 1; round <= FRESH_ROUNDS; round++) {
        fresh = expect_ok(
            (char *)mmap(space + PAGE, PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file, 0));
        __atomic_store_n(&round_begun, round, __ATOMIC_RELEASE);
        for (volatile int pause = 0; pause < round % 50 * 8; pause++)
            ;
        *fresh = 'x';
        while (__atomic_load_n(&round_ended, __ATOMIC_ACQUIRE) < round)
            sched_yield();
        CHECK_EQ(*fresh, 'x');
        expect_ok((char *)mmap(space + PAGE, PAGE, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    }
    pthread_join(thread, NULL);
    expect_ok(munmap(space, 3 * PAGE));
}

static void first_touch(void)
{
    int file = expect_ok(open("page", O_RDWR | O_CREAT, 0600));

    touch_first(-1);
    expect_ok(ftruncate(file, PAGE));
    touch_first(file);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(killed), TEST(exits),       TEST(executes), TEST(executes_in_thread),
        TEST(many),   TEST(first_touch),
    };

    return TAP_MAIN(argc, argv, tests);
}
