/*
 * supervise SECONDS COMMAND [ARG...]: runs an emulator for tools/run.
 *
 * The guest's console is the emulator's standard output. What comes before the marker, a line that
 * init prints when it is about to run the command, is the firmware's and is held back; what follows
 * is copied as it comes. If the marker never comes, what was held back goes to standard error,
 * unless the kernel has panicked and so has said itself what is wrong.
 *
 * Ends with the emulator's exit status; with 124 when the time is up, and 125 when the guest ended
 * without reaching the command. The emulator never outlives this process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_TIME_OUT 124
#define STATUS_NO_RUN   125
#define STATUS_PANIC    125 /* of the emulator, by the kernel's wish */

static const char marker[] = "\036mapix-run\n";
#define MARKER_LENGTH (sizeof(marker) - 1)

static pid_t emulator;
static volatile sig_atomic_t time_is_up, stopped_by;

static void stop(int signal_number)
{
    if (signal_number == SIGALRM)
        time_is_up = true;
    else
        stopped_by = signal_number;
    kill(emulator, SIGKILL);
}

static void die(const char *what)
{
    fprintf(stderr, "supervise: %s: %s\n", what, strerror(errno));
    if (emulator > 0)
        kill(emulator, SIGKILL);
    exit(STATUS_NO_RUN);
}

static int interrupted(void)
{
    return time_is_up || stopped_by;
}

/* The alarm repeats, so that one that comes just before a call that blocks is not lost. */
static void arm(long seconds)
{
    static const int signals[] = {SIGALRM, SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = stop};
    struct itimerval timer = {.it_value.tv_sec = seconds, .it_interval.tv_sec = 1};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void become_emulator(char **command, int output, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0)
        die("cannot redirect the emulator");
    close(null);
    close(output);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_NO_RUN);
    execvp(command[0], command);
    die(command[0]);
}

/* Start it with nothing to read; the end of the pipe that its console comes out of. */
static int start(char **command)
{
    int ends[2];
    pid_t parent = getpid();

    if (pipe(ends) < 0)
        die("pipe");
    emulator = fork();
    if (emulator < 0)
        die("fork");
    if (emulator == 0) {
        close(ends[0]);
        become_emulator(command, ends[1], parent);
    }
    close(ends[1]);
    return ends[0];
}

/* Write all of it; false if nobody reads any more or the run was ended. */
static bool put(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR && !interrupted())
            continue;
        if (done < 0)
            return false;
        bytes += done;
        size -= done;
    }
    return true;
}

/* What came before the marker. */
struct held {
    char *bytes;
    size_t size, room;
};

static void hold(struct held *held, const char *bytes, size_t size)
{
    if (held->size + size > held->room) {
        held->room = 2 * (held->size + size);
        held->bytes = realloc(held->bytes, held->room);
        if (held->bytes == NULL)
            die("realloc");
    }
    memcpy(held->bytes + held->size, bytes, size);
    held->size += size;
}

/* Copy to standard output; when nobody reads that any more, the run ends. */
static void copy(const char *bytes, size_t size)
{
    if (!put(1, bytes, size) && !interrupted())
        stop(SIGPIPE);
}

/* Copy the console; true if the marker was in it, else held is what was in it. */
static bool copy_console(int console, struct held *held)
{
    char bytes[65536];
    bool marked = false;
    ssize_t size;

    while (!interrupted()) {
        size = read(console, bytes, sizeof(bytes));
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        if (marked) {
            copy(bytes, size);
            continue;
        }
        hold(held, bytes, size);
        char *found = memmem(held->bytes, held->size, marker, MARKER_LENGTH);
        if (found == NULL)
            continue;
        marked = true;
        found += MARKER_LENGTH;
        copy(found, held->bytes + held->size - found);
    }
    return marked;
}

/* What the emulator, or the reason for its end, makes the exit status. */
static int status_of_emulator(void)
{
    int status;

    while (waitpid(emulator, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    if (time_is_up)
        return STATUS_TIME_OUT;
    if (stopped_by)
        return 128 + stopped_by;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "supervise: the emulator was killed by signal %d\n", WTERMSIG(status));
    return STATUS_NO_RUN;
}

int main(int argc, char **argv)
{
    long seconds = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
    struct held held = {0};
    bool marked;
    int console, status;

    if (seconds <= 0) {
        fprintf(stderr, "usage: supervise SECONDS COMMAND [ARG...]\n");
        return STATUS_NO_RUN;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    console = start(argv + 2);
    arm(seconds);
    marked = copy_console(console, &held);
    close(console);
    status = status_of_emulator();
    if (!marked && status != STATUS_PANIC)
        put(2, held.bytes, held.size);
    if (status == STATUS_TIME_OUT)
        fprintf(stderr, "tools/run: ended after %ld seconds\n", seconds);
    if (marked || status == STATUS_TIME_OUT || stopped_by)
        return status;
    fprintf(stderr, "tools/run: the guest ended without running the command\n");
    return STATUS_NO_RUN;
}
