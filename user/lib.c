/*
 * What the programs of the default image share; lib.h describes it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

const char *program_name = "?";
static const char *program_usage = "";

void program_begin(const char *path, const char *usage)
{
    if (path) {
        const char *slash = strrchr(path, '/');
        program_name = slash ? slash + 1 : path;
    }
    program_usage = usage;
    setvbuf(stderr, NULL, _IOLBF, 0);
}

static void print_message(const char *format, va_list arguments, int error)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, arguments);
    if (error)
        fprintf(stderr, ": %s", strerror(error));
    fputc('\n', stderr);
}

void report(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments, error);
    va_end(arguments);
}

void complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments, 0);
    va_end(arguments);
}

void fail(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments, error);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void usage_error(void)
{
    fprintf(stderr, "usage: %s\n", program_usage);
    exit(EXIT_USAGE);
}

int no_options(int argc, char **argv)
{
    if (getopt(argc, argv, "+") != -1)
        usage_error();
    return optind;
}

int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    report("standard output");
    return EXIT_FAILURE;
}

/* Memory and strings. */

static void *check_memory(void *memory)
{
    if (!memory) {
        complain("out of memory");
        exit(EXIT_FAILURE);
    }
    return memory;
}

void *allocate(size_t size)
{
    return check_memory(malloc(size ? size : 1));
}

void *reallocate(void *old, size_t size)
{
    return check_memory(realloc(old, size ? size : 1));
}

char *duplicate(const char *text)
{
    return check_memory(strdup(text));
}

char *format_text(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        fail("formatting text");
    char *text = allocate((size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

char *join_path(const char *directory, const char *name)
{
    size_t length = strlen(directory);

    if (length > 0 && directory[length - 1] == '/')
        return format_text("%s%s", directory, name);
    return format_text("%s/%s", directory, name);
}

char *last_part(const char *path)
{
    const char *end = path + strlen(path);

    while (end > path + 1 && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > path && start[-1] != '/')
        start--;
    if (start == end)
        start = path;
    char *part = allocate((size_t)(end - start) + 1);
    memcpy(part, start, (size_t)(end - start));
    part[end - start] = '\0';
    return part;
}

void strings_add(struct strings *list, char *item)
{
    if (list->count + 2 > list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 8;
        list->items = reallocate(list->items, list->capacity * sizeof(*list->items));
    }
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare_strings);
}

void strings_free(struct strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strings){0};
}

/* Files. */

int read_names(int directory, struct strings *names)
{
    *names = (struct strings){0};
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return -1;
    DIR *stream = fdopendir(copy);
    if (!stream) {
        close(copy);
        return -1;
    }
    struct dirent *entry;
    while ((errno = 0, entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strings_add(names, duplicate(entry->d_name));
    int error = errno;
    closedir(stream);
    if (error) {
        strings_free(names);
        errno = error;
        return -1;
    }
    strings_sort(names);
    return 0;
}

char *read_whole_file(const char *path, size_t *length)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return NULL;

    size_t capacity = 4096;
    size_t used = 0;
    char *text = allocate(capacity);
    ssize_t count;
    while ((count = read(descriptor, text + used, capacity - used - 1)) > 0) {
        used += (size_t)count;
        if (used + 1 == capacity)
            text = reallocate(text, capacity *= 2);
    }
    int error = errno;
    close(descriptor);
    if (count < 0) {
        free(text);
        errno = error;
        return NULL;
    }
    text[used] = '\0';
    if (length)
        *length = used;
    return text;
}

int write_all(int descriptor, const void *bytes, size_t count)
{
    const char *next = bytes;

    while (count > 0) {
        ssize_t written = write(descriptor, next, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        next += written;
        count -= (size_t)written;
    }
    return 0;
}

/* Numbers and modes. */

bool parse_number(const char *text, uintmax_t maximum, uintmax_t *number)
{
    uintmax_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        uintmax_t digit = (uintmax_t)(*text - '0');
        if (value > maximum / 10 || digit > maximum - 10 * value)
            return false;
        value = 10 * value + digit;
    }
    *number = value;
    return true;
}

/* Parse the letters of "who", up to the operator; 0 if there are none. */
static mode_t parse_who(const char **text)
{
    mode_t who = 0;

    for (;; (*text)++) {
        if (**text == 'u')
            who |= S_IRWXU | S_ISUID;
        else if (**text == 'g')
            who |= S_IRWXG | S_ISGID;
        else if (**text == 'o')
            who |= S_IRWXO | S_ISVTX;
        else if (**text == 'a')
            who |= 07777;
        else
            return who;
    }
}

/* Repeat three permission bits for user, group and others. */
static mode_t spread(mode_t bits)
{
    return bits << 6 | bits << 3 | bits;
}

/* Parse permission letters, or one that copies the permissions in mode. */
static mode_t parse_permissions(const char **text, mode_t mode, bool directory)
{
    mode_t bits = 0;

    if (**text == 'u' || **text == 'g' || **text == 'o') {
        int shift = **text == 'u' ? 6 : **text == 'g' ? 3 : 0;
        (*text)++;
        return spread(mode >> shift & 7);
    }
    for (;; (*text)++) {
        if (**text == 'r')
            bits |= spread(4);
        else if (**text == 'w')
            bits |= spread(2);
        else if (**text == 'x' || (**text == 'X' && (directory || (mode & spread(1)))))
            bits |= spread(1);
        else if (**text == 's')
            bits |= S_ISUID | S_ISGID;
        else if (**text == 't')
            bits |= S_ISVTX;
        else if (**text != 'X')
            return bits;
    }
}

/* Apply one clause, such as "ug+r-w", to *mode. */
static bool parse_clause(const char **text, mode_t mask, bool directory, mode_t *mode)
{
    mode_t who = parse_who(text);
    mode_t affected = who ? who : 07777 & ~mask;

    if (!**text || !strchr("+-=", **text))
        return false;
    while (**text && strchr("+-=", **text)) {
        char operation = *(*text)++;
        mode_t bits = parse_permissions(text, *mode, directory) & affected;
        if (operation == '-') {
            *mode &= ~bits;
        } else {
            if (operation == '=')
                *mode &= ~((who ? who : 07777) & (directory ? 01777 : 07777));
            *mode |= bits;
        }
    }
    return **text == ',' || **text == '\0';
}

static bool parse_octal(const char *text, mode_t *mode)
{
    mode_t value = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '7')
            return false;
        value = value << 3 | (mode_t)(*text - '0');
        if (value > 07777)
            return false;
    }
    *mode = value;
    return true;
}

