/*
 * The rest of a machine for tests of kernel/vm: page tables with a kernel root, a flush that only
 * frees (weak: the model has one of its own), transfers from and to kernel memory, and files
 * without a file system.
 */
#ifndef MAPIX_TESTS_MACHINE_H
#define MAPIX_TESTS_MACHINE_H

#include "core/user.h"

/* After shim_memory_start: initialise kernel/vm. Before shim_end: give back what it keeps. */
void machine_start(void);
void machine_end(void);

/* A transfer of size bytes from or to buffer; both structures are the caller's. */
void machine_transfer(struct transfer *transfer, struct transfer_piece *piece, void *buffer,
                      size_t size);

/* The next resident copies stop after so many bytes, as if the rest were not mapped; then
 * transfer_fault_in succeeds once, or fails. */
void machine_limit_transfers(size_t bytes, bool fault_succeeds);

#endif
