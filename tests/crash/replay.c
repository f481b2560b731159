/*
 * replay LOG IMAGE SCRATCH POINTS SEED: power cuts, as many as wanted, from one log.
 *
 * LOG is what QEMU's blklogwrites driver has recorded of a disk that began as IMAGE, while
 * helper_durable ran on it (see there what it writes into the file `marks`). A cut is a position in
 * the log; what the disk holds then is IMAGE with
 *
 *     0 ............ last flush ................. cut
 *      all of it                any of it, in blocks (every other cut: all of it, in order)
 *
 * Each such disk is repaired by e2fsck, which must succeed, and read by debugfs. Every claim of the
 * latest page of each process before the cut must be true. SCRATCH, a directory, keeps the disks of
 * the first cuts that failed. Prints "PASSED FAILED 0" as its last line.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
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

#define SECTOR        512u
#define LOG_MAGIC     0x6a736677736872ull /* of dm-log-writes; QEMU's manual names the format */
#define LOG_FLUSH     1u
#define LOG_DISCARD   4u
#define MAGIC         "mapix-durable-claims"
#define PAGE          4096u
#define PROCESSES     16
#define KEPT          3 /* disks of failures */
#define REPAIR_FAILED 4 /* the least exit status of e2fsck that means so */

struct log_super {
    uint64_t magic, version, entries;
    uint32_t sector_size;
};

struct log_entry {
    uint64_t sector, sectors, flags, mark_length;
};

struct write {
    uint64_t offset, length; /* bytes; 0: only a flush */
    bool flush;              /* of what comes before */
    const unsigned char *data;
};

static struct write *writes;
static size_t write_count;
static unsigned char *settled; /* the disk as of the last flush */
static uint64_t disk_size;
static char disk[4096], tree[4096], output[4096];
static const char *claims[PROCESSES]; /* latest pages */
static uint64_t random_state;
static uint32_t table[256];

static void die(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    fprintf(stderr, "replay: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    exit(2);
}

static uint32_t below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % bound);
}

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
}

static uint32_t crc_of(const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++)
        crc = table[(crc ^ byte[i]) & 255] ^ crc >> 8;
    return ~crc;
}

/* A file's contents, read only by others but changed by the caller alone. */
static unsigned char *map_file(const char *name, uint64_t *size)
{
    struct stat status;
    int fd = open(name, O_RDONLY);

    if (fd < 0 || fstat(fd, &status))
        die("%s: %s", name, strerror(errno));
    *size = (uint64_t)status.st_size;
    void *bytes = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        die("%s: %s", name, strerror(errno));
    close(fd);
    return bytes;
}

/* The log */

static void add_write(const struct log_entry *entry, const unsigned char *data)
{
    uint64_t offset = le64toh(entry->sector) * SECTOR, length = le64toh(entry->sectors) * SECTOR;

    if (le64toh(entry->flags) & LOG_DISCARD)
        die("the log has a discard, which is not known here");
    if (length > disk_size || offset > disk_size - length)
        die("the log has a write behind the end of the disk");
    if (!(write_count & (write_count - 1))) {
        writes = realloc(writes, (write_count ? 2 * write_count : 1) * sizeof(*writes));
        if (!writes)
            die("no memory");
    }
    writes[write_count++] = (struct write){offset, length, le64toh(entry->flags) & LOG_FLUSH, data};
}

static void read_log(const char *name)
{
    uint64_t size;
    const unsigned char *log = map_file(name, &size);
    const struct log_super *super = (const void *)log;

    if (size < SECTOR || le64toh(super->magic) != LOG_MAGIC ||
        le32toh(super->sector_size) != SECTOR)
        die("%s: not a log of writes with sectors of %u bytes", name, SECTOR);
    for (uint64_t at = SECTOR; at + SECTOR <= size && write_count < le64toh(super->entries);) {
        const struct log_entry *entry = (const void *)(log + at);
        uint64_t length = le64toh(entry->sectors) * SECTOR;
        if (length > size - at - SECTOR)
            die("%s: cut off in the middle of an entry", name);
        add_write(entry, log + at + SECTOR);
        at += SECTOR + length;
    }
}

/* Note the pages of claims that a write holds. */
static void note_claims(const struct write *write)
{
    unsigned process, sequence, crc;
    size_t length;
    int head;

    for (uint64_t at = 0; at + SECTOR <= write->length; at += SECTOR) {
        const char *page = (const char *)write->data + at;
        if (memcmp(page, MAGIC, sizeof(MAGIC) - 1))
            continue;
        if (sscanf(page, MAGIC " %u %u %zu %x\n%n", &process, &sequence, &length, &crc, &head) !=
                4 ||
            process >= PROCESSES || at + PAGE > write->length)
            die("a page of claims is in parts");
        /* One that was written while it changed is written again. */
        if (length <= PAGE - (unsigned)head && crc_of(page + head, length) == crc)
            claims[process] = page;
    }
}

/* Disks */

static void apply(unsigned char *to, const struct write *write, uint64_t start, uint64_t end)
{
    memcpy(to + write->offset + start, write->data + start, end - start);
}

/* The writes [first, cut) came to the disk in part. */
static void apply_some(unsigned char *to, size_t first, size_t cut)
{
    static const uint32_t chances[] = {10, 50, 90};
    uint32_t chance = chances[below(3)];

    for (size_t i = first; i < cut; i++) {
        for (uint64_t at = 0; at < writes[i].length; at += PAGE) {
            uint64_t end = at + PAGE < writes[i].length ? at + PAGE : writes[i].length;
            if (below(100) < chance)
                apply(to, &writes[i], at, end);
        }
    }
}

