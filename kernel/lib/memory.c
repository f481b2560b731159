/*
 * Copying and filling memory.
 *
 * Blocks of 4 words are loaded wholly before they are stored: no store has to wait for the load
 * just before it, and a block fits into the registers that need no saving. Rows of 16 blocks leave
 * little to the loop: 131 instructions for 512 bytes. When source and destination differ in their
 * alignment, the words of the source are shifted together, since a misaligned access may be
 * emulated by the firmware.
 */
#include "lib/string.h"
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
/* Do not turn the loops below into calls of the functions they make up. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint64_t __attribute__((may_alias)) word;

#define WORD        sizeof(word)
#define BLOCK_WORDS 4
#define BLOCK       (BLOCK_WORDS * WORD)
#define ROW         (16 * BLOCK)
#define FILL_WORDS  16
#define FILL        (FILL_WORDS * WORD)
#define FRAME       4096

/* Below this many bytes, setting up the faster loops costs more than they save. */
#define SHORT 16

static size_t misalignment(const void *address)
{
    return (uintptr_t)address & (WORD - 1);
}

static inline __attribute__((always_inline)) void copy_block(word *to, const word *from)
{
    word a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
}

static inline __attribute__((always_inline)) void copy_row(word *to, const word *from)
{
#pragma GCC unroll 16
    for (unsigned i = 0; i < ROW / BLOCK; i++)
        copy_block(to + i * BLOCK_WORDS, from + i * BLOCK_WORDS);
}

static inline __attribute__((always_inline)) void fill_block(word *to, word value)
{
#pragma GCC unroll 16
    for (unsigned i = 0; i < FILL_WORDS; i++)
        to[i] = value;
}

static void copy_bytes(unsigned char *to, const unsigned char *from, size_t size)
{
    for (const unsigned char *end = from + size; from < end; from++, to++)
        *to = *from;
}

static void copy_bytes_down(unsigned char *to, const unsigned char *from, size_t size)
{
    while (size--)
        to[size] = from[size];
}

/* Both addresses are aligned; size is a multiple of WORD. Upwards, so to may overlap from below. */
static inline void copy_words(word *to, const word *from, size_t size)
{
    const word *end = from + size / WORD;
    for (const word *rows = from + size / ROW * (ROW / WORD); from < rows;) {
        copy_row(to, from);
        from += ROW / WORD, to += ROW / WORD;
    }
    for (; end - from >= BLOCK_WORDS; from += BLOCK_WORDS, to += BLOCK_WORDS)
        copy_block(to, from);
    for (; from < end; from++, to++)
        *to = *from;
}

/*
 * The same, with from misaligned: the aligned words around the source bytes are read, in order, and
 * two neighbours are shifted together. All of these words contain bytes of the source.
 */
__attribute__((no_sanitize("address"))) static void
copy_words_shifted(word *to, const unsigned char *from, size_t size)
{
    unsigned low = (unsigned)misalignment(from) * 8, high = 64 - low;
    const word *next = (const word *)(from - misalignment(from));
    word left = *next++;
    for (word *end = to + size / WORD; to < end; to++, next++) {
        word right = *next;
        *to = left >> low | right << high;
        left = right;
    }
}

/* Copy at least SHORT bytes upwards. Apart from the copies of aligned words and the short ones,
 * which need no registers saved. */
static __attribute__((noinline)) void *copy_misaligned(void *destination, const void *source,
                                                       size_t size)
{
    unsigned char *to = destination;
    const unsigned char *from = source;
    size_t head = -(uintptr_t)to & (WORD - 1), words = (size - head) & ~(WORD - 1);
    copy_bytes(to, from, head);
    to += head, from += head;
    if (misalignment(from))
        copy_words_shifted((word *)to, from, words);
    else
        copy_words((word *)to, (const word *)from, words);
    copy_bytes(to + words, from + words, size - head - words);
    return destination;
}

/* The same, both addresses aligned. */
static __attribute__((noinline)) void *copy_aligned(void *destination, const void *source,
                                                    size_t size)
{
    size_t words = size & ~(WORD - 1);
    copy_words(destination, source, words);
    copy_bytes((unsigned char *)destination + words, (const unsigned char *)source + words,
               size - words);
    return destination;
}

/* Copy upwards: right when destination lies below source, or does not overlap it. */
static inline void *copy_up(void *destination, const void *source, size_t size)
{
    if (size >= SHORT && !misalignment(destination) && !misalignment(source))
        return copy_aligned(destination, source, size);
    if (size >= SHORT)
        return copy_misaligned(destination, source, size);
    copy_bytes(destination, source, size);
    return destination;
}

/* Copy downwards, from the last byte to the first. */
static void *copy_down(void *destination, const void *source, size_t size)
{
    unsigned char *to = destination;
    const unsigned char *from = source;
    size_t tail = misalignment(to + size);
    if (misalignment(to) == misalignment(from) && tail < size) {
        size -= tail;
        copy_bytes_down(to + size, from + size, tail);
        for (; size >= BLOCK; size -= BLOCK)
            copy_block((word *)(to + size - BLOCK), (const word *)(from + size - BLOCK));
        for (; size >= WORD; size -= WORD)
            *(word *)(to + size - WORD) = *(const word *)(from + size - WORD);
    }
    copy_bytes_down(to, from, size);
    return destination;
}

void *memcpy(void *__restrict destination, const void *__restrict source, size_t size)
{
    return copy_up(destination, source, size);
}

void *memmove(void *destination, const void *source, size_t size)
{
    /* As unsigned numbers: true when destination is below source, or at or behind its end. */
    if ((uintptr_t)destination - (uintptr_t)source >= size)
        return copy_up(destination, source, size);
    return copy_down(destination, source, size);
}

static void fill_words(word *to, word value, size_t size)
{
    word *end = to + size / WORD, *blocks_end = to + size / FILL * FILL_WORDS;
    for (; to < blocks_end; to += FILL_WORDS)
        fill_block(to, value);
    for (; to < end; to++)
        *to = value;
}

void *memset(void *memory, int byte, size_t size)
{
    unsigned char *to = memory, *end = to + size;
    if (size >= SHORT) {
        size_t words;
        while (misalignment(to))
            *to++ = (unsigned char)byte;
        words = (size_t)(end - to) & ~(WORD - 1);
        fill_words((word *)to, (unsigned char)byte * (word)0x0101010101010101u, words);
        to += words;
    }
    while (to < end)
        *to++ = (unsigned char)byte;
    return memory;
}

void page_copy(void *__restrict destination, const void *__restrict source)
{
    word *to = destination;
    const word *from = source, *end = from + FRAME / WORD;
    for (; from < end; from += ROW / WORD, to += ROW / WORD)
        copy_row(to, from);
}

void page_zero(void *frame)
{
    for (word *to = frame, *end = to + FRAME / WORD; to < end; to += ROW / WORD) {
#pragma GCC unroll 4
        for (unsigned i = 0; i < ROW / FILL; i++)
            fill_block(to + i * FILL_WORDS, 0);
    }
}
