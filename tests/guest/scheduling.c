/*
 * Scheduling: affinity is kept, by threads that run, sleep or wait for each other; policies and
 * priorities; balance; memory barriers.
 */
#include "tap.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIVE_UP 60.0 /* seconds: what is waited for has no time, but an end */

static cpu_set_t available(void)
{
    cpu_set_t set;

    expect_ok(sched_getaffinity(0, sizeof(set), &set));
    return set;
}

static void bind_to(pid_t id, int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    expect_ok(sched_setaffinity(id, sizeof(set), &set));
}

static int last_cpu(const cpu_set_t *set)
{
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
        if (CPU_ISSET(cpu, set))
            return cpu;
    fail("no processor");
}

static void pause_for(long nanoseconds)
{
    struct timespec time = {0, nanoseconds};

    nanosleep(&time, NULL);
}

static void stay(int cpu)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(sched_getcpu(), cpu);
        if (i % 4 == 0)
            pause_for(1000000);
        else
            sched_yield();
    }
}

static void each_processor(void)
{
    cpu_set_t all = available(), now;

    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        bind_to(0, cpu);
        stay(cpu);
        expect_ok(sched_getaffinity(0, sizeof(now), &now));
        CHECK_EQ(CPU_COUNT(&now), 1);
        CHECK(CPU_ISSET(cpu, &now));
    }
    expect_ok(sched_setaffinity(0, sizeof(all), &all));
}

static void stay_in_child(void *argument)
{
    stay((int)(intptr_t)argument);
}

static void *stay_in_thread(void *argument)
{
    stay((int)(intptr_t)argument);
    return NULL;
}

static void inherited(void)
{
    cpu_set_t all = available();
    int cpu = last_cpu(&all);
    void *argument = (void *)(intptr_t)cpu;
    pthread_t thread;

    bind_to(0, cpu);
    expect_child_ok(stay_in_child, argument);
    CHECK_EQ(pthread_create(&thread, NULL, stay_in_thread, argument), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void errors(void)
{
    cpu_set_t none, all = available();

    CPU_ZERO(&none);
    expect_errno(sched_setaffinity(0, sizeof(none), &none), EINVAL);
    expect_errno(sched_setaffinity(99999999, sizeof(all), &all), ESRCH);
    expect_errno(sched_getaffinity(99999999, sizeof(all), &all), ESRCH);
    expect_errno(syscall(SYS_sched_getaffinity, 0, 3, &all), EINVAL);
    expect_errno(sched_setaffinity(0, sizeof(all), (void *)8), EFAULT);
}

/* Others are moved while they run, sleep, or wait for a turn. */

struct shared {
    _Atomic int cpu, wanted, round;
};

static void run_and_tell(void *argument)
{
    struct shared *shared = argument;

    for (unsigned i = 0;; i++) {
        shared->cpu = sched_getcpu();
        shared->round++;
        if (i % 64 == 0)
            pause_for(100000);
    }
}

static void moved_by_others(void)
{
    cpu_set_t all = available();
    struct shared *shared =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    CHECK(shared != MAP_FAILED);
    child = spawn(run_and_tell, shared);
    for (int i = 0; i < 8; i++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all))
                continue;
            bind_to(child, cpu);
            int round = shared->round;
            while (shared->round < round + 100)
                sched_yield();
            CHECK_EQ(shared->cpu, cpu);
        }
    }
    expect_ok(kill(child, SIGKILL));
    expect_signaled(reap(child), SIGKILL);
}

/* Many threads bound to one processor, which wake each other and all get on. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned turn;

static int asleep; /* atomic: the thread's id; 0: it is to end */

static void *sleep_often(void *unused)
{
    (void)unused;
    __atomic_store_n(&asleep, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    while (__atomic_load_n(&asleep, __ATOMIC_ACQUIRE))
        pause_for(20000);
    return NULL;
}

/* Its processor is another one each time that it may be about to wake up. */
static void moved_while_asleep(void)
{
    cpu_set_t set = available();
    int last = last_cpu(&set);
    pthread_t thread;

    if (last == 0 || !CPU_ISSET(0, &set))
        skip("one processor");
    CHECK_EQ(pthread_create(&thread, NULL, sleep_often, NULL), 0);
    while (!__atomic_load_n(&asleep, __ATOMIC_ACQUIRE))
        sched_yield();
    for (int i = 0; i < 3000; i++)
        bind_to(asleep, i % 2 ? last : 0);
    __atomic_store_n(&asleep, 0, __ATOMIC_RELEASE);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (int cpu = 0; cpu <= last; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            bind_to(0, cpu);
            stay(cpu);
        }
    }
}

