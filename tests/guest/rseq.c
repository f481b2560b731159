/*
 * Restartable sequences (rseq(2)). Three sequences in assembler, for RISC-V and for the machine
 * that the tests are written on:
 *
 *   spin       waits until *stop is not 0, and is left otherwise only by being interrupted
 *   increment  adds 1 to the counter of the processor that the area names, with a long pause
 *              between the load and the store
 *   unsigned_spin  as spin, but the word before its abort handler is not the signature
 */
#include "tap.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define VECTOR_SIZE  27
#define VECTOR_ALIGN 28

#define UNREGISTER 1

#define BARRIER_RSEQ     (1 << 7)
#define BARRIER_REGISTER (1 << 8)

struct sequence {
    uint32_t version, flags;
    uint64_t start, length, abort;
} __attribute__((aligned(32)));

struct area {
    uint32_t cpu_id_start, cpu_id;
    _Atomic uint64_t sequence;
    uint32_t flags, node_id, concurrency_id, unused;
} __attribute__((aligned(32)));

/* 1: interrupted. */
int spin(struct area *area, const struct sequence *sequence, const atomic_int *stop);
int unsigned_spin(struct area *area, const struct sequence *sequence, const atomic_int *stop);
int increment(struct area *area, const struct sequence *sequence, uint64_t (*counters)[8]);
extern const char spin_start[], spin_end[], spin_abort[];
extern const char unsigned_spin_start[], unsigned_spin_end[], unsigned_spin_abort[];
extern const char increment_start[], increment_end[], increment_abort[];

#if defined(__riscv)
#define SIGNATURE 0xf1401073u
#define SPIN(name, word)                                                                           \
    ".globl " name "\n.type " name ", @function\n" name ": sd a1, 8(a0)\n" name "_start:\n"        \
    "1: lw a3, 0(a2)\nbeqz a3, 1b\n" name "_end: li a0, 0\nret\n"                                  \
    ".balign 4\n.long " word "\n" name "_abort: li a0, 1\nret\n"
__asm__(".text\n" SPIN("spin", "0xf1401073") SPIN(
    "unsigned_spin",
    "0xf1401074") ".globl increment\n.type increment, @function\nincrement: sd a1, 8(a0)\n"
                  "increment_start: lwu a3, 4(a0)\nslli a3, a3, 6\nadd a3, a3, a2\nld a4, 0(a3)\n"
                  "li a5, 2000\n1: addi a5, a5, -1\nbnez a5, 1b\n"
                  "addi a4, a4, 1\nsd a4, 0(a3)\nincrement_end: li a0, 0\nret\n"
                  ".balign 4\n.long 0xf1401073\nincrement_abort: li a0, 1\nret\n");
#define PLACE_OF(context) ((context)->uc_mcontext.__gregs[REG_PC])
#else
#define SIGNATURE 0x53053053u
#define SPIN(name, word)                                                                           \
    ".globl " name "\n.type " name ", @function\n" name ": movq %rsi, 8(%rdi)\n" name "_start:\n"  \
    "1: cmpl $0, (%rdx)\nje 1b\n" name "_end: xorl %eax, %eax\nret\n"                              \
    ".long " word "\n" name "_abort: movl $1, %eax\nret\n"
__asm__(".text\n" SPIN("spin", "0x53053053") SPIN(
    "unsigned_spin",
    "0x53053054") ".globl increment\n.type increment, @function\nincrement: movq %rsi, 8(%rdi)\n"
                  "increment_start: movl 4(%rdi), %eax\nshlq $6, %rax\naddq %rdx, %rax\nmovq "
                  "(%rax), %rcx\n"
                  "movl $2000, %r8d\n1: subl $1, %r8d\njne 1b\n"
                  "addq $1, %rcx\nmovq %rcx, (%rax)\nincrement_end: xorl %eax, %eax\nret\n"
                  ".long 0x53053053\nincrement_abort: movl $1, %eax\nret\n");
#define PLACE_OF(context) ((context)->uc_mcontext.gregs[REG_RIP])
#endif

