/*
 * Load averages over 1, 5 and 15 minutes: how many threads ran or were ready, as fixed-point
 * numbers with 16 binary places.
 */
#ifndef MAPIX_CORE_LOAD_H
#define MAPIX_CORE_LOAD_H

#include <stdint.h>

/* Take a sample if it is time. Any context, no lock held. */
void load_sample(uint64_t now);

void load_average(uint64_t average[3]);

#endif
