/*
 * helper_durable DIRECTORY PROCESSES OPERATIONS SEED: changes files, and says on the disk itself
 * what a power cut must leave of them. tests/crash/replay.c reads that and checks it.
 *
 * Each process has a directory, a few names in it, and a copy in memory of what each file holds.
 * What it claims about its names is one page of the file DIRECTORY/marks, which is written out
 * alone, without any other file and without a flush:
 *
 *     claims that leave room for a change -> page   the change and fsync   the new claims -> page
 *
 * So in a log of the disk's writes the first page is before all that the change writes, and the
 * second one behind all that fsync has made durable. The lines of a page:
 *
 *     - NAME                        there is no such file
 *     = NAME LENGTH CRC             a file of that length and contents
 *     + NAME LENGTH CRC             a file that begins so
 *     | NAME LENGTH CRC LENGTH CRC  a file that is the one or the other
 *     > NAME OTHER LENGTH CRC       at least one of the two is a file of that length and contents
 *     / NAME                        a directory
 *
 * A further process calls sync again and again, so that what the others have done by half is
 * written too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096
#define LARGEST   (384 * 1024)
#define MAGIC     "mapix-durable-claims"
#define NAMES     10
#define TEMPORARY 5 /* is renamed over others */
#define SECOND    6 /* is another link to others */
#define KEPT      7 /* from here on: never changed again */

struct content {
    size_t length;
    uint32_t crc;
};

struct entry {
    char name[8];
    bool present;
    struct content now; /* if present */
    unsigned char *bytes;
    char claim; /* one of "?-=+|" */
    struct content claimed[2];
};

static struct entry entries[NAMES] = {
    {.name = "a"},    {.name = "b"},      {.name = "c"},     {.name = "d/a"},   {.name = "d/b"},
    {.name = "temp"}, {.name = "second"}, {.name = "keep1"}, {.name = "keep2"}, {.name = "d/keep"},
};
static char directory_claim;    /* of "sub": '?', '-' or '/' */
static struct entry *from, *to; /* a rename whose outcome is not durable, or NULL */
static struct content moved;    /* what is at one of the two */
static int marks, number;
static unsigned sequence;
static uint64_t state;
static uint32_t table[256];

static void die(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    fprintf(stderr, "process %d: ", number);
    vfprintf(stderr, format, list);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(1);
}

#define MUST(call)                                                                                 \
    ({                                                                                             \
        long result_ = (long)(call);                                                               \
        if (result_ == -1)                                                                         \
            die("%s", #call);                                                                      \
        result_;                                                                                   \
    })

static uint32_t below(uint32_t bound)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % bound);
}

static uint32_t crc_of(const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++)
        crc = table[(crc ^ byte[i]) & 255] ^ crc >> 8;
    return ~crc;
}

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
}

static struct content content_of(const struct entry *entry, size_t length)
{
    return (struct content){length, crc_of(entry->bytes, length)};
}

/* Claims */

static size_t print_claims(char *text, size_t size)
{
    size_t used = 0;

    for (int i = 0; i < NAMES; i++) {
        const struct entry *e = &entries[i];
        if (e->claim == '?')
            continue;
        used += (size_t)snprintf(text + used, size - used, "%c %s", e->claim, e->name);
        for (int k = 0; k < (e->claim == '-' ? 0 : e->claim == '|' ? 2 : 1); k++)
            used += (size_t)snprintf(text + used, size - used, " %zu %x", e->claimed[k].length,
                                     e->claimed[k].crc);
        used += (size_t)snprintf(text + used, size - used, "\n");
    }
    if (from)
        used += (size_t)snprintf(text + used, size - used, "> %s %s %zu %x\n", to->name, from->name,
                                 moved.length, moved.crc);
    if (directory_claim != '?')
        used += (size_t)snprintf(text + used, size - used, "%c sub\n", directory_claim);
    return used;
}

/* Put the claims on the disk, and nothing else. */
static void publish(void)
{
    static char page[PAGE], text[PAGE];
    size_t length = print_claims(text, sizeof(text));

    memset(page, 0, sizeof(page));
    int head = snprintf(page, sizeof(page), "%s %d %u %zu %x\n", MAGIC, number, ++sequence, length,
                        crc_of(text, length));
    memcpy(page + head, text, length);
    off_t offset = (off_t)number * PAGE;
    if (MUST(pwrite(marks, page, PAGE, offset)) != PAGE)
        die("a page of claims was cut");
    MUST(sync_file_range(marks, offset, PAGE,
                         SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                             SYNC_FILE_RANGE_WAIT_AFTER));
}

/* The file is what it is in memory. */
static void claim_now(struct entry *entry)
{
    entry->claim = entry->present ? '=' : '-';
    entry->claimed[0] = entry->now;
    if (entry == from || entry == to)
        from = to = NULL;
}

