/*
 * A text that grows: what a generated file says. Its pages are scattered, so it may be long.
 */
#ifndef MAPIX_FS_TEXT_H
#define MAPIX_FS_TEXT_H

#include "core/user.h"
#include <stdint.h>

struct page;

struct text {
    struct page **pages;
    size_t slots; /* of pages */
    size_t length;
    int error; /* -ENOMEM: from then on nothing is added */
};

/* An empty text, and giving back its memory. */
void text_init(struct text *text);
void text_free(struct text *text);

/* Add at the end. What does not fit into memory sets text->error. May sleep. */
void text_add(struct text *text, const char *bytes, size_t count);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add a line that tells a size: the label, the number, which ends in column end or further to the
 * right, and "kB". */
void text_add_kib(struct text *text, const char *label, unsigned end, uint64_t kib);

/* Add another text; copy size bytes that begin at offset, and are there. */
void text_add_text(struct text *text, const struct text *other);
void text_get(const struct text *text, uint64_t offset, void *buffer, size_t size);

/* As read(2) of the text at offset: bytes, or -EFAULT. */
long text_read(const struct text *text, uint64_t offset, struct transfer *transfer);

#endif
