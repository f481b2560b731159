/*
 * Memory and strings. The functions with standard names do what ISO C says of them (C17 7.24,
 * strnlen: POSIX); the compiler emits calls to the first four by itself.
 */
#ifndef MAPIX_LIB_STRING_H
#define MAPIX_LIB_STRING_H

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *__restrict destination, const void *__restrict source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
void *memset(void *memory, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *memory, int byte, size_t size);

size_t strlen(const char *string);
size_t strnlen(const char *string, size_t size);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *string, int character);
char *strrchr(const char *string, int character);

/*
 * Copy a string into a buffer of size bytes (not 0), cut off if it is too long, always terminated.
 * false: it was cut off.
 */
bool string_copy(char *destination, const char *source, size_t size);

/* Copy or clear one whole frame; the addresses are multiples of the page size. */
void page_copy(void *__restrict destination, const void *__restrict source);
void page_zero(void *frame);

#endif
