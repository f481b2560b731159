/*
 * A naive model of the virtual-memory system, and the machine to run the real one next to it: two
 * files with a mock pager that completes late, a small swap area, up to four processes, two harts
 * with translation caches that keep what they hold until they are flushed.
 *
 * Each page has two cells of one byte, one in each half; a file's size is counted in halves, so
 * that the page with the end of the file is covered.
 */
#ifndef MAPIX_TESTS_VM_MODEL_H
#define MAPIX_TESTS_VM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode a stream of operations and run each on both; abort with a message on the first difference.
 * The fail_at-th allocation fails (0: none). Returns whether an allocation was made to fail.
 */
bool vm_model_run(const uint8_t *bytes, size_t size, uint64_t fail_at);

/* Say what the two do not agree in, with two figures, and abort. */
void difference(const char *what, uint64_t a, uint64_t b);

/* Totals over all runs: loads compared. */
extern uint64_t vm_model_loads;

#endif
