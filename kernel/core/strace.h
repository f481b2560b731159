/*
 * Tracing system calls to the kernel log: the boot argument strace=NAME traces all programs of that
 * name, an empty one all programs. And counting the calls that this kernel does not have.
 */
#ifndef MAPIX_CORE_STRACE_H
#define MAPIX_CORE_STRACE_H

#include "core/syscall.h"
#include <stdbool.h>

extern bool strace_on; /* constant after boot: something is to be traced */

/* Look at the boot arguments. Boot only. */
void strace_init(void);

/* Perform a call (function NULL: there is none of this number) and, if the current thread is to be
 * traced, print it with its arguments and result. */
long strace_call(uint64_t number, system_call *function, const uint64_t argument[6]);

/* Count a call that there is none of; print all such counts to the log. */
void strace_unknown(uint64_t number);
void strace_report_unknown(void);

#endif
