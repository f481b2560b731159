/*
 * System V semaphores: semget, semop, semtimedop, semctl.
 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

union semun {
    int value;
    struct semid_ds *status;
    unsigned short *array;
    struct seminfo *info;
};

static int make(int count)
{
    return expect_ok(semget(IPC_PRIVATE, count, IPC_CREAT | 0600));
}

static int value(int id, int index)
{
    return expect_ok(semctl(id, index, GETVAL));
}

static int one(int id, unsigned short index, short operation, short flags)
{
    struct sembuf call = {index, operation, flags};
    return semop(id, &call, 1);
}

static void remove_set(int id)
{
    expect_ok(semctl(id, 0, IPC_RMID));
    expect_errno(semctl(id, 0, GETVAL), EINVAL);
}

static void get_by_key(void)
{
    key_t key = 0x6d618000 + getpid() % 4096;
    int id = expect_ok(semget(key, 3, IPC_CREAT | IPC_EXCL | 0640));
    struct semid_ds status;

    CHECK_EQ(expect_ok(semget(key, 0, 0)), id);
    expect_errno(semget(key, 3, IPC_CREAT | IPC_EXCL), EEXIST);
    expect_errno(semget(key, 4, 0), EINVAL);
    expect_errno(semget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
    expect_errno(semget(key + 1, 1, 0), ENOENT);
    expect_errno(semget(key, -1, 0), EINVAL);
    expect_ok(semctl(id, 0, IPC_STAT, (union semun){.status = &status}));
    CHECK_EQ(status.sem_nsems, 3);
    CHECK_EQ(status.sem_perm.mode, 0640);
    CHECK_EQ(status.sem_otime, 0);
    remove_set(id);
}

static void values(void)
{
    unsigned short array[3] = {5, 6, 7}, got[3];
    int id = make(3);

    CHECK_EQ(value(id, 0), 0);
    expect_ok(semctl(id, 0, SETALL, (union semun){.array = array}));
    expect_ok(semctl(id, 0, GETALL, (union semun){.array = got}));
    CHECK(memcmp(array, got, sizeof(got)) == 0);
    expect_ok(semctl(id, 1, SETVAL, (union semun){.value = 32767}));
    CHECK_EQ(value(id, 1), 32767);
    CHECK_EQ(expect_ok(semctl(id, 1, GETPID)), getpid());
    expect_errno(semctl(id, 1, SETVAL, (union semun){.value = 32768}), ERANGE);
    expect_errno(semctl(id, 1, SETVAL, (union semun){.value = -1}), ERANGE);
    expect_errno(semctl(id, 3, GETVAL), EINVAL);
    expect_errno(one(id, 1, 1, 0), ERANGE);
    expect_errno(one(id, 3, 1, 0), EFBIG);
    expect_errno(semop(id, NULL, 0), EINVAL);
    expect_errno(semop(id, (struct sembuf *)8, 1), EFAULT);
    expect_errno(semop(id, (struct sembuf *)8, 501), E2BIG);
    expect_errno(one(-1, 0, 1, 0), EINVAL);
    expect_errno(semctl(id, 0, 99), EINVAL);
    remove_set(id);
}

static void all_or_none(void)
{
    int id = make(2);
    struct sembuf calls[] = {{0, 1, 0}, {1, -1, IPC_NOWAIT}},
                  zero[] = {{0, 0, IPC_NOWAIT}, {0, 2, 0}};

    expect_errno(semop(id, calls, 2), EAGAIN);
    CHECK_EQ(value(id, 0), 0);
    expect_ok(one(id, 1, 1, 0));
    expect_ok(semop(id, calls, 2));
    CHECK_EQ(value(id, 0), 1);
    CHECK_EQ(value(id, 1), 0);
    expect_errno(semop(id, zero, 2), EAGAIN);
    expect_ok(one(id, 0, -1, 0));
    expect_ok(semop(id, zero, 2));
    CHECK_EQ(value(id, 0), 2);
    remove_set(id);
}

static void take_one(void *argument)
{
    expect_ok(one(*(int *)argument, 0, -1, 0));
}

static void await_zero(void *argument)
{
    expect_ok(one(*(int *)argument, 0, 0, 0));
}

static void await_waiters(int id, int command, int count)
{
    while (expect_ok(semctl(id, 0, command)) != count)
        usleep(1000);
}

static void waiting(void)
{
    int id = make(1);
    pid_t takers[3], other;

    for (int i = 0; i < 3; i++)
        takers[i] = spawn(take_one, &id);
    await_waiters(id, GETNCNT, 3);
    expect_ok(one(id, 0, 2, 0));
    await_waiters(id, GETNCNT, 1);
    CHECK_EQ(value(id, 0), 0);
    expect_ok(one(id, 0, 2, 0));
    for (int i = 0; i < 3; i++)
        expect_exited(reap(takers[i]), 0);
    CHECK_EQ(value(id, 0), 1);
    other = spawn(await_zero, &id);
    await_waiters(id, GETZCNT, 1);
    expect_ok(one(id, 0, -1, 0));
    expect_exited(reap(other), 0);
    remove_set(id);
}

static void take_from_removed(void *argument)
{
    expect_errno(one(*(int *)argument, 0, -1, 0), EIDRM);
}

static void removed(void)
{
    int id = make(1);
    pid_t pid = spawn(take_from_removed, &id);

    await_waiters(id, GETNCNT, 1);
    remove_set(id);
    expect_exited(reap(pid), 0);
}

static void ignore(int number)
{
    (void)number;
}

static void interrupted_take(void *argument)
{
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_errno(one(*(int *)argument, 0, -1, 0), EINTR);
}

static void interrupted(void)
{
    int id = make(1);
    pid_t pid = spawn(interrupted_take, &id);

    await_waiters(id, GETNCNT, 1);
    expect_ok(kill(pid, SIGUSR1));
    expect_exited(reap(pid), 0);
    CHECK_EQ(expect_ok(semctl(id, 0, GETNCNT)), 0);
    remove_set(id);
}

static void timed(void)
{
    int id = make(1);
    struct sembuf call = {0, -1, 0};
    struct timespec time = {0, 20000000}, bad = {0, 1000000000};

    expect_errno(semtimedop(id, &call, 1, &time), EAGAIN);
    expect_errno(semtimedop(id, &call, 1, &bad), EINVAL);
    expect_ok(one(id, 0, 1, 0));
    expect_ok(semtimedop(id, &call, 1, &time));
    remove_set(id);
}

static void take_and_leave(void *argument)
{
    int id = *(int *)argument;

    expect_ok(one(id, 0, -2, SEM_UNDO));
    expect_ok(one(id, 1, 5, SEM_UNDO));
    expect_ok(one(id, 1, -1, 0));
    CHECK_EQ(value(id, 0), 1);
}

static void set_and_leave(void *argument)
{
    int id = *(int *)argument;

    expect_ok(one(id, 0, -2, SEM_UNDO));
    expect_ok(semctl(id, 0, SETVAL, (union semun){.value = 9}));
}

static void undone(void)
{
    int id = make(2);

    expect_ok(one(id, 0, 3, 0));
    expect_child_ok(take_and_leave, &id);
    CHECK_EQ(value(id, 0), 3);
    CHECK_EQ(value(id, 1), 0); /* not below */
    expect_child_ok(set_and_leave, &id);
    CHECK_EQ(value(id, 0), 9);
    remove_set(id);
}

