/*
 * Allocations that fail: of each call the first one, then the second, ... with Linux's fault
 * injection (/proc/self/fail-nth), until the call has no more of them. The call must succeed, or
 * fail with an errno for want of memory; then it has changed nothing that the next try, or its
 * undoing, would see; and memory comes back. Skipped where failures cannot be injected.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RW         (PROT_READ | PROT_WRITE)
#define MOST       2000 /* allocations of a call */
#define ROUNDS     12
#define LEAK_LIMIT 128 /* KiB that other things of the kernel may take meanwhile */

/* One call; what undoes it; its result is -1 and errno, or what undo takes. */
struct call {
    const char *name;
    long (*attempt)(void);
    void (*undo)(long result);
};

static int control = -1;

static void arm(unsigned number)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%u", number);

    /* The write's own allocation may be the one that was to fail. */
    if (pwrite(control, text, (size_t)length, 0) != length)
        CHECK_EQ(pwrite(control, text, (size_t)length, 0), length);
}

/* Was the failure injected? */
static bool disarm(void)
{
    char text[16] = "";

    CHECK(pread(control, text, sizeof(text) - 1, 0) > 0);
    arm(0);
    return atoi(text) == 0;
}

static void open_control(void)
{
    control = open("/proc/thread-self/fail-nth", O_RDWR);
    if (control < 0)
        skip("failures cannot be injected");
}

static bool is_want_of_memory(int error)
{
    return error == ENOMEM || error == EAGAIN || error == ENOBUFS || error == ENOSPC ||
           error == ENFILE;
}

/* Fail each allocation of the call in turn. How many there are. */
static unsigned try_all(const struct call *call)
{
    for (unsigned number = 1; number < MOST; number++) {
        arm(number);
        long result = call->attempt();
        int error = errno;
        bool injected = disarm();
        if (result == -1 && (!injected || !is_want_of_memory(error)))
            FAIL_HERE("%s: %s with allocation %u", call->name, error_name(error), number);
        if (result != -1 && call->undo)
            call->undo(result);
        if (!injected)
            return number - 1;
    }
    FAIL_HERE("%s: no end of allocations", call->name);
}

static long memory_used(void)
{
    return memory_kib("MemTotal") - memory_kib("MemFree") - memory_kib("Cached") -
           memory_kib("Buffers");
}

static void try_calls(const struct call *calls, size_t count)
{
    open_control();
    for (size_t i = 0; i < count; i++) {
        try_all(&calls[i]); /* caches fill */
        try_all(&calls[i]);
        long before = memory_used();
        for (unsigned round = 0; round < ROUNDS; round++)
            try_all(&calls[i]);
        long grown = memory_used() - before;
        if (grown > LEAK_LIMIT)
            FAIL_HERE("%s: %ld KiB are gone", calls[i].name, grown);
    }
}

/* ---- descriptors ---- */

static void undo_descriptor(long descriptor)
{
    close((int)descriptor);
}

static long open_new(void)
{
    return open("new", O_RDWR | O_CREAT | O_EXCL, 0600);
}

static void undo_new(long descriptor)
{
    close((int)descriptor);
    unlink("new");
}

static long open_maps(void)
{
    return open("/proc/self/maps", O_RDONLY);
}

static int pair[2];

static long make_pipe(void)
{
    return pipe(pair);
}

static long make_sockets(void)
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static void undo_pair(long result)
{
    (void)result;
    close(pair[0]);
    close(pair[1]);
}

static long make_epoll(void)
{
    return epoll_create1(0);
}

static long make_event(void)
{
    return eventfd(0, 0);
}

static long make_timer_file(void)
{
    return timerfd_create(CLOCK_MONOTONIC, 0);
}

static long make_inotify(void)
{
    return inotify_init();
}

static long make_memfd(void)
{
    return memfd_create("failing", 0);
}

static long duplicate_high(void)
{
    return fcntl(0, F_DUPFD, 700);
}

static void descriptors(void)
{
    static const struct call calls[] = {
        {"open O_CREAT", open_new, undo_new},
        {"open /proc/self/maps", open_maps, undo_descriptor},
        {"pipe", make_pipe, undo_pair},
        {"socketpair", make_sockets, undo_pair},
        {"epoll_create1", make_epoll, undo_descriptor},
        {"eventfd", make_event, undo_descriptor},
        {"timerfd_create", make_timer_file, undo_descriptor},
        {"inotify_init", make_inotify, undo_descriptor},
        {"memfd_create", make_memfd, undo_descriptor},
        {"fcntl F_DUPFD", duplicate_high, undo_descriptor},
    };
    try_calls(calls, COUNT_OF(calls));
}

/* ---- memory ---- */

static char *place; /* eight pages that stay mapped, each with its number in it */

