/* What tests look with from outside: files, mappings, memory, settings (tap.h). */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

unsigned char pattern_byte(uint64_t offset)
{
    return (unsigned char)((offset * 7 + (offset >> 9) * 31 + (offset >> 20) * 13) % 255 + 1);
}

void pattern_fill(void *buffer, uint64_t offset, size_t size)
{
    unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern_byte(offset + i);
}

size_t pattern_mismatch(const void *buffer, uint64_t offset, size_t size)
{
    const unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != pattern_byte(offset + i))
            return i;
    return size;
}

bool all_bytes(const void *buffer, unsigned char value, size_t size)
{
    const unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

int pattern_file(const char *name, size_t size)
{
    unsigned char block[PAGE];
    int fd = expect_ok(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));

    for (size_t done = 0; done < size; done += PAGE) {
        size_t length = size - done < PAGE ? size - done : PAGE;
        pattern_fill(block, done, length);
        write_all(fd, block, length);
    }
    expect_ok(lseek(fd, 0, SEEK_SET));
    return fd;
}

void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = expect_ok(open(name, O_WRONLY | O_CREAT | O_TRUNC, mode));

    write_all(fd, text, strlen(text));
    expect_ok(close(fd));
}

size_t read_file(const char *name, char *buffer, size_t size)
{
    int fd = expect_ok(open(name, O_RDONLY));
    size_t length = 0;

    while (length < size - 1) {
        ssize_t count = expect_ok(read(fd, buffer + length, size - 1 - length));
        if (count == 0)
            break;
        length += (size_t)count;
    }
    buffer[length] = '\0';
    expect_ok(close(fd));
    return length;
}

/* The file of a setting. */
static void name_setting(const char *name, char *path, size_t size)
{
    snprintf(path, size, "/proc/sys/%s", name);
}

long read_setting(const char *name)
{
    char path[128], text[64];

    name_setting(name, path, sizeof(path));
    read_file(path, text, sizeof(text));
    return atol(text);
}

long change_setting(const char *name, long value)
{
    char path[128], text[32];
    int length = snprintf(text, sizeof(text), "%ld", value);
    long old = read_setting(name);

    name_setting(name, path, sizeof(path));
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        skip("cannot set %s: %s", name, error_name(errno));
    close(fd);
    return old;
}

void write_all(int fd, const void *buffer, size_t size)
{
    const char *bytes = buffer;

    while (size > 0) {
        ssize_t count = expect_ok(write(fd, bytes, size));
        CHECK(count > 0);
        bytes += count;
        size -= (size_t)count;
    }
}

void read_all(int fd, void *buffer, size_t size)
{
    char *bytes = buffer;

    while (size > 0) {
        ssize_t count = expect_ok(read(fd, bytes, size));
        if (count == 0)
            fail("end of file with %zu bytes to come", size);
        bytes += count;
        size -= (size_t)count;
    }
}

#define TMPFS_MAGIC 0x01021994

void skip_on_tmpfs(void)
{
    struct statfs status;

    expect_ok(statfs(".", &status));
    if (status.f_type == TMPFS_MAGIC)
        skip("the scratch directory is in a tmpfs");
}

/* The next line of the file, without its newline, by way of a small buffer; false at the end. */
struct line_reader {
    int fd;
    size_t start, length;
    char buffer[PAGE];
};

static bool next_line(struct line_reader *reader, char *line, size_t size)
{
    size_t used = 0;

    for (;;) {
        if (reader->start == reader->length) {
            ssize_t count = expect_ok(read(reader->fd, reader->buffer, sizeof(reader->buffer)));
            if (count == 0)
                return false;
            reader->start = 0;
            reader->length = (size_t)count;
        }
        char next = reader->buffer[reader->start++];
        if (next == '\n')
            break;
        if (used < size - 1)
            line[used++] = next;
    }
    line[used] = '\0';
    return true;
}

