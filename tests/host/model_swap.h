/*
 * A swap area for the model: so small that it gets full, and with a slot that must not be used.
 */
#ifndef MAPIX_TESTS_MODEL_SWAP_H
#define MAPIX_TESTS_MODEL_SWAP_H

#include <stdbool.h>
#include <stdint.h>

/* Use the area, if at all in this run. At its end, when all entries should be gone, give it up. */
void model_swap_start(bool swapping);
void model_swap_end(void);

/* May pages be in it? */
bool model_swap_is_used(void);

/* How many have come back from it, in all runs. */
uint64_t model_swap_pages(void);

/* Begin to write what has gone to it. */
void model_swap_write(void);

/* Bring all back, then use the area again; either may fail for want of memory. */
void model_swap_renew(void);

#endif