static long map_private(void)
{
    return (long)mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long map_shared(void)
{
    return (long)mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static void undo_map(long address)
{
    expect_ok(munmap((void *)address, 4 * PAGE));
}

static void check_place(void)
{
    for (int i = 0; i < 8; i++)
        CHECK_EQ(place[(size_t)i * PAGE], 'a' + i);
}

static long protect_middle(void)
{
    return mprotect(place + 2 * PAGE, PAGE, PROT_READ);
}

static void undo_protect(long result)
{
    (void)result;
    expect_ok(mprotect(place, 8 * PAGE, RW));
    check_place();
}

static long unmap_middle(void)
{
    return munmap(place + 2 * PAGE, PAGE);
}

static void undo_unmap(long result)
{
    (void)result;
    CHECK(mmap(place + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          place + 2 * PAGE);
    place[2 * PAGE] = 'c';
    check_place();
}

static long move_part(void)
{
    return (long)mremap(place + 3 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
}

static void undo_move(long address)
{
    CHECK_EQ(*(char *)address, 'd');
    CHECK(mremap((void *)address, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                 place + 3 * PAGE) == place + 3 * PAGE);
    expect_ok(munmap((char *)address + 2 * PAGE, PAGE));
    check_place();
}

static long lock_part(void)
{
    return mlock(place + PAGE, PAGE);
}

static void undo_lock(long result)
{
    (void)result;
    expect_ok(munlock(place, 8 * PAGE));
}

static long advise_part(void)
{
    return madvise(place + 5 * PAGE, PAGE, MADV_DONTFORK);
}

static void undo_advice(long result)
{
    (void)result;
    expect_ok(madvise(place, 8 * PAGE, MADV_DOFORK));
}

static void memory(void)
{
    static const struct call calls[] = {
        {"mmap", map_private, undo_map},
        {"mmap MAP_SHARED", map_shared, undo_map},
        {"mprotect", protect_middle, undo_protect},
        {"munmap", unmap_middle, undo_unmap},
        {"mremap", move_part, undo_move},
        {"mlock", lock_part, undo_lock},
        {"madvise", advise_part, undo_advice},
    };
    place = map_pages(8);
    for (int i = 0; i < 8; i++)
        place[(size_t)i * PAGE] = (char)('a' + i);
    try_calls(calls, COUNT_OF(calls));
    check_place();
}

/* ---- processes ---- */

static long make_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid;
}

static void undo_process(long pid)
{
    expect_exited(reap((pid_t)pid), 0);
}

static void *nothing(void *argument)
{
    return argument;
}

static pthread_t thread;

static long make_thread(void)
{
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno ? -1 : 0;
}

static void undo_thread(long result)
{
    (void)result;
    pthread_join(thread, NULL);
}

static timer_t timer;

static long make_timer(void)
{
    return timer_create(CLOCK_MONOTONIC, NULL, &timer);
}

static void undo_timer(long result)
{
    (void)result;
    timer_delete(timer);
}

static void processes(void)
{
    static const struct call calls[] = {
        {"fork", make_process, undo_process},
        {"pthread_create", make_thread, undo_thread},
        {"timer_create", make_timer, undo_timer},
    };
    try_calls(calls, COUNT_OF(calls));
}

/* A program that is not replaced goes on, or ends when it is too late for that. */
static void execution(void)
{
    bool injected = true;

    open_control();
    close(control);
    for (unsigned number = 1; injected && number < MOST; number++) {
        pid_t pid = expect_ok(fork());
        if (pid == 0) {
            open_control(); /* stays open: what it says when the new program runs is not asked */
            arm(number);
            execl(self_path(), "failures", "-l", NULL);
            int error = errno;
            _exit(disarm() && is_want_of_memory(error) ? 100 : 101);
        }
        int status = reap(pid);
        if (WIFSIGNALED(status))
            CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV);
        else
            CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 100);
        injected = !WIFEXITED(status) || WEXITSTATUS(status) != 0 || number < 60;
    }
}

/* ---- System V ---- */

static long make_segment(void)
{
    return shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
}

static void undo_segment(long id)
{
    expect_ok(shmctl((int)id, IPC_RMID, NULL));
}

static int segment, queue;

static long attach(void)
{
    return (long)shmat(segment, NULL, 0);
}

static void undo_attach(long address)
{
    expect_ok(shmdt((void *)address));
}

static long make_semaphores(void)
{
    return semget(IPC_PRIVATE, 5, IPC_CREAT | 0600);
}

static void undo_semaphores(long id)
{
    expect_ok(semctl((int)id, 0, IPC_RMID));
}

static long make_queue(void)
{
    return msgget(IPC_PRIVATE, IPC_CREAT | 0600);
}

static void undo_queue(long id)
{
    expect_ok(msgctl((int)id, IPC_RMID, NULL));
}

static struct {
    long type;
    char text[3000];
} message = {1, ""};

static long send_message(void)
{
    return msgsnd(queue, &message, sizeof(message.text), IPC_NOWAIT);
}

static void undo_message(long result)
{
    (void)result;
    CHECK_EQ(msgrcv(queue, &message, sizeof(message.text), 0, IPC_NOWAIT), sizeof(message.text));
}

static void system_v(void)
{
    static const struct call calls[] = {
        {"shmget", make_segment, undo_segment},       {"shmat", attach, undo_attach},
        {"semget", make_semaphores, undo_semaphores}, {"msgget", make_queue, undo_queue},
        {"msgsnd", send_message, undo_message},
    };
    segment = (int)expect_ok(make_segment());
    queue = (int)expect_ok(make_queue());
    try_calls(calls, COUNT_OF(calls));
    undo_segment(segment);
    undo_queue(queue);
}

/* ---- files ---- */

static int file;

static long write_pages(void)
{
    static char bytes[3 * PAGE];
    long count = pwrite(file, bytes, sizeof(bytes), 0);
    return count >= 0 ? 0 : -1;
}

static void undo_write(long result)
{
    (void)result;
    expect_ok(ftruncate(file, 0));
}

static long make_directory(void)
{
    return mkdir("directory", 0700);
}

static void undo_directory(long result)
{
    (void)result;
    expect_ok(rmdir("directory"));
}

static long rename_file(void)
{
    return rename("old", "other");
}

static void undo_rename(long result)
{
    (void)result;
    expect_ok(rename("other", "old"));
}

static long link_file(void)
{
    return link("old", "other");
}

static long make_symlink(void)
{
    return symlink("a place far away", "other");
}

static void undo_link(long result)
{
    (void)result;
    expect_ok(unlink("other"));
}

static long mount_memory(void)
{
    return mount("none", "mounted", "tmpfs", 0, NULL);
}

static void undo_mount(long result)
{
    (void)result;
    expect_ok(umount("mounted"));
}

static long lock_bytes(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
    return fcntl(file, F_SETLK, &lock);
}

static void undo_bytes(long result)
{
    struct flock lock = {.l_type = F_UNLCK};

    (void)result;
    expect_ok(fcntl(file, F_SETLK, &lock));
}

static void in_directory(void)
{
    static const struct call calls[] = {
        {"pwrite", write_pages, undo_write},  {"mkdir", make_directory, undo_directory},
        {"rename", rename_file, undo_rename}, {"link", link_file, undo_link},
        {"symlink", make_symlink, undo_link}, {"fcntl F_SETLK", lock_bytes, undo_bytes},
        {"mount", mount_memory, undo_mount},
    };
    size_t count = geteuid() == 0 ? COUNT_OF(calls) : COUNT_OF(calls) - 1;

    file = expect_ok(open("file", O_RDWR | O_CREAT, 0600));
    write_file("old", "text", 0600);
    expect_ok(mkdir("mounted", 0700));
    try_calls(calls, count);
    close(file);
    expect_ok(unlink("file"));
    expect_ok(unlink("old"));
    expect_ok(rmdir("mounted"));
}

static void files_on_disk(void)
{
    in_directory();
}

static void files_in_memory(void)
{
    if (geteuid() != 0)
        skip("not privileged");
    open_control();
    close(control);
    expect_ok(mkdir("memory", 0700));
    expect_ok(mount("none", "memory", "tmpfs", 0, NULL));
    expect_ok(chdir("memory"));
    in_directory();
    expect_ok(chdir(".."));
    expect_ok(umount("memory"));
}

/* ---- waiting ---- */

static int polled;

static long poll_many(void)
{
    static struct pollfd wanted[300];

    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        wanted[i] = (struct pollfd){.fd = polled, .events = POLLOUT};
    return poll(wanted, COUNT_OF(wanted), 0);
}

static int watcher;

static long add_to_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(watcher, EPOLL_CTL_ADD, polled, &event);
}