#define SEQUENCE_OF(name)                                                                          \
    ((struct sequence){.start = (uintptr_t)name##_start,                                           \
                       .length = (uint64_t)(name##_end - name##_start),                            \
                       .abort = (uintptr_t)name##_abort})

static atomic_int never, stop;

static long rseq(void *area, unsigned size, int flags, uint32_t signature)
{
    return syscall(SYS_rseq, area, size, flags, signature);
}

static long register_area(struct area *area)
{
    return rseq(area, sizeof(*area), 0, SIGNATURE);
}

/* Take the area away that libc may have registered for this thread. */
static void forget_area_of_libc(void)
{
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    if (rseq(area, sizeof(struct area), UNREGISTER, SIGNATURE) == -1 && errno == ENOSYS)
        skip("this kernel does not have restartable sequences");
}

static void use_area(struct area *area)
{
    forget_area_of_libc();
    memset(area, 0, sizeof(*area));
    expect_ok(register_area(area));
    expect_errno(register_area(area), EBUSY);
}

static void run_on(pthread_t thread, int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    CHECK_EQ(pthread_setaffinity_np(thread, sizeof(set), &set), 0);
}

/* The processors that this process may run on, and how many. */
static int list_processors(int *processors, int max)
{
    cpu_set_t set;
    int count = 0;
    expect_ok(sched_getaffinity(0, sizeof(set), &set));
    for (int i = 0; i < CPU_SETSIZE && count < max; i++) {
        if (CPU_ISSET(i, &set))
            processors[count++] = i;
    }
    return count;
}

static int two_processors(int *processors)
{
    int count = list_processors(processors, 2);
    if (count < 2)
        processors[1] = processors[0];
    return count;
}

/* Registration */

static void errors(void)
{
    static struct area areas[2];
    char *none = (char *)UINTPTR_MAX - 63;
    use_area(&areas[0]);
    expect_errno(register_area(&areas[1]), EINVAL);
    expect_errno(rseq(&areas[0], 64, 0, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], sizeof(areas[0]), 0, SIGNATURE + 1), EPERM);
    expect_errno(rseq(&areas[0], sizeof(areas[0]), 2, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], sizeof(areas[0]), UNREGISTER | 2, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[1], sizeof(areas[0]), UNREGISTER, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], 64, UNREGISTER, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], sizeof(areas[0]), UNREGISTER, SIGNATURE + 1), EPERM);
    expect_ok(rseq(&areas[0], sizeof(areas[0]), UNREGISTER, SIGNATURE));
    expect_errno(rseq(&areas[0], sizeof(areas[0]), UNREGISTER, SIGNATURE), EINVAL);
    expect_errno(rseq(NULL, sizeof(areas[0]), UNREGISTER, SIGNATURE), EINVAL);
    expect_errno(rseq((char *)areas + 16, sizeof(areas[0]), 0, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], 0, 0, SIGNATURE), EINVAL);
    expect_errno(rseq(&areas[0], 28, 0, SIGNATURE), EINVAL);
    expect_errno(rseq((void *)((uintptr_t)none & ~31ul), 32, 0, SIGNATURE), EFAULT);
    expect_ok(rseq(&areas[0], 64, 0, SIGNATURE));
    expect_ok(rseq(&areas[0], 64, UNREGISTER, SIGNATURE));
}

