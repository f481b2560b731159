/* epoll under load: no edge is lost, none is reported twice at once, and sets may change meanwhile.
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIPES = 100, WRITERS = 4, READERS = 3, BYTES = 1500 };

static int set, pipes[PIPES][2];

/* Shared by all processes of a test. */
static struct shared {
    int received[PIPES]; /* atomic */
    int total;           /* atomic */
    int busy[PIPES];     /* atomic: somebody has been told of this pipe */
} * shared;

static void make_pipes(uint32_t events)
{
    set = expect_ok(epoll_create1(0));
    shared = (struct shared *)expect_ok(
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < PIPES; i++) {
        struct epoll_event event = {.events = events, .data.u32 = (uint32_t)i};
        expect_ok(pipe2(pipes[i], O_NONBLOCK));
        expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, pipes[i][0], &event));
    }
}

static void write_at_random(void *argument)
{
    random_seed((uint64_t)(intptr_t)argument);
    for (int i = 0; i < BYTES; i++)
        CHECK_EQ(write(pipes[random_below(PIPES)][1], "x", 1), 1);
}

static int drain(int number)
{
    char buffer[16];
    ssize_t count;
    int sum = 0;

    while ((count = read(pipes[number][0], buffer, sizeof(buffer))) > 0)
        sum += (int)count;
    CHECK_EQ(count, -1);
    CHECK_EQ(errno, EAGAIN);
    __atomic_fetch_add(&shared->received[number], sum, __ATOMIC_SEQ_CST);
    return sum;
}

/* One that has the last byte tells the others through pipe 0, which stays readable. */
static void count_bytes(int sum)
{
    if (__atomic_add_fetch(&shared->total, sum, __ATOMIC_SEQ_CST) == WRITERS * BYTES)
        for (int i = 0; i < READERS; i++)
            CHECK_EQ(write(pipes[0][1], "end", 3), 3);
}

static bool ended(void)
{
    return __atomic_load_n(&shared->total, __ATOMIC_SEQ_CST) >= WRITERS * BYTES;
}

static void read_edges(void *argument)
{
    struct epoll_event events[4];

    (void)argument;
    while (!ended()) {
        int count = expect_ok(epoll_wait(set, events, COUNT_OF(events), -1));
        for (int i = 0; i < count && !ended(); i++)
            count_bytes(drain((int)events[i].data.u32));
    }
    /* The end is no edge for those that sleep after it: hand it on. */
    CHECK_EQ(write(pipes[0][1], "e", 1), 1);
}

static void run_readers(void (*reader)(void *))
{
    pid_t readers[READERS], writers[WRITERS];

    for (intptr_t i = 0; i < READERS; i++)
        readers[i] = spawn(reader, (void *)i);
    for (intptr_t i = 0; i < WRITERS; i++)
        writers[i] = spawn(write_at_random, (void *)(i + 1));
    for (int i = 0; i < WRITERS; i++)
        expect_exited(reap(writers[i]), 0);
    for (int i = 0; i < READERS; i++)
        expect_exited(reap(readers[i]), 0);
    CHECK(ended());
}

static void no_edge_is_lost(void)
{
    make_pipes(EPOLLIN | EPOLLET);
    run_readers(read_edges);
}

/* With EPOLLONESHOT nobody else is told of a pipe until it is armed again. */
static void read_one_shots(void *argument)
{
    struct epoll_event events[4];

    (void)argument;
    while (!ended()) {
        int count = expect_ok(epoll_wait(set, events, COUNT_OF(events), -1));
        for (int i = 0; i < count; i++) {
            int number = (int)events[i].data.u32;
            CHECK_EQ(__atomic_exchange_n(&shared->busy[number], 1, __ATOMIC_SEQ_CST), 0);
            if (!ended())
                count_bytes(drain(number));
            __atomic_store_n(&shared->busy[number], 0, __ATOMIC_SEQ_CST);
            events[i].events = EPOLLIN | EPOLLONESHOT;
            expect_ok(epoll_ctl(set, EPOLL_CTL_MOD, pipes[number][0], &events[i]));
        }
    }
}

static void one_shot_is_for_one(void)
{
    make_pipes(EPOLLIN | EPOLLONESHOT);
    run_readers(read_one_shots);
}

/* Level-triggered: whoever is told may find it empty, for another was quicker. */
static void read_levels(void *argument)
{
    struct epoll_event events[4];

    (void)argument;
    while (!ended()) {
        int count = expect_ok(epoll_wait(set, events, COUNT_OF(events), -1));
        for (int i = 0; i < count && !ended(); i++)
            count_bytes(drain((int)events[i].data.u32));
    }
}

static void levels(void)
{
    make_pipes(EPOLLIN);
    run_readers(read_levels);
}