static void *take_turns(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    cpu_set_t all = available();

    if (self % 2)
        bind_to(0, last_cpu(&all));
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 8 != self)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void bound_turns(void)
{
    pthread_t threads[8];

    for (uintptr_t i = 0; i < 8; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, take_turns, (void *)i), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(turn, 800);
}

/* Policies */

static void limits(void)
{
    CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_RR), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_OTHER), 0);
    CHECK_EQ(sched_get_priority_max(SCHED_BATCH), 0);
    expect_errno(sched_get_priority_max(77), EINVAL);
}

static void policies(void)
{
    struct sched_param none = {0}, some = {.sched_priority = 5}, many = {.sched_priority = 100};
    struct timespec interval;

    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    expect_ok(sched_getparam(0, &many));
    CHECK_EQ(many.sched_priority, 0);
    many.sched_priority = 100;
    expect_errno(sched_setscheduler(0, SCHED_OTHER, &some), EINVAL);
    expect_errno(sched_setscheduler(0, SCHED_FIFO, &none), EINVAL);
    expect_errno(sched_setscheduler(0, SCHED_FIFO, &many), EINVAL);
    expect_errno(sched_setscheduler(0, 77, &none), EINVAL);
    expect_errno(sched_setscheduler(99999999, SCHED_OTHER, &none), ESRCH);
    expect_ok(sched_setscheduler(0, SCHED_BATCH, &none));
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    expect_ok(sched_setscheduler(0, SCHED_OTHER, &none));
    if (sched_setscheduler(0, SCHED_RR, &some))
        skip("real-time priorities are not allowed here");
    CHECK_EQ(sched_getscheduler(0), SCHED_RR);
    expect_ok(sched_getparam(0, &many));
    CHECK_EQ(many.sched_priority, 5);
    expect_ok(sched_rr_get_interval(0, &interval));
    CHECK(interval.tv_nsec > 0);
    expect_ok(sched_setscheduler(0, SCHED_FIFO, &some));
    expect_ok(sched_rr_get_interval(0, &interval));
    CHECK(interval.tv_nsec == 0 && interval.tv_sec == 0);
    expect_ok(sched_setscheduler(0, SCHED_OTHER, &none));
}

/* sched_attr of linux/sched/types.h, which is not to be had together with sched.h. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

#define KEEP_POLICY 0x08
#define KEEP_ALL    0x10 /* the priority and nice value, and so the policy too */

static struct attributes get_attributes(void)
{
    struct attributes attributes;

    expect_ok(syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0));
    CHECK_EQ(attributes.size, sizeof(attributes));
    return attributes;
}

