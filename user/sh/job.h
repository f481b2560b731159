/*
 * Jobs: the processes of one pipeline, subshell or background list.
 *
 * With job control each job is a process group of its own, and the terminal's foreground group
 * while the shell waits for it. Parent and child both set the group, so that neither depends on
 * the other having run.
 */
#ifndef MAPIX_SH_JOB_H
#define MAPIX_SH_JOB_H

#include <stdbool.h>
#include <sys/types.h>

struct job;

/* A job without processes; text is how it is shown. */
struct job *job_new(const char *text, bool background);

/*
 * Fork a process into the job, or with NULL one that belongs to none (a command substitution). In
 * the child the shell is no longer interactive and knows no jobs. Returns as fork; an error has
 * been printed.
 */
pid_t job_fork(struct job *job);

/* Wait for a foreground job and forget it, unless it has stopped. Returns its exit status. */
int job_wait(struct job *job);

/* Announce a job started in the background: $!, and its number if interactive. */
void job_announce(struct job *job);

/* Wait for one process that is in no job; returns its exit status. */
int wait_for_process(pid_t pid);

/* Before a prompt: report background jobs that have ended. */
void jobs_notify(void);

/* Builtins. */
int builtin_jobs(int argc, char **argv);
int builtin_wait(int argc, char **argv);
int builtin_fg(int argc, char **argv);
int builtin_bg(int argc, char **argv);
int builtin_kill(int argc, char **argv);

#endif
