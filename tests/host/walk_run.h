/*
 * Runs streams of operations on the kernel's path look-up (with the file system of walk_store.h)
 * and on the naive model (walk_model.h), and compares: results, where paths lead to, references,
 * the paths of directories, and the name cache with the directories.
 */
#ifndef MAPIX_TESTS_WALK_RUN_H
#define MAPIX_TESTS_WALK_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode a stream of operations and run each on both; abort with a message on the first difference.
 * The fail_at-th allocation fails (0: none). Returns whether an allocation was made to fail.
 */
bool walk_run(const uint8_t *bytes, size_t size, uint64_t fail_at);

/* Totals over all runs: operations that succeeded, of each kind. */
extern uint64_t walk_successes[];

#endif
