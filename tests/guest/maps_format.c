/*
 * The text of /proc/self/maps: the format of each line, the names, the order, and that it lists
 * exactly what is mapped.
 */
#include "tap.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RW          (PROT_READ | PROT_WRITE)
#define PATH_COLUMN 73 /* where the name begins, unless the numbers are too long */

static char text[65536];

static void check_hex(const char *from, const char *to)
{
    for (const char *at = from; at < to; at++)
        CHECK(isdigit((unsigned char)*at) || (*at >= 'a' && *at <= 'f'));
}

/*  00400000-00452000 r-xp 00000000 08:02 173521                             /usr/bin/program  */
static void check_line(const char *line)
{
    const char *dash = strchr(line, '-'), *space = strchr(line, ' ');

    CHECK(dash != NULL && space != NULL && dash < space);
    CHECK(dash - line >= 8 && space - dash - 1 >= 8);
    check_hex(line, dash);
    check_hex(dash + 1, space);
    const char *perms = space + 1;
    CHECK(perms[0] == 'r' || perms[0] == '-');
    CHECK(perms[1] == 'w' || perms[1] == '-');
    CHECK(perms[2] == 'x' || perms[2] == '-');
    CHECK(perms[3] == 's' || perms[3] == 'p');
    CHECK_EQ(perms[4], ' ');
    const char *offset = perms + 5, *device = strchr(offset, ' ') + 1;
    CHECK(device - offset - 1 >= 8);
    check_hex(offset, device - 1);
    const char *colon = strchr(device, ':'), *inode = strchr(device, ' ') + 1;
    CHECK(colon != NULL && colon - device >= 2 && inode - colon - 2 >= 2);
    check_hex(device, colon);
    check_hex(colon + 1, inode - 1);
    CHECK(isdigit((unsigned char)*inode));
    const char *after = inode + strspn(inode, "0123456789");
    CHECK_EQ(*after, ' ');
    if (after[1] != '\0') {
        const char *name = after + strspn(after, " ");
        CHECK(*name == '/' || *name == '[');
        CHECK(name - line == PATH_COLUMN || (name - line > PATH_COLUMN && name == after + 1));
    }
}

static void format_of_lines(void)
{
    size_t lines = 0;

    CHECK(read_file("/proc/self/maps", text, sizeof(text)) > 0);
    CHECK_EQ(text[strlen(text) - 1], '\n');
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        check_line(line);
        lines++;
    }
    CHECK(lines >= 4);
}

