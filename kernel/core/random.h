/*
 * Random bytes: a ChaCha20 generator, seeded at boot and stirred by the times of events.
 */
#ifndef MAPIX_CORE_RANDOM_H
#define MAPIX_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_BITS 256 /* that can be had at once, as random(4) counts */

/* Seed the generator: boot, once the device tree and the clocks can be read. */
void random_init(void);

/* Mix a value that is hard to guess into the generator. Any context. */
void random_stir(uint64_t value);

/* Fill the buffer. Any context. */
void random_bytes(void *buffer, size_t size);

#endif