/* Many processes add to a number in turn, with a semaphore as the lock. */
struct counter {
    int id;
    long *number;
};

static void count(void *argument)
{
    struct counter *counter = argument;

    for (int i = 0; i < 200; i++) {
        expect_ok(one(counter->id, 0, -1, SEM_UNDO));
        long seen = *(volatile long *)counter->number;
        if (i % 16 == 0)
            usleep(0);
        *(volatile long *)counter->number = seen + 1;
        expect_ok(one(counter->id, 0, 1, SEM_UNDO));
    }
}

static void as_a_lock(void)
{
    struct counter counter = {make(1), NULL};
    pid_t pids[4];

    counter.number =
        expect_ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    expect_ok(one(counter.id, 0, 1, 0));
    for (int i = 0; i < 4; i++)
        pids[i] = spawn(count, &counter);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(*counter.number, 800);
    CHECK_EQ(value(counter.id, 0), 1);
    remove_set(counter.id);
}

/* Who waits has got what it waits for when somebody makes it possible, whatever comes next. */
static void done_before_removal(void)
{
    struct sembuf zero = {.sem_num = 0, .sem_op = 0}, less = {.sem_num = 0, .sem_op = -1};
    int id = expect_ok(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));

    expect_ok(semctl(id, 0, SETVAL, 1));
    pid_t pid = fork();
    if (pid == 0)
        _exit(semop(id, &zero, 1) != 0);
    while (expect_ok(semctl(id, 0, GETZCNT)) != 1)
        usleep(1000);
    expect_ok(semop(id, &less, 1));
    expect_ok(semctl(id, 0, IPC_RMID));
    expect_exited(reap(pid), 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(done_before_removal), TEST(get_by_key), TEST(values),
        TEST(all_or_none),         TEST(waiting),    TEST(removed),
        TEST(interrupted),         TEST(timed),      TEST(undone),
        TEST(as_a_lock),
    };
    return TAP_MAIN(argc, argv, tests);
}