/* Before a change: the first length bytes stay. 0: nothing is claimed. */
static void claim_prefix(struct entry *entry, size_t length)
{
    if (entry == from || entry == to)
        from = to = NULL;
    if (entry->claim != '=' && entry->claim != '+')
        length = 0;
    else if (length > entry->claimed[0].length)
        length = entry->claimed[0].length;
    entry->claim = length ? '+' : '?';
    if (length)
        entry->claimed[0] = content_of(entry, length);
}

/* Make the directory of an entry durable. */
static void sync_directory(const struct entry *entry)
{
    int fd = (int)MUST(open(strchr(entry->name, '/') ? "d" : ".", O_RDONLY | O_DIRECTORY));
    MUST(fsync(fd));
    close(fd);
}

/* Operations */

static void put(int fd, const unsigned char *bytes, size_t length, off_t offset)
{
    while (length > 0) {
        size_t piece = length < 20000 ? length : 20000;
        long done = MUST(pwrite(fd, bytes, piece, offset));
        bytes += done;
        offset += done;
        length -= (size_t)done;
    }
}

static void randomise(struct entry *entry, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++)
        entry->bytes[i] = (unsigned char)below(251);
}

static size_t random_length(void)
{
    return below(4) ? 1 + below(12000) : 1 + below(LARGEST);
}

/* The file has changed; make it durable, or not, and say so. */
static void finish(struct entry *entry, int fd, bool always)
{
    entry->now = content_of(entry, entry->now.length);
    if (always || below(4)) {
        MUST(below(3) ? fsync(fd) : fdatasync(fd));
        claim_now(entry);
        publish();
    }
    close(fd);
}

static void create(struct entry *entry, bool always)
{
    claim_prefix(entry, 0);
    publish();
    int fd = (int)MUST(open(entry->name, O_RDWR | O_CREAT | O_TRUNC, 0644));
    entry->present = true;
    entry->now.length = random_length();
    randomise(entry, 0, entry->now.length);
    put(fd, entry->bytes, entry->now.length, 0);
    finish(entry, fd, always);
}

static void append(struct entry *entry)
{
    size_t length = entry->now.length, end = length + random_length() / 4 + 1;

    if (end > LARGEST)
        return;
    claim_prefix(entry, length);
    publish();
    int fd = (int)MUST(open(entry->name, O_RDWR));
    randomise(entry, length, end);
    put(fd, entry->bytes + length, end - length, (off_t)length);
    entry->now.length = end;
    finish(entry, fd, false);
}

static void overwrite(struct entry *entry)
{
    size_t length = entry->now.length, start = below((uint32_t)length);
    size_t end = start + 1 + below((uint32_t)(length - start));

    claim_prefix(entry, start);
    publish();
    int fd = (int)MUST(open(entry->name, O_RDWR));
    randomise(entry, start, end);
    put(fd, entry->bytes + start, end - start, (off_t)start);
    finish(entry, fd, false);
}