bool parse_mode(const char *text, mode_t old, mode_t mask, bool directory, mode_t *mode)
{
    mode_t result = old & 07777;

    if (isdigit((unsigned char)*text))
        return parse_octal(text, mode);
    for (;;) {
        if (!parse_clause(&text, mask, directory, &result))
            return false;
        if (!*text)
            break;
        text++;
    }
    *mode = result;
    return true;
}

static char type_letter(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return '-';
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    default:
        return '?';
    }
}

void format_mode(mode_t mode, char letters[11])
{
    letters[0] = type_letter(mode);
    for (int i = 0; i < 9; i++)
        letters[1 + i] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
    if (mode & S_ISUID)
        letters[3] = mode & S_IXUSR ? 's' : 'S';
    if (mode & S_ISGID)
        letters[6] = mode & S_IXGRP ? 's' : 'S';
    if (mode & S_ISVTX)
        letters[9] = mode & S_IXOTH ? 't' : 'T';
    letters[10] = '\0';
}

void format_size(uintmax_t bytes, char *out)
{
    static const char units[] = "KMGTPE";
    uintmax_t tenths = 0;
    int unit = -1;

    while (bytes >= 1024) {
        tenths = (bytes % 1024) * 10 / 1024;
        bytes /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(out, 32, "%ju", bytes);
    else if (bytes < 10)
        snprintf(out, 32, "%ju.%ju%c", bytes, tenths, units[unit]);
    else
        snprintf(out, 32, "%ju%c", bytes, units[unit]);
}

/* Signals and the ends of processes. */

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},
    {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"BUS", SIGBUS},       {"FPE", SIGFPE},
    {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},     {"STKFLT", SIGSTKFLT},
    {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},       {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ}, {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"PWR", SIGPWR},   {"SYS", SIGSYS},
};

