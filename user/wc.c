/*
 * wc: count lines, words and bytes.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

enum { BLOCK = 64 * 1024, WIDTH = 7 };

struct counts {
    uintmax_t lines, words, bytes;
};

static bool show_lines, show_words, show_bytes;

/* Print one count in its column; alone it needs none. */
static void print_count(uintmax_t count, bool shown, const char **separator)
{
    int width = show_lines + show_words + show_bytes > 1 ? WIDTH : 0;

    if (!shown)
        return;
    printf("%s%*ju", *separator, width, count);
    *separator = " ";
}

static void print_counts(const struct counts *counts, const char *name)
{
    const char *separator = "";

    print_count(counts->lines, show_lines, &separator);
    print_count(counts->words, show_words, &separator);
    print_count(counts->bytes, show_bytes, &separator);
    printf("%s%s\n", name ? " " : "", name ? name : "");
}

static void count_block(const char *block, size_t size, struct counts *counts, bool *in_word)
{
    counts->bytes += size;
    for (size_t i = 0; i < size; i++) {
        bool blank = isspace((unsigned char)block[i]);
        counts->lines += block[i] == '\n';
        counts->words += *in_word && blank;
        *in_word = !blank;
    }
}

static bool count(int descriptor, const char *name, struct counts *total)
{
    static char block[BLOCK];
    struct counts counts = {0};
    bool in_word = false;
    ssize_t size;

    while ((size = read(descriptor, block, sizeof(block))) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            report("%s", name ? name : "standard input");
            return false;
        }
        count_block(block, (size_t)size, &counts, &in_word);
    }
    counts.words += in_word;
    print_counts(&counts, name);
    total->lines += counts.lines;
    total->words += counts.words;
    total->bytes += counts.bytes;
    return true;
}

static bool count_file(const char *name, struct counts *total)
{
    if (strcmp(name, "-") == 0)
        return count(STDIN_FILENO, name, total);
    int descriptor = open(name, O_RDONLY);
    if (descriptor < 0) {
        report("%s", name);
        return false;
    }
    bool counted = count(descriptor, name, total);
    close(descriptor);
    return counted;
}

int main(int argc, char **argv)
{
    struct counts total = {0};
    bool counted = true;
    int option;

    program_begin(argv[0], "wc [-clw] [FILE...]");
    while ((option = getopt(argc, argv, "clw")) != -1) {
        show_lines |= option == 'l';
        show_words |= option == 'w';
        show_bytes |= option == 'c';
        if (option == '?')
            usage_error();
    }
    if (!show_lines && !show_words && !show_bytes)
        show_lines = show_words = show_bytes = true;
    if (optind == argc)
        counted = count(STDIN_FILENO, NULL, &total);
    for (int i = optind; i < argc; i++)
        counted &= count_file(argv[i], &total);
    if (argc - optind > 1)
        print_counts(&total, "total");
    return finish(counted ? EXIT_SUCCESS : EXIT_FAILURE);
}