/* Files come into the set and go, by EPOLL_CTL_DEL or with their last descriptor, under wakes. */
static void come_and_go(void *argument)
{
    random_seed((uint64_t)(intptr_t)argument);
    for (int i = 0; i < 400; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET};
        uint64_t one = 1;
        int fd = expect_ok(eventfd(0, EFD_NONBLOCK));
        event.data.fd = fd;
        expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
        CHECK_EQ(write(fd, &one, 8), 8);
        if (random_below(2))
            sched_yield();
        if (random_below(2))
            expect_ok(epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
        expect_ok(close(fd));
    }
}

static void look_until_told(void *argument)
{
    struct epoll_event events[8];
    uint64_t value;

    while (read((int)(intptr_t)argument, &value, 8) != 8)
        expect_ok(epoll_wait(set, events, COUNT_OF(events), 1));
}

static void changing_sets(void)
{
    int stop = expect_ok(eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE)), inner;
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t lookers = 2;
    pid_t pids[6];

    inner = expect_ok(epoll_create1(0));
    set = expect_ok(epoll_create1(0));
    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, inner, &event));
    for (intptr_t i = 0; i < 4; i++)
        pids[i] = spawn(come_and_go, (void *)(i + 1));
    for (int i = 4; i < 6; i++)
        pids[i] = spawn(look_until_told, (void *)(intptr_t)stop);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(write(stop, &lookers, 8), 8);
    for (int i = 4; i < 6; i++)
        expect_exited(reap(pids[i]), 0);
    struct epoll_event events[1];
    CHECK_EQ(epoll_wait(set, events, 1, 0), 0); /* nothing is left over */
}

/* A ring of processes, each of which waits in a set of its own for the counter of the next. */
enum { RING = 8, ROUNDS = 300 };
static int counters[RING];

static void pass_on(void *argument)
{
    int self = (int)(intptr_t)argument, own = expect_ok(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    uint64_t value;

    expect_ok(epoll_ctl(own, EPOLL_CTL_ADD, counters[self], &event));
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(epoll_wait(own, &event, 1, -1), 1);
        CHECK_EQ(read(counters[self], &value, 8), 8);
        CHECK_EQ(value, 1);
        CHECK_EQ(write(counters[(self + 1) % RING], &value, 8), 8);
    }
}

static void ring(void)
{
    pid_t pids[RING];
    uint64_t value = 1;

    for (int i = 0; i < RING; i++)
        counters[i] = expect_ok(eventfd(0, EFD_NONBLOCK));
    for (intptr_t i = 0; i < RING; i++)
        pids[i] = spawn(pass_on, (void *)i);
    CHECK_EQ(write(counters[0], &value, 8), 8);
    for (int i = 0; i < RING; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(read(counters[0], &value, 8), 8);
}

/* Threads of one process wait in one set: each event is for one of them. */
enum { THREADS = 4, EVENTS = 3000 };
static int taken; /* atomic: events, in all */

static void *take_events(void *argument)
{
    struct epoll_event event;
    uint64_t value;
    long own = 0;

    (void)argument;
    for (;;) {
        CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
        if (event.data.fd == -1)
            return (void *)own;
        if (read(event.data.fd, &value, sizeof(value)) != sizeof(value))
            continue;
        own += (long)value;
        __atomic_fetch_add(&taken, (int)value, __ATOMIC_SEQ_CST);
    }
}

static void threads_share_a_set(void)
{
    pthread_t threads[THREADS];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int files[16], stop = expect_ok(eventfd(0, EFD_NONBLOCK));
    uint64_t one = 1;
    void *own;
    long sum = 0;

    set = expect_ok(epoll_create1(0));
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        event.data.fd = files[i] = expect_ok(eventfd(0, EFD_NONBLOCK));
        expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, files[i], &event));
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, take_events, NULL), 0);
    for (int i = 0; i < EVENTS; i++)
        CHECK_EQ(write(files[i % (int)COUNT_OF(files)], &one, sizeof(one)), sizeof(one));
    while (__atomic_load_n(&taken, __ATOMIC_SEQ_CST) < EVENTS)
        sched_yield();
    event = (struct epoll_event){.events = EPOLLIN, .data.fd = -1}; /* level-triggered: for all */
    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, stop, &event));
    CHECK_EQ(write(stop, &one, sizeof(one)), sizeof(one));
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], &own), 0);
        sum += (long)own;
    }
    CHECK_EQ(sum, EVENTS);
}

static const struct test tests[] = {
    TEST(no_edge_is_lost),
    TEST(one_shot_is_for_one),
    TEST(levels),
    TEST(changing_sets),
    TEST(ring),
    TEST(threads_share_a_set),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
