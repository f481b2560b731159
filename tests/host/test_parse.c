// sources: kernel/lib/parse.c
/* Numbers and boot arguments. */
#include <string.h>
#include "check.h"
#include "lib/parse.h"

typedef bool parser(const char **text, uint64_t *number);

/* The number read and how many characters it took; -1 for none. */
static int parse(parser *function, const char *text, uint64_t *number)
{
    const char *next = text;
    *number = 4711;
    if (function(&next, number))
        return (int)(next - text);
    REQUIRE(next == text && *number == 4711);
    return -1;
}

static void decimal(void)
{
    uint64_t number;
    CHECK(parse(parse_decimal, "0", &number) == 1 && number == 0);
    CHECK(parse(parse_decimal, "123abc", &number) == 3 && number == 123);
    CHECK(parse(parse_decimal, "18446744073709551615", &number) == 20 && number == UINT64_MAX);
    CHECK(parse(parse_decimal, "18446744073709551616", &number) == -1);
    CHECK(parse(parse_decimal, "99999999999999999999", &number) == -1);
    CHECK(parse(parse_decimal, "", &number) == -1);
    CHECK(parse(parse_decimal, "-1", &number) == -1);
    CHECK(parse(parse_decimal, " 1", &number) == -1);
    CHECK(parse(parse_decimal, "0x10", &number) == 1 && number == 0);
}

static void hexadecimal(void)
{
    uint64_t number;
    CHECK(parse(parse_hexadecimal, "fF0g", &number) == 3 && number == 0xff0);
    CHECK(parse(parse_hexadecimal, "ffffffffffffffff-", &number) == 16 && number == UINT64_MAX);
    CHECK(parse(parse_hexadecimal, "10000000000000000", &number) == -1);
    CHECK(parse(parse_hexadecimal, "g", &number) == -1);
}

static void either(void)
{
    uint64_t number;
    CHECK(parse(parse_number, "0x1F,", &number) == 4 && number == 31);
    CHECK(parse(parse_number, "0X1f", &number) == 4 && number == 31);
    CHECK(parse(parse_number, "19", &number) == 2 && number == 19);
    CHECK(parse(parse_number, "0", &number) == 1 && number == 0);
    CHECK(parse(parse_number, "0x", &number) == -1);
    CHECK(parse(parse_number, "x1", &number) == -1);
}

static void sizes(void)
{
    uint64_t number;
    CHECK(parse(parse_size, "512", &number) == 3 && number == 512);
    CHECK(parse(parse_size, "4K", &number) == 2 && number == 4096);
    CHECK(parse(parse_size, "64M ", &number) == 3 && number == 64ul << 20);
    CHECK(parse(parse_size, "0x2g", &number) == 4 && number == 2ul << 30);
    CHECK(parse(parse_size, "17179869183G", &number) == 12 && number == 17179869183ul << 30);
    CHECK(parse(parse_size, "17179869184G", &number) == -1);
    CHECK(parse(parse_size, "M", &number) == -1);
}

static void whole(void)
{
    uint64_t number;
    CHECK(parse_whole_decimal("1", 1, &number) && number == 1);
    CHECK(parse_whole_decimal("0", 1, &number) && number == 0);
    CHECK(parse_whole_decimal("123x", 3, &number) && number == 123);
    CHECK(!parse_whole_decimal("123x", 4, &number));
    CHECK(!parse_whole_decimal("", 0, &number));
    CHECK(!parse_whole_decimal("01", 2, &number));
    CHECK(!parse_whole_decimal("18446744073709551616", 20, &number));
}

static bool argument_is(const char *arguments, const char *name, const char *expected)
{
    const char *value;
    size_t length;
    if (!parse_argument(arguments, name, &value, &length))
        return expected == NULL;
    return expected && length == strlen(expected) && memcmp(value, expected, length) == 0;
}

static void arguments(void)
{
    const char *line = " root=/dev/vda  init=/bin/sh quiet\tlog=a log=b=c empty= ";
    CHECK(argument_is(line, "root", "/dev/vda"));
    CHECK(argument_is(line, "init", "/bin/sh"));
    CHECK(argument_is(line, "quiet", ""));
    CHECK(argument_is(line, "empty", ""));
    CHECK(argument_is(line, "log", "b=c"));
    CHECK(argument_is(line, "roo", NULL));
    CHECK(argument_is(line, "rootx", NULL));
    CHECK(argument_is(line, "oot", NULL));
    CHECK(argument_is("", "a", NULL));
    CHECK(argument_is("a", "a", ""));
}

int main(void)
{
    check_case("decimal numbers", decimal);
    check_case("hexadecimal numbers", hexadecimal);
    check_case("numbers of either kind", either);
    check_case("sizes", sizes);
    check_case("whole numbers", whole);
    check_case("boot arguments", arguments);
    return check_done();
}
