/*
 * Touching the window with faults caught, and describing it.
 */
#include "stream.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static sigjmp_buf escape;
static volatile int fault_signal, fault_code;
static char *volatile fault_address;

void log_line(const char *format, ...)
{
    va_list arguments;
    size_t room = LOG_SIZE - shared->log_length;

    va_start(arguments, format);
    int length = vsnprintf(shared->log + shared->log_length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < room)
        shared->log_length += (size_t)length;
}

static void caught(int number, siginfo_t *information, void *context)
{
    (void)context;
    fault_signal = number;
    fault_code = information->si_code;
    fault_address = information->si_addr;
    siglongjmp(escape, 1);
}

void stream_prepare(void)
{
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

int touch(char *address, char how, unsigned char *value, char *text, size_t size)
{
    volatile unsigned char *place = (volatile unsigned char *)address;

    if (sigsetjmp(escape, 0) == 0) {
        if (how == 'r')
            *value = *place;
        else
            *place = *value;
        return 0;
    }
    snprintf(text, size, "%s code %d at %+ld", fault_signal == SIGBUS ? "SIGBUS" : "SIGSEGV",
             fault_code, (long)(fault_address - BASE));
    return fault_signal;
}

/* A letter for how a page refuses to be read; 0: it does not. */
static char refusal(char *page)
{
    unsigned char value;
    char text[64];
    int number = touch(page, 'r', &value, text, sizeof(text));

    if (number == 0)
        return 0;
    if (number == SIGBUS)
        return '!';
    return fault_code == SEGV_MAPERR ? '.' : '-';
}

static uint64_t checksum(const char *page, size_t size)
{
    const uint64_t *words = (const uint64_t *)page;
    uint64_t sum = 14695981039346656037ull;

    for (size_t i = 0; i < size / sizeof(*words); i++)
        sum = (sum ^ words[i]) * 1099511628211ull;
    return sum ^ sum >> 32;
}

/* Bytes of each page that belong to the file mapped there, as of the last window_scan. */
static unsigned limits[WINDOW];

unsigned window_limit(const char *address)
{
    unsigned page = (unsigned)((unsigned long)(address - BASE) / PAGE);
    return page < WINDOW ? limits[page] : PAGE;
}

static void log_pages(void)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        char *page = BASE + i * PAGE, letter = refusal(page);
        if (letter)
            log_line("%c", letter);
        else
            log_line(" %04x", (unsigned)(checksum(page, limits[i]) & 0xffff));
    }
    log_line("\n");
}

/* A line of /proc/self/maps, as far as kernels agree on it. */
struct mapping {
    unsigned long start, end, offset;
    char access[5], name[64];
};

static bool parse(const char *line, struct mapping *mapping)
{
    char path[256] = "";

    if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %255[^\n]", &mapping->start, &mapping->end,
               mapping->access, &mapping->offset, path) < 4)
        return false;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool anonymous = strncmp(path, "/dev/zero", 9) == 0 || path[0] == '[';
    snprintf(mapping->name, sizeof(mapping->name), "%s", anonymous ? "" : name);
    return mapping->start < (unsigned long)(BASE + WINDOW * PAGE) &&
           mapping->end > (unsigned long)BASE;
}

/* Kernels may keep neighbours apart that could be one: join them. */
static bool continues(const struct mapping *lower, const struct mapping *upper)
{
    bool file = lower->name[0] || lower->access[3] == 's';

    return lower->end == upper->start && strcmp(lower->access, upper->access) == 0 &&
           strcmp(lower->name, upper->name) == 0 &&
           (!file || lower->offset + (lower->end - lower->start) == upper->offset);
}

static void log_mapping(const struct mapping *mapping)
{
    log_line(" %lu-%lu%s", (mapping->start - (unsigned long)BASE) / PAGE,
             (mapping->end - (unsigned long)BASE) / PAGE, mapping->access);
    if (mapping->name[0] || mapping->access[3] == 's')
        log_line("%s+%lu", mapping->name, mapping->offset / PAGE);
}

/* What the page that holds the end of a file has behind it is nobody's: kernels clear it at
 * different times. Note where that is. */
static void note_limits(const struct mapping *mapping)
{
    struct stat status;
    unsigned file = (unsigned)(mapping->name[4] - '0');

    if (strncmp(mapping->name, "file", 4) != 0 || file >= FILES || fstat(files[file], &status) < 0)
        return;
    unsigned long page = (unsigned long)status.st_size / PAGE * PAGE;
    unsigned long address = mapping->start + (page - mapping->offset);
    if (page >= mapping->offset && address < mapping->end &&
        address < (unsigned long)(BASE + WINDOW * PAGE) && address >= (unsigned long)BASE &&
        status.st_size % (long)PAGE)
        limits[(address - (unsigned long)BASE) / PAGE] = (unsigned)(status.st_size % (long)PAGE);
}

void window_scan(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    struct mapping mapping;
    char line[512];

    for (unsigned i = 0; i < WINDOW; i++)
        limits[i] = PAGE;
    while (maps && fgets(line, sizeof(line), maps)) {
        if (parse(line, &mapping))
            note_limits(&mapping);
    }
    if (maps)
        fclose(maps);
}

static void log_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    struct mapping last = {0}, mapping;
    char line[512];

    while (maps && fgets(line, sizeof(line), maps)) {
        if (!parse(line, &mapping))
            continue;
        if (last.end && continues(&last, &mapping)) {
            last.end = mapping.end;
            continue;
        }
        if (last.end)
            log_mapping(&last);
        last = mapping;
    }
    if (last.end)
        log_mapping(&last);
    log_line("\n");
    if (maps)
        fclose(maps);
}

void log_window(void)
{
    window_scan();
    log_line("  pages of %u:", self);
    log_pages();
    log_line("  mappings:");
    log_mappings();
}
