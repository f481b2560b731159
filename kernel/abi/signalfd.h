/* signalfd(2): its flags, and what is read. */
#ifndef MAPIX_ABI_SIGNALFD_H
#define MAPIX_ABI_SIGNALFD_H

#include <stdint.h>

#define SFD_NONBLOCK 04000
#define SFD_CLOEXEC  02000000

struct signalfd_siginfo {
    uint32_t number;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t descriptor;
    uint32_t timer, band, overrun, trap;
    int32_t status, value;
    uint64_t pointer, user_time, system_time, address;
    uint16_t address_lsb, padding;
    int32_t call;
    uint64_t call_address;
    uint32_t architecture;
    uint8_t unused[28];
};

_Static_assert(sizeof(struct signalfd_siginfo) == 128, "signalfd_siginfo");

#endif
