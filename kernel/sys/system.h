/*
 * The names of the system, as uname(2) gives them.
 */
#ifndef MAPIX_SYS_SYSTEM_H
#define MAPIX_SYS_SYSTEM_H

#include "abi/utsname.h"

void system_names(struct utsname *copy);

#endif
