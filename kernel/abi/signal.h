/*
 * Signals: numbers, flags and structures of the riscv64 Linux ABI (signal(7), sigaction(2)).
 */
#ifndef MAPIX_ABI_SIGNAL_H
#define MAPIX_ABI_SIGNAL_H

#include <stdint.h>

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31
#define SIGRTMIN  32
#define SIGMAX    64

/* The bit of a signal in a signal set. */
#define signal_bit(number) (1ul << ((number)-1))

#define SIG_DFL 0ul
#define SIG_IGN 1ul

#define SA_NOCLDSTOP 0x00000001ul
#define SA_NOCLDWAIT 0x00000002ul
#define SA_SIGINFO   0x00000004ul
#define SA_ONSTACK   0x08000000ul
#define SA_RESTART   0x10000000ul
#define SA_NODEFER   0x40000000ul
#define SA_RESETHAND 0x80000000ul

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

/* si_code: where a signal comes from. Below 0 and 0: from a process, or a timer; above: from the
 * kernel. */
#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_MESGQ      (-3)
#define SI_ASYNCIO    (-4)
#define SI_SIGIO      (-5)
#define SI_TKILL      (-6)
#define POLL_IN       1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_PRI      5
#define ILL_ILLOPC    1
#define FPE_INTDIV    1
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define TRAP_BRKPT    1
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

struct sigaction {
    uint64_t handler, flags, mask;
};

#define PIDFD_SIGNAL_THREAD        1 /* pidfd_send_signal(2) */
#define PIDFD_SIGNAL_THREAD_GROUP  2
#define PIDFD_SIGNAL_PROCESS_GROUP 4

/* timer_create(2) */
#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

struct sigevent {
    uint64_t value;
    int32_t number, notify, thread;
    uint8_t unused[44];
};

/* sigaltstack(2) */
#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048

struct stack {
    uint64_t address;
    int32_t flags;
    uint64_t size;
};

/* The part of siginfo_t that the kernel keeps: which members mean something depends on the signal
 * and the code (sigaction(2)). */
struct signal_information {
    int32_t number, error, code, padding;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            union {
                uint64_t value; /* SI_QUEUE, SI_MESGQ */
                struct {
                    int32_t status; /* SIGCHLD: exit code or signal */
                    int32_t status_padding;
                    int64_t user_time, system_time; /* clock ticks */
                };
            };
        };
        struct {
            int32_t timer, overrun; /* SI_TIMER */
            uint64_t timer_value;
        };
        uint64_t address; /* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
        struct {
            int64_t band; /* SIGIO */
            int32_t descriptor;
        };
        struct {
            uint64_t call_address; /* SIGSYS */
            int32_t call;
            uint32_t architecture;
        };
    };
};

struct siginfo {
    struct signal_information information;
    uint8_t unused[80];
};

/* What the kernel puts on the stack of a handler, and rt_sigreturn takes back. */
struct sigcontext {
    uint64_t registers[32]; /* [0]: pc, then x1 to x31 */
    union {
        struct {
            uint64_t f[32];
            uint32_t fcsr;
        } fp;
        struct {
            uint64_t f[64] __attribute__((aligned(16)));
            uint32_t fcsr, reserved[3];
        } quad;
    };
};

struct ucontext {
    uint64_t flags, link;
    struct stack stack;
    uint64_t mask;
    uint8_t unused[120];
    struct sigcontext context;
};

struct signal_frame {
    struct siginfo siginfo;
    struct ucontext context;
};

_Static_assert(sizeof(struct signal_information) == 48, "siginfo");
_Static_assert(sizeof(struct siginfo) == 128, "siginfo");
_Static_assert(sizeof(struct ucontext) == 960, "ucontext");

#endif
