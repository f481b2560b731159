/*
 * ls: list files and what is in directories, by name. On a terminal the names stand in columns.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

struct entry {
    char *name;
    char *path;
    struct stat status;
};

struct entries {
    struct entry *items;
    size_t count;
};

enum { TERMINAL_WIDTH = 80, HALF_A_YEAR = 183 * 24 * 3600 };

static bool show_all, as_names, show_numbers, recursive, in_long_form, one_a_line, in_short_units;
static int exit_code = EXIT_SUCCESS;

static void failed(const char *path)
{
    report("%s", path);
    exit_code = EXIT_FAILURE;
}

/* Add a file if there is one; name and path are taken over. */
static void add_entry(struct entries *entries, char *name, char *path, bool follow)
{
    struct entry entry = {.name = name, .path = path};

    if ((!follow || stat(path, &entry.status) < 0) && lstat(path, &entry.status) < 0) {
        failed(path);
        free(name);
        free(path);
        return;
    }
    if ((entries->count & (entries->count - 1)) == 0) {
        size_t capacity = entries->count ? 2 * entries->count : 1;
        entries->items = reallocate(entries->items, capacity * sizeof(*entries->items));
    }
    entries->items[entries->count++] = entry;
}

static void free_entries(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].name);
        free(entries->items[i].path);
    }
    free(entries->items);
}

/* The long form. */

/* The widths of the columns whose width differs from listing to listing. */
struct widths {
    int number, links, user, group, size;
};

static void widen(int *width, int length)
{
    if (length > *width)
        *width = length;
}

/* The size, or what stands in its place for a device. out has room for 32 bytes. */
static void format_entry_size(const struct stat *status, char *out)
{
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode))
        snprintf(out, 32, "%u, %u", major(status->st_rdev), minor(status->st_rdev));
    else if (in_short_units)
        format_size((uintmax_t)status->st_size, out);
    else
        snprintf(out, 32, "%jd", (intmax_t)status->st_size);
}

static struct widths measure(const struct entries *entries)
{
    struct widths widths = {0};
    char text[32];

    for (size_t i = 0; i < entries->count; i++) {
        const struct stat *status = &entries->items[i].status;
        widen(&widths.number, snprintf(NULL, 0, "%ju", (uintmax_t)status->st_ino));
        widen(&widths.links, snprintf(NULL, 0, "%ju", (uintmax_t)status->st_nlink));
        widen(&widths.user, snprintf(NULL, 0, "%u", status->st_uid));
        widen(&widths.group, snprintf(NULL, 0, "%u", status->st_gid));
        format_entry_size(status, text);
        widen(&widths.size, (int)strlen(text));
    }
    return widths;
}

/* The time of day for recent times, the year for others. */
static void print_time(time_t time_stamp)
{
    time_t now = time(NULL);
    bool recent = time_stamp <= now && time_stamp > now - HALF_A_YEAR;
    struct tm *parts = localtime(&time_stamp);
    char text[64];

    if (parts && strftime(text, sizeof(text), recent ? "%b %e %H:%M" : "%b %e  %Y", parts))
        printf(" %s", text);
    else
        printf(" %12jd", (intmax_t)time_stamp);
}

static void print_target(const struct entry *entry)
{
    size_t size = (size_t)entry->status.st_size + 64;
    char *target = allocate(size);
    ssize_t length = readlink(entry->path, target, size);

    if (length < 0)
        failed(entry->path);
    else
        printf(" -> %.*s", (int)length, target);
    free(target);
}

static void print_long(const struct entry *entry, const struct widths *widths)
{
    const struct stat *status = &entry->status;
    char letters[11];
    char size[32];

    format_mode(status->st_mode, letters);
    format_entry_size(status, size);
    if (show_numbers)
        printf("%*ju ", widths->number, (uintmax_t)status->st_ino);
    printf("%s %*ju %*u %*u %*s", letters, widths->links, (uintmax_t)status->st_nlink, widths->user,
           status->st_uid, widths->group, status->st_gid, widths->size, size);
    print_time(status->st_mtime);
    printf(" %s", entry->name);
    if (S_ISLNK(status->st_mode))
        print_target(entry);
    putchar('\n');
}

/* Names alone. */

static int terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return TERMINAL_WIDTH;
}

static int print_name(const struct entry *entry, const struct widths *widths)
{
    int length = 0;

    if (show_numbers)
        length = printf("%*ju ", widths->number, (uintmax_t)entry->status.st_ino);
    return length + printf("%s", entry->name);
}

