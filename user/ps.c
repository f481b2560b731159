/*
 * ps: list all processes, from /proc. RSS is in KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

/* The place of the resident pages in /proc/PID/stat, counted from the state letter. */
enum { FIELDS_TO_RSS = 21 };

/* What the stat file of a process tells. */
struct figures {
    const char *name; /* within the text it was read from */
    char state;
    int parent;
    long resident; /* pages */
};

/* Take the text of a stat file apart; the name may have blanks and parentheses in it. */
static bool parse_stat(char *text, struct figures *figures)
{
    char *name = strchr(text, '(');
    char *name_end = strrchr(text, ')');

    if (!name || !name_end || name_end < name)
        return false;
    *name_end = '\0';
    figures->name = name + 1;
    char *field = name_end + 1;
    if (sscanf(field, " %c %d", &figures->state, &figures->parent) != 2)
        return false;
    for (int i = 0; i <= FIELDS_TO_RSS; i++) {
        field += strspn(field, " ");
        if (i < FIELDS_TO_RSS)
            field += strcspn(field, " ");
    }
    figures->resident = strtol(field, NULL, 10);
    return true;
}

/* The command line with blanks between its arguments, or [name] if there is none. Allocated. */
static char *read_command(const char *pid, const char *name)
{
    size_t length = 0;
    char *path = format_text("/proc/%s/cmdline", pid);
    char *text = read_whole_file(path, &length);

    free(path);
    while (length > 0 && text[length - 1] == '\0')
        length--;
    if (length == 0) {
        free(text);
        return format_text("[%s]", name);
    }
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || text[i] == '\n')
            text[i] = ' ';
    return text;
}

/* A process may end while it is looked at; then there is nothing to print. */
static bool print_process(const char *pid)
{
    struct figures figures;
    char *path = format_text("/proc/%s/stat", pid);
    char *text = read_whole_file(path, NULL);
    bool gone = !text && (errno == ENOENT || errno == ESRCH);
    bool valid = text && parse_stat(text, &figures);

    if (valid) {
        char *command = read_command(pid, figures.name);
        printf("%5s %5d %-4c %7ld %s\n", pid, figures.parent, figures.state,
               figures.resident * (sysconf(_SC_PAGESIZE) / 1024), command);
        free(command);
    } else if (text) {
        complain("%s: not understood", path);
    } else if (!gone) {
        report("%s", path);
    }
    free(text);
    free(path);
    return valid || gone;
}

static int compare_numbers(const void *a, const void *b)
{
    long left = atol(*(char *const *)a);
    long right = atol(*(char *const *)b);

    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    struct strings names;
    uintmax_t number;
    bool printed = true;

    program_begin(argv[0], "ps");
    if (no_options(argc, argv) != argc)
        usage_error();
    int directory = open("/proc", O_RDONLY | O_DIRECTORY);
    if (directory < 0 || read_names(directory, &names) < 0)
        fail("/proc");
    close(directory);
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_numbers);
    printf("%5s %5s %-4s %7s %s\n", "PID", "PPID", "STAT", "RSS", "COMMAND");
    for (size_t i = 0; i < names.count; i++)
        if (parse_number(names.items[i], INT32_MAX, &number))
            printed &= print_process(names.items[i]);
    strings_free(&names);
    return finish(printed ? EXIT_SUCCESS : EXIT_FAILURE);
}
