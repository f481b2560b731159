/* Structures in the notes of a core dump, for riscv64 (core(5), elf(5)). */
#ifndef MAPIX_ABI_CORE_H
#define MAPIX_ABI_CORE_H

#include "abi/time.h"
#include <stdint.h>

struct core_status {
    int32_t information_number, information_code, information_error;
    int16_t signal;
    uint64_t pending, blocked;
    int32_t id, parent, group, session;
    struct timeval user_time, system_time, children_user_time, children_system_time;
    uint64_t registers[32]; /* pc, then x1 to x31 */
    int32_t has_float;
};

struct core_process {
    int8_t state;
    char state_letter;
    int8_t zombie, nice;
    uint64_t flags;
    uint32_t uid, gid;
    int32_t pid, parent, group, session;
    char name[16], arguments[80];
};

_Static_assert(sizeof(struct core_status) == 376, "elf_prstatus");
_Static_assert(sizeof(struct core_process) == 136, "elf_prpsinfo");

#endif
