/*
 * Credentials: who a thread acts for, and what it may (credentials(7), capabilities(7)).
 *
 * Each thread has its own (a library that knows threads changes those of all). They never change:
 * a change makes a copy, changes that, and puts it in the place of the old one, so whoever holds a
 * reference sees one consistent set. process->credentials are those of the process's first thread,
 * for others to look at.
 *
 *   the thread itself   credentials_current(), without a lock
 *   others              process->credentials, with process_tree_lock or signal_lock held
 */
#ifndef MAPIX_CORE_CREDENTIALS_H
#define MAPIX_CORE_CREDENTIALS_H

#include "abi/capability.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct thread;
struct place;

#define GROUPS_MAX 65536u

/* What all processes of one real user use together, counted against their limits. */
struct account {
    struct account *next; /* of the same hash */
    uint32_t uid;
    uint32_t references;        /* credentials that point here */
    uint64_t threads;           /* atomic: RLIMIT_NPROC */
    uint64_t signals;           /* atomic: RLIMIT_SIGPENDING: in queues, and those of timers */
    uint64_t pipe_pages;        /* atomic: capacity of the pipes that they made */
    uint64_t in_flight;         /* atomic: open files in messages of sockets */
    uint32_t notifies, watches; /* atomic: of inotify */
    uint32_t epoll_items;       /* atomic: files that their epolls watch */
};

struct credentials {
    uint32_t references; /* atomic; all else is constant once it is a thread's */
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint64_t permitted, effective, inheritable, ambient, bounding; /* sets of CAP_BIT */
    uint32_t secure_bits;                                          /* SECBIT_* */
    bool no_new_privileges;
    struct account *account; /* of uid */
    uint32_t group_count;
    uint32_t groups[]; /* rising */
};

/* Those of the current thread; of the kernel's own threads: all-powerful ones. */
const struct credentials *credentials_current(void);

/* Has the current thread the capability (CAP_*)? */
bool credentials_capable(unsigned capability);

/* Do the credentials hold it in effect? */
static inline bool credentials_have(const struct credentials *credentials, unsigned capability)
{
    return credentials->effective & CAP_BIT(capability);
}

/* Is gid the group (the file system's one), or one of the supplementary ones? */
bool credentials_in_group(const struct credentials *credentials, uint32_t gid);
bool credentials_have_group(const struct credentials *credentials, uint32_t gid);

/* A copy of the current thread's, to be changed and then committed or released; with_groups: room
 * for so many supplementary groups, which the caller fills in. NULL: no memory. */
struct credentials *credentials_copy(void);
struct credentials *credentials_copy_without_groups(uint32_t group_count);

/* Set the real user, and the account with it. -ENOMEM. */
int credentials_set_user(struct credentials *credentials, uint32_t uid);

/* The thread has these from now on (takes over the reference). Others' look into the process, and
 * its wish for a signal at its parent's death, end with a change of identifiers or a gain of
 * capabilities. Takes process_tree_lock. */
void credentials_commit(struct credentials *credentials);

/* No execve of the thread gives it more than it has, for ever. -ENOMEM. */
int credentials_forbid_privileges(void);

/* A thread that is to run gets the current one's, or the first ones; and gives them back. */
void credentials_inherit(struct thread *thread);
void credentials_give_back(struct thread *thread);

struct credentials *credentials_reference(const struct credentials *credentials);
void credentials_release(struct credentials *credentials);

/* May there be one thread more, and may the user of the current one have it (RLIMIT_NPROC)? 0,
 * -EAGAIN. */
int credentials_check_threads(void);

/*
 * What execve(2) of the file makes of the current thread's credentials: *result, to be committed;
 * *secure: AT_SECURE, the program must not trust its environment. -ENOMEM.
 */
int credentials_for_program(const struct place *program, struct credentials **result, bool *secure);

/* May the current thread look into, and change, what another process is (ptrace(2), "Access mode
 * checking")? real: asked with the real identifiers, as for prlimit; else with those of the file
 * system, as for /proc. process_tree_lock held. */
bool credentials_may_inspect(const struct process *process, bool real);

/* May the current thread let a process trace it, which may not gain privileges by that
 * (PTRACE_TRACEME)? process_tree_lock held. */
bool credentials_may_be_traced_by(const struct process *process);

/* May the current thread send a signal (kill(2)); apart from SIGCONT within a session?
 * process_tree_lock held. */
bool credentials_may_signal(const struct process *process);

#endif
