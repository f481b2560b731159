/*
 * seq: print the whole numbers from FIRST to LAST.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib.h"

static intmax_t parse(const char *text)
{
    bool negative = *text == '-';
    uintmax_t value;

    if (!parse_number(text + negative, INTMAX_MAX, &value)) {
        complain("%s: not a whole number", text);
        exit(EXIT_USAGE);
    }
    return negative ? -(intmax_t)value : (intmax_t)value;
}

int main(int argc, char **argv)
{
    intmax_t number = 1;
    intmax_t step = 1;

    program_begin(argv[0], "seq [FIRST [STEP]] LAST");
    if (argc < 2 || argc > 4)
        usage_error();
    intmax_t last = parse(argv[argc - 1]);
    if (argc > 2)
        number = parse(argv[1]);
    if (argc > 3)
        step = parse(argv[2]);
    if (step == 0) {
        complain("a step of 0 leads nowhere");
        return EXIT_USAGE;
    }
    while (step > 0 ? number <= last : number >= last) {
        if (printf("%jd\n", number) < 0)
            break;
        if (__builtin_add_overflow(number, step, &number))
            break;
    }
    return finish(EXIT_SUCCESS);
}
