/*
 * hexdump: print bytes in hexadecimal digits and as characters, sixteen to a line. Lines like the
 * one before are left out, with "*" in their place, unless -v is given.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

enum { LINE = 16 };

/* What has been printed so far; files are dumped as if they were one. */
struct dump {
    uintmax_t offset;
    uintmax_t skip; /* bytes still to be left out */
    uintmax_t left; /* bytes still to be printed */
    unsigned char line[LINE];
    size_t length; /* of the line being gathered */
    unsigned char last[LINE];
    bool has_last, repeats;
};

static bool verbose;

static void print_line(struct dump *dump)
{
    bool same = dump->has_last && dump->length == LINE && memcmp(dump->line, dump->last, LINE) == 0;

    if (same && !verbose) {
        if (!dump->repeats)
            printf("*\n");
        dump->repeats = true;
    } else {
        printf("%08jx ", dump->offset);
        for (size_t i = 0; i < LINE; i++) {
            printf("%s", i % 8 == 0 ? " " : "");
            if (i < dump->length)
                printf("%02x ", dump->line[i]);
            else
                printf("   ");
        }
        printf(" |");
        for (size_t i = 0; i < dump->length; i++)
            putchar(isprint(dump->line[i]) ? dump->line[i] : '.');
        printf("|\n");
        dump->repeats = false;
    }
    memcpy(dump->last, dump->line, LINE);
    dump->has_last = true;
    dump->offset += dump->length;
    dump->length = 0;
}

static void add_byte(struct dump *dump, int byte)
{
    if (dump->skip > 0) {
        dump->skip--;
        dump->offset++;
        return;
    }
    dump->line[dump->length++] = (unsigned char)byte;
    dump->left--;
    if (dump->length == LINE)
        print_line(dump);
}

static bool dump_stream(struct dump *dump, FILE *stream, const char *name)
{
    int byte;

    while (dump->left > 0 && (byte = getc(stream)) != EOF)
        add_byte(dump, byte);
    if (!ferror(stream))
        return true;
    report("%s", name);
    return false;
}

/* Leave out what is to be skipped by seeking, if that is possible. */
static void seek(struct dump *dump, FILE *stream)
{
    if (dump->skip == 0 || fseeko(stream, 0, SEEK_END) < 0)
        return;
    off_t size = ftello(stream);
    uintmax_t skipped = size > 0 && (uintmax_t)size < dump->skip ? (uintmax_t)size : dump->skip;
    if (size <= 0)
        skipped = 0;
    if (fseeko(stream, (off_t)skipped, SEEK_SET) < 0)
        return;
    dump->skip -= skipped;
    dump->offset += skipped;
}

static bool dump_file(struct dump *dump, const char *name)
{
    FILE *stream = fopen(name, "r");

    if (!stream) {
        report("%s", name);
        return false;
    }
    seek(dump, stream);
    bool dumped = dump_stream(dump, stream, name);
    fclose(stream);
    return dumped;
}

/* A number of bytes, decimal or with 0x. */
static uintmax_t parse_bytes(const char *text)
{
    char *end;

    errno = 0;
    uintmax_t value = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)*text) || *end || errno) {
        complain("%s: not a number", text);
        exit(EXIT_USAGE);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct dump dump = {.left = UINTMAX_MAX};
    bool dumped = true;
    int option;

    program_begin(argv[0], "hexdump [-Cv] [-n BYTES] [-s SKIP] [FILE...]");
    while ((option = getopt(argc, argv, "Cvn:s:")) != -1) {
        if (option == 'n')
            dump.left = parse_bytes(optarg);
        else if (option == 's')
            dump.skip = parse_bytes(optarg);
        else if (option == 'v')
            verbose = true;
        else if (option != 'C')
            usage_error();
    }
    if (optind == argc)
        dumped = dump_stream(&dump, stdin, "standard input");
    for (int i = optind; i < argc; i++)
        dumped &= dump_file(&dump, argv[i]);
    if (dump.length > 0)
        print_line(&dump);
    if (dump.offset > 0)
        printf("%08jx\n", dump.offset);
    return finish(dumped ? EXIT_SUCCESS : EXIT_FAILURE);
}
