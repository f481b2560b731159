/* Job control: sessions and their terminals, foreground and background groups, the signals of the
 * keyboard, hang-ups. */
#include "terminals.h"

#include <stdio.h>
#include <sys/wait.h>

static struct sign ready, go;

/* Run function in a session of its own whose controlling terminal is the slave of a new pair. */
static pid_t start_session(void (*function)(void *))
{
    sign_open(&ready);
    sign_open(&go);
    open_master();
    return spawn(function, NULL);
}

/* In the child: the leader of a session with the terminal, which is its first open file of it. */
static void lead(void)
{
    expect_ok(setsid());
    slave = expect_ok(open(ptsname(master), O_RDWR));
}

static void own_terminal(void *argument)
{
    (void)argument;
    expect_ok(setsid());
    expect_errno(open("/dev/tty", O_RDWR), ENXIO);
    slave = open_slave(0); /* O_NOCTTY */
    expect_errno(open("/dev/tty", O_RDWR), ENXIO);
    expect_errno(tcgetpgrp(slave), ENOTTY);
    expect_errno(tcsetpgrp(slave, getpid()), ENOTTY);
    expect_errno(ioctl(slave, TIOCNOTTY), ENOTTY);
    expect_ok(ioctl(slave, TIOCSCTTY, 0));
    expect_ok(ioctl(slave, TIOCSCTTY, 0)); /* it has it already */
    CHECK_EQ(tcgetpgrp(slave), getpid());
    CHECK_EQ(tcgetsid(slave), getpid());
    CHECK_EQ(tcgetpgrp(master), getpid());
    int tty = expect_ok(open("/dev/tty", O_RDWR));
    write_all(tty, "x", 1);
    expect_bytes(master, "x");
    expect_errno(tcsetpgrp(slave, 999999), ESRCH);
    expect_errno(tcsetpgrp(slave, -1), EINVAL);
    expect_errno(tcsetpgrp(slave, getppid()), EPERM); /* a group of another session */
    signal(SIGHUP, SIG_IGN);                          /* it goes to the foreground group */
    expect_ok(ioctl(tty, TIOCNOTTY));
    expect_errno(open("/dev/tty", O_RDWR), ENXIO);
}

static void controlling_terminal(void)
{
    /* The caller leads no session, so its opens do not give it the terminal. */
    expect_exited(reap(start_session(own_terminal)), 0);
}

static void second_leader(void *argument)
{
    (void)argument;
    expect_ok(setsid());
    slave = expect_ok(open(ptsname(master), O_RDWR));
    expect_errno(tcgetpgrp(slave), ENOTTY); /* it is another session's */
    expect_errno(ioctl(slave, TIOCSCTTY, 0), EPERM);
}

static void first_leader(void *argument)
{
    (void)argument;
    lead();
    expect_child_ok(second_leader, NULL);
    CHECK_EQ(tcgetsid(slave), getpid());
}

static void one_session_a_terminal(void)
{
    expect_exited(reap(start_session(first_leader)), 0);
}

/* A job in a process group of its own, in the foreground or the background. */
static pid_t start_job(void (*function)(void *), bool foreground)
{
    pid_t pid = spawn(function, NULL);

    setpgid(pid, pid);
    if (foreground) {
        signal(SIGTTOU, SIG_IGN);
        expect_ok(tcsetpgrp(slave, pid));
        signal(SIGTTOU, SIG_DFL);
    }
    return pid;
}

static void job_waits(void *argument)
{
    (void)argument;
    setpgid(0, 0);
    sign_send(&ready);
    for (;;)
        pause();
}

static void keyboard_leader(void *argument)
{
    int status;

    (void)argument;
    lead();
    pid_t job = start_job(job_waits, true);
    sign_await(&ready);
    type("\032");
    CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    expect_ok(kill(-job, SIGCONT));
    CHECK_EQ(waitpid(job, &status, WCONTINUED), job);
    CHECK(WIFCONTINUED(status));
    type("\003");
    expect_signaled(reap(job), SIGINT);
    job = start_job(job_waits, true);
    sign_await(&ready);
    type("\034");
    int quit = reap(job);
    CHECK(WIFSIGNALED(quit) && WTERMSIG(quit) == SIGQUIT);
    job = start_job(job_waits, true);
    sign_await(&ready);
    expect_ok(ioctl(master, TIOCSIG, SIGINT));
    expect_signaled(reap(job), SIGINT);
    job = start_job(job_waits, false);
    sign_await(&ready);
    signal(SIGTTOU, SIG_IGN);
    expect_ok(tcsetpgrp(slave, getpgrp()));
    signal(SIGINT, SIG_IGN);
    type("\003"); /* not for the background */
    CHECK(wait_readable(master));
    usleep(20000);
    CHECK_EQ(waitpid(job, &status, WNOHANG), 0);
    expect_ok(kill(job, SIGKILL));
    expect_signaled(reap(job), SIGKILL);
}

static void keyboard_signals(void)
{
    expect_exited(reap(start_session(keyboard_leader)), 0);
}

static void job_reads(void *argument)
{
    char byte;

    (void)argument;
    setpgid(0, 0);
    sign_await(&go);
    CHECK_EQ(read(slave, &byte, 1), 1);
    CHECK_EQ(byte, 'i');
}

static void job_writes(void *argument)
{
    (void)argument;
    setpgid(0, 0);
    sign_await(&go);
    write_all(slave, "out", 3);
}

static void job_sets(void *argument)
{
    struct termios settings;

    (void)argument;
    setpgid(0, 0);
    sign_await(&go);
    expect_ok(tcgetattr(slave, &settings));
    expect_ok(tcsetattr(slave, TCSANOW, &settings));
}

