/*
 * Jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib.h"
#include "job.h"
#include "redirect.h"
#include "shell.h"
#include "terminal.h"
#include "trap.h"

enum state { RUNNING, STOPPED, ENDED };

struct process {
    pid_t pid;
    int status; /* as wait gave it, once not running */
    enum state state;
};

struct job {
    struct job *next; /* by number */
    int number;
    pid_t group; /* 0 without job control */
    char *text;
    bool background;
    struct process *processes;
    size_t count;
};

/* So many ended background jobs are remembered for "wait" by a shell that does not report them. */
enum { REMEMBERED_JOBS = 1024 };

static struct job *jobs;

/* The list of jobs. */

static struct job **find_place(const struct job *job)
{
    struct job **place = &jobs;

    while (*place != job)
        place = &(*place)->next;
    return place;
}

static void forget_job(struct job *job)
{
    *find_place(job) = job->next;
    free(job->text);
    free(job->processes);
    free(job);
}

static void forget_all_jobs(void)
{
    while (jobs)
        forget_job(jobs);
}

struct job *job_new(const char *text, bool background)
{
    struct job *job = allocate(sizeof(*job));
    struct job **last = &jobs;
    int number = 1;

    for (; *last; last = &(*last)->next)
        number = (*last)->number + 1;
    *job = (struct job){.number = number, .text = duplicate(text), .background = background};
    *last = job;
    return job;
}

static enum state job_state(const struct job *job)
{
    enum state state = ENDED;

    for (size_t i = 0; i < job->count; i++) {
        if (job->processes[i].state == RUNNING)
            return RUNNING;
        if (job->processes[i].state == STOPPED)
            state = STOPPED;
    }
    return state;
}

/* The wait status that counts: that of the last process, or of one that stopped. */
static int job_status(const struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (job->processes[i].state == STOPPED)
            return job->processes[i].status;
    return job->count ? job->processes[job->count - 1].status : EXIT_FAILURE << 8;
}

static struct process *find_process(pid_t pid)
{
    for (struct job *job = jobs; job; job = job->next)
        for (size_t i = 0; i < job->count; i++)
            if (job->processes[i].pid == pid && job->processes[i].state != ENDED)
                return &job->processes[i];
    return NULL;
}

/* Note what wait told of a process. */
static void note_status(pid_t pid, int status)
{
    struct process *process = find_process(pid);

    if (process) {
        process->status = status;
        process->state = WIFSTOPPED(status) ? STOPPED : ENDED;
    }
}

/* Nothing more can be learnt of the job's processes: take them to have ended. */
static void note_lost(struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (job->processes[i].state == RUNNING)
            job->processes[i] = (struct process){
                .pid = job->processes[i].pid, .status = EXIT_NOT_FOUND << 8, .state = ENDED};
}

/* Wait for any child and note its status. False if there is none to tell of. */
static bool wait_any(int options)
{
    int status;
    pid_t pid;

    if (shell.job_control)
        options |= WUNTRACED;
    do
        pid = waitpid(-1, &status, options);
    while (pid < 0 && errno == EINTR);
    if (pid <= 0)
        return false;
    note_status(pid, status);
    return true;
}

/* Starting processes. */

/* What a new process of the job has to do before it runs anything. */
static void begin_child(const struct job *job)
{
    if (job && shell.job_control) {
        pid_t group = job->group ? job->group : getpid();
        setpgid(0, group);
        if (!job->background)
            terminal_give(group);
    }
    if (shell.interactive)
        terminal_default_signals();
    if (job && job->background && !shell.job_control) {
        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        int null = open("/dev/null", O_RDONLY);
        if (null >= 0)
            move_descriptor(null, STDIN_FILENO);
    }
    forget_all_jobs();
    trap_forget();
    shell.interactive = false;
    shell.job_control = false;
    shell.loop_depth = 0;
}

static void add_process(struct job *job, pid_t pid)
{
    if (shell.job_control) {
        if (!job->group)
            job->group = pid;
        setpgid(pid, job->group);
    }
    job->processes = reallocate(job->processes, (job->count + 1) * sizeof(*job->processes));
    job->processes[job->count++] = (struct process){.pid = pid, .state = RUNNING};
}

pid_t job_fork(struct job *job)
{
    pid_t pid = fork();

    if (pid < 0)
        shell_report("fork");
    else if (pid == 0)
        begin_child(job);
    else if (job)
        add_process(job, pid);
    return pid;
}

/* Reporting. */

static void print_job(const struct job *job, const char *what)
{
    fprintf(stderr, "[%d] %s\t%s\n", job->number, what, job->text);
}

