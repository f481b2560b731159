/*
 * ptrace under load: tracers that attach, look, and let go, while the traced threads run, sleep,
 * fork, execute and die.
 */
#include "tracing.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ROUNDS  150
#define THREADS 3

struct shared {
    volatile int stop;
    volatile pid_t threads[THREADS];
    volatile unsigned long progress[THREADS];
};

static struct shared *share(void)
{
    return expect_ok(mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void *count_on(void *argument)
{
    volatile unsigned long *progress = argument;

    for (;;) {
        ++*progress;
        if (*progress % 64 == 0)
            usleep(1);
    }
    return NULL;
}

struct start {
    struct shared *shared;
    int index;
};

static void *count_in_thread(void *argument)
{
    struct start *start = argument;

    start->shared->threads[start->index] = (pid_t)syscall(SYS_gettid);
    return count_on((void *)&start->shared->progress[start->index]);
}

static void run_threads(void *argument)
{
    struct start starts[THREADS];
    pthread_t thread;

    for (int i = 0; i < THREADS; i++) {
        starts[i] = (struct start){argument, i};
        CHECK_EQ(pthread_create(&thread, NULL, count_in_thread, &starts[i]), 0);
    }
    pause();
}

/* Stop a thread that nobody traces, look at it, and let it go; false: it has ended. */
static bool visit(pid_t id, bool seize)
{
    int status;

    if (ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, id, NULL, NULL))
        return false;
    if (seize)
        ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
    if (waitpid(id, &status, __WALL) != id)
        return false;
    if (!WIFSTOPPED(status))
        return false;
    registers all;
    struct iovec vector = {&all, sizeof(all)};
    if (ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &vector) == 0) {
        errno = 0;
        ptrace(PTRACE_PEEKTEXT, id, REGISTER_PC(all) & ~7ul, NULL);
        ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &vector);
    }
    /* What is not the stop that was asked for is a signal of its own, and is to be kept. */
    int signal = seize || WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
    return ptrace(PTRACE_DETACH, id, NULL, (long)signal) == 0;
}

static void threads_visited(void)
{
    struct shared *shared = share();
    pid_t pid = spawn(run_threads, shared);

    for (int i = 0; i < THREADS; i++) {
        while (!shared->threads[i])
            usleep(100);
    }
    for (int i = 0; i < ROUNDS; i++)
        CHECK(visit(shared->threads[i % THREADS], i & 1));
    for (int i = 0; i < THREADS; i++) {
        unsigned long before = shared->progress[i];
        while (shared->progress[i] == before)
            usleep(100);
    }
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void visit_all(void *argument)
{
    struct shared *shared = argument;

    for (int i = 0; i < ROUNDS; i++)
        visit(shared->threads[i % THREADS], i & 2);
}

/* Several tracers fight for the same threads; one of them is killed in between. */
static void visitors_fight(void)
{
    struct shared *shared = share();
    pid_t pid = spawn(run_threads, shared), visitors[3];

    for (int i = 0; i < THREADS; i++) {
        while (!shared->threads[i])
            usleep(100);
    }
    for (int i = 0; i < 3; i++)
        visitors[i] = spawn(visit_all, shared);
    usleep(50000);
    kill(visitors[0], SIGKILL);
    for (int i = 0; i < 3; i++)
        reap(visitors[i]);
    kill(pid, SIGCONT); /* a SIGSTOP of the one that was killed may have been left */
    for (int i = 0; i < THREADS; i++) {
        unsigned long before = shared->progress[i];
        while (shared->progress[i] == before) {
            usleep(100);
            kill(pid, SIGCONT);
        }
    }
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

/* Fork, execute, and make threads that end, all the time. */
static void *end_soon(void *argument)
{
    usleep(10);
    return argument;
}

static void live_and_die(void *argument)
{
    struct shared *shared = argument;

    while (!shared->stop) {
        pthread_t threads[2];
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < 2; i++)
                pthread_create(&threads[i], NULL, end_soon, NULL);
            if (getpid() & 1)
                execl(self_path(), self_path(), "exit-9", (char *)NULL);
            _exit(9);
        }
        if (child < 0)
            usleep(100);
        shared->threads[0] = child;
        while (child > 0 && waitpid(child, NULL, 0) < 0)
            ;
    }
}

/* Visits to processes that are about to execute or to end. */
static void short_lives_visited(void)
{
    struct shared *shared = share();
    pid_t pid = spawn(live_and_die, shared);

    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = shared->threads[0];
        if (child > 0)
            visit(child, i & 1);
        usleep(i % 7 * 50);
    }
    shared->stop = 1;
    expect_exited(reap(pid), 0);
}

static void traced_life(void *argument)
{
    be_traced();
    live_and_die(argument);
}

/* All that a process makes is traced, with all events: what a tracer does that follows. */
static void all_followed(void)
{
    struct shared *shared = share();
    pid_t pid = start_traced(traced_life, shared,
                             PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                                 PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    int status, stops = 0;

    expect_ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    for (;;) {
        pid_t id = expect_ok(waitpid(-1, &status, __WALL));
        if (!WIFSTOPPED(status) && id == pid)
            break;
        if (!WIFSTOPPED(status))
            continue;
        if (++stops == 20 * ROUNDS)
            shared->stop = 1;
        int signal = WSTOPSIG(status);
        if (status >> 16 || signal == CALL_STOP || signal == SIGTRAP || signal == SIGSTOP)
            signal = 0;
        ptrace(PTRACE_SYSCALL, id, NULL, (long)signal); /* it may have been killed meanwhile */
    }
    expect_exited(status, 0);
}

static const struct test tests[] = {
    TEST(threads_visited),
    TEST(visitors_fight),
    TEST(short_lives_visited),
    TEST(all_followed),
};

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "exit-9"))
        return 9;
    return TAP_MAIN(argc, argv, tests);
}