/* The job stops with this signal, and goes on in the foreground. */
static void expect_stop(void (*function)(void *), int signal_number)
{
    pid_t job = start_job(function, false);
    int status;

    sign_send(&go);
    CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), signal_number);
    signal(SIGTTOU, SIG_IGN);
    expect_ok(tcsetpgrp(slave, job));
    expect_ok(kill(-job, SIGCONT));
    expect_exited(reap(job), 0);
    expect_ok(tcsetpgrp(slave, getpgrp()));
    signal(SIGTTOU, SIG_DFL);
}

static void background_leader(void *argument)
{
    (void)argument;
    lead();
    type("in\n");
    expect_bytes(master, "in\r\n");
    expect_stop(job_reads, SIGTTIN);
    expect_stop(job_sets, SIGTTOU);
    change(local_flags, 0, TOSTOP);
    expect_stop(job_writes, SIGTTOU);
    expect_bytes(master, "out");
    change(local_flags, TOSTOP, 0);
    pid_t job = start_job(job_writes, false);
    sign_send(&go);
    expect_exited(reap(job), 0);
    expect_bytes(master, "out");
}

static void background_jobs(void)
{
    expect_exited(reap(start_session(background_leader)), 0);
}

static void job_ignores(void *argument)
{
    char byte;

    (void)argument;
    setpgid(0, 0);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    sign_await(&go);
    expect_errno(read(slave, &byte, 1), EIO);
    write_all(slave, "quiet", 5);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTIN);
    signal(SIGTTIN, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    expect_errno(read(slave, &byte, 1), EIO);
}

static void ignoring_leader(void *argument)
{
    (void)argument;
    lead();
    change(local_flags, 0, TOSTOP);
    pid_t job = start_job(job_ignores, false);
    sign_send(&go);
    expect_exited(reap(job), 0);
}

static void ignored_stops(void)
{
    expect_exited(reap(start_session(ignoring_leader)), 0);
}

/* The parent of this one has ended, so nobody in the session could continue it. */
static void orphaned_reads(void *argument)
{
    char byte;

    (void)argument;
    sign_await(&go);
    expect_errno(read(slave, &byte, 1), EIO);
    sign_send(&ready);
}

static void job_orphans(void *argument)
{
    (void)argument;
    setpgid(0, 0);
    spawn(orphaned_reads, NULL);
}

static void orphaning_leader(void *argument)
{
    (void)argument;
    lead();
    pid_t job = start_job(job_orphans, false);
    expect_exited(reap(job), 0);
    sign_send(&go);
    sign_await(&ready);
}

static void orphaned_group(void)
{
    expect_exited(reap(start_session(orphaning_leader)), 0);
}

static volatile sig_atomic_t caught[65];

static void note(int number)
{
    caught[number]++;
}

static void resized_job(void *argument)
{
    (void)argument;
    setpgid(0, 0);
    signal(SIGWINCH, note);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, &old);
    sign_send(&ready);
    while (!caught[SIGWINCH])
        sigsuspend(&old);
}

static void resizing_leader(void *argument)
{
    struct winsize size = {.ws_row = 30, .ws_col = 100};

    (void)argument;
    lead();
    pid_t job = start_job(resized_job, true);
    sign_await(&ready);
    expect_ok(ioctl(master, TIOCSWINSZ, &size));
    expect_exited(reap(job), 0);
}

static void window_changes(void)
{
    expect_exited(reap(start_session(resizing_leader)), 0);
}

/* Hang-ups */

static void hung_up_job(void *argument)
{
    sigset_t none;

    (void)argument;
    setpgid(0, 0);
    close(master);
    signal(SIGHUP, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    sign_send(&ready);
    for (;;)
        pause();
}

static void hung_up_leader(void *argument)
{
    sigset_t set, old;
    char byte;

    (void)argument;
    signal(SIGHUP, note);
    signal(SIGCONT, note);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, &old);
    lead();
    pid_t job = start_job(hung_up_job, true);
    sign_await(&ready);
    expect_ok(close(master));
    while (!caught[SIGHUP] || !caught[SIGCONT])
        sigsuspend(&old);
    CHECK_EQ(read(slave, &byte, 1), 0);
    expect_errno(write(slave, "x", 1), EIO);
    expect_errno(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_EQ(waitpid(job, NULL, WNOHANG), 0); /* the job hears of it when the leader ends */
}

/* The job's own end is seen by the end of a pipe that only it holds. */
static void await_end(int fd)
{
    char byte;

    CHECK_EQ(read(fd, &byte, 1), 0);
}

static void master_hangs_up(void)
{
    int ends[2];

    expect_ok(pipe(ends));
    pid_t leader = start_session(hung_up_leader);
    expect_ok(close(ends[1]));
    expect_ok(close(master));
    expect_exited(reap(leader), 0);
    await_end(ends[0]);
}

static void ending_leader(void *argument)
{
    (void)argument;
    lead();
    start_job(hung_up_job, true);
    sign_await(&ready);
}

static void leader_ends(void)
{
    int ends[2];

    expect_ok(pipe(ends));
    pid_t leader = start_session(ending_leader);
    expect_ok(close(ends[1]));
    expect_exited(reap(leader), 0);
    await_end(ends[0]); /* the foreground group got SIGHUP */
    CHECK_EQ(tcgetpgrp(master), 0);
}

static const struct test tests[] = {
    TEST(controlling_terminal), TEST(one_session_a_terminal), TEST(keyboard_signals),
    TEST(background_jobs),      TEST(ignored_stops),          TEST(orphaned_group),
    TEST(window_changes),       TEST(master_hangs_up),        TEST(leader_ends),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
