/* Usertests: processes and how they end. */

static void exit_with(void *argument)
{
    _exit((int)(intptr_t)argument);
}

static void exit_statuses(void)
{
    static const int codes[] = {0, 1, 42, 127, 128, 255, 256, -1};

    for (size_t i = 0; i < COUNT_OF(codes); i++)
        CHECK_EQ(child_status(exit_with, (void *)(intptr_t)codes[i]), (codes[i] & 255) << 8);
}

static void many_children(void)
{
    for (int i = 0; i < 500; i++)
        CHECK_EQ(child_status(exit_with, (void *)(intptr_t)(i & 127)), (i & 127) << 8);
}

static void have_children(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20; i++)
        expect_exited(child_status(exit_with, (void *)7), 7);
}

static void children_with_children(void)
{
    pid_t pids[6];

    for (int i = 0; i < 6; i++)
        pids[i] = spawn(have_children, NULL);
    for (int i = 0; i < 6; i++)
        expect_exited(reap(pids[i]), 0);
}

/* Many children at once, all asleep; every one can be waited for, and is found once. */
static void sleep_on_pipe(void *argument)
{
    char byte;

    (void)argument;
    close(pipe_ends[1]);
    CHECK_EQ(read(pipe_ends[0], &byte, 1), 0);
}

static void bounded_fork_bomb(void)
{
    enum { MOST = 120 };
    pid_t pids[MOST];
    int count, found = 0;

    expect_ok(pipe(pipe_ends));
    for (count = 0; count < MOST; count++) {
        pids[count] = fork();
        if (pids[count] == 0) {
            sleep_on_pipe(NULL);
            _exit(3);
        }
        if (pids[count] < 0) {
            CHECK(errno == EAGAIN || errno == ENOMEM);
            break;
        }
        for (int i = 0; i < count; i++)
            CHECK(pids[i] != pids[count]);
    }
    CHECK(count >= 40);
    expect_ok(close(pipe_ends[1]));
    for (int i = 0; i < count; i++) {
        int status;
        pid_t pid = expect_ok(wait(&status));
        expect_exited(status, 3);
        for (int j = 0; j < count; j++) {
            if (pids[j] == pid) {
                pids[j] = -1;
                found++;
            }
        }
    }
    CHECK_EQ(found, count);
    expect_errno(wait(NULL), ECHILD);
}

/* Numbers are not given twice while they are in use: by a process, a zombie or a group. */
static void numbers_are_unique(void)
{
    pid_t living[10], self = getpid();

    expect_ok(pipe(pipe_ends));
    for (int i = 0; i < 10; i++)
        living[i] = spawn(i % 2 ? exit_with : sleep_on_pipe, NULL);
    for (int round = 0; round < 400; round++) {
        pid_t pid = spawn(exit_with, NULL);
        CHECK(pid > 1 && pid != self);
        for (int i = 0; i < 10; i++)
            CHECK(pid != living[i]);
        expect_exited(reap(pid), 0);
        expect_errno(waitpid(pid, NULL, 0), ECHILD);
    }
    expect_ok(close(pipe_ends[1]));
    for (int i = 0; i < 10; i++)
        expect_exited(reap(living[i]), 0);
}

/* A grandchild whose parent has gone gets another parent, which waits for it. */
static void report_parents(void *argument)
{
    pid_t first = getppid(), pid = getpid();
    const int *known = argument;

    write_all(known[1], "k", 1);
    write_all(pipe_ends[1], &first, sizeof(first));
    write_all(pipe_ends[1], &pid, sizeof(pid));
    while (getppid() == first)
        usleep(1000);
    first = getppid();
    write_all(pipe_ends[1], &first, sizeof(first));
}

/* End when the child knows who its first parent is. */
static void leave_child(void *argument)
{
    int known[2];
    char byte;

    (void)argument;
    expect_ok(pipe(known));
    spawn(report_parents, known);
    read_all(known[0], &byte, 1);
}

static void orphans_are_adopted(void)
{
    pid_t first, orphan, second;

    expect_ok(pipe(pipe_ends));
    pid_t middle = spawn(leave_child, NULL);
    expect_exited(reap(middle), 0);
    read_all(pipe_ends[0], &first, sizeof(first));
    read_all(pipe_ends[0], &orphan, sizeof(orphan));
    read_all(pipe_ends[0], &second, sizeof(second));
    CHECK_EQ(first, middle);
    CHECK(second != middle && second != getpid() && second >= 1);
    expect_errno(waitpid(orphan, NULL, 0), ECHILD);
    for (int i = 0; kill(orphan, 0) == 0; i++) {
        if (i == 1000)
            fail("nobody waited for the orphan");
        usleep(10000);
    }
    CHECK_EQ(errno, ESRCH);
}