static void parse_map_line(const char *text, struct map_line *line)
{
    int path = -1;
    int count = sscanf(text, "%lx-%lx %4s %llx %x:%x %lu %n", &line->start, &line->end, line->perms,
                       &line->offset, &line->major, &line->minor, &line->inode, &path);

    if (count != 7 || path < 0)
        fail("line of /proc/self/maps not understood: \"%s\"", text);
    snprintf(line->path, sizeof(line->path), "%s", text + path);
}

size_t read_maps(uintptr_t start, uintptr_t end, struct map_line *lines, size_t max)
{
    struct line_reader reader = {.fd = expect_ok(open("/proc/self/maps", O_RDONLY))};
    char text[512];
    size_t count = 0;

    while (next_line(&reader, text, sizeof(text))) {
        struct map_line line;
        parse_map_line(text, &line);
        if (line.end <= start || line.start >= end)
            continue;
        if (count < max)
            lines[count] = line;
        count++;
    }
    close(reader.fd);
    return count;
}

static char page_letter(const char *perms)
{
    bool shared = perms[3] == 's';

    if (perms[2] == 'x')
        return shared ? 'x' : 'X';
    if (perms[1] == 'w')
        return shared ? 'w' : 'W';
    if (perms[0] == 'r')
        return shared ? 'r' : 'R';
    return shared ? '=' : '-';
}

#define PICTURE_LINES 64

void draw_pages(const void *base, size_t pages, char *picture, size_t size)
{
    static struct map_line lines[PICTURE_LINES];
    uintptr_t start = (uintptr_t)base, end = start + pages * PAGE, last = 0;
    size_t count = read_maps(start, end, lines, PICTURE_LINES), line = 0, used = 0;

    CHECK(count <= PICTURE_LINES && size >= 2 * pages + 1);
    for (uintptr_t at = start; at < end; at += PAGE) {
        while (line < count && lines[line].end <= at)
            line++;
        if (line == count || lines[line].start > at) {
            picture[used++] = '.';
            continue;
        }
        if (lines[line].start == at && at != start && last == at)
            picture[used++] = '|';
        picture[used++] = page_letter(lines[line].perms);
        last = at + PAGE;
    }
    picture[used] = '\0';
}

void check_picture(const void *base, size_t pages, const char *expected, const char *file, int line)
{
    char picture[512];

    draw_pages(base, pages, picture, sizeof(picture));
    if (strcmp(picture, expected) != 0)
        fail("%s:%d: mapped is %s, expected %s", file, line, picture, expected);
}

char *find_hole(size_t pages)
{
    char *base = expect_ok(
        (char *)mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    expect_ok(munmap(base, (pages + 2) * PAGE));
    return base + PAGE;
}

char *map_pages(size_t pages)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

long memory_kib(const char *field)
{
    char text[8192], *line;

    read_file("/proc/meminfo", text, sizeof(text));
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        size_t length = strlen(field);
        if (strncmp(line, field, length) == 0 && line[length] == ':')
            return strtol(line + length + 1, NULL, 10);
    }
    return -1;
}

static uint64_t random_state = 88172645463325252u;

void random_seed(uint64_t seed)
{
    random_state = seed * 2 + 1;
}

uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % bound);
}

#define SWAP_SIGNATURE 4086 /* where it is, in the first page */

void make_swap_area(const char *name, size_t size, bool prepared)
{
    static char chunk[64 * 1024];
    uint32_t numbers[3] = {1, (uint32_t)(size / PAGE - 1), 0}; /* version, last page, bad pages */
    int fd = expect_ok(open(name, O_CREAT | O_TRUNC | O_RDWR, 0600));

    for (size_t at = 0; at < size; at += sizeof(chunk))
        CHECK_EQ(write(fd, chunk, sizeof(chunk)), sizeof(chunk));
    if (prepared) {
        CHECK_EQ(pwrite(fd, numbers, sizeof(numbers), 1024), sizeof(numbers));
        CHECK_EQ(pwrite(fd, "SWAPSPACE2", 10, SWAP_SIGNATURE), 10);
    }
    expect_ok(fsync(fd));
    expect_ok(close(fd));
}