enum { SIGNALS = sizeof(signals) / sizeof(signals[0]), LAST_SIGNAL = 64 };

int signal_number(const char *text)
{
    uintmax_t number;

    if (isdigit((unsigned char)*text))
        return parse_number(text, LAST_SIGNAL, &number) ? (int)number : -1;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < SIGNALS; i++)
        if (strcmp(signals[i].name, text) == 0)
            return signals[i].number;
    return -1;
}

const char *signal_name(int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}

/* Print what one operand of kill -l means: a name's number, or the name for a number. */
static int list_signal(const char *text)
{
    uintmax_t value;
    int number = signal_number(text);
    bool numeric = parse_number(text, 255, &value);

    if (numeric)
        number = (int)(value > EXIT_SIGNAL_BASE ? value - EXIT_SIGNAL_BASE : value);
    const char *name = signal_name(number);
    if (!name) {
        complain("%s: no such signal", text);
        return EXIT_FAILURE;
    }
    int printed =
        numeric ? dprintf(STDOUT_FILENO, "%s\n", name) : dprintf(STDOUT_FILENO, "%d\n", number);
    if (printed < 0)
        report("standard output");
    return printed < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* kill -l: all names with their numbers, or what the operands mean (an exit status, too). */
static int list_signals(char **operands)
{
    int status = EXIT_SUCCESS;

    for (; *operands; operands++)
        status |= list_signal(*operands);
    return status;
}

static int list_all_signals(void)
{
    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (signal_name(number) &&
            dprintf(STDOUT_FILENO, "%2d %s\n", number, signal_name(number)) < 0) {
            report("standard output");
            return EXIT_FAILURE;
        }
    return EXIT_SUCCESS;
}

/* Parse a process number, or that of a group behind a minus sign. */
static bool parse_target(const char *text, pid_t *target)
{
    bool group = *text == '-';
    uintmax_t number;

    if (!parse_number(text + group, INT32_MAX, &number))
        return false;
    *target = group ? -(pid_t)number : (pid_t)number;
    return true;
}

static int kill_usage(void)
{
    fprintf(stderr, "usage: kill [-SIGNAL | -s SIGNAL | -n SIGNAL] PID... | -l [SIGNAL...]\n");
    return EXIT_USAGE;
}

/* Take the signal's option from the arguments: *signal, and the index of the first operand or 0. */
static int parse_signal_option(int argc, char **argv, int *signal)
{
    int first = 1;
    const char *name = NULL;

    *signal = SIGTERM;
    if (argc > 2 && (strcmp(argv[1], "-s") == 0 || strcmp(argv[1], "-n") == 0)) {
        name = argv[2];
        first = 3;
    } else if (argc > 1 && argv[1][0] == '-' && argv[1][1] && strcmp(argv[1], "--") != 0) {
        name = argv[1] + 1;
        first = 2;
    }
    if (name && (*signal = signal_number(name)) < 0) {
        complain("%s: no such signal", name);
        return 0;
    }
    if (first < argc && strcmp(argv[first], "--") == 0)
        first++;
    return first < argc ? first : 0;
}

int kill_command(int argc, char **argv, bool (*find_target)(const char *text, pid_t *target))
{
    int signal;
    int status = EXIT_SUCCESS;

    if (argc > 1 && strcmp(argv[1], "-l") == 0)
        return argc > 2 ? list_signals(argv + 2) : list_all_signals();
    int first = parse_signal_option(argc, argv, &signal);
    if (!first)
        return kill_usage();
    for (int i = first; i < argc; i++) {
        pid_t target;
        if (!parse_target(argv[i], &target) && !(find_target && find_target(argv[i], &target))) {
            complain("%s: no such process", argv[i]);
            status = EXIT_FAILURE;
        } else if (kill(target, signal) < 0) {
            report("%s", argv[i]);
            status = EXIT_FAILURE;
        }
    }
    return status;
}

int exit_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return EXIT_SIGNAL_BASE + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}
