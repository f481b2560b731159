/*
 * The shell's memory: arenas, which hold a syntax tree and are freed as a whole, and growing text.
 */
#ifndef MAPIX_SH_MEMORY_H
#define MAPIX_SH_MEMORY_H

#include <stddef.h>

/* Allocations that live and die together. A function's body keeps the arena it was parsed in. */
struct arena {
    struct allocation *newest;
    size_t references;
};

/* A new arena with one reference. */
struct arena *arena_new(void);
void arena_reference(struct arena *arena);

/* Drop one reference; with the last one everything in the arena is freed. */
void arena_unreference(struct arena *arena);

/* Zeroed memory, and a NUL-terminated copy of length bytes of text. */
void *arena_allocate(struct arena *arena, size_t size);
char *arena_text(struct arena *arena, const char *text, size_t length);

/* Growing text. {0} is an empty one; once anything was added, a NUL stands behind its end. */
struct buffer {
    char *text;
    size_t length;
    size_t capacity;
};

void buffer_add(struct buffer *buffer, char c);
void buffer_add_text(struct buffer *buffer, const char *text);

/* The text as a string that stays the buffer's; empty if nothing was added. */
const char *buffer_text(const struct buffer *buffer);

/* Take the text out as an allocated string, leaving the buffer empty. */
char *buffer_take(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
