/*
 * Confinement of system calls (seccomp(2)): a thread gives up all but four calls, or has each call
 * judged by filters, programs that it, or who made it, has installed.
 *
 * A filter never goes away from a thread that has it: a new one is put before the old one, which is
 * its parent, so the filters of all threads are a tree, and a chain stays whole as long as its
 * first one is referenced. Therefore a thread reads its own filters without a lock, also while
 * another one gives it newer ones (SECCOMP_FILTER_FLAG_TSYNC).
 *
 * A thread that is confined is counted in calls_watched (core/trace.h): others pay nothing at a
 * call.
 */
#ifndef MAPIX_CORE_SECCOMP_H
#define MAPIX_CORE_SECCOMP_H

#include "abi/bpf.h"
#include "arch/riscv/trap.h"
#include <stdbool.h>
#include <stdint.h>

struct thread;

struct seccomp_filter {
    uint32_t references;           /* atomic */
    struct seccomp_filter *parent; /* referenced; constant once it is installed, as all below */
    bool logs;                     /* SECCOMP_FILTER_FLAG_LOG */
    bool no_new_privileges;        /* of who installed it, so of all who have it */
    uint32_t depth, instructions;  /* filters in the chain, their instructions and 4 for each */
    uint32_t length;
    struct bpf_instruction program[];
};

/* (l) signal_lock of the process held to change it, (s) by the thread itself without. */
struct seccomp {
    int mode;                      /* (l), atomic: SECCOMP_MODE_*; or dead: any call ends it */
    struct seccomp_filter *filter; /* (l), atomic: the newest; NULL: none */
};

/* A filter with room for a program, to be installed or released. NULL: no memory. */
struct seccomp_filter *seccomp_filter_create(uint32_t length);
void seccomp_filter_release(struct seccomp_filter *filter);

/* The current thread can make no calls but read, write, exit and rt_sigreturn: 0, -EINVAL: it has
 * filters. */
int seccomp_set_strict(void);

/*
 * The filter, whose program is filled in, judges the calls of the current thread, and with
 * SECCOMP_FILTER_FLAG_TSYNC those of all threads of its process. The caller has checked that the
 * thread may (PR_SET_NO_NEW_PRIVS or CAP_SYS_ADMIN). Takes the reference if it returns 0.
 *
 *   -EINVAL   a bad program, or the mode is strict
 *   -ENOMEM   no memory, or too many instructions
 *   > 0       this thread has a filter that the current one has not (-ESRCH with the flag for it)
 */
int seccomp_install(struct seccomp_filter *filter, unsigned flags);

/* Must no execve of the thread give it more than it has? Of the thread itself, or with
 * process_tree_lock. */
bool seccomp_forbids_privileges(const struct thread *thread);

/* A thread that is entered into a process gets the confinement of the current one (signal_lock of
 * the process held), and gives it back. */
void seccomp_inherit(struct thread *thread);
void seccomp_give_back(struct thread *thread);

static inline bool seccomp_is_on(const struct seccomp *seccomp)
{
    return __atomic_load_n(&seccomp->mode, __ATOMIC_RELAXED);
}

/*
 * May the current thread, which is confined, make the call that it is about to make? Its first
 * argument is in thread->call_argument. If not, a0 has the result, or the thread has to end, or a
 * signal is pending. It may stop for a tracer, who may choose another call. May not return.
 */
bool seccomp_allows(struct trap_frame *frame);

#endif
