/*
 * All system calls: SYSTEM_CALL(number, name) for each, in groups; sys_NAME performs it.
 */
#ifndef MAPIX_SYS_TABLE_H
#define MAPIX_SYS_TABLE_H

#include "abi/syscall.h"
#include "core/syscall.h"

#define SYSTEM_CALLS(SYSTEM_CALL)                                                                  \
    /* names and directories */                                                                    \
    SYSTEM_CALL(SYS_setxattr, setxattr)                                                            \
    SYSTEM_CALL(SYS_lsetxattr, lsetxattr)                                                          \
    SYSTEM_CALL(SYS_fsetxattr, fsetxattr)                                                          \
    SYSTEM_CALL(SYS_getxattr, getxattr)                                                            \
    SYSTEM_CALL(SYS_lgetxattr, lgetxattr)                                                          \
    SYSTEM_CALL(SYS_fgetxattr, fgetxattr)                                                          \
    SYSTEM_CALL(SYS_listxattr, listxattr)                                                          \
    SYSTEM_CALL(SYS_llistxattr, llistxattr)                                                        \
    SYSTEM_CALL(SYS_flistxattr, flistxattr)                                                        \
    SYSTEM_CALL(SYS_removexattr, removexattr)                                                      \
    SYSTEM_CALL(SYS_lremovexattr, lremovexattr)                                                    \
    SYSTEM_CALL(SYS_fremovexattr, fremovexattr)                                                    \
    SYSTEM_CALL(SYS_getcwd, getcwd)                                                                \
    SYSTEM_CALL(SYS_mknodat, mknodat)                                                              \
    SYSTEM_CALL(SYS_mkdirat, mkdirat)                                                              \
    SYSTEM_CALL(SYS_unlinkat, unlinkat)                                                            \
    SYSTEM_CALL(SYS_symlinkat, symlinkat)                                                          \
    SYSTEM_CALL(SYS_linkat, linkat)                                                                \
    SYSTEM_CALL(SYS_umount2, umount2)                                                              \
    SYSTEM_CALL(SYS_mount, mount)                                                                  \
    SYSTEM_CALL(SYS_chdir, chdir)                                                                  \
    SYSTEM_CALL(SYS_fchdir, fchdir)                                                                \
    SYSTEM_CALL(SYS_chroot, chroot)                                                                \
    SYSTEM_CALL(SYS_fchmod, fchmod)                                                                \
    SYSTEM_CALL(SYS_fchmodat, fchmodat)                                                            \
    SYSTEM_CALL(SYS_fchmodat2, fchmodat2)                                                          \
    SYSTEM_CALL(SYS_fchownat, fchownat)                                                            \
    SYSTEM_CALL(SYS_fchown, fchown)                                                                \
    SYSTEM_CALL(SYS_faccessat, faccessat)                                                          \
    SYSTEM_CALL(SYS_faccessat2, faccessat2)                                                        \
    SYSTEM_CALL(SYS_readlinkat, readlinkat)                                                        \
    SYSTEM_CALL(SYS_newfstatat, newfstatat)                                                        \
    SYSTEM_CALL(SYS_statx, statx)                                                                  \
    SYSTEM_CALL(SYS_utimensat, utimensat)                                                          \
    SYSTEM_CALL(SYS_renameat2, renameat2)                                                          \
    SYSTEM_CALL(SYS_name_to_handle_at, name_to_handle_at)                                          \
    SYSTEM_CALL(SYS_statfs, statfs)                                                                \
    SYSTEM_CALL(SYS_fstatfs, fstatfs)                                                              \
    SYSTEM_CALL(SYS_truncate, truncate)                                                            \
    /* files */                                                                                    \
    SYSTEM_CALL(SYS_dup, dup)                                                                      \
    SYSTEM_CALL(SYS_dup3, dup3)                                                                    \
    SYSTEM_CALL(SYS_fcntl, fcntl)                                                                  \
    SYSTEM_CALL(SYS_ioctl, ioctl)                                                                  \
    SYSTEM_CALL(SYS_vhangup, vhangup)                                                              \
    SYSTEM_CALL(SYS_flock, flock)                                                                  \
    SYSTEM_CALL(SYS_ftruncate, ftruncate)                                                          \
    SYSTEM_CALL(SYS_fallocate, fallocate)                                                          \
    SYSTEM_CALL(SYS_openat, openat)                                                                \
    SYSTEM_CALL(SYS_openat2, openat2)                                                              \
    SYSTEM_CALL(SYS_memfd_create, memfd_create)                                                    \
    SYSTEM_CALL(SYS_close, close)                                                                  \
    SYSTEM_CALL(SYS_close_range, close_range)                                                      \
    SYSTEM_CALL(SYS_pipe2, pipe2)                                                                  \
    SYSTEM_CALL(SYS_getdents64, getdents64)                                                        \
    SYSTEM_CALL(SYS_lseek, lseek)                                                                  \
    SYSTEM_CALL(SYS_read, read)                                                                    \
    SYSTEM_CALL(SYS_write, write)                                                                  \
    SYSTEM_CALL(SYS_readv, readv)                                                                  \
    SYSTEM_CALL(SYS_writev, writev)                                                                \
    SYSTEM_CALL(SYS_pread64, pread64)                                                              \
    SYSTEM_CALL(SYS_pwrite64, pwrite64)                                                            \
    SYSTEM_CALL(SYS_preadv, preadv)                                                                \
    SYSTEM_CALL(SYS_pwritev, pwritev)                                                              \
    SYSTEM_CALL(SYS_preadv2, preadv2)                                                              \
    SYSTEM_CALL(SYS_pwritev2, pwritev2)                                                            \
    SYSTEM_CALL(SYS_vmsplice, vmsplice)                                                            \
    SYSTEM_CALL(SYS_splice, splice)                                                                \
    SYSTEM_CALL(SYS_tee, tee)                                                                      \
    SYSTEM_CALL(SYS_sendfile, sendfile)                                                            \
    SYSTEM_CALL(SYS_copy_file_range, copy_file_range)                                              \
    SYSTEM_CALL(SYS_readahead, readahead)                                                          \
    SYSTEM_CALL(SYS_fadvise64, fadvise64)                                                          \
    SYSTEM_CALL(SYS_pselect6, pselect6)                                                            \
    SYSTEM_CALL(SYS_ppoll, ppoll)                                                                  \
    SYSTEM_CALL(SYS_epoll_create1, epoll_create1)                                                  \
    SYSTEM_CALL(SYS_epoll_ctl, epoll_ctl)                                                          \
    SYSTEM_CALL(SYS_epoll_pwait, epoll_pwait)                                                      \
    SYSTEM_CALL(SYS_epoll_pwait2, epoll_pwait2)                                                    \
    SYSTEM_CALL(SYS_eventfd2, eventfd2)                                                            \
    SYSTEM_CALL(SYS_inotify_init1, inotify_init1)                                                  \
    SYSTEM_CALL(SYS_inotify_add_watch, inotify_add_watch)                                          \
    SYSTEM_CALL(SYS_inotify_rm_watch, inotify_rm_watch)                                            \
    SYSTEM_CALL(SYS_signalfd4, signalfd4)                                                          \
    SYSTEM_CALL(SYS_timerfd_create, timerfd_create)                                                \
    SYSTEM_CALL(SYS_timerfd_settime, timerfd_settime)                                              \
    SYSTEM_CALL(SYS_timerfd_gettime, timerfd_gettime)                                              \
    SYSTEM_CALL(SYS_fstat, fstat)                                                                  \
    SYSTEM_CALL(SYS_sync, sync)                                                                    \
    SYSTEM_CALL(SYS_fsync, fsync)                                                                  \
    SYSTEM_CALL(SYS_fdatasync, fdatasync)                                                          \
    SYSTEM_CALL(SYS_sync_file_range, sync_file_range)                                              \
    SYSTEM_CALL(SYS_syncfs, syncfs)                                                                \
    /* sockets */                                                                                  \
    SYSTEM_CALL(SYS_socket, socket)                                                                \
    SYSTEM_CALL(SYS_socketpair, socketpair)                                                        \
    SYSTEM_CALL(SYS_bind, bind)                                                                    \
    SYSTEM_CALL(SYS_listen, listen)                                                                \
    SYSTEM_CALL(SYS_accept, accept)                                                                \
    SYSTEM_CALL(SYS_accept4, accept4)                                                              \
    SYSTEM_CALL(SYS_connect, connect)                                                              \
    SYSTEM_CALL(SYS_getsockname, getsockname)                                                      \
    SYSTEM_CALL(SYS_getpeername, getpeername)                                                      \
    SYSTEM_CALL(SYS_sendto, sendto)                                                                \
    SYSTEM_CALL(SYS_recvfrom, recvfrom)                                                            \
    SYSTEM_CALL(SYS_setsockopt, setsockopt)                                                        \
    SYSTEM_CALL(SYS_getsockopt, getsockopt)                                                        \
    SYSTEM_CALL(SYS_shutdown, shutdown)                                                            \
    SYSTEM_CALL(SYS_sendmsg, sendmsg)                                                              \
    SYSTEM_CALL(SYS_recvmsg, recvmsg)                                                              \
    SYSTEM_CALL(SYS_sendmmsg, sendmmsg)                                                            \
    SYSTEM_CALL(SYS_recvmmsg, recvmmsg)                                                            \
    /* processes */                                                                                \
    SYSTEM_CALL(SYS_exit, exit)                                                                    \
    SYSTEM_CALL(SYS_exit_group, exit_group)                                                        \
    SYSTEM_CALL(SYS_waitid, waitid)                                                                \
    SYSTEM_CALL(SYS_wait4, wait4)                                                                  \
    SYSTEM_CALL(SYS_set_tid_address, set_tid_address)                                              \
    SYSTEM_CALL(SYS_unshare, unshare)                                                              \
    SYSTEM_CALL(SYS_pidfd_open, pidfd_open)                                                        \
    SYSTEM_CALL(SYS_pidfd_send_signal, pidfd_send_signal)                                          \
    SYSTEM_CALL(SYS_pidfd_getfd, pidfd_getfd)                                                      \
    SYSTEM_CALL(SYS_process_madvise, process_madvise)                                              \
    SYSTEM_CALL(SYS_clone, clone)                                                                  \
    SYSTEM_CALL(SYS_clone3, clone3)                                                                \
    SYSTEM_CALL(SYS_futex, futex)                                                                  \
    SYSTEM_CALL(SYS_execve, execve)                                                                \
    SYSTEM_CALL(SYS_execveat, execveat)                                                            \
    SYSTEM_CALL(SYS_getpid, getpid)                                                                \
    SYSTEM_CALL(SYS_getppid, getppid)                                                              \
    SYSTEM_CALL(SYS_gettid, gettid)                                                                \
    SYSTEM_CALL(SYS_ptrace, ptrace)                                                                \
    SYSTEM_CALL(SYS_setpgid, setpgid)                                                              \
    SYSTEM_CALL(SYS_getpgid, getpgid)                                                              \
    SYSTEM_CALL(SYS_getsid, getsid)                                                                \
    SYSTEM_CALL(SYS_setsid, setsid)                                                                \
    SYSTEM_CALL(SYS_prctl, prctl)                                                                  \
    SYSTEM_CALL(SYS_personality, personality)                                                      \
    SYSTEM_CALL(SYS_set_robust_list, set_robust_list)                                              \
    SYSTEM_CALL(SYS_get_robust_list, get_robust_list)                                              \
    /* signals */                                                                                  \
    SYSTEM_CALL(SYS_kill, kill)                                                                    \
    SYSTEM_CALL(SYS_tkill, tkill)                                                                  \
    SYSTEM_CALL(SYS_tgkill, tgkill)                                                                \
    SYSTEM_CALL(SYS_sigaltstack, sigaltstack)                                                      \
    SYSTEM_CALL(SYS_rt_sigsuspend, rt_sigsuspend)                                                  \
    SYSTEM_CALL(SYS_rt_sigaction, rt_sigaction)                                                    \
    SYSTEM_CALL(SYS_rt_sigprocmask, rt_sigprocmask)                                                \
    SYSTEM_CALL(SYS_rt_sigpending, rt_sigpending)                                                  \
    SYSTEM_CALL(SYS_rt_sigreturn, rt_sigreturn)                                                    \
    SYSTEM_CALL(SYS_rt_sigtimedwait, rt_sigtimedwait)                                              \
    SYSTEM_CALL(SYS_rt_sigqueueinfo, rt_sigqueueinfo)                                              \
    SYSTEM_CALL(SYS_rt_tgsigqueueinfo, rt_tgsigqueueinfo)                                          \
    /* credentials */                                                                              \
    SYSTEM_CALL(SYS_setregid, setregid)                                                            \
    SYSTEM_CALL(SYS_setgid, setgid)                                                                \
    SYSTEM_CALL(SYS_setreuid, setreuid)                                                            \
    SYSTEM_CALL(SYS_setuid, setuid)                                                                \
    SYSTEM_CALL(SYS_setresuid, setresuid)                                                          \
    SYSTEM_CALL(SYS_getresuid, getresuid)                                                          \
    SYSTEM_CALL(SYS_setresgid, setresgid)                                                          \
    SYSTEM_CALL(SYS_getresgid, getresgid)                                                          \
    SYSTEM_CALL(SYS_setfsuid, setfsuid)                                                            \
    SYSTEM_CALL(SYS_setfsgid, setfsgid)                                                            \
    SYSTEM_CALL(SYS_getgroups, getgroups)                                                          \
    SYSTEM_CALL(SYS_setgroups, setgroups)                                                          \
    SYSTEM_CALL(SYS_umask, umask)                                                                  \
    SYSTEM_CALL(SYS_getuid, getuid)                                                                \
    SYSTEM_CALL(SYS_geteuid, geteuid)                                                              \
    SYSTEM_CALL(SYS_getgid, getgid)                                                                \
    SYSTEM_CALL(SYS_getegid, getegid)                                                              \
    SYSTEM_CALL(SYS_capget, capget)                                                                \
    SYSTEM_CALL(SYS_capset, capset)                                                                \
    /* limits and accounting */                                                                    \
    SYSTEM_CALL(SYS_getrlimit, getrlimit)                                                          \
    SYSTEM_CALL(SYS_setrlimit, setrlimit)                                                          \
    SYSTEM_CALL(SYS_prlimit64, prlimit64)                                                          \
    SYSTEM_CALL(SYS_getrusage, getrusage)                                                          \
    SYSTEM_CALL(SYS_times, times)                                                                  \
    SYSTEM_CALL(SYS_getpriority, getpriority)                                                      \
    SYSTEM_CALL(SYS_setpriority, setpriority)                                                      \
    /* scheduling */                                                                               \
    SYSTEM_CALL(SYS_sched_setaffinity, sched_setaffinity)                                          \
    SYSTEM_CALL(SYS_sched_getaffinity, sched_getaffinity)                                          \
    SYSTEM_CALL(SYS_sched_setparam, sched_setparam)                                                \
    SYSTEM_CALL(SYS_sched_setscheduler, sched_setscheduler)                                        \
    SYSTEM_CALL(SYS_sched_getscheduler, sched_getscheduler)                                        \
    SYSTEM_CALL(SYS_sched_getparam, sched_getparam)                                                \
    SYSTEM_CALL(SYS_sched_get_priority_max, sched_get_priority_max)                                \
    SYSTEM_CALL(SYS_sched_get_priority_min, sched_get_priority_min)                                \
    SYSTEM_CALL(SYS_sched_rr_get_interval, sched_rr_get_interval)                                  \
    SYSTEM_CALL(SYS_sched_setattr, sched_setattr)                                                  \
    SYSTEM_CALL(SYS_sched_getattr, sched_getattr)                                                  \
    SYSTEM_CALL(SYS_membarrier, membarrier)                                                        \
    SYSTEM_CALL(SYS_sched_yield, sched_yield)                                                      \
    SYSTEM_CALL(SYS_getcpu, getcpu)                                                                \
    /* time */                                                                                     \
    SYSTEM_CALL(SYS_nanosleep, nanosleep)                                                          \
    SYSTEM_CALL(SYS_clock_nanosleep, clock_nanosleep)                                              \
    SYSTEM_CALL(SYS_clock_settime, clock_settime)                                                  \
    SYSTEM_CALL(SYS_clock_gettime, clock_gettime)                                                  \
    SYSTEM_CALL(SYS_clock_getres, clock_getres)                                                    \
    SYSTEM_CALL(SYS_gettimeofday, gettimeofday)                                                    \
    SYSTEM_CALL(SYS_settimeofday, settimeofday)                                                    \
    SYSTEM_CALL(SYS_adjtimex, adjtimex)                                                            \
    SYSTEM_CALL(SYS_clock_adjtime, clock_adjtime)                                                  \
    SYSTEM_CALL(SYS_getitimer, getitimer)                                                          \
    SYSTEM_CALL(SYS_setitimer, setitimer)                                                          \
    SYSTEM_CALL(SYS_timer_create, timer_create)                                                    \
    SYSTEM_CALL(SYS_timer_settime, timer_settime)                                                  \
    SYSTEM_CALL(SYS_timer_gettime, timer_gettime)                                                  \
    SYSTEM_CALL(SYS_timer_getoverrun, timer_getoverrun)                                            \
    SYSTEM_CALL(SYS_timer_delete, timer_delete)                                                    \
    /* system */                                                                                   \
    SYSTEM_CALL(SYS_uname, uname)                                                                  \
    SYSTEM_CALL(SYS_sethostname, sethostname)                                                      \
    SYSTEM_CALL(SYS_setdomainname, setdomainname)                                                  \
    SYSTEM_CALL(SYS_sysinfo, sysinfo)                                                              \
    SYSTEM_CALL(SYS_reboot, reboot)                                                                \
    SYSTEM_CALL(SYS_syslog, syslog)                                                                \
    SYSTEM_CALL(SYS_swapon, swapon)                                                                \
    SYSTEM_CALL(SYS_swapoff, swapoff)                                                              \
    SYSTEM_CALL(SYS_getrandom, getrandom)                                                          \
    SYSTEM_CALL(SYS_riscv_hwprobe, riscv_hwprobe)                                                  \
    SYSTEM_CALL(SYS_riscv_flush_icache, riscv_flush_icache)                                        \
    /* memory */                                                                                   \
    SYSTEM_CALL(SYS_brk, brk)                                                                      \
    SYSTEM_CALL(SYS_munmap, munmap)                                                                \
    SYSTEM_CALL(SYS_mmap, mmap)                                                                    \
    SYSTEM_CALL(SYS_mprotect, mprotect)                                                            \
    SYSTEM_CALL(SYS_msync, msync)                                                                  \
    SYSTEM_CALL(SYS_mremap, mremap)                                                                \
    SYSTEM_CALL(SYS_remap_file_pages, remap_file_pages)                                            \
    SYSTEM_CALL(SYS_madvise, madvise)                                                              \
    SYSTEM_CALL(SYS_mincore, mincore)                                                              \
    SYSTEM_CALL(SYS_mq_open, mq_open)                                                              \
    SYSTEM_CALL(SYS_mq_unlink, mq_unlink)                                                          \
    SYSTEM_CALL(SYS_mq_timedsend, mq_timedsend)                                                    \
    SYSTEM_CALL(SYS_mq_timedreceive, mq_timedreceive)                                              \
    SYSTEM_CALL(SYS_mq_notify, mq_notify)                                                          \
    SYSTEM_CALL(SYS_mq_getsetattr, mq_getsetattr)                                                  \
    SYSTEM_CALL(SYS_msgget, msgget)                                                                \
    SYSTEM_CALL(SYS_msgsnd, msgsnd)                                                                \
    SYSTEM_CALL(SYS_msgrcv, msgrcv)                                                                \
    SYSTEM_CALL(SYS_msgctl, msgctl)                                                                \
    SYSTEM_CALL(SYS_semget, semget)                                                                \
    SYSTEM_CALL(SYS_semop, semop)                                                                  \
    SYSTEM_CALL(SYS_semtimedop, semtimedop)                                                        \
    SYSTEM_CALL(SYS_semctl, semctl)                                                                \
    SYSTEM_CALL(SYS_shmget, shmget)                                                                \
    SYSTEM_CALL(SYS_shmat, shmat)                                                                  \
    SYSTEM_CALL(SYS_shmdt, shmdt)                                                                  \
    SYSTEM_CALL(SYS_shmctl, shmctl)                                                                \
    SYSTEM_CALL(SYS_mseal, mseal)                                                                  \
    SYSTEM_CALL(SYS_process_vm_readv, process_vm_readv)                                            \
    SYSTEM_CALL(SYS_process_vm_writev, process_vm_writev)                                          \
    SYSTEM_CALL(SYS_mlock, mlock)                                                                  \
    SYSTEM_CALL(SYS_mlock2, mlock2)                                                                \
    SYSTEM_CALL(SYS_munlock, munlock)                                                              \
    SYSTEM_CALL(SYS_mlockall, mlockall)                                                            \
    SYSTEM_CALL(SYS_munlockall, munlockall)

#define DECLARE_SYSTEM_CALL(number, name) system_call sys_##name;
SYSTEM_CALLS(DECLARE_SYSTEM_CALL)
#undef DECLARE_SYSTEM_CALL

#endif
