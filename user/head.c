/*
 * head: print the first lines, or with -c the first bytes, of files.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

static uintmax_t limit = 10;
static bool count_bytes;

static bool print_head(FILE *stream, const char *name)
{
    uintmax_t left = limit;
    int c;

    while (left > 0 && (c = getc(stream)) != EOF) {
        if (putchar(c) == EOF)
            return true;
        left -= count_bytes || c == '\n';
    }
    if (!ferror(stream))
        return true;
    report("%s", name);
    return false;
}

static bool print_file(const char *name)
{
    if (strcmp(name, "-") == 0)
        return print_head(stdin, "standard input");
    FILE *stream = fopen(name, "r");
    if (!stream) {
        report("%s", name);
        return false;
    }
    bool printed = print_head(stream, name);
    fclose(stream);
    return printed;
}

static void set_limit(const char *number)
{
    if (!parse_number(number, UINTMAX_MAX, &limit)) {
        complain("%s: not a number", number);
        exit(EXIT_USAGE);
    }
}

/* The form of old, -LINES, comes before all else. */
static void read_options(int argc, char **argv)
{
    int option;

    if (argc > 1 && argv[1][0] == '-' && isdigit((unsigned char)argv[1][1])) {
        set_limit(argv[1] + 1);
        optind = 2;
    }
    while ((option = getopt(argc, argv, "n:c:")) != -1) {
        if (option == '?')
            usage_error();
        count_bytes = option == 'c';
        set_limit(optarg);
    }
}

int main(int argc, char **argv)
{
    bool printed = true;

    program_begin(argv[0], "head [-LINES | -n LINES | -c BYTES] [FILE...]");
    read_options(argc, argv);
    if (optind == argc)
        printed = print_head(stdin, "standard input");
    for (int i = optind; i < argc; i++) {
        if (argc - optind > 1)
            printf("%s==> %s <==\n", i > optind ? "\n" : "", argv[i]);
        printed &= print_file(argv[i]);
    }
    return finish(printed ? EXIT_SUCCESS : EXIT_FAILURE);
}
