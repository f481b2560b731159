/*
 * grep: print the lines that match a regular expression. The exit status is 0 if any does, 1 if
 * none does, 2 after an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

enum { SOME_MATCH = 0, NO_MATCH = 1, TROUBLE = 2 };

static bool inverted, with_numbers, count_only, quiet, names_only, recursive, with_names;
static bool found, in_trouble;
static regex_t expression;

static void failed(const char *name)
{
    report("%s", name);
    in_trouble = true;
}

static bool matches(char *line, ssize_t *length)
{
    if (*length > 0 && line[*length - 1] == '\n')
        line[--*length] = '\0';
    return (regexec(&expression, line, 0, NULL, 0) == 0) != inverted;
}

static void print_line(const char *name, uintmax_t number, const char *line, ssize_t length)
{
    if (with_names)
        printf("%s:", name);
    if (with_numbers)
        printf("%ju:", number);
    fwrite(line, 1, (size_t)length, stdout);
    putchar('\n');
}

/* Search one stream. One match is enough if no line and no count is to be printed. */
static void search_stream(FILE *stream, const char *name)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    uintmax_t number = 0;
    uintmax_t count = 0;
    bool one_is_enough = quiet || names_only;

    errno = 0;
    while (!(one_is_enough && count > 0) && (length = getline(&line, &capacity, stream)) >= 0) {
        number++;
        if (!matches(line, &length))
            continue;
        count++;
        if (!one_is_enough && !count_only)
            print_line(name, number, line, length);
    }
    if (ferror(stream))
        failed(name);
    free(line);
    found |= count > 0;
    if (quiet)
        return;
    if (count_only)
        printf("%s%s%ju\n", with_names ? name : "", with_names ? ":" : "", count);
    if (names_only && count > 0)
        printf("%s\n", name);
}

static void search_path(const char *path);

static void search_directory(int directory, const char *path)
{
    struct strings names;

    if (read_names(directory, &names) < 0) {
        failed(path);
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        struct stat status;
        char *inner = join_path(path, names.items[i]);
        if (lstat(inner, &status) < 0)
            failed(inner);
        else if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
            search_path(inner);
        free(inner);
    }
    strings_free(&names);
}

static void search_path(const char *path)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY);

    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        failed(path);
    } else if (recursive && S_ISDIR(status.st_mode)) {
        search_directory(descriptor, path);
    } else {
        FILE *stream = fdopen(descriptor, "r");
        if (stream) {
            search_stream(stream, path);
            fclose(stream);
            return;
        }
        failed(path);
    }
    if (descriptor >= 0)
        close(descriptor);
}

static int parse_options(int argc, char **argv)
{
    int flags = REG_NOSUB;
    int option;

    while ((option = getopt(argc, argv, "ivncqElr")) != -1) {
        if (option == 'i')
            flags |= REG_ICASE;
        else if (option == 'v')
            inverted = true;
        else if (option == 'n')
            with_numbers = true;
        else if (option == 'c')
            count_only = true;
        else if (option == 'q')
            quiet = true;
        else if (option == 'E')
            flags |= REG_EXTENDED;
        else if (option == 'l')
            names_only = true;
        else if (option == 'r')
            recursive = true;
        else
            usage_error();
    }
    return flags;
}

static void compile(const char *text, int flags)
{
    char message[256];
    int error = regcomp(&expression, text, flags);

    if (error) {
        regerror(error, &expression, message, sizeof(message));
        complain("%s: %s", text, message);
        exit(TROUBLE);
    }
}

int main(int argc, char **argv)
{
    program_begin(argv[0], "grep [-Ecilnqrv] EXPRESSION [FILE...]");
    int flags = parse_options(argc, argv);
    if (optind == argc)
        usage_error();
    compile(argv[optind++], flags);
    with_names = recursive || argc - optind > 1;
    if (optind == argc && recursive)
        search_path(".");
    else if (optind == argc)
        search_stream(stdin, "(standard input)");
    for (int i = optind; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0)
            search_stream(stdin, "(standard input)");
        else
            search_path(argv[i]);
    }
    regfree(&expression);
    if (finish(EXIT_SUCCESS) != EXIT_SUCCESS || (in_trouble && !(quiet && found)))
        return TROUBLE;
    return found ? SOME_MATCH : NO_MATCH;
}
