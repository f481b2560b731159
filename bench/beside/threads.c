/*
 * Threads of one process, also several at once.
 */
#include "beside.h"

#include <linux/futex.h>
#include <pthread.h>

static int file;

static void prepare_file(void)
{
    file = scratch("/", MIB);
}

static void map_store(size_t size)
{
    char *start = map(size);
    store_each(start, size);
    munmap(start, size);
}

static void *do_nothing(void *argument)
{
    return argument;
}

static void thread(void)
{
    pthread_t made;
    pthread_create(&made, NULL, do_nothing, NULL);
    pthread_join(made, NULL);
}

static void *repeat(void *operation)
{
    for (int i = 0; i < 50; i++)
        (*(void (**)(void))operation)();
    return NULL;
}

/* 50 times in each of four threads at once. */
static void together(void (*operation)(void))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, repeat, &operation);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void map_store_1(void)
{
    map_store(PAGE);
}

static void map_store_64(void)
{
    map_store(64 * PAGE);
}

static void threads_store(void)
{
    together(map_store_64);
}

static void threads_map(void)
{
    together(map_store_1);
}

static void read_alone(void)
{
    char own[PAGE];
    MUST(pread(file, own, sizeof(own), 0));
}

static void threads_read(void)
{
    together(read_alone);
}

static void lock_unlock(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static volatile int count;
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&mutex);
        count = count + 1;
        pthread_mutex_unlock(&mutex);
    }
}

static void threads_lock(void)
{
    together(lock_unlock);
}

static int *turn; /* whose: 0 or 1 */

static void pass_turn(int self)
{
    __atomic_store_n(turn, !self, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, turn, FUTEX_WAKE, 1);
    while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) != self)
        syscall(SYS_futex, turn, FUTEX_WAIT, !self, NULL);
}

static void *wait_for_turn(void *argument)
{
    for (;;)
        pass_turn(1);
    return argument;
}

static void prepare_futex(void)
{
    pthread_t other;
    turn = map(PAGE);
    pthread_create(&other, NULL, wait_for_turn, NULL);
}

static void futex_turns(void)
{
    pass_turn(0);
}

static void protect_own(void)
{
    static __thread char *own;
    own = own ? own : map(4 * PAGE);
    MUST(mprotect(own, 4 * PAGE, PROT_READ));
    MUST(mprotect(own, 4 * PAGE, PROT_READ | PROT_WRITE));
    store_each(own, 4 * PAGE);
}

static void threads_protect(void)
{
    together(protect_own);
}

static void open_close(void)
{
    close(MUST(open("/bin/sh", O_RDONLY)));
}

static void threads_open(void)
{
    together(open_close);
}

static void write_alone(void)
{
    char own[PAGE] = "";
    MUST(pwrite(file, own, sizeof(own), (off_t)(gettid() % 16) * (long)PAGE));
}

static void threads_write(void)
{
    together(write_alone);
}

static void wake_nobody(void)
{
    static int word;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

const struct operation threads_operations[] = {
    {"thread", NULL, thread, "start a thread, join it"},
    {"threads-store", NULL, threads_store, "map-store-64, 50 times in each of 4 threads at once"},
    {"threads-map", NULL, threads_map, "map-store-1, the same way"},
    {"threads-read", prepare_file, threads_read, "read-4k, the same way"},
    {"threads-lock", NULL, threads_lock, "20 times under one mutex, the same way"},
    {"futex", prepare_futex, futex_turns, "two threads take turns by a futex"},
    {"threads-protect", NULL, threads_protect,
     "mprotect 4 pages twice, store to each, the same way"},
    {"threads-open", NULL, threads_open, "open and close a file, the same way"},
    {"threads-write", prepare_file, threads_write, "write-4k to one file, the same way"},
    {"futex-wake", NULL, wake_nobody, "FUTEX_WAKE where nobody waits"},
    {0},
};
