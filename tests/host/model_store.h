/*
 * Objects with a store in memory, for the model, and their mock pager: its requests wait in a queue
 * until somebody sleeps for one, or the stream lets one finish.
 */
#ifndef MAPIX_TESTS_MODEL_STORE_H
#define MAPIX_TESTS_MODEL_STORE_H

#include "vm/object.h"
#include <stdbool.h>
#include <stdint.h>

struct model_store {
    struct object object;
    uint8_t (*pages)[PAGE_SIZE];
};

/* An object of so many bytes, with a store for all its pages, which are zeros. */
void model_store_init(struct model_store *store, uint8_t (*pages)[PAGE_SIZE], unsigned count,
                      uint64_t size);

/* Forget all requests, when a run starts. How many there are; finish one of them, or the oldest
 * (false: there is none). */
void model_requests_start(void);
unsigned model_requests(void);
void model_request_finish(unsigned at);
bool model_request_finish_oldest(void);

#endif
