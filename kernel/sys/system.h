/*
 * The names of the system, as uname(2) gives them.
 */
#ifndef MAPIX_SYS_SYSTEM_H
#define MAPIX_SYS_SYSTEM_H

#include "abi/utsname.h"
#include <stddef.h>

void system_names(struct utsname *copy);

/* Change one of those that may be changed: 0, -EINVAL: too long. */
int system_set_node(const char *name, size_t length);
int system_set_domain(const char *name, size_t length);

#endif