/* Whole families are orphaned again and again. */
static void leave_grandchildren(void *argument)
{
    (void)argument;
    for (int i = 0; i < 4; i++) {
        pid_t pid = expect_ok(fork());
        if (pid == 0) {
            for (int j = 0; j < 2; j++)
                spawn(exit_with, NULL);
            _exit(0);
        }
    }
}

static void many_orphans(void)
{
    for (int round = 0; round < 40; round++)
        expect_exited(child_status(leave_grandchildren, NULL), 0);
    expect_errno(wait(NULL), ECHILD);
}

static void run_for_ever(void *argument)
{
    for (volatile unsigned long i = 0;; i++)
        if (argument)
            getppid();
}

/* Processes that compute, that call the kernel and that sleep all die of SIGKILL. */
static void killed_anywhere(void)
{
    expect_ok(pipe(pipe_ends));
    for (int round = 0; round < 8; round++) {
        pid_t pids[] = {spawn(run_for_ever, NULL), spawn(run_for_ever, pipe_ends),
                        spawn(read_for_ever, NULL)};
        usleep((useconds_t)round * 700);
        for (size_t i = 0; i < COUNT_OF(pids); i++)
            expect_ok(kill(pids[i], SIGKILL));
        for (size_t i = 0; i < COUNT_OF(pids); i++)
            expect_signaled(reap(pids[i]), SIGKILL);
    }
}

static void die_of(void *argument)
{
    kill(getpid(), (int)(intptr_t)argument);
    _exit(99);
}

static void killed_by_signals(void)
{
    static const int deadly[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT, SIGKILL, SIGTERM,
                                 SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGSEGV, SIGBUS};
    static const int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};

    for (size_t i = 0; i < COUNT_OF(deadly); i++)
        expect_signaled(child_status(die_of, (void *)(intptr_t)deadly[i]), deadly[i]);
    for (size_t i = 0; i < COUNT_OF(harmless); i++)
        expect_exited(child_status(die_of, (void *)(intptr_t)harmless[i]), 99);
    expect_errno(kill(getpid(), 65), EINVAL);
    expect_errno(kill(getpid(), -1), EINVAL);
    expect_errno(kill(0x3fffffff, SIGTERM), ESRCH);
    expect_errno(kill(-0x3fffffff, SIGTERM), ESRCH);
    expect_ok(kill(getpid(), 0));
}

/* kill of a group reaches all in it and nobody else. */
static void killed_by_group(void)
{
    pid_t pids[4];

    expect_ok(pipe(pipe_ends));
    for (int i = 0; i < 4; i++) {
        pids[i] = spawn(read_for_ever, NULL);
        expect_ok(setpgid(pids[i], i == 3 ? pids[3] : pids[0]));
    }
    CHECK_EQ(getpgid(pids[2]), pids[0]);
    expect_ok(kill(-pids[0], SIGTERM));
    for (int i = 0; i < 3; i++) {
        int status;
        CHECK(expect_ok(waitpid(-pids[0], &status, 0)) > 0);
        expect_signaled(status, SIGTERM);
    }
    expect_errno(waitpid(-pids[0], NULL, 0), ECHILD);
    expect_errno(kill(-pids[0], SIGTERM), ESRCH);
    CHECK_EQ(waitpid(pids[3], NULL, WNOHANG), 0);
    expect_ok(kill(pids[3], SIGKILL));
    expect_signaled(reap(pids[3]), SIGKILL);
}

static void waiting_rules(void)
{
    siginfo_t information;
    int status;

    expect_errno(wait(NULL), ECHILD);
    expect_errno(waitpid(getpid(), NULL, 0), ECHILD);
    expect_errno(waitpid(1, NULL, 0), ECHILD);
    expect_errno(waitpid(-1, NULL, 0x10000000), EINVAL);
    expect_errno(waitid(P_ALL, 0, &information, 0), EINVAL);
    expect_errno(waitid(P_ALL, 0, &information, WEXITED), ECHILD);
    expect_ok(pipe(pipe_ends));
    pid_t sleeper = spawn(sleep_on_pipe, NULL), other = spawn(exit_with, (void *)9);
    CHECK_EQ(waitpid(sleeper, &status, WNOHANG), 0);
    expect_ok(waitid(P_PID, (id_t)other, &information, WEXITED | WNOWAIT));
    CHECK_EQ(information.si_pid, other);
    CHECK_EQ(information.si_signo, SIGCHLD);
    CHECK_EQ(information.si_code, CLD_EXITED);
    CHECK_EQ(information.si_status, 9);
    CHECK_EQ(waitpid(-1, &status, 0), other); /* still there */
    expect_exited(status, 9);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
    expect_ok(kill(sleeper, SIGUSR1));
    expect_ok(waitid(P_ALL, 0, &information, WEXITED));
    CHECK_EQ(information.si_pid, sleeper);
    CHECK_EQ(information.si_code, CLD_KILLED);
    CHECK_EQ(information.si_status, SIGUSR1);
    expect_errno(waitpid(-1, &status, WNOHANG), ECHILD);
}
