// sources: kernel/lib/string_copy.c
/* Memory and string functions, at all alignments, against the C library's. */
#include <string.h>
#include <sys/mman.h>
#include "check.h"

#define memcpy    kernel_memcpy
#define memmove   kernel_memmove
#define memset    kernel_memset
#define memcmp    kernel_memcmp
#define memchr    kernel_memchr
#define strlen    kernel_strlen
#define strnlen   kernel_strnlen
#define strcmp    kernel_strcmp
#define strncmp   kernel_strncmp
#define strchr    kernel_strchr
#define strrchr   kernel_strrchr
#define page_copy kernel_page_copy
#define page_zero kernel_page_zero
#include "lib/memory.c"
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define SIZE 1200

static unsigned char ours[SIZE], theirs[SIZE], source[SIZE];

/* Sizes around those where the code takes another way. */
static const size_t sizes[] = {0,  1,  2,  7,   8,   9,   15,  16,  17,  23,  24,  25,  31,
                               32, 33, 63, 127, 128, 129, 255, 256, 257, 300, 511, 640, 1000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void randomize(unsigned char *memory)
{
    for (size_t i = 0; i < SIZE; i++)
        memory[i] = (unsigned char)check_random();
}

static void copy(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t to = 0; to < 16; to++) {
            for (size_t from = 0; from < 16; from++) {
                randomize(source);
                memcpy(theirs, ours, SIZE);
                memcpy(theirs + to, source + from, sizes[i]);
                CHECK(kernel_memcpy(ours + to, source + from, sizes[i]) == ours + to);
                CHECK(memcmp(ours, theirs, SIZE) == 0);
            }
        }
    }
}

/* Overlapping by all distances, upwards and downwards. */
static void move(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t to = 0; to < 160; to += 1 + to / 20) {
            for (size_t from = 0; from < 160; from += 1 + from / 20) {
                randomize(ours);
                memcpy(theirs, ours, SIZE);
                memmove(theirs + to, theirs + from, sizes[i]);
                CHECK(kernel_memmove(ours + to, ours + from, sizes[i]) == ours + to);
                CHECK(memcmp(ours, theirs, SIZE) == 0);
            }
        }
    }
}

static void fill(void)
{
    randomize(ours);
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t to = 0; to < 16; to++) {
            int byte = (int)check_random();
            memcpy(theirs, ours, SIZE);
            memset(theirs + to, byte, sizes[i]);
            CHECK(kernel_memset(ours + to, byte, sizes[i]) == ours + to);
            CHECK(memcmp(ours, theirs, SIZE) == 0);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void compare(void)
{
    for (unsigned step = 0; step < 20000; step++) {
        size_t a = check_random() % 9, b = check_random() % 9, size = check_random() % 80;
        memset(ours, 'a', 100);
        memset(theirs, 'a', 100);
        if (step % 4)
            ours[a + check_random() % 80] = (unsigned char)check_random();
        CHECK(sign(kernel_memcmp(ours + a, theirs + b, size)) ==
              sign(memcmp(ours + a, theirs + b, size)));
        CHECK(kernel_memchr(ours + a, ours[a + 40], size) == memchr(ours + a, ours[a + 40], size));
    }
}

static void random_string(char *string, size_t length)
{
    for (size_t i = 0; i < length; i++)
        string[i] = "abc\x80\xff"[check_random() % 5];
    string[length] = '\0';
}

static void strings(void)
{
    for (unsigned step = 0; step < 20000; step++) {
        char *a = (char *)ours + step % 8, *b = (char *)theirs + check_random() % 8;
        size_t size = check_random() % 40;
        int letter = "abc\x80\xff\0"[check_random() % 6];
        random_string(a, check_random() % 40);
        random_string(b, check_random() % 3);
        if (step % 3 == 0)
            strcpy(b, a);
        if (step % 6 == 0)
            b[strlen(b) / 2] = 'b';
        CHECK(kernel_strlen(a) == strlen(a));
        CHECK(kernel_strnlen(a, size) == strnlen(a, size));
        CHECK(sign(kernel_strcmp(a, b)) == sign(strcmp(a, b)));
        CHECK(sign(kernel_strncmp(a, b, size)) == sign(strncmp(a, b, size)));
        CHECK(kernel_strchr(a, letter) == strchr(a, letter));
        CHECK(kernel_strrchr(a, letter) == strrchr(a, letter));
    }
}

static void copy_of_strings(void)
{
    char buffer[8] = "xxxxxxx";
    CHECK(string_copy(buffer, "", 1) && buffer[0] == '\0' && buffer[1] == 'x');
    CHECK(string_copy(buffer, "1234567", 8) && strcmp(buffer, "1234567") == 0);
    CHECK(!string_copy(buffer, "abcdefgh", 8) && strcmp(buffer, "abcdefg") == 0);
    CHECK(!string_copy(buffer, "zyx", 3) && strcmp(buffer, "zy") == 0 && buffer[3] == 'd');
    CHECK(!string_copy(buffer, "z", 1) && buffer[0] == '\0');
}

/*
 * Memory up to the end of a mapping, and from its start: nothing outside is touched.
 *
 *   [ no access ][ frame ][ frame ][ no access ]
 */
static void edges(void)
{
    unsigned char *base =
        mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *first = base + 4096, *second = base + 2 * 4096, *end = base + 3 * 4096;
    CHECK(base != MAP_FAILED);
    CHECK(mprotect(base, 4096, PROT_NONE) == 0 && mprotect(end, 4096, PROT_NONE) == 0);
    for (size_t i = 0; i < 4096; i++)
        first[i] = (unsigned char)check_random();
    kernel_page_copy(second, first);
    CHECK(memcmp(second, first, 4096) == 0);
    for (size_t i = 1; i < SIZES; i++) {
        for (size_t shift = 0; shift < 8; shift++) {
            kernel_memcpy(ours + shift, end - sizes[i], sizes[i]);
            CHECK(memcmp(ours + shift, end - sizes[i], sizes[i]) == 0);
            kernel_memcpy(ours + shift, first, sizes[i]);
            CHECK(memcmp(ours + shift, first, sizes[i]) == 0);
        }
    }
    end[-1] = '\0';
    for (size_t length = 0; length < 40; length++) {
        memset(end - 1 - length, 'a', length);
        CHECK(kernel_strlen((char *)end - 1 - length) == length);
    }
    kernel_page_zero(second);
    for (size_t i = 0; i < 4096; i++)
        CHECK(second[i] == 0);
    munmap(base, 4 * 4096);
}

int main(void)
{
    check_case("memcpy", copy);
    check_case("memmove", move);
    check_case("memset", fill);
    check_case("memcmp and memchr", compare);
    check_case("functions of strings", strings);
    check_case("string_copy", copy_of_strings);
    check_case("whole frames, and the edges of mappings", edges);
    return check_done();
}
