/*
 * Arenas and growing text.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib.h"
#include "memory.h"

struct allocation {
    struct allocation *older;
    max_align_t bytes[];
};

struct arena *arena_new(void)
{
    struct arena *arena = allocate(sizeof(*arena));

    *arena = (struct arena){.references = 1};
    return arena;
}

void arena_reference(struct arena *arena)
{
    arena->references++;
}

void arena_unreference(struct arena *arena)
{
    if (--arena->references > 0)
        return;
    while (arena->newest) {
        struct allocation *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    free(arena);
}

void *arena_allocate(struct arena *arena, size_t size)
{
    struct allocation *allocation = allocate(sizeof(*allocation) + size);

    memset(allocation, 0, sizeof(*allocation) + size);
    allocation->older = arena->newest;
    arena->newest = allocation;
    return allocation->bytes;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);

    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

void buffer_add(struct buffer *buffer, char c)
{
    if (buffer->length + 1 >= buffer->capacity) {
        buffer->capacity = buffer->capacity ? 2 * buffer->capacity : 32;
        buffer->text = reallocate(buffer->text, buffer->capacity);
    }
    buffer->text[buffer->length++] = c;
    buffer->text[buffer->length] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    while (*text)
        buffer_add(buffer, *text++);
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->text ? buffer->text : "";
}

char *buffer_take(struct buffer *buffer)
{
    char *text = buffer->text ? buffer->text : duplicate("");

    *buffer = (struct buffer){0};
    return text;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->text);
    *buffer = (struct buffer){0};
}
