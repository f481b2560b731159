/*
 * What operations cost, in nanoseconds of the machine's clock, for comparing two systems that run
 * the same program on the same machine (bench/beside-linux). One line each: the name, a tab, the
 * best of a few rounds. With -l: what the names mean.
 *
 * Each operation has a process of its own, which prepares what it needs, and whose end removes it.
 */
#define _GNU_SOURCE
#include "measure.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PAGE     4096ul
#define MIB      (1ul << 20)
#define ROUNDS   5
#define ROUND_NS 10000000ul /* at the least, or one operation */
#define THREADS  4

/* The value of a call that must not fail. */
#define MUST(call)                                                                                 \
    ({                                                                                             \
        __typeof__(call) result_ = (call);                                                         \
        if ((long)result_ == -1)                                                                   \
            give_up(#call);                                                                        \
        result_;                                                                                   \
    })

static char buffer[MIB];
static char *memory;
static int file, out, in, pair[2];

static _Noreturn void give_up(const char *call)
{
    fprintf(stderr, "beside: %s: %s\n", call, strerror(errno));
    _exit(1);
}

static void *map(size_t size)
{
    return MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void store_each(volatile char *start, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE)
        start[i] = 1;
}

static void load_each(const volatile char *start, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE)
        (void)start[i];
}

/* Memory */

static void call(void)
{
    syscall(SYS_getppid);
}

static void map_unmap(void)
{
    munmap(map(PAGE), PAGE);
}

static void map_store(size_t size)
{
    char *start = map(size);
    store_each(start, size);
    munmap(start, size);
}

static void map_store_1(void)
{
    map_store(PAGE);
}

static void map_store_64(void)
{
    map_store(64 * PAGE);
}

static void map_store_1024(void)
{
    map_store(1024 * PAGE);
}

static void prepare_memory(void)
{
    memory = map(64 * MIB);
    store_each(memory, MIB);
}

static void discard(void)
{
    store_each(memory, MIB);
    MUST(madvise(memory, MIB, MADV_DONTNEED));
}

static void protect(void)
{
    MUST(mprotect(memory, MIB, PROT_READ));
    MUST(mprotect(memory, MIB, PROT_READ | PROT_WRITE));
    store_each(memory, MIB);
}

static void residence(void)
{
    static unsigned char there[MIB / PAGE];
    MUST(mincore(memory, MIB, there));
}

static void unprotect(int number, siginfo_t *information, void *unused)
{
    uintptr_t address = (uintptr_t)information->si_addr & ~(PAGE - 1);
    (void)number;
    (void)unused;
    mprotect((void *)address, PAGE, PROT_READ | PROT_WRITE);
}

static void prepare_handler(void)
{
    struct sigaction action = {.sa_sigaction = unprotect, .sa_flags = SA_SIGINFO};
    MUST(sigaction(SIGSEGV, &action, NULL));
    prepare_memory();
}

static void caught_faults(void)
{
    MUST(mprotect(memory, 64 * PAGE, PROT_READ));
    store_each(memory, 64 * PAGE);
}

static void prepare_move(void)
{
    prepare_memory();
    store_each(memory, 64 * MIB);
}

static void move(void)
{
    void *place = MUST(mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memory = MUST(mremap(memory, 64 * MIB, 64 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, place));
}

/* Files */

static int scratch(const char *directory, size_t size)
{
    char name[64];
    snprintf(name, sizeof(name), "%s/beside.XXXXXX", directory);
    int made = MUST(mkstemp(name));
    MUST(unlink(name));
    for (size_t i = 0; i < size; i += sizeof(buffer))
        MUST(write(made, buffer, sizeof(buffer)));
    MUST(fsync(made));
    return made;
}

static void prepare_file(void)
{
    file = scratch("/", 16 * MIB);
}

static void map_file(int flags, bool store)
{
    char *start = MUST(mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, flags, file, 0));
    if (store)
        store_each(start, 4 * MIB);
    else
        load_each(start, 4 * MIB);
    munmap(start, 4 * MIB);
}

static void file_load(void)
{
    map_file(MAP_SHARED, false);
}

static void file_store(void)
{
    map_file(MAP_SHARED, true);
}

static void file_private(void)
{
    map_file(MAP_PRIVATE, true);
}

static off_t next_place(size_t size)
{
    static size_t place;
    place = (place + size) % (8 * MIB);
    return (off_t)place;
}

static void read_4k(void)
{
    MUST(pread(file, buffer, PAGE, next_place(PAGE)));
}

static void read_64k(void)
{
    MUST(pread(file, buffer, 16 * PAGE, next_place(16 * PAGE)));
}

