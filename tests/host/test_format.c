// sources: kernel/lib/format.c
/* Formatting against the C library's snprintf. */
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "lib/format.h"

/* Ours and theirs must agree on text and length, for a buffer that fits and for smaller ones. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char a[300], b[300];                                                                       \
        for (size_t size = 0; size < sizeof(a); size += 1 + size / 4) {                            \
            memset(a, 'z', sizeof(a));                                                             \
            memset(b, 'z', sizeof(b));                                                             \
            CHECK(format(a, size, __VA_ARGS__) == (size_t)snprintf(b, size, __VA_ARGS__));         \
            CHECK(memcmp(a, b, sizeof(a)) == 0);                                                   \
        }                                                                                          \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"

static void plain(void)
{
    SAME("nothing to convert");
    SAME("%s", "");
    SAME("100%% of %c%c", 'a', 'b');
    SAME("%5c|%-5c|", 'x', 'y');
}

static void strings(void)
{
    SAME("%s|%10s|%-10s|%2s", "abc", "abc", "abc", "abc");
    SAME("%.2s|%.0s|%.10s|%8.2s|%-8.2s|", "abc", "abc", "abc", "abc", "abc");
    SAME("%.*s|%*s|%*s|%-*s|", 2, "abc", 7, "abc", -7, "abc", 7, "abc");
    SAME("%.*s", -1, "abc");
}

/* A string that is not terminated, with a precision. */
static void unterminated(void)
{
    char letters[3] = {'a', 'b', 'c'}, buffer[8];
    CHECK(format(buffer, sizeof(buffer), "%.3s", letters) == 3);
    CHECK(strcmp(buffer, "abc") == 0);
}

static void null_string(void)
{
    char buffer[16];
    const char *volatile none = NULL;
    CHECK(format(buffer, sizeof(buffer), "%s", none) == 6 && strcmp(buffer, "(null)") == 0);
}

/* Every combination of flags, width, precision, size and conversion, on telling values. */
static void integers(void)
{
    static const char *const flags[] = {"", "-", "0", "+", "#", "-0", "0+", "-#", "0#"};
    static const char *const widths[] = {"", "1", "5", "12", "25"};
    static const char *const precisions[] = {"", ".0", ".1", ".7", "."};
    static const char *const lengths[] = {"", "l", "ll", "z", "h", "hh"};
    static const long values[] = {0,        1,    -1,        9,         10,        255,
                                  256,      -128, 65535,     -32768,    INT32_MAX, INT32_MIN,
                                  42424242, -7,   INT64_MAX, INT64_MIN, 1l << 32};
    static const char letters[] = "diuxXo";
    for (unsigned step = 0; step < 9 * 5 * 5 * 6 * 6; step++) {
        char text[32];
        const char *flag = flags[step % 9], *length = lengths[step / 225 % 6];
        char letter = letters[step / 1350];
        /* A sign for numbers without one, and # for decimal ones, have no meaning in C. */
        bool is_signed = letter == 'd' || letter == 'i';
        if ((strchr(flag, '+') && !is_signed) ||
            (strchr(flag, '#') && (is_signed || letter == 'u')))
            continue;
        snprintf(text, sizeof(text), "[%%%s%s%s%s%c]", flag, widths[step / 9 % 5],
                 precisions[step / 45 % 5], length, letter);
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            if (length[0] == 'l' || length[0] == 'z')
                SAME(text, values[i]);
            else
                SAME(text, (int)values[i]);
        }
    }
}

static void several(void)
{
    SAME("%s=%d %lx%c %zu%% %08lx %-6u|%lu", "name", -5, 0xdeadbeeful, '!', (size_t)7, 0xbeeful, 3u,
         99ul);
    SAME("%016lx %5d %05d %-5d|", 0x1234ul, 42, 42, 42);
}

static void pointers(void)
{
    char buffer[32];
    format(buffer, sizeof(buffer), "%p", (void *)0xffffffc000001000);
    CHECK(strcmp(buffer, "0xffffffc000001000") == 0);
    format(buffer, sizeof(buffer), "%p", (void *)0x12);
    CHECK(strcmp(buffer, "0x0000000000000012") == 0);
}

/* What is no conversion is printed as it stands, and no argument is taken for it. */
static void unknown(void)
{
    char buffer[32];
    static const char *const texts[] = {"%", "50%", "%5", "%-08", "%!", "%.", "%l", "%5.3y"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK(format(buffer, sizeof(buffer), texts[i]) == strlen(texts[i]));
        CHECK(strcmp(buffer, texts[i]) == 0);
    }
}

/* As %0*lx. */
static void hexadecimal(void)
{
    static const uint64_t values[] = {0, 1, 0xabcdef, 0xffffffff, 1ul << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned width = 1; width <= 16; width++) {
            char ours[32], theirs[32];
            *format_hexadecimal(ours, values[i], width) = '\0';
            snprintf(theirs, sizeof(theirs), "%0*lx", (int)width, values[i]);
            CHECK(strcmp(ours, theirs) == 0);
        }
    }
}

int main(void)
{
    check_case("text without conversions, characters", plain);
    check_case("strings", strings);
    check_case("a string without terminator", unterminated);
    check_case("a null string", null_string);
    check_case("integers: flags, widths, precisions, sizes", integers);
    check_case("several conversions", several);
    check_case("pointers", pointers);
    check_case("unknown conversions", unknown);
    check_case("hexadecimal digits", hexadecimal);
    return check_done();
}
