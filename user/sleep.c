/*
 * sleep: wait for a number of seconds, which may have a fraction.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib.h"

enum { NANOSECONDS_PER_SECOND = 1000000000, LONGEST_SLEEP = 2000000000 };

/* Parse the digits behind the point; those beyond nanoseconds have no effect. */
static bool parse_fraction(const char *digits, long *nanoseconds)
{
    long unit = NANOSECONDS_PER_SECOND;

    *nanoseconds = 0;
    for (; *digits; digits++) {
        if (!isdigit((unsigned char)*digits))
            return false;
        unit /= 10;
        *nanoseconds += (*digits - '0') * unit;
    }
    return true;
}

static bool parse_seconds(const char *text, struct timespec *duration)
{
    char *whole = duplicate(text);
    char *point = strchr(whole, '.');
    uintmax_t seconds = 0;
    bool valid = true;

    duration->tv_nsec = 0;
    if (point) {
        *point = '\0';
        valid = (*whole || point[1]) && parse_fraction(point + 1, &duration->tv_nsec);
    }
    if (*whole || !point)
        valid = valid && parse_number(whole, LONGEST_SLEEP, &seconds);
    duration->tv_sec = (time_t)seconds;
    free(whole);
    return valid;
}

int main(int argc, char **argv)
{
    struct timespec duration;

    program_begin(argv[0], "sleep SECONDS");
    int first = no_options(argc, argv);
    if (argc - first != 1)
        usage_error();
    if (!parse_seconds(argv[first], &duration)) {
        complain("%s: not a time in seconds", argv[first]);
        return EXIT_USAGE;
    }
    while (nanosleep(&duration, &duration) < 0)
        if (errno != EINTR)
            fail("nanosleep");
    return EXIT_SUCCESS;
}