static void write_4k(void)
{
    MUST(pwrite(file, buffer, PAGE, next_place(PAGE)));
}

static void write_64k(void)
{
    MUST(pwrite(file, buffer, 16 * PAGE, next_place(16 * PAGE)));
}

static void prepare_append(void)
{
    file = scratch("/", 0);
}

static void append(void)
{
    for (size_t i = 0; i < MIB; i += PAGE)
        MUST(write(file, buffer, PAGE));
    MUST(ftruncate(file, 0));
    MUST(lseek(file, 0, SEEK_SET));
}

static void write_durably(void)
{
    write_4k();
    MUST(fsync(file));
}

static void read_cold(void)
{
    MUST(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
    MUST(lseek(file, 0, SEEK_SET));
    while (MUST(read(file, buffer, 16 * PAGE)) > 0)
        continue;
}

static void prepare_sending(void)
{
    prepare_file();
    out = MUST(open("/dev/null", O_WRONLY));
    MUST(pipe(pair));
}

static void send_file(void)
{
    off_t from = next_place(16 * PAGE);
    MUST(sendfile(out, file, &from, 16 * PAGE));
}

static void splice_file(void)
{
    off_t from = next_place(16 * PAGE);
    long count = MUST(splice(file, &from, pair[1], NULL, 16 * PAGE, 0));
    MUST(splice(pair[0], NULL, out, NULL, (size_t)count, 0));
}

/* Names */

static void name_directory(char name[64], const char *parent, pid_t pid)
{
    snprintf(name, 64, "%s/beside-%d", parent, pid);
}

/* Names are made in a directory of the process's own. */
static void prepare_names(const char *parent)
{
    char name[64];
    name_directory(name, parent, getpid());
    MUST(mkdir(name, 0700));
    MUST(chdir(name));
}

static void prepare_disk_names(void)
{
    prepare_names("");
}

static void prepare_memory_names(void)
{
    prepare_names("/tmp");
}

static void create_100(void)
{
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "%d", i % 100);
        if (i >= 100) {
            MUST(unlink(name));
            continue;
        }
        int made = MUST(open(name, O_CREAT | O_EXCL | O_WRONLY, 0600));
        MUST(write(made, buffer, 100));
        close(made);
    }
}

static void prepare_many_names(void)
{
    char name[32];
    prepare_disk_names();
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "a_name_of_many_%d", i);
        close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
    }
}

static void find_names(void)
{
    struct stat status;
    char name[32];
    for (int i = 0; i < 3000; i += 30) {
        snprintf(name, sizeof(name), "a_name_of_many_%d", i);
        MUST(stat(name, &status));
    }
}

static void list_names(void)
{
    DIR *directory = opendir(".");
    while (directory && readdir(directory))
        continue;
    closedir(directory);
}

static void add_name(void)
{
    close(MUST(open("another", O_CREAT | O_EXCL | O_WRONLY, 0600)));
    MUST(unlink("another"));
}

static void prepare_deep(void)
{
    prepare_disk_names();
    for (int i = 0; i < 8; i++) {
        MUST(mkdir("directory", 0700));
        MUST(chdir("directory"));
    }
    MUST(getcwd(buffer, sizeof(buffer)) ? 0 : -1);
}

static void open_deep(void)
{
    close(MUST(open(buffer, O_RDONLY)));
}

static void read_whole(const char *name)
{
    int opened = MUST(open(name, O_RDONLY));
    while (MUST(read(opened, buffer, PAGE)) > 0)
        continue;
    close(opened);
}

static void proc_status(void)
{
    read_whole("/proc/self/status");
}

static void proc_maps(void)
{
    read_whole("/proc/self/maps");
}

static void proc_meminfo(void)
{
    read_whole("/proc/meminfo");
}

/* Processes and threads */

static void fork_exit(void)
{
    pid_t pid = MUST(fork());
    if (pid == 0)
        _exit(0);
    MUST(waitpid(pid, NULL, 0));
}

static void fork_store(void)
{
    pid_t pid = MUST(fork());
    if (pid == 0) {
        store_each(memory, MIB);
        _exit(0);
    }
    MUST(waitpid(pid, NULL, 0));
}

static void execute(const char *path, const char *option, const char *command)
{
    pid_t pid = MUST(vfork());
    if (pid == 0) {
        execl(path, path, option, command, NULL);
        _exit(1);
    }
    MUST(waitpid(pid, NULL, 0));
}

static void exec_true(void)
{
    execute("/bench/true", NULL, NULL);
}