static long set_attributes(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority)
{
    struct attributes attributes = {sizeof(attributes), policy, flags, nice, priority, 0, 0, 0};

    return syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static void attributes(void)
{
    struct attributes found = get_attributes();

    CHECK_EQ(found.policy, SCHED_OTHER);
    expect_ok(set_attributes(SCHED_BATCH, 0, 3, 0));
    expect_ok(set_attributes(SCHED_OTHER, KEEP_POLICY, 4, 0));
    expect_ok(set_attributes(SCHED_OTHER, KEEP_ALL, 5, 0));
    found = get_attributes();
    CHECK_EQ(found.policy, SCHED_BATCH);
    CHECK_EQ(found.nice, 4);
    CHECK_EQ(found.deadline, 0);
    expect_errno(set_attributes(SCHED_FIFO, KEEP_ALL, 0, 0), EINVAL);
    if (set_attributes(SCHED_FIFO, 0, 0, 7))
        skip("real-time priorities are not allowed here");
    found = get_attributes();
    CHECK_EQ(found.priority, 7);
    CHECK_EQ(found.nice, 0);
    CHECK_EQ(found.runtime, 0);
    expect_errno(set_attributes(SCHED_OTHER, KEEP_ALL, 0, 0), EINVAL);
    expect_ok(set_attributes(SCHED_RR, KEEP_ALL, 0, 0));
    CHECK_EQ(get_attributes().policy, SCHED_FIFO);
}

/* On one processor threads run in order of their priorities, not as they are woken. */

static sem_t ready, turns[3];
static _Atomic int order[3], place;

static void *run_by_priority(void *argument)
{
    intptr_t self = (intptr_t)argument;
    struct sched_param parameter = {.sched_priority = (int)self + 1};

    if (sched_setscheduler(0, SCHED_FIFO, &parameter))
        return (void *)1;
    sem_post(&ready);
    sem_wait(&turns[self]);
    order[place++] = (int)self;
    return NULL;
}

static void real_time(void)
{
    struct sched_param highest = {.sched_priority = 50};
    cpu_set_t all = available();
    pthread_t threads[3];

    if (sched_setscheduler(0, SCHED_FIFO, &highest))
        skip("real-time priorities are not allowed here");
    bind_to(0, last_cpu(&all));
    sem_init(&ready, 0, 0);
    for (intptr_t i = 0; i < 3; i++) {
        sem_init(&turns[i], 0, 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, run_by_priority, (void *)i), 0);
    }
    for (int i = 0; i < 3; i++)
        sem_wait(&ready);
    pause_for(10000000);
    for (int i = 0; i < 3; i++)
        sem_post(&turns[i]);
    CHECK_EQ(place, 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(order[i], 2 - i);
}

static void become_fifo(int priority)
{
    struct sched_param parameter = {.sched_priority = priority};

    if (sched_setscheduler(0, SCHED_FIFO, &parameter))
        skip("real-time priorities are not allowed here");
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Atomic int counted;

static void run_until(double end)
{
    while (seconds_now() < end)
        ;
}

static void *count_turns(void *argument)
{
    while (counted >= 0) {
        counted++;
        sched_yield();
    }
    return argument;
}

/* With SCHED_FIFO a thread runs until it yields; then those of the same priority do. */
static void first_in_first_out(void)
{
    cpu_set_t all = available();
    pthread_t thread;

    bind_to(0, last_cpu(&all));
    become_fifo(2);
    CHECK_EQ(pthread_create(&thread, NULL, count_turns, NULL), 0);
    run_until(seconds_now() + 0.1);
    CHECK_EQ(counted, 0);
    for (int i = 1; i <= 100; i++) {
        sched_yield();
        CHECK_EQ(counted, i);
    }
    counted = -1;
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void *run_on(void *argument)
{
    bind_to(0, (int)(intptr_t)argument);
    while (counted >= 0)
        ;
    return NULL;
}

static void *await_turn(void *argument)
{
    become_fifo(2);
    sched_setaffinity(0, sizeof(cpu_set_t), argument);
    sem_post(&ready);
    sem_wait(&turns[0]);
    counted++;
    return NULL;
}

/* A real-time thread that is woken where a higher one runs goes where none does. */
static void real_time_elsewhere(void)
{
    cpu_set_t all = available();
    int last = last_cpu(&all);
    pthread_t thread;

    if (CPU_COUNT(&all) < 2)
        skip("there is one processor");
    for (int cpu = 0; cpu < last; cpu++)
        if (CPU_ISSET(cpu, &all))
            CHECK_EQ(pthread_create(&thread, NULL, run_on, (void *)(intptr_t)cpu), 0);
    bind_to(0, last);
    sem_init(&ready, 0, 0);
    sem_init(&turns[0], 0, 0);
    become_fifo(3);
    CHECK_EQ(pthread_create(&thread, NULL, await_turn, &all), 0);
    sem_wait(&ready);
    pause_for(50000000);
    sem_post(&turns[0]);
    for (double end = seconds_now() + GIVE_UP; !counted && seconds_now() < end;)
        ;
    CHECK_EQ(counted, 1);
}

/* Busy processors share what there is to do, and real-time threads go where they can run. */

static int first, last;
static cpu_set_t both;
static _Atomic uint64_t seen[CPU_SETSIZE + 1]; /* of each roamer: bit n % 64: processor n */

static void choose_two(void)
{
    cpu_set_t all = available();

    if (CPU_COUNT(&all) < 2)
        skip("there is one processor");
    last = last_cpu(&all);
    for (first = 0; !CPU_ISSET(first, &all);)
        first++;
    CPU_ZERO(&both);
    CPU_SET(first, &both);
    CPU_SET(last, &both);
}

static void *roam(void *argument)
{
    for (intptr_t self = (intptr_t)argument;;)
        seen[self] |= 1ul << sched_getcpu() % 64;
    return NULL;
}

/* Wait until one of the roamers has been on two processors. */
static bool one_moves(int roamers)
{
    for (double end = seconds_now() + GIVE_UP; seconds_now() < end;) {
        pause_for(10000000);
        for (int i = 0; i < roamers; i++)
            if (seen[i] & (seen[i] - 1))
                return true;
    }
    return false;
}

/* One more computes than there are processors: they do not stay where they are. */
static void one_too_many(void)
{
    int roamers;
    pthread_t thread;

    choose_two();
    cpu_set_t all = available();
    roamers = CPU_COUNT(&all) + 1;
    for (intptr_t i = 0; i < roamers; i++)
        CHECK_EQ(pthread_create(&thread, NULL, roam, (void *)i), 0);
    pause_for(100000000);
    for (int i = 0; i < roamers; i++)
        seen[i] = 0;
    CHECK(one_moves(roamers));
}

/* Four that compute on one processor, while one does on each other one. */
static void many_and_one(void)
{
    pthread_t threads[4], other;
    cpu_set_t all = available();

    choose_two();
    bind_to(0, first);
    for (int cpu = first + 1; cpu <= last; cpu++)
        if (CPU_ISSET(cpu, &all))
            CHECK_EQ(pthread_create(&other, NULL, run_on, (void *)(intptr_t)cpu), 0);
    for (intptr_t i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, roam, (void *)i), 0);
    pause_for(100000000);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(seen[i] & ~(1ul << first % 64), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_setaffinity_np(threads[i], sizeof(all), &all), 0);
    CHECK(one_moves(4));
}

static _Atomic bool higher_ends;

/* Sleep on the last processor, but be free to run on both. */
static void *sleep_and_count(void *argument)
{
    bind_to(0, last);
    become_fifo(2);
    expect_ok(sched_setaffinity(0, sizeof(both), &both));
    pause_for(200000000);
    counted++;
    return argument;
}

static void *run_higher(void *argument)
{
    bind_to(0, first);
    become_fifo(3);
    sem_post(&ready);
    while (!higher_ends)
        ;
    return argument;
}

/* A real-time thread whose sleep ends where a higher one computes: it goes to the other processor,
 * at once if that does ordinary work (higher: not before the higher one there has ended). */
static void wake_behind_higher(bool higher)
{
    pthread_t thread;

    choose_two();
    sem_init(&ready, 0, 0);
    CHECK_EQ(pthread_create(&thread, NULL, run_on, (void *)(intptr_t)first), 0);
    bind_to(0, last);
    become_fifo(3);
    CHECK_EQ(pthread_create(&thread, NULL, sleep_and_count, NULL), 0);
    if (higher)
        CHECK_EQ(pthread_create(&thread, NULL, run_higher, NULL), 0);
    if (higher)
        sem_wait(&ready);
    pause_for(50000000);
    run_until(seconds_now() + 0.3);
    higher_ends = true;
    for (double end = seconds_now() + GIVE_UP; !counted && seconds_now() < end;)
        ;
    CHECK_EQ(counted, 1);
}

static void real_time_wakes_elsewhere(void)
{
    wake_behind_higher(false);
}

static void real_time_follows(void)
{
    wake_behind_higher(true);
}

#define GET_REGISTRATIONS (1 << 9) /* MEMBARRIER_CMD_GET_REGISTRATIONS of newer headers */

static void barriers(void)
{
    int commands = (int)expect_ok(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));

    CHECK(commands & MEMBARRIER_CMD_GLOBAL);
    CHECK(commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    expect_errno(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
    expect_ok(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    if (commands & GET_REGISTRATIONS)
        CHECK_EQ(syscall(SYS_membarrier, GET_REGISTRATIONS, 0, 0),
                 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    expect_ok(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    expect_ok(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
    expect_errno(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
    expect_errno(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 4, 0), EINVAL);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(each_processor),
        TEST(inherited),
        TEST(errors),
        TEST(moved_by_others),
        TEST(moved_while_asleep),
        TEST(bound_turns),
        TEST(limits),
        TEST(policies),
        TEST(attributes),
        TEST(real_time),
        TEST(first_in_first_out),
        TEST(real_time_elsewhere),
        TEST(one_too_many),
        TEST(many_and_one),
        TEST(real_time_wakes_elsewhere),
        TEST(real_time_follows),
        TEST(barriers),
    };

    return TAP_MAIN(argc, argv, tests);
}