static void store_mapped(struct entry *entry)
{
    size_t length = entry->now.length, start = below((uint32_t)length);
    size_t end = start + 1 + below((uint32_t)(length - start));

    claim_prefix(entry, start);
    publish();
    int fd = (int)MUST(open(entry->name, O_RDWR));
    char *map = (char *)MUST(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    randomise(entry, start, end);
    memcpy(map + start, entry->bytes + start, end - start);
    MUST(msync(map, length, MS_SYNC));
    MUST(munmap(map, length));
    close(fd);
    entry->now = content_of(entry, length);
    claim_now(entry);
    publish();
}

static void shorten(struct entry *entry)
{
    size_t length = below((uint32_t)entry->now.length);

    claim_prefix(entry, length);
    publish();
    int fd = (int)MUST(open(entry->name, O_RDWR));
    MUST(ftruncate(fd, (off_t)length));
    entry->now.length = length;
    finish(entry, fd, false);
}

static void remove_name(struct entry *entry)
{
    claim_prefix(entry, 0);
    publish();
    MUST(unlink(entry->name));
    entry->present = false;
    if (below(4)) {
        sync_directory(entry);
        claim_now(entry);
        publish();
    }
}

/* Rename a durable file; what is at the target, if anything, is replaced. */
static void move(struct entry *source, struct entry *target)
{
    unsigned char *bytes = target->bytes;

    if (target->claim == '=') {
        target->claim = '|';
        target->claimed[1] = source->now;
    } else {
        target->claim = '?';
    }
    source->claim = '?';
    from = source;
    to = target;
    moved = source->now;
    publish();
    MUST(rename(source->name, target->name));
    target->bytes = source->bytes;
    target->now = source->now;
    source->bytes = bytes;
    source->present = false;
    target->present = true;
    if (below(4)) {
        sync_directory(source);
        sync_directory(target);
        claim_now(source);
        claim_now(target);
        publish();
    }
}

/* The file gets a second name, and loses it again: its claim stays. */
static void link_and_unlink(struct entry *entry)
{
    struct entry *second = &entries[SECOND];

    claim_prefix(second, 0);
    publish();
    MUST(link(entry->name, second->name));
    if (entry->claim == '=' && below(2)) {
        sync_directory(second);
        second->claim = '=';
        second->claimed[0] = entry->now;
        publish();
        second->claim = '?';
        publish();
    }
    MUST(unlink(second->name));
}

static void make_or_remove_directory(void)
{
    struct stat status;
    bool there = stat("sub", &status) == 0;

    directory_claim = '?';
    publish();
    MUST(there ? rmdir("sub") : mkdir("sub", 0755));
    if (below(2)) {
        sync_directory(&entries[0]);
        directory_claim = there ? '-' : '/';
        publish();
    }
}

/* A file without a name is written, and forgotten some operations later. */
static void use_removed(void)
{
    static int open_file = -1;

    if (open_file >= 0) {
        close(open_file);
        open_file = -1;
        return;
    }
    open_file = (int)MUST(open("removed", O_RDWR | O_CREAT, 0600));
    put(open_file, entries[KEPT].bytes, entries[KEPT].now.length, below(100000));
    MUST(unlink("removed"));
}

static void sync_all(void)
{
    sync();
    for (int i = 0; i < NAMES; i++) {
        if (i != SECOND)
            claim_now(&entries[i]);
    }
    publish();
}

static void operate_on_file(struct entry *entry)
{
    struct entry *temporary = &entries[TEMPORARY], *other = &entries[below(TEMPORARY)];

    switch (below(12)) {
    case 0:
        create(entry, false);
        break;
    case 1:
    case 2:
        append(entry);
        break;
    case 3:
        if (entry->now.length)
            overwrite(entry);
        break;
    case 4:
        if (entry->now.length)
            store_mapped(entry);
        break;
    case 5:
        if (entry->now.length)
            shorten(entry);
        break;
    case 6:
        remove_name(entry);
        break;
    case 7:
        link_and_unlink(entry);
        break;
    case 8:
        if (entry->claim == '=' && entry != other)
            move(entry, other);
        break;
    default:
        create(temporary, true);
        move(temporary, entry);
        break;
    }
}

static void operate(void)
{
    struct entry *entry = &entries[below(TEMPORARY)];
    uint32_t choice = below(20);

    if (choice == 0)
        sync_all();
    else if (choice == 1)
        make_or_remove_directory();
    else if (choice == 2)
        use_removed();
    else if (!entry->present)
        create(entry, false);
    else
        operate_on_file(entry);
}

static void work(unsigned operations, uint64_t seed)
{
    char name[16];

    state = seed * 1000 + (uint64_t)number;
    snprintf(name, sizeof(name), "p%d", number);
    MUST(mkdir(name, 0755));
    MUST(chdir(name));
    MUST(mkdir("d", 0755));
    for (int i = 0; i < NAMES; i++) {
        entries[i].claim = '?';
        entries[i].bytes = malloc(LARGEST);
        if (!entries[i].bytes)
            die("no memory");
    }
    directory_claim = '?';
    for (int i = KEPT; i < NAMES; i++)
        create(&entries[i], true);
    for (unsigned i = 0; i < operations; i++)
        operate();
}

static void make_marks(int processes)
{
    static char page[PAGE];

    marks = (int)MUST(open("marks", O_RDWR | O_CREAT | O_TRUNC, 0644));
    for (int i = 0; i < processes; i++)
        put(marks, (unsigned char *)page, PAGE, (off_t)i * PAGE);
    MUST(fsync(marks));
}

int main(int argc, char **argv)
{
    int status, failed = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: helper_durable DIRECTORY PROCESSES OPERATIONS SEED\n");
        return 2;
    }
    int processes = atoi(argv[2]);
    make_table();
    MUST(chdir(argv[1]));
    make_marks(processes);
    for (number = 0; number < processes; number++) {
        if (MUST(fork()) == 0) {
            work((unsigned)atoi(argv[3]), strtoull(argv[4], NULL, 10));
            exit(0);
        }
    }
    pid_t syncing = (pid_t)MUST(fork());
    while (syncing == 0) {
        sync();
        usleep(20000);
    }
    for (int i = 0; i < processes; i++) {
        MUST(wait(&status));
        failed |= status;
    }
    kill(syncing, SIGKILL);
    return failed ? 1 : 0;
}