static void fields_tell_the_processor(void)
{
    static struct area area;
    int processors[8], count = list_processors(processors, 8);
    use_area(&area);
    CHECK_EQ(area.node_id, 0);
    for (int i = 0; i < 3 * count; i++) {
        run_on(pthread_self(), processors[i % count]);
        CHECK_EQ(area.cpu_id, processors[i % count]);
        CHECK_EQ(area.cpu_id_start, processors[i % count]);
    }
    CHECK(area.concurrency_id < (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
    expect_ok(rseq(&area, sizeof(area), UNREGISTER, SIGNATURE));
    CHECK_EQ(area.cpu_id, UINT32_MAX);
    CHECK_EQ(area.cpu_id_start, 0);
}

static void auxiliary_vector(void)
{
    uint64_t size = getauxval(VECTOR_SIZE);
    static struct area area;
    use_area(&area);
    CHECK(size >= 20 && size <= 32);
    CHECK_EQ(getauxval(VECTOR_ALIGN), 32);
}

static struct area shared;

static void keeps_registration(void *argument)
{
    (void)argument;
    CHECK_EQ(shared.cpu_id, sched_getcpu());
    expect_errno(register_area(&shared), EBUSY);
    expect_ok(rseq(&shared, sizeof(shared), UNREGISTER, SIGNATURE));
}

static void fork_inherits(void)
{
    use_area(&shared);
    run_on(pthread_self(), sched_getcpu());
    expect_child_ok(keeps_registration, NULL);
    expect_errno(register_area(&shared), EBUSY);
}

static void *has_none(void *argument)
{
    struct area own;
    (void)argument;
    use_area(&own);
    expect_ok(rseq(&own, sizeof(own), UNREGISTER, SIGNATURE));
    return NULL;
}

static void threads_do_not_inherit(void)
{
    pthread_t thread;
    use_area(&shared);
    CHECK_EQ(pthread_create(&thread, NULL, has_none, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void execute(void *argument)
{
    (void)argument;
    use_area(&shared);
    execl(self_path(), self_path(), "--executed", NULL);
}

static void exec_forgets(void)
{
    forget_area_of_libc();
    expect_child_ok(execute, NULL);
}

/* What ends sequences */

struct spinner {
    pthread_t thread;
    struct area area;
    struct sequence sequence;
    int processor;
    atomic_int rounds, running;
};

static void *spinning(void *argument)
{
    struct spinner *spinner = argument;
    forget_area_of_libc();
    expect_ok(register_area(&spinner->area));
    run_on(pthread_self(), spinner->processor);
    spinner->running = 1;
    while (spin(&spinner->area, &spinner->sequence, &stop)) {
        CHECK_EQ(spinner->area.sequence, 0);
        spinner->rounds++;
    }
    expect_ok(rseq(&spinner->area, sizeof(spinner->area), UNREGISTER, SIGNATURE));
    return NULL;
}

static void start_spinner(struct spinner *spinner, int processor)
{
    forget_area_of_libc();
    *spinner = (struct spinner){.processor = processor, .sequence = SEQUENCE_OF(spin)};
    CHECK_EQ(pthread_create(&spinner->thread, NULL, spinning, spinner), 0);
    while (!spinner->running)
        sched_yield();
}

static void stop_spinner(struct spinner *spinner)
{
    stop = 1;
    CHECK_EQ(pthread_join(spinner->thread, NULL), 0);
}

static struct spinner spinners[2];

/* Two threads that wait on one processor interrupt each other. */
static void preemption_aborts(void)
{
    int processors[2];
    two_processors(processors);
    start_spinner(&spinners[0], processors[0]);
    start_spinner(&spinners[1], processors[0]);
    while (spinners[0].rounds < 3 || spinners[1].rounds < 3)
        usleep(1000);
    stop_spinner(&spinners[0]);
    stop_spinner(&spinners[1]);
}

static void migration_aborts(void)
{
    int processors[2];
    if (two_processors(processors) < 2)
        skip("there is one processor");
    run_on(pthread_self(), processors[0]);
    start_spinner(&spinners[0], processors[1]);
    for (int i = 0; i < 10; i++) {
        int rounds = spinners[0].rounds;
        run_on(spinners[0].thread, processors[i % 2]);
        while (spinners[0].rounds == rounds)
            usleep(100);
    }
    stop_spinner(&spinners[0]);
}

static void barrier_aborts(void)
{
    int processors[2];
    if (syscall(SYS_membarrier, BARRIER_RSEQ, 0, 0) == -1 && errno == EINVAL)
        skip("this kernel does not have the barrier");
    expect_errno(syscall(SYS_membarrier, BARRIER_RSEQ, 0, 0), EPERM);
    expect_ok(syscall(SYS_membarrier, BARRIER_REGISTER, 0, 0));
    two_processors(processors);
    run_on(pthread_self(), processors[0]);
    start_spinner(&spinners[0], processors[1]);
    for (int i = 0; i < 20; i++) {
        int rounds;
        while (spinners[0].area.sequence == 0)
            sched_yield();
        rounds = spinners[0].rounds;
        if (i % 2)
            expect_ok(syscall(SYS_membarrier, BARRIER_RSEQ, 0, 0));
        else
            expect_ok(syscall(SYS_membarrier, BARRIER_RSEQ, 1, processors[1]));
        while (spinners[0].rounds == rounds)
            sched_yield();
    }
    expect_ok(syscall(SYS_membarrier, BARRIER_RSEQ, 1, 1000));
    expect_errno(syscall(SYS_membarrier, BARRIER_RSEQ, 2, 0), EINVAL);
    stop_spinner(&spinners[0]);
}

static volatile uintptr_t interrupted_at;
static volatile int signals_seen;

static void note_place(int number, siginfo_t *information, void *context)
{
    (void)number, (void)information;
    interrupted_at = (uintptr_t)PLACE_OF((ucontext_t *)context);
    signals_seen++;
}

static void set_alarm(void)
{
    struct sigaction action = {.sa_sigaction = note_place, .sa_flags = SA_SIGINFO};
    struct itimerval soon = {.it_value.tv_usec = 20000};
    expect_ok(sigaction(SIGALRM, &action, NULL));
    expect_ok(setitimer(ITIMER_REAL, &soon, NULL));
}

static void signal_aborts(void)
{
    static struct area area;
    const struct sequence sequence = SEQUENCE_OF(spin);
    use_area(&area);
    set_alarm();
    for (int before = signals_seen; before == signals_seen;)
        CHECK_EQ(spin(&area, &sequence, &never), 1);
    CHECK(interrupted_at != 0);
    CHECK(interrupted_at < (uintptr_t)spin_start || interrupted_at >= (uintptr_t)spin_end);
    CHECK_EQ(area.sequence, 0);
}

/* A thread that is not in the sequence is left alone, and does not have it any more. */
static void outside_is_let_be(void)
{
    static struct area area;
    const struct sequence sequence = SEQUENCE_OF(spin);
    use_area(&area);
    set_alarm();
    area.sequence = (uintptr_t)&sequence;
    while (!signals_seen)
        ;
    CHECK_EQ(area.sequence, 0);
}

/* Sequences that are not sound */

static struct area bad_area;
static struct sequence bad_sequence;

static void enter_bad(void *argument)
{
    bool is_unsigned = argument != NULL;
    use_area(&bad_area);
    signal(SIGSEGV, SIG_IGN);
    set_alarm();
    if (is_unsigned)
        unsigned_spin(&bad_area, &bad_sequence, &never);
    else
        spin(&bad_area, &bad_sequence, &never);
}

#define expect_bad(argument) expect_signaled(child_status(enter_bad, argument), SIGSEGV)

static void bad_sequences_end_in_sigsegv(void)
{
    forget_area_of_libc();
    bad_sequence = SEQUENCE_OF(unsigned_spin);
    expect_bad("unsigned");
    bad_sequence = SEQUENCE_OF(spin);
    bad_sequence.version = 1;
    expect_bad(NULL);
    bad_sequence = SEQUENCE_OF(spin);
    bad_sequence.flags = 1;
    expect_bad(NULL);
    bad_sequence = SEQUENCE_OF(spin);
    bad_sequence.abort = bad_sequence.start + 1;
    expect_bad(NULL);
    bad_sequence = SEQUENCE_OF(spin);
    bad_sequence.length = UINT64_MAX;
    expect_bad(NULL);
    bad_sequence = SEQUENCE_OF(spin);
    bad_sequence.abort = UINT64_MAX - 63;
    expect_bad(NULL);
    bad_sequence = SEQUENCE_OF(spin);
    bad_area.flags = 0;
}

static void point_nowhere(void *argument)
{
    static struct area area;
    use_area(&area);
    set_alarm();
    area.sequence = (uintptr_t)argument;
    for (;;)
        ;
}

static void bad_pointers_end_in_sigsegv(void)
{
    forget_area_of_libc();
    expect_signaled(child_status(point_nowhere, find_hole(1)), SIGSEGV);
    expect_signaled(child_status(point_nowhere, (void *)UINTPTR_MAX), SIGSEGV);
}

static void lose_area(void *argument)
{
    struct area *area = (struct area *)map_pages(1);
    (void)argument;
    use_area(area);
    set_alarm();
    expect_ok(munmap(area, PAGE));
    for (;;)
        sched_yield();
}

static void lost_area_ends_in_sigsegv(void)
{
    forget_area_of_libc();
    expect_signaled(child_status(lose_area, NULL), SIGSEGV);
}

/* Use */

#define ROUNDS  3000
#define THREADS 6

static uint64_t counters[CPU_SETSIZE][8];

static void *incrementing(void *argument)
{
    struct area area = {0};
    const struct sequence sequence = SEQUENCE_OF(increment);
    (void)argument;
    forget_area_of_libc();
    expect_ok(register_area(&area));
    for (int i = 0; i < ROUNDS; i++) {
        while (increment(&area, &sequence, counters))
            ;
    }
    expect_ok(rseq(&area, sizeof(area), UNREGISTER, SIGNATURE));
    return NULL;
}

static void counters_of_processors(void)
{
    pthread_t threads[THREADS];
    uint64_t sum = 0;
    forget_area_of_libc();
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, incrementing, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < CPU_SETSIZE; i++)
        sum += counters[i][0];
    CHECK_EQ(sum, ROUNDS * THREADS);
}

static const struct test tests[] = {
    TEST(errors),
    TEST(fields_tell_the_processor),
    TEST(auxiliary_vector),
    TEST(fork_inherits),
    TEST(threads_do_not_inherit),
    TEST(exec_forgets),
    TEST(preemption_aborts),
    TEST(migration_aborts),
    TEST(barrier_aborts),
    TEST(signal_aborts),
    TEST(outside_is_let_be),
    TEST(bad_sequences_end_in_sigsegv),
    TEST(bad_pointers_end_in_sigsegv),
    TEST(lost_area_ends_in_sigsegv),
    TEST(counters_of_processors),
};

int main(int argc, char **argv)
{
    static struct area area;
    if (argc == 2 && strcmp(argv[1], "--executed") == 0) {
        forget_area_of_libc();
        return register_area(&area) != 0;
    }
    return TAP_MAIN(argc, argv, tests);
}
