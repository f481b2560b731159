/* The rest of a kernel for tests of path look-up: walk_machine.c says what. */
#ifndef MAPIX_TESTS_WALK_MACHINE_H
#define MAPIX_TESTS_WALK_MACHINE_H

#include <stdint.h>

/* Whose credentials the current thread has: 0 has every capability, others none. */
void machine_set_user(uint32_t user);

#endif
