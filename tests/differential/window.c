/*
 * Touching the window and the heap with faults caught, and describing them.
 */
#include "stream.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES ((WINDOW + HEAP) * UNIT_MAX)

/* ---- faults ---- */

static __thread sigjmp_buf escape;
static volatile int fault_signal, fault_code;
static char *volatile fault_address;

static void caught(int number, siginfo_t *information, void *context)
{
    (void)context;
    fault_signal = number;
    fault_code = information->si_code;
    fault_address = information->si_addr;
    siglongjmp(escape, 1);
}

void catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

int touch(char *address, char how, unsigned char *value)
{
    volatile unsigned char *place = (volatile unsigned char *)address;

    if (sigsetjmp(escape, 0) == 0) {
        if (how == 'r')
            *value = *place;
        else
            *place = *value;
        return 0;
    }
    return fault_signal;
}

void log_fault(void)
{
    log_line(" = %s code %d at ", fault_signal == SIGBUS ? "SIGBUS" : "SIGSEGV", fault_code);
    log_address(fault_address);
    log_line("\n");
}

/* ---- what is known of the process's mappings ---- */

/* Of each page, in the order of units: a file's number or what else; which of its pages. */
static struct note {
    int file;
    unsigned long page;
} notes[PAGES];

/* The note of an address, or NULL outside. */
static struct note *note_at(const char *address)
{
    if (address >= BASE && address < BASE + unit_bytes(WINDOW))
        return &notes[(size_t)(address - BASE) / PAGE];
    if (address >= heap && address < heap + unit_bytes(HEAP))
        return &notes[WINDOW * unit + (size_t)(address - heap) / PAGE];
    return NULL;
}

static bool stale; /* the notes must be made anew */

static void read_notes(void);

void map_note(const char *address, size_t size, int file, unsigned long page)
{
    for (size_t at = 0; at < size; at += PAGE) {
        struct note *note = note_at(address + at);
        if (note)
            *note = (struct note){file, file >= 0 ? page + at / PAGE : 0};
    }
}

/* Every page that is mapped moves, by the same distance; holes stay. */
static void note_range(const char *from, const char *to, size_t size, bool keep)
{
    for (size_t at = 0; at < size; at += PAGE) {
        const struct note *note = note_at(from + at);
        if (note && note->file != NOTHING)
            map_note(to + at, PAGE, note->file, note->page);
        if (!keep && note && note->file != NOTHING)
            map_note(from + at, PAGE, NOTHING, 0);
    }
}

void map_note_move(const char *from, size_t old_size, const char *to, size_t new_size, bool keep)
{
    size_t moved = old_size < new_size ? old_size : new_size;

    if (map_file_of(from) == NOTHING)
        return;
    if (to == MAP_FAILED || old_size == 0) { /* a part may have been done */
        stale = true;
        return;
    }
    struct note last = *note_at(from + moved - PAGE);
    if (to != from) {
        note_range(from, to, moved, keep);
        if (old_size != new_size && !keep)
            map_note(from, old_size, NOTHING, 0);
    } else if (old_size > new_size) {
        map_note(from + new_size, old_size - new_size, NOTHING, 0);
    }
    if (new_size > old_size)
        map_note(to + old_size, new_size - old_size, last.file, last.page + 1);
}

void map_forget(void)
{
    stale = true;
}

int map_file_of(const char *address)
{
    if (stale)
        read_notes();
    const struct note *note = note_at(address);
    return note ? note->file : NOTHING;
}

long map_offset(const char *address)
{
    return (long)(note_at(address)->page * PAGE + (unsigned long)address % PAGE);
}

unsigned map_limit(const char *address)
{
    if (stale)
        read_notes();
    const struct note *note = note_at(address);
    if (!note || note->file < 0)
        return PAGE;
    unsigned long size = (unsigned long)shared->sizes[note->file];
    return size % PAGE && note->page == size / PAGE ? (unsigned)(size % PAGE) : PAGE;
}

/* ---- /proc/self/maps ---- */

/* A line of it, as far as kernels agree. */
struct mapping {
    unsigned long start, end, offset, inode;
    const char *access, *name;
};

static unsigned long parse_number(const char **text, unsigned base)
{
    unsigned long number = 0;

    for (;; ++*text) {
        char c = **text;
        unsigned digit = c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
        if (c < '0' || digit >= base)
            break;
        number = number * base + digit;
    }
    ++*text;
    return number;
}

/* The line becomes words. */
static void parse(char *line, struct mapping *mapping)
{
    const char *at = line;

    mapping->start = parse_number(&at, 16);
    mapping->end = parse_number(&at, 16);
    mapping->access = at;
    line[at + 4 - line] = '\0';
    at += 5;
    mapping->offset = parse_number(&at, 16);
    at = strchr(at, ' ') + 1;
    mapping->inode = parse_number(&at, 10);
    while (*at == ' ')
        at++;
    if (*at == '[' || strncmp(at, "/dev/zero", 9) == 0)
        at = "";
    else if (strrchr(at, '/'))
        at = strrchr(at, '/') + 1;
    mapping->name = strncmp(at, "SYSV", 4) == 0 ? "SYSV" : at;
}

/* Cut to what is in [start, end): is anything? */
static bool cut(struct mapping *mapping, const char *start, size_t size)
{
    unsigned long low = (unsigned long)start, high = low + size;

    if (mapping->end <= low || mapping->start >= high)
        return false;
    if (mapping->start < low) {
        mapping->offset += low - mapping->start;
        mapping->start = low;
    }
    if (mapping->end > high)
        mapping->end = high;
    return true;
}