/* Write the disk as of a cut. */
static void write_disk(size_t first, size_t cut, bool in_order)
{
    static unsigned char *now;

    if (!now && !(now = malloc(disk_size)))
        die("no memory");
    memcpy(now, settled, disk_size);
    if (in_order) {
        for (size_t i = first; i < cut; i++)
            apply(now, &writes[i], 0, writes[i].length);
    } else {
        apply_some(now, first, cut);
    }
    int fd = open(disk, O_WRONLY | O_CREAT, 0644);
    if (fd < 0 || pwrite(fd, now, disk_size, 0) != (ssize_t)disk_size)
        die("%s: %s", disk, strerror(errno));
    close(fd);
}

/* Run a program, its output into a file: its exit status. */
static int run(const char *const argument[])
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (fd >= 0 && dup2(fd, 1) >= 0 && dup2(fd, 2) >= 0)
            execvp(argument[0], (char *const *)argument);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) == 127)
        die("cannot run %s", argument[0]);
    return WEXITSTATUS(status);
}

/* Repair the disk and copy its files to tree. */
static bool read_disk(void)
{
    char command[4200];

    if (run((const char *const[]){"e2fsck", "-fy", disk, NULL}) >= REPAIR_FAILED) {
        printf("  e2fsck failed\n");
        return false;
    }
    run((const char *const[]){"rm", "-rf", tree, NULL});
    if (mkdir(tree, 0755))
        die("%s: %s", tree, strerror(errno));
    snprintf(command, sizeof(command), "rdump / %s", tree);
    return run((const char *const[]){"debugfs", "-R", command, disk, NULL}) == 0;
}

/* Claims */

enum match { NOTHING, OTHER, SAME };

/* Does a process's file hold these contents, or with prefix begin with them? */
static enum match compare(unsigned process, const char *name, size_t length, unsigned crc,
                          bool prefix)
{
    static unsigned char bytes[1 << 20];
    char path[4300];

    snprintf(path, sizeof(path), "%s/p%u/%s", tree, process, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NOTHING;
    ssize_t got = read(fd, bytes, sizeof(bytes));
    close(fd);
    if (got < 0)
        return OTHER;
    bool fits = prefix ? (size_t)got >= length : (size_t)got == length;
    return fits && crc_of(bytes, length) == crc ? SAME : OTHER;
}

static bool is_true(unsigned process, const char *line)
{
    char kind, name[16], other[16];
    size_t length[2];
    unsigned crc[2];

    if (sscanf(line, "> %15s %15s %zu %x", name, other, &length[0], &crc[0]) == 4)
        return compare(process, name, length[0], crc[0], false) == SAME ||
               compare(process, other, length[0], crc[0], false) == SAME;
    int fields = sscanf(line, "%c %15s %zu %x %zu %x", &kind, name, &length[0], &crc[0], &length[1],
                        &crc[1]);
    if (kind == '-' && fields == 2)
        return compare(process, name, 0, 0, false) == NOTHING;
    if (kind == '/' && fields == 2)
        return compare(process, name, 0, 0, false) != NOTHING;
    if ((kind == '=' || kind == '+') && fields == 4)
        return compare(process, name, length[0], crc[0], kind == '+') == SAME;
    if (kind == '|' && fields == 6)
        return compare(process, name, length[0], crc[0], false) == SAME ||
               compare(process, name, length[1], crc[1], false) == SAME;
    die("not a claim: %s", line);
    return false;
}

/* Check all that was claimed; says what is not true. */
static bool check_claims(void)
{
    char text[PAGE + 1];
    bool good = true;

    for (unsigned process = 0; process < PROCESSES; process++) {
        size_t length;
        if (!claims[process] || sscanf(claims[process], "%*s %*u %*u %zu", &length) != 1)
            continue;
        const char *start = strchr(claims[process], '\n') + 1;
        memcpy(text, start, length);
        text[length] = 0;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            if (is_true(process, line))
                continue;
            printf("  untrue in p%u: %s\n", process, line);
            good = false;
        }
    }
    return good;
}

static void keep_disk(unsigned failure, size_t first, size_t cut, bool in_order, uint64_t state)
{
    char name[4200];

    if (failure >= KEPT)
        return;
    random_state = state;
    write_disk(first, cut, in_order);
    snprintf(name, sizeof(name), "%s.%u", disk, failure);
    if (rename(disk, name))
        die("%s: %s", name, strerror(errno));
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    size_t next = 0, first = 0;

    if (argc != 6)
        die("usage: replay LOG IMAGE SCRATCH POINTS SEED");
    make_table();
    settled = map_file(argv[2], &disk_size);
    read_log(argv[1]);
    snprintf(disk, sizeof(disk), "%s/disk", argv[3]);
    snprintf(tree, sizeof(tree), "%s/tree", argv[3]);
    snprintf(output, sizeof(output), "%s/output", argv[3]);
    uint64_t points = strtoull(argv[4], NULL, 10);
    random_state = strtoull(argv[5], NULL, 10);
    for (uint64_t point = 1; point <= points; point++) {
        size_t cut = write_count * point / points;
        /* A flush settles what the log has before it. */
        for (; next < cut; next++) {
            note_claims(&writes[next]);
            if (!writes[next].flush)
                continue;
            for (; first <= next; first++)
                apply(settled, &writes[first], 0, writes[first].length);
        }
        uint64_t state = random_state;
        bool in_order = point % 2;
        write_disk(first, cut, in_order);
        if (read_disk() && check_claims()) {
            passed++;
        } else {
            printf("  ^ cut before write %zu of %zu, %s\n", cut, write_count,
                   in_order ? "all written" : "written in part");
            keep_disk(failed++, first, cut, in_order, state);
        }
    }
    printf("%zu writes, %u cuts\n%u %u 0\n", write_count, passed + failed, passed, failed);
    return failed > 0;
}