static void exec_shell(void)
{
    execute("/bin/sh", "-c", "exit 0");
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

/* Messages: a process that answers each byte with a byte, or takes all that it gets. */

static void answer(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        continue;
    _exit(0);
}

static void swallow(int from)
{
    while (read(from, buffer, 16 * PAGE) > 0)
        continue;
    _exit(0);
}

static void prepare_pipe(void)
{
    int to[2], back[2];
    MUST(pipe(to));
    MUST(pipe(back));
    if (MUST(fork()) == 0) {
        close(to[1]);
        answer(to[0], back[1]);
    }
    out = to[1], in = back[0];
}

static void prepare_wide_pipe(void)
{
    int to[2];
    MUST(pipe(to));
    if (MUST(fork()) == 0) {
        close(to[1]);
        swallow(to[0]);
    }
    out = to[1];
}

static void prepare_local(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    if (MUST(fork()) == 0) {
        close(pair[0]);
        answer(pair[1], pair[1]);
    }
    out = in = pair[0];
}

/* Two ends of a connection over the loopback interface. */
static void connect_pair(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int on = 1, listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listener, (struct sockaddr *)&address, size));
    MUST(listen(listener, 1));
    MUST(getsockname(listener, (struct sockaddr *)&address, &size));
    pair[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(pair[0], (struct sockaddr *)&address, size));
    pair[1] = MUST(accept(listener, NULL, NULL));
    for (int i = 0; i < 2; i++)
        MUST(setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
    close(listener);
}

static void prepare_tcp(void)
{
    connect_pair();
    if (MUST(fork()) == 0) {
        close(pair[0]);
        answer(pair[1], pair[1]);
    }
    out = in = pair[0];
}

static void prepare_wide_tcp(void)
{
    connect_pair();
    if (MUST(fork()) == 0) {
        close(pair[0]);
        swallow(pair[1]);
    }
    out = pair[0];
}

static void round_trip(void)
{
    char byte = 1;
    MUST(write(out, &byte, 1));
    MUST(read(in, &byte, 1));
}

