/* Scanning and comparing memory and strings. Copying and filling: memory.c. */
#include "lib/string.h"
#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

#define ONES  0x0101010101010101u
#define HIGHS 0x8080808080808080u

static bool word_aligned(const void *address)
{
    return ((uintptr_t)address & (sizeof(word) - 1)) == 0;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    if (word_aligned(left) && word_aligned(right)) {
        while (size >= sizeof(word) && *(const word *)left == *(const word *)right) {
            left += sizeof(word);
            right += sizeof(word);
            size -= sizeof(word);
        }
    }
    for (; size; size--, left++, right++) {
        if (*left != *right)
            return *left - *right;
    }
    return 0;
}

void *memchr(const void *memory, int byte, size_t size)
{
    const unsigned char *next = memory;
    for (; size; size--, next++) {
        if (*next == (unsigned char)byte)
            return (void *)next;
    }
    return NULL;
}

/* Reads whole aligned words: these never cross a page behind the end of the string. The
 * AddressSanitizer of the host tests would object to the bytes behind it. */
__attribute__((no_sanitize("address"))) size_t strlen(const char *string)
{
    const char *end = string;
    while (!word_aligned(end)) {
        if (!*end)
            return (size_t)(end - string);
        end++;
    }
    /* A byte of the word is 0 if and only if this leaves a bit set in the expression. */
    for (;; end += sizeof(word)) {
        word value = *(const word *)end;
        if ((value - ONES) & ~value & HIGHS)
            break;
    }
    while (*end)
        end++;
    return (size_t)(end - string);
}

size_t strnlen(const char *string, size_t size)
{
    size_t length = 0;
    while (length < size && string[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
    for (; size; size--, a++, b++) {
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

char *strchr(const char *string, int character)
{
    for (;; string++) {
        if (*string == (char)character)
            return (char *)string;
        if (!*string)
            return NULL;
    }
}

char *strrchr(const char *string, int character)
{
    const char *last = NULL;
    for (;; string++) {
        if (*string == (char)character)
            last = string;
        if (!*string)
            return (char *)last;
    }
}
