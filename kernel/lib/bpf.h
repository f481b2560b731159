/*
 * Classic Berkeley packet filters as system call filters use them: a program looks at some words of
 * data, calculates with an accumulator, an index and 16 words of memory, and returns a number.
 * Jumps lead forward only, so it ends (S. McCanne, V. Jacobson, The BSD Packet Filter, 1993;
 * seccomp(2)).
 */
#ifndef MAPIX_LIB_BPF_H
#define MAPIX_LIB_BPF_H

#include "abi/bpf.h"
#include <stdbool.h>

/*
 * Are these instructions, at least one, a program over so many words of data? Not one that could
 * run past its end, divide by a constant 0, shift by 32 or more, read a word of memory that was not
 * written on every way there, or data that is not there, or not whole words.
 *
 *   written   room for one element per instruction, contents without meaning before and after
 */
bool bpf_check(const struct bpf_instruction *program, uint32_t length, uint32_t data_words,
               uint16_t *written);

/* Run a program that has passed: its result; 0 if it divides by an index that is 0. */
uint32_t bpf_run(const struct bpf_instruction *program, const uint32_t *data, uint32_t data_words);

#endif