static void send_64k(void)
{
    MUST(write(out, buffer, 16 * PAGE));
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

static void note(int number)
{
    (void)number;
}

static void prepare_signal(void)
{
    signal(SIGUSR1, note);
}

static void send_signal(void)
{
    MUST(kill(getpid(), SIGUSR1));
}

static struct pollfd polled[100];

static void prepare_poll(void)
{
    for (int i = 0; i < 100; i++)
        polled[i] = (struct pollfd){.fd = MUST(eventfd(0, 0)), .events = POLLIN};
}

static void poll_100(void)
{
    MUST(poll(polled, 100, 0));
}

static void prepare_epoll(void)
{
    file = MUST(epoll_create1(0));
    for (int i = 0; i < 500; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        out = MUST(eventfd(0, 0));
        MUST(epoll_ctl(file, EPOLL_CTL_ADD, out, &event));
    }
}

static void epoll_one(void)
{
    struct epoll_event event;
    uint64_t one = 1;
    MUST(write(out, &one, sizeof(one)));
    MUST(epoll_wait(file, &event, 1, -1));
    MUST(read(out, &one, sizeof(one)));
}

static const struct operation {
    const char *name;
    void (*prepare)(void), (*run)(void);
    const char *what;
} operations[] = {
    {"call", NULL, call, "a system call that does nothing"},
    {"map", NULL, map_unmap, "map a page, unmap it"},
    {"map-store-1", NULL, map_store_1, "map a page, store to it, unmap it"},
    {"map-store-64", NULL, map_store_64, "the same with 64 pages"},
    {"map-store-1024", NULL, map_store_1024, "the same with 4 MiB"},
    {"discard", prepare_memory, discard, "store to 256 pages, MADV_DONTNEED"},
    {"protect", prepare_memory, protect, "mprotect 256 pages twice, store to each"},
    {"caught-faults", prepare_handler, caught_faults, "64 stores that a SIGSEGV handler permits"},
    {"mincore", prepare_memory, residence, "mincore of 256 pages"},
    {"move", prepare_move, move, "mremap of 64 MiB to another place"},
    {"file-load", prepare_file, file_load,
     "map 4 MiB of a file shared, load from each page, unmap"},
    {"file-store", prepare_file, file_store, "the same with stores"},
    {"file-private", prepare_file, file_private, "the same with stores, private"},
    {"read-4k", prepare_file, read_4k, "read 4 KiB of a cached file"},
    {"read-64k", prepare_file, read_64k, "read 64 KiB of it"},
    {"write-4k", prepare_file, write_4k, "write 4 KiB over those of a cached file"},
    {"write-64k", prepare_file, write_64k, "write 64 KiB"},
    {"append", prepare_append, append, "write 1 MiB by 4 KiB, truncate"},
    {"fsync", prepare_file, write_durably, "write 4 KiB, fsync"},
    {"read-cold", prepare_file, read_cold, "read 16 MiB from the disk"},
    {"sendfile", prepare_sending, send_file, "sendfile 64 KiB to /dev/null"},
    {"splice", prepare_sending, splice_file, "splice 64 KiB through a pipe to /dev/null"},
    {"create", prepare_disk_names, create_100, "create, write and unlink 100 files on the disk"},
    {"create-tmpfs", prepare_memory_names, create_100, "the same in memory"},
    {"stat", prepare_many_names, find_names, "stat 100 of 3,000 names of a directory"},
    {"list", prepare_many_names, list_names, "list them"},
    {"add-name", prepare_many_names, add_name, "create and unlink one more"},
    {"open", prepare_deep, open_deep, "open and close through 10 directories"},
    {"proc-status", NULL, proc_status, "read /proc/self/status"},
    {"proc-maps", NULL, proc_maps, "read /proc/self/maps"},
    {"proc-meminfo", NULL, proc_meminfo, "read /proc/meminfo"},
    {"fork", NULL, fork_exit, "fork, exit, wait"},
    {"fork-store", prepare_memory, fork_store, "the same, the child stores to 256 pages"},
    {"exec", NULL, exec_true, "start a dynamic program that ends, wait"},
    {"exec-shell", NULL, exec_shell, "the same with sh -c"},
    {"thread", NULL, thread, "start a thread, join it"},
    {"threads-store", NULL, threads_store, "map-store-64, 50 times in each of 4 threads at once"},
    {"threads-map", NULL, threads_map, "map-store-1, the same way"},
    {"threads-read", prepare_file, threads_read, "read-4k, the same way"},
    {"threads-lock", NULL, threads_lock, "20 times under one mutex, the same way"},
    {"pipe", prepare_pipe, round_trip, "a byte to another process and back, by pipes"},
    {"pipe-64k", prepare_wide_pipe, send_64k, "64 KiB to another process, by a pipe"},
    {"unix", prepare_local, round_trip, "a byte there and back, by a local socket"},
    {"tcp", prepare_tcp, round_trip, "the same by TCP"},
    {"tcp-64k", prepare_wide_tcp, send_64k, "64 KiB by TCP"},
    {"futex", prepare_futex, futex_turns, "two threads take turns by a futex"},
    {"signal", prepare_signal, send_signal, "send oneself a signal, handle it"},
    {"poll", prepare_poll, poll_100, "poll 100 descriptors, none ready"},
    {"epoll", prepare_epoll, epoll_one, "make one of 500 ready, wait for it"},
};

#define COUNT (sizeof(operations) / sizeof(operations[0]))

/* The time of one of count operations, the best of some rounds. */
static uint64_t best(const struct operation *operation, uint64_t count)
{
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = read_nanoseconds();
        for (uint64_t i = 0; i < count; i++)
            operation->run();
        uint64_t taken = (read_nanoseconds() - begin) / count;
        least = taken < least ? taken : least;
    }
    return least;
}

/* How many last as long as a round should. */
static uint64_t find_count(const struct operation *operation)
{
    for (uint64_t count = 1;; count *= 4) {
        uint64_t begin = read_nanoseconds();
        for (uint64_t i = 0; i < count; i++)
            operation->run();
        uint64_t taken = read_nanoseconds() - begin;
        if (taken >= ROUND_NS / 4)
            return taken < ROUND_NS ? count * ROUND_NS / taken : count;
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Remove what the process has left. */
static void clean_up(pid_t pid)
{
    static const char *const parents[] = {"", "/tmp"};
    char name[64];
    kill(-pid, SIGKILL); /* who answered */
    for (int i = 0; i < 2; i++) {
        name_directory(name, parents[i], pid);
        (void)nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static bool run(const struct operation *operation)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        alarm(600);
        if (operation->prepare)
            operation->prepare();
        printf("%s\t%" PRIu64 "\n", operation->name, best(operation, find_count(operation)));
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    clean_up(pid);
    return status == 0;
}

static bool is_wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], name))
            return true;
    }
    return count == 0;
}

int main(int argc, char **argv)
{
    bool listed = argc == 2 && !strcmp(argv[1], "-l"), fine = true;
    for (size_t i = 0; i < COUNT; i++) {
        if (listed)
            printf("%-14s %s\n", operations[i].name, operations[i].what);
        else if (is_wanted(operations[i].name, argc - 1, argv + 1))
            fine = run(&operations[i]) && fine;
    }
    return fine ? 0 : 1;
}
