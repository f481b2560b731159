/* Requests, options and structures of ptrace(2) for riscv64. */
#ifndef MAPIX_ABI_PTRACE_H
#define MAPIX_ABI_PTRACE_H

#include <stdint.h>

#define PTRACE_TRACEME          0
#define PTRACE_PEEKTEXT         1
#define PTRACE_PEEKDATA         2
#define PTRACE_POKETEXT         4
#define PTRACE_POKEDATA         5
#define PTRACE_CONT             7
#define PTRACE_KILL             8
#define PTRACE_ATTACH           16
#define PTRACE_DETACH           17
#define PTRACE_SYSCALL          24
#define PTRACE_SETOPTIONS       0x4200
#define PTRACE_GETEVENTMSG      0x4201
#define PTRACE_GETSIGINFO       0x4202
#define PTRACE_SETSIGINFO       0x4203
#define PTRACE_GETREGSET        0x4204
#define PTRACE_SETREGSET        0x4205
#define PTRACE_SEIZE            0x4206
#define PTRACE_INTERRUPT        0x4207
#define PTRACE_LISTEN           0x4208
#define PTRACE_PEEKSIGINFO      0x4209
#define PTRACE_GETSIGMASK       0x420a
#define PTRACE_SETSIGMASK       0x420b
#define PTRACE_GET_SYSCALL_INFO 0x420e

#define PTRACE_EVENT_FORK       1
#define PTRACE_EVENT_VFORK      2
#define PTRACE_EVENT_CLONE      3
#define PTRACE_EVENT_EXEC       4
#define PTRACE_EVENT_VFORK_DONE 5
#define PTRACE_EVENT_EXIT       6
#define PTRACE_EVENT_SECCOMP    7
#define PTRACE_EVENT_STOP       128

/* The option that turns an event on is the bit of its number. */
#define PTRACE_O_TRACESYSGOOD 0x1u
#define PTRACE_O_EVENTS       0xfeu
#define PTRACE_O_EXITKILL     0x100000u

#define PTRACE_EVENTMSG_SYSCALL_ENTRY 1
#define PTRACE_EVENTMSG_SYSCALL_EXIT  2

#define PTRACE_PEEKSIGINFO_SHARED 1u

struct ptrace_peeksiginfo_args {
    uint64_t offset;
    uint32_t flags;
    int32_t count;
};

#define PTRACE_SYSCALL_INFO_NONE    0
#define PTRACE_SYSCALL_INFO_ENTRY   1
#define PTRACE_SYSCALL_INFO_EXIT    2
#define PTRACE_SYSCALL_INFO_SECCOMP 3

#define AUDIT_ARCH_RISCV64 0xc00000f3u

struct ptrace_syscall_info {
    uint8_t kind, padding[3];
    uint32_t architecture;
    uint64_t pc, sp;
    union {
        struct {
            uint64_t number, arguments[6];
            uint32_t message; /* SECCOMP only */
        } entry;
        struct {
            int64_t result;
            uint8_t is_error;
        } exit;
        uint64_t rest[8]; /* of what only newer kinds have */
    };
};

#endif
