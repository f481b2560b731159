/*
 * Parts of prctl(2).
 */
#ifndef MAPIX_SYS_PRCTL_H
#define MAPIX_SYS_PRCTL_H

#include <stdint.h>

/* PR_SET_VMA: names of anonymous memory (advise.c). */
long prctl_name_memory(const uint64_t argument[6]);

/* PR_SET_MM (prctl_memory.c). */
long prctl_memory(const uint64_t argument[6]);

/* PR_GET_SECCOMP, PR_SET_SECCOMP (seccomp.c). */
long prctl_seccomp(const uint64_t argument[6]);

/* The options about capabilities (capability.c). */
long prctl_capabilities(const uint64_t argument[6]);

#endif
