/*
 * wait4(2) and waitid(2): options, identifiers, and how a wait status is put together.
 */
#ifndef MAPIX_ABI_WAIT_H
#define MAPIX_ABI_WAIT_H

#define WNOHANG    1u
#define WUNTRACED  2u
#define WSTOPPED   2u
#define WEXITED    4u
#define WCONTINUED 8u
#define WNOWAIT    0x01000000u
#define WNOTHREAD  0x20000000u
#define WALL       0x40000000u
#define WCLONE     0x80000000u

#define P_ALL   0
#define P_PID   1
#define P_PGID  2
#define P_PIDFD 3

#define WAIT_STATUS_CORE      0x80
#define WAIT_STATUS_CONTINUED 0xffff

#define wait_status_exit(code)   (((code)&0xff) << 8)
#define wait_status_stop(number) ((number) << 8 | 0x7f)
#define wait_status_signal(s)    ((s)&0x7f)
#define wait_status_code(s)      (((s) >> 8) & 0xff)
#define wait_status_ended(s)     /* CLD_* */                                                       \
    (!wait_status_signal(s) ? CLD_EXITED : (s)&WAIT_STATUS_CORE ? CLD_DUMPED : CLD_KILLED)

#endif