static const char *read_maps(void)
{
    static char text[32 << 10];
    static int file = -1;
    static pid_t owner; /* of what the descriptor shows */
    ssize_t length = 0, count;

    if (owner != getpid()) {
        close(file);
        file = open("/proc/self/maps", O_RDONLY);
        owner = getpid();
    }
    while ((count = pread(file, text + length, sizeof(text) - 1 - (size_t)length, length)) > 0)
        length += count;
    text[length] = '\0';
    return text;
}

/* Call for each mapping that is in the window or the heap. */
static void for_each_mapping(void (*function)(const struct mapping *))
{
    struct mapping mapping;

    for (char *line = (char *)read_maps(), *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        parse(line, &mapping);
        struct mapping in_heap = mapping;
        if (cut(&mapping, BASE, unit_bytes(WINDOW)))
            function(&mapping);
        else if (cut(&in_heap, heap, unit_bytes(HEAP)))
            function(&in_heap);
    }
}

static int file_of(const struct mapping *mapping)
{
    bool in_memory = strncmp(mapping->name, "memfd:", 6) == 0;

    for (int file = in_memory ? DISK_FILES : 0; file < FILES; file++) {
        if (mapping->name[0] && strcmp(mapping->name, "SYSV") != 0 &&
            shared->inodes[file] == mapping->inode && in_memory == (file >= DISK_FILES))
            return file;
    }
    return mapping->name[0] || mapping->access[3] == 's' ? OTHER : ANONYMOUS;
}

static void note_mapping(const struct mapping *mapping)
{
    map_note((const char *)mapping->start, mapping->end - mapping->start, file_of(mapping),
             mapping->offset / PAGE);
}

static void forget_notes(void)
{
    map_note(BASE, unit_bytes(WINDOW), NOTHING, 0);
    map_note(heap, unit_bytes(HEAP), NOTHING, 0);
}

static void read_notes(void)
{
    stale = false;
    forget_notes();
    for_each_mapping(note_mapping);
}

/* ---- the log ---- */

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
    const char *base = BASE;

    if (mapping->start < (unsigned long)BASE || mapping->start >= (unsigned long)BASE * 2) {
        base = heap;
        log_line(" heap");
    }
    log_line(" %lu-%lu%s", (mapping->start - (unsigned long)base) / PAGE,
             (mapping->end - (unsigned long)base) / PAGE, mapping->access);
    int file = file_of(mapping);
    if (file >= 0 && file < DISK_FILES) /* which of its names is a known difference */
        log_line("file%d+%lu", file, mapping->offset / PAGE);
    else if (mapping->name[0] || mapping->access[3] == 's')
        log_line("%s+%lu", mapping->name, mapping->offset / PAGE);
}

/* What the mappings say of each unit: can none of it be but refused? */
static char refused[WINDOW + HEAP];

static void note_access(const struct mapping *mapping)
{
    const char *start = (const char *)mapping->start;
    size_t first = (size_t)(note_at(start) - notes) / unit;
    size_t end = first + ((mapping->end - mapping->start) / PAGE + unit - 1) / unit;

    for (size_t i = first; i < end; i++)
        refused[i] = strncmp(mapping->access, "---", 3) == 0 ? '-' : 0;
}

static struct mapping last;

static void join_or_log(const struct mapping *mapping)
{
    const struct note *note = note_at((const char *)mapping->start);
    int file = file_of(mapping);

    if (!stale && (note->file != file || (file >= 0 && note->page != mapping->offset / PAGE)))
        log_line(" THE NOTES ARE WRONG %d %d", note->file, file);
    note_mapping(mapping);
    note_access(mapping);
    if (last.end && continues(&last, mapping)) {
        last.end = mapping->end;
        return;
    }
    if (last.end)
        log_mapping(&last);
    last = *mapping;
}

static void log_mappings(void)
{
    log_line("  mappings of %u:", self);
    last.end = 0;
    memset(refused, '.', sizeof(refused));
    if (stale)
        forget_notes();
    for_each_mapping(join_or_log);
    stale = false;
    if (last.end)
        log_mapping(&last);
}

/* A letter for how a page refuses to be read; 0: it does not. */
static char refusal(char *page)
{
    unsigned char value;
    int number = touch(page, 'r', &value);

    if (number == 0)
        return 0;
    if (fault_address != page)
        return '?';
    if (number == SIGBUS)
        return fault_code == BUS_ADRERR ? '!' : '?';
    return fault_code == SEGV_MAPERR ? '.' : '-';
}

/* Must a unit be tried? All that can be read; of those that cannot, the first and last of a row,
 * and each fourth, others with each number: a signal takes as long as ten operations. */
static bool is_tried(unsigned i, unsigned number)
{
    bool inside = i > 0 && i + 1 < WINDOW + HEAP && refused[i - 1] == refused[i] &&
                  refused[i + 1] == refused[i];
    return !refused[i] || !inside || (i + number) % 4 == 0;
}

/* A unit's letter if all its pages refuse so, or a sum of them. */
static void log_unit(char *start)
{
    uint64_t sum = 0;
    char first = refusal(start);
    bool same = first;

    for (size_t at = 0; at < unit_bytes(1); at += PAGE) {
        char letter = at ? refusal(start + at) : first;
        same &= letter == first;
        sum = sum * 31 + (letter ? (uint64_t)letter : sum_words(start + at, map_limit(start + at)));
    }
    if (same)
        log_line("%c", first);
    else
        log_line(" %04x", (unsigned)((sum ^ sum >> 32) & 0xffff));
}

void log_window(unsigned number)
{
    log_mappings();
    log_line("\n  memory:");
    for (unsigned i = 0; i < WINDOW + HEAP; i++) {
        if (is_tried(i, number))
            log_unit(unit_at(i));
        else
            log_line("%c", refused[i]);
    }
    log_line("\n");
}
