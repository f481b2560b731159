/*
 * Redirections.
 */
#ifndef MAPIX_SH_REDIRECT_H
#define MAPIX_SH_REDIRECT_H

#include <stdbool.h>

#include "syntax.h"

/* The shell's own descriptors are this or above, out of the way of the commands'. */
enum { FIRST_PRIVATE_DESCRIPTOR = 10 };

/* A descriptor as it was before a redirection. */
struct saved_descriptor {
    int descriptor;
    int copy; /* -1: it was closed */
    struct saved_descriptor *next;
};

/*
 * Carry out redirections in their order. With saved, what they replace is noted there, also when
 * one fails; without it they are for good. False after an error, with a message.
 */
bool redirect(const struct redirection *list, struct saved_descriptor **saved);

/* Put back and free what redirect has noted. */
void redirect_restore(struct saved_descriptor *saved);

/* Make descriptor to mean what from means, and close from. Returns 0, or -1 with errno. */
int move_descriptor(int from, int to);

/* A copy of a descriptor among the private ones, closed by exec. Returns -1 with errno. */
int private_copy(int descriptor);

#endif
