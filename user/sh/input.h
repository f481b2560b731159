/*
 * Where the shell reads commands from: a string, a script's descriptor, or standard input.
 */
#ifndef MAPIX_SH_INPUT_H
#define MAPIX_SH_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"

enum { INPUT_END = -1, INPUT_BLOCK = 4096, INPUT_PUSHED = 4 };

struct input {
    int descriptor;   /* -1: a string */
    bool prompts;     /* a terminal: print a prompt before each line */
    bool byte_wise;   /* the commands run read from the same descriptor: take no byte too many */
    bool continued;   /* the next prompt is the one for a command's further lines */
    int line;         /* of the next character, from 1 */
    const char *text; /* what has been read, or the string */
    size_t length;
    size_t position;
    int pushed[INPUT_PUSHED];
    int pushed_count;
    struct buffer source; /* what has been consumed since input_begin_command */
    char block[INPUT_BLOCK];
};

/* Read from text, which must outlive the input. */
void input_from_text(struct input *input, const char *text);

/* Read from a descriptor. */
void input_from_descriptor(struct input *input, int descriptor, bool prompts, bool byte_wise);

/* The next character, or INPUT_END. */
int input_next(struct input *input);

/* Put a character back, the last one first. */
void input_unread(struct input *input, int c);

/* Forget the source text kept so far, and start with the first prompt again. */
void input_begin_command(struct input *input);

/* Throw away the rest of what has been read: the line in which an error was found. */
void input_discard(struct input *input);

/* Whether a string has been read to its end. */
bool input_exhausted(const struct input *input);

void input_free(struct input *input);

#endif
