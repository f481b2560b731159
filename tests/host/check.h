/*
 * The smallest test harness: cases that check conditions, reported in the Test Anything Protocol.
 *
 *   static void empty_set(void) { CHECK(set_is_empty(&set)); }
 *   int main(void) { check_case("an empty set", empty_set); return check_done(); }
 *
 * A failed CHECK is reported with its place and ends its function, so that one failure gives one
 * report; REQUIRE ends the program (in a helper, where going on makes no sense).
 */
#ifndef MAPIX_TESTS_CHECK_H
#define MAPIX_TESTS_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned check_cases, check_failed_cases;
static bool check_failed;

static inline void check_report(const char *file, int line, const char *condition)
{
    printf("# %s:%d: not true: %s\n", file, line, condition);
    check_failed = true;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_report(__FILE__, __LINE__, #condition);                                          \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_report(__FILE__, __LINE__, #condition);                                          \
            fflush(stdout);                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Run one case and print its line. */
static inline void check_case(const char *name, void (*function)(void))
{
    check_failed = false;
    function();
    check_cases++;
    check_failed_cases += check_failed;
    printf("%sok %u - %s\n", check_failed ? "not " : "", check_cases, name);
    fflush(stdout);
}

/* Print the plan; the result is main's. */
static inline int check_done(void)
{
    printf("1..%u\n", check_cases);
    return check_failed_cases ? 1 : 0;
}

/* A repeatable sequence of random numbers (xorshift). */
static uint64_t check_random_state = 0x9e3779b97f4a7c15;

static inline uint64_t check_random(void)
{
    check_random_state ^= check_random_state << 13;
    check_random_state ^= check_random_state >> 7;
    check_random_state ^= check_random_state << 17;
    return check_random_state;
}

#endif