static void sorted_and_disjoint(void)
{
    static struct map_line lines[200];

    for (int i = 0; i < 20; i++)
        expect_ok(mmap(NULL, (1 + (size_t)i % 3) * PAGE, i % 2 ? RW : PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    size_t count = read_maps(0, UINTPTR_MAX, lines, COUNT_OF(lines));
    CHECK(count > 4 && count <= COUNT_OF(lines));
    for (size_t i = 0; i < count; i++) {
        CHECK(lines[i].start < lines[i].end);
        CHECK_EQ(lines[i].start % PAGE, 0);
        CHECK_EQ(lines[i].end % PAGE, 0);
        CHECK_EQ(lines[i].offset % PAGE, 0);
        CHECK(i == 0 || lines[i - 1].end <= lines[i].start);
    }
}

static struct map_line line_of(const void *address)
{
    struct map_line line;

    CHECK_EQ(read_maps((uintptr_t)address, (uintptr_t)address + 1, &line, 1), 1);
    return line;
}

static void file_lines(void)
{
    struct stat status;
    char path[512];
    int fd = pattern_file("a file", 8 * PAGE);

    CHECK(getcwd(path, sizeof(path) - 16) != NULL);
    strcat(path, "/a file");
    expect_ok(fstat(fd, &status));
    char *map = expect_ok((char *)mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 5 * PAGE));
    struct map_line line = line_of(map + PAGE);
    CHECK_EQ(line.start, (uintptr_t)map);
    CHECK_EQ(line.end, (uintptr_t)map + 3 * PAGE);
    CHECK_STRING(line.perms, "rw-s");
    CHECK_EQ(line.offset, 5 * PAGE);
    CHECK_EQ(line.inode, status.st_ino);
    CHECK_EQ(line.major, major(status.st_dev));
    CHECK_EQ(line.minor, minor(status.st_dev));
    CHECK_STRING(line.path, path);

    /* After the middle is gone, the right part starts further on in the file. */
    expect_ok(munmap(map + PAGE, PAGE));
    CHECK_EQ(line_of(map).offset, 5 * PAGE);
    CHECK_EQ(line_of(map + 2 * PAGE).offset, 7 * PAGE);
    CHECK_EQ(read_maps((uintptr_t)map + PAGE, (uintptr_t)map + 2 * PAGE, NULL, 0), 0);
    /* Every combination of rights has its letters. */
    expect_ok(mprotect(map, PAGE, PROT_NONE));
    CHECK_STRING(line_of(map).perms, "---s");
    expect_ok(mprotect(map, PAGE, PROT_READ | PROT_EXEC));
    CHECK_STRING(line_of(map).perms, "r-xs");
    char *private = expect_ok((char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    CHECK_STRING(line_of(private).perms, "r--p");
}

static void deleted_and_renamed(void)
{
    int fd = pattern_file("old", PAGE);
    char *map = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    const char *path;
    struct map_line line;

    expect_ok(close(fd));
    expect_ok(rename("old", "new"));
    line = line_of(map);
    path = strrchr(line.path, '/');
    CHECK(path != NULL);
    CHECK_STRING(path, "/new");
    expect_ok(unlink("new"));
    line = line_of(map);
    path = strrchr(line.path, '/');
    CHECK(path != NULL);
    CHECK_STRING(path, "/new (deleted)");
}

static void anonymous_lines(void)
{
    char *map = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    expect_ok(mprotect(map, PAGE, PROT_NONE));
    struct map_line line = line_of(map);
    CHECK_STRING(line.perms, "---p");
    CHECK_EQ(line.offset, 0);
    CHECK_EQ(line.inode, 0);
    CHECK_EQ(line.major + line.minor, 0);
    CHECK_STRING(line.path, "");
    char *shared = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    line = line_of(shared);
    CHECK_STRING(line.perms, "rw-s");
    CHECK_STRING(line.path, "/dev/zero (deleted)");
    CHECK_EQ(line.major, 0);
    CHECK_EQ(line.minor, 1);
    char *other = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    CHECK(line_of(other).inode != line.inode);
}

/* A segment of System V says which it is. */
static void segment_lines(void)
{
    int id = expect_ok(shmget(IPC_PRIVATE, PAGE, 0600)), key = 0x12ab0000 + getpid();
    int other = expect_ok(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    char *map = expect_ok((char *)shmat(id, NULL, 0)), name[32];
    char *second = expect_ok((char *)shmat(other, NULL, SHM_RDONLY));

    expect_ok(shmctl(id, IPC_RMID, NULL));
    expect_ok(shmctl(other, IPC_RMID, NULL));
    struct map_line line = line_of(map);
    CHECK_STRING(line.path, "/SYSV00000000 (deleted)");
    CHECK_EQ(line.major, 0);
    CHECK_EQ(line.minor, 1);
    CHECK_EQ(line.inode, id);
    line = line_of(second);
    snprintf(name, sizeof(name), "/SYSV%08x (deleted)", key);
    CHECK_STRING(line.path, name);
    CHECK_STRING(line.perms, "r--s");
    CHECK_EQ(line.inode, other);
}

static int global = 1;

/* The program: text readable and executable, data writable, both of its file. */
static void program_lines(void)
{
    struct stat status;

    expect_ok(stat(self_path(), &status));
    struct map_line code = line_of((const void *)(uintptr_t)program_lines);
    struct map_line data = line_of(&global);
    CHECK_STRING(code.perms, "r-xp");
    CHECK_STRING(data.perms, "rw-p");
    CHECK_EQ(code.inode, status.st_ino);
    CHECK_EQ(data.inode, status.st_ino);
    CHECK_STRING(code.path, data.path);
    const char *name = strrchr(self_path(), '/');
    size_t length = strlen(code.path), name_length = strlen(name);
    CHECK(length >= name_length);
    CHECK_STRING(code.path + length - name_length, name);
    CHECK_EQ(line_of((const void *)getauxval(AT_PHDR)).offset, 0);
}

static void heap_and_stack(void)
{
    int local;
    char *heap = expect_ok((char *)sbrk(4 * PAGE));

    struct map_line line = line_of(heap + 3 * PAGE);
    CHECK_STRING(line.path, "[heap]");
    CHECK_EQ(line.inode, 0);
    CHECK_EQ(line.offset, 0);
    line = line_of(&local);
    CHECK_STRING(line.path, "[stack]");
    CHECK_STRING(line.perms, "rw-p");
    CHECK_EQ(line.inode, 0);
}

/* A parent can read its child's list, by number. */
static void of_another_process(void)
{
    struct sign go;
    char name[64], expected[64];

    sign_open(&go);
    char *before = map_pages(1);
    pid_t pid = spawn((void (*)(void *))sign_await, &go);
    expect_ok(munmap(before, PAGE));
    snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
    snprintf(expected, sizeof(expected), "%08lx", (unsigned long)before);
    read_file(name, text, sizeof(text));
    sign_send(&go);
    expect_exited(reap(pid), 0);
    /* Its page is listed, at the start of a line or inside of one. */
    bool found = false;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        CHECK_EQ(sscanf(line, "%lx-%lx", &start, &end), 2);
        found |= start <= (uintptr_t)before && (uintptr_t)before < end;
    }
    CHECK(found);
    expect_errno(open(name, O_RDONLY), ENOENT);
}

/* Read byte by byte, or from an offset, it is the same text. */
static void read_in_pieces(void)
{
    static char whole[16384], piecewise[16384];
    size_t length = 0;

    int fd = expect_ok(open("/proc/self/maps", O_RDONLY));
    for (;;) {
        CHECK(length + 7 < sizeof(piecewise));
        ssize_t count = expect_ok(read(fd, piecewise + length, 7));
        if (count == 0)
            break;
        length += (size_t)count;
    }
    size_t size = read_file("/proc/self/maps", whole, sizeof(whole));
    CHECK_EQ(length, size);
    CHECK(memcmp(whole, piecewise, size) == 0);
    CHECK(size > 100);
    CHECK_EQ(expect_ok(lseek(fd, 0, SEEK_SET)), 0);
    CHECK_EQ(expect_ok(read(fd, piecewise, 50)), 50);
    CHECK(memcmp(whole, piecewise, 50) == 0);
}

/* Pages that differ from their neighbours in what may be done with them: a line for each. */
static char *map_lines(size_t count)
{
    char *pages =
        expect_ok((char *)mmap(NULL, count * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    for (size_t i = 0; i < count; i += 2)
        expect_ok(mprotect(pages + i * PAGE, PAGE, PROT_NONE));
    return pages;
}

/* A long text is made while it is read: it tells of what has come behind the place where it is. */
static void made_piece_by_piece(void)
{
    enum { LINES = 4000 };
    static char whole[LINES * 200];
    const char *files[] = {"/proc/self/maps", "/proc/self/smaps"};
    char line[32];

    for (int i = 0; i < 2; i++) {
        char *pages = map_lines(LINES), *last = pages + (LINES - 1) * PAGE;
        int fd = expect_ok(open(files[i], O_RDONLY));
        CHECK_EQ(read(fd, whole, 100), 100);
        expect_ok(mprotect(last, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
        snprintf(line, sizeof(line), "%08lx-%08lx rwxp", (unsigned long)last,
                 (unsigned long)last + PAGE);
        bool found = false;
        for (ssize_t count; (count = read(fd, whole, sizeof(whole) - 1)) > 0;) {
            whole[count] = '\0';
            found |= strstr(whole, line) != NULL;
        }
        CHECK(found);
        expect_ok(close(fd));
        expect_ok(munmap(pages, LINES * PAGE));
    }
}

/* Read from the middle, backwards and forwards: the bytes that are there in the whole text. */
static void read_from_offsets(void)
{
    enum { LINES = 2000 };
    static char whole[LINES * 200];
    char part[500];
    size_t size = 0;

    map_lines(LINES);
    int fd = expect_ok(open("/proc/self/maps", O_RDONLY));
    for (ssize_t count; (count = expect_ok(read(fd, whole + size, sizeof(whole) - size))) > 0;)
        size += (size_t)count;
    CHECK(size > LINES * 40ul);
    const size_t offsets[] = {size / 2,     100,   size - 500, size / 2 + 4096,
                              size / 2 - 1, 16384, 16383};
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        CHECK_EQ(pread(fd, part, sizeof(part), (off_t)offsets[i]), sizeof(part));
        CHECK(memcmp(part, whole + offsets[i], sizeof(part)) == 0);
    }
    CHECK_EQ(pread(fd, part, sizeof(part), (off_t)size), 0);
}

static const struct test tests[] = {
    TEST(format_of_lines),     TEST(sorted_and_disjoint), TEST(file_lines),
    TEST(deleted_and_renamed), TEST(anonymous_lines),     TEST(program_lines),
    TEST(heap_and_stack),      TEST(of_another_process),  TEST(read_in_pieces),
    TEST(made_piece_by_piece), TEST(read_from_offsets),   TEST(segment_lines),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