/* What became of an ended job, for a person. */
static const char *describe_end(int status)
{
    if (WIFSIGNALED(status))
        return strsignal(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "done" : "failed";
}

/* Tell of the signal that ended a process in the foreground; after an interrupt, to the prompt. */
static void report_signal(int signal)
{
    if (signal == SIGINT && shell.job_control) {
        fputc('\n', stderr);
        shell.unwind = UNWIND_ABORT;
    } else if (signal != SIGINT && signal != SIGPIPE) {
        fprintf(stderr, "%s\n", strsignal(signal));
    }
}

/* Waiting. */

int job_wait(struct job *job)
{
    if (shell.job_control && job->group)
        terminal_give(job->group);
    while (job_state(job) == RUNNING)
        if (!wait_any(0))
            note_lost(job);
    int status = job_status(job);
    bool stopped = job_state(job) == STOPPED;
    if (shell.job_control)
        terminal_retake(stopped || WIFSIGNALED(status));
    if (stopped) {
        job->background = true;
        print_job(job, "stopped");
        return EXIT_SIGNAL_BASE + WSTOPSIG(status);
    }
    if (WIFSIGNALED(status))
        report_signal(WTERMSIG(status));
    forget_job(job);
    return exit_status(status);
}

int wait_for_process(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_NOT_FOUND;
    if (WIFSIGNALED(status))
        report_signal(WTERMSIG(status));
    return exit_status(status);
}

/* Drop the oldest ended jobs beyond those that are remembered. */
static void forget_oldest_jobs(void)
{
    int ended = 0;

    for (struct job *job = jobs; job; job = job->next)
        ended += job_state(job) == ENDED;
    for (struct job *job = jobs, *next; job && ended > REMEMBERED_JOBS; job = next) {
        next = job->next;
        if (job_state(job) == ENDED) {
            forget_job(job);
            ended--;
        }
    }
}

void job_announce(struct job *job)
{
    shell.last_background = job->processes[job->count - 1].pid;
    if (shell.interactive)
        fprintf(stderr, "[%d] %d\n", job->number, (int)shell.last_background);
    while (wait_any(WNOHANG))
        continue;
    forget_oldest_jobs();
}

void jobs_notify(void)
{
    while (wait_any(WNOHANG))
        continue;
    for (struct job *job = jobs, *next; job; job = next) {
        next = job->next;
        if (job_state(job) == ENDED) {
            print_job(job, describe_end(job_status(job)));
            forget_job(job);
        }
    }
}

/* Builtins. */

/* The job meant by %, %%, %+ (the last), or %number; NULL with a message if there is none. */
static struct job *find_job(const char *text)
{
    struct job *found = NULL;
    uintmax_t number = 0;
    bool last =
        !text || strcmp(text, "%") == 0 || strcmp(text, "%%") == 0 || strcmp(text, "%+") == 0;

    if (!last && !(text[0] == '%' && parse_number(text + 1, INT32_MAX, &number)))
        number = 0;
    for (struct job *job = jobs; job; job = job->next)
        if (last || (uintmax_t)job->number == number)
            found = job;
    if (!found)
        shell_complain("%s: no such job", text ? text : "%%");
    return found;
}

/* The last process of the background job that has this pid in it; NULL if none. */
static struct job *find_job_of_process(const char *text)
{
    uintmax_t pid;

    if (!parse_number(text, INT32_MAX, &pid))
        return NULL;
    for (struct job *job = jobs; job; job = job->next)
        for (size_t i = 0; i < job->count; i++)
            if ((uintmax_t)job->processes[i].pid == pid)
                return job;
    return NULL;
}

int builtin_jobs(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        shell_complain("usage: jobs");
        return SHELL_ERROR;
    }
    while (wait_any(WNOHANG))
        continue;
    for (struct job *job = jobs, *next; job; job = next) {
        enum state state = job_state(job);
        const char *what = state == RUNNING   ? "running"
                           : state == STOPPED ? "stopped"
                                              : describe_end(job_status(job));
        next = job->next;
        if (dprintf(STDOUT_FILENO, "[%d] %s\t%s\n", job->number, what, job->text) < 0) {
            shell_report("jobs");
            return EXIT_FAILURE;
        }
        if (state == ENDED && shell.interactive)
            forget_job(job);
    }
    return EXIT_SUCCESS;
}

/* Wait for one background job, and forget it unless it only stopped. */
static int wait_for_job(struct job *job)
{
    while (job_state(job) == RUNNING)
        if (!wait_any(0))
            note_lost(job);
    int status = job_status(job);
    if (job_state(job) == STOPPED)
        return EXIT_SIGNAL_BASE + WSTOPSIG(status);
    forget_job(job);
    return exit_status(status);
}

int builtin_wait(int argc, char **argv)
{
    int status = EXIT_SUCCESS;

    for (int i = 1; i < argc; i++) {
        struct job *job = argv[i][0] == '%' ? find_job(argv[i]) : find_job_of_process(argv[i]);
        status = job ? wait_for_job(job) : EXIT_NOT_FOUND;
    }
    for (struct job *job = argc > 1 ? NULL : jobs, *next; job; job = next) {
        next = job->next;
        wait_for_job(job);
    }
    return status;
}

/* Let a stopped job go on. */
static bool continue_job(struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (job->processes[i].state == STOPPED)
            job->processes[i].state = RUNNING;
    if (kill(-job->group, SIGCONT) == 0)
        return true;
    shell_report("%s", job->text);
    return false;
}

/* The job an operand of fg or bg means, if there is job control. */
static struct job *controlled_job(int argc, char **argv)
{
    if (!shell.job_control) {
        shell_complain("%s: no job control", argv[0]);
        return NULL;
    }
    return find_job(argc > 1 ? argv[1] : NULL);
}

int builtin_fg(int argc, char **argv)
{
    struct job *job = controlled_job(argc, argv);

    if (!job)
        return EXIT_FAILURE;
    fprintf(stderr, "%s\n", job->text);
    job->background = false;
    if (job_state(job) == ENDED)
        return wait_for_job(job);
    terminal_give(job->group);
    if (!continue_job(job)) {
        terminal_retake(true);
        return EXIT_FAILURE;
    }
    return job_wait(job);
}

int builtin_bg(int argc, char **argv)
{
    struct job *job = controlled_job(argc, argv);

    if (!job || !continue_job(job))
        return EXIT_FAILURE;
    job->background = true;
    print_job(job, "running");
    return EXIT_SUCCESS;
}

/* The process group, or without job control the process, that %job stands for. */
static bool find_kill_target(const char *text, pid_t *target)
{
    struct job *job = text[0] == '%' ? find_job(text) : NULL;

    if (!job || job->count == 0)
        return false;
    *target = job->group ? -job->group : job->processes[job->count - 1].pid;
    return true;
}

int builtin_kill(int argc, char **argv)
{
    return kill_command(argc, argv, find_kill_target);
}