static void print_columns(const struct entries *entries, const struct widths *widths)
{
    int width = 1;

    for (size_t i = 0; i < entries->count; i++)
        widen(&width, (int)strlen(entries->items[i].name));
    width += 2 + (show_numbers ? widths->number + 1 : 0);
    size_t columns = (size_t)(terminal_width() / width);
    if (columns == 0)
        columns = 1;
    size_t rows = (entries->count + columns - 1) / columns;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row; i < entries->count; i += rows) {
            int length = print_name(&entries->items[i], widths);
            if (i + rows < entries->count)
                printf("%*s", width - length, "");
        }
        putchar('\n');
    }
}

static void print_entries(const struct entries *entries)
{
    struct widths widths = measure(entries);

    if (!in_long_form && !one_a_line) {
        print_columns(entries, &widths);
        return;
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (in_long_form) {
            print_long(&entries->items[i], &widths);
        } else {
            print_name(&entries->items[i], &widths);
            putchar('\n');
        }
    }
}

/* Directories. */

static void print_total(const struct entries *entries)
{
    uintmax_t blocks = 0;
    char text[32];

    for (size_t i = 0; i < entries->count; i++)
        blocks += (uintmax_t)entries->items[i].status.st_blocks;
    if (in_short_units)
        format_size(512 * blocks, text);
    else
        snprintf(text, sizeof(text), "%ju", (blocks + 1) / 2);
    printf("total %s\n", text);
}

static bool read_entries(const char *path, struct entries *entries)
{
    struct strings names;
    int directory = open(path, O_RDONLY | O_DIRECTORY);

    if (directory < 0 || read_names(directory, &names) < 0) {
        failed(path);
        if (directory >= 0)
            close(directory);
        return false;
    }
    close(directory);
    if (show_all) {
        add_entry(entries, duplicate("."), join_path(path, "."), false);
        add_entry(entries, duplicate(".."), join_path(path, ".."), false);
    }
    for (size_t i = 0; i < names.count; i++)
        if (show_all || names.items[i][0] != '.')
            add_entry(entries, duplicate(names.items[i]), join_path(path, names.items[i]), false);
    strings_free(&names);
    return true;
}

/* List a directory. *first tells that nothing has been printed yet, and becomes false. */
static void list_directory(const char *path, bool with_name, bool *first)
{
    struct entries entries = {0};

    if (!read_entries(path, &entries))
        return;
    if (with_name)
        printf("%s%s:\n", *first ? "" : "\n", path);
    *first = false;
    if (in_long_form)
        print_total(&entries);
    print_entries(&entries);
    for (size_t i = 0; recursive && i < entries.count; i++) {
        const char *name = entries.items[i].name;
        if (S_ISDIR(entries.items[i].status.st_mode) && strcmp(name, ".") != 0 &&
            strcmp(name, "..") != 0)
            list_directory(entries.items[i].path, true, first);
    }
    free_entries(&entries);
}

/* List the operands: first the files among them, then what is in the directories. */
static void list(struct strings *operands)
{
    struct entries files = {0};
    struct entries directories = {0};
    bool first = true;

    strings_sort(operands);
    for (size_t i = 0; i < operands->count; i++) {
        char *name = operands->items[i];
        struct stat status;
        bool follow = !in_long_form && !as_names;
        bool is_directory = !as_names &&
                            (follow ? stat(name, &status) : lstat(name, &status)) == 0 &&
                            S_ISDIR(status.st_mode);
        add_entry(is_directory ? &directories : &files, duplicate(name), duplicate(name), follow);
    }
    if (files.count > 0) {
        print_entries(&files);
        first = false;
    }
    for (size_t i = 0; i < directories.count; i++)
        list_directory(directories.items[i].path, operands->count > 1 || recursive, &first);
    free_entries(&files);
    free_entries(&directories);
}

static void parse_option(int option)
{
    switch (option) {
    case 'a':
        show_all = true;
        break;
    case 'd':
        as_names = true;
        break;
    case 'h':
        in_short_units = true;
        break;
    case 'i':
        show_numbers = true;
        break;
    case 'l':
        in_long_form = true;
        break;
    case 'R':
        recursive = true;
        break;
    case '1':
        one_a_line = true;
        break;
    default:
        usage_error();
    }
}

int main(int argc, char **argv)
{
    struct strings operands = {0};
    int option;

    program_begin(argv[0], "ls [-adhilR1] [FILE...]");
    one_a_line = !isatty(STDOUT_FILENO);
    while ((option = getopt(argc, argv, "adhilR1")) != -1)
        parse_option(option);
    for (int i = optind; i < argc; i++)
        strings_add(&operands, duplicate(argv[i]));
    if (operands.count == 0)
        strings_add(&operands, duplicate("."));
    list(&operands);
    strings_free(&operands);
    return finish(exit_code);
}