static void undo_add(long result)
{
    (void)result;
    expect_ok(epoll_ctl(watcher, EPOLL_CTL_DEL, polled, NULL));
}

static int notifier;

static long add_watch(void)
{
    return inotify_add_watch(notifier, ".", IN_CREATE);
}

static void undo_watch(long watch)
{
    expect_ok(inotify_rm_watch(notifier, (int)watch));
}

static long queue_signal(void)
{
    return sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7});
}

static void undo_signal(long result)
{
    sigset_t set;

    (void)result;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK_EQ(sigtimedwait(&set, NULL, &(struct timespec){0}), SIGRTMIN);
}

static void waiting(void)
{
    static const struct call calls[] = {
        {"poll", poll_many, NULL},
        {"epoll_ctl", add_to_epoll, undo_add},
        {"inotify_add_watch", add_watch, undo_watch},
        {"sigqueue", queue_signal, undo_signal},
    };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    polled = expect_ok(eventfd(0, 0));
    watcher = expect_ok(epoll_create1(0));
    notifier = expect_ok(inotify_init1(IN_NONBLOCK));
    try_calls(calls, COUNT_OF(calls));
}

static const struct test tests[] = {
    TEST(descriptors), TEST(memory),        TEST(processes),       TEST(execution),
    TEST(system_v),    TEST(files_on_disk), TEST(files_in_memory), TEST(waiting),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
