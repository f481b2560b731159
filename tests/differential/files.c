/*
 * Operations on memory and files that move bytes.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (16ul * PAGE) /* of a file, in a buffer */
#define CLOSE 256           /* bytes: no copy takes so many at a time */

int files[FILES + 1];

/* ---- memory ---- */

void load(const struct operation *operation)
{
    char *address = unit_at(first_unit(operation)) + operation->b % unit_bytes(1);
    unsigned char value = 0;

    if ((unsigned long)address % PAGE >= map_limit(address))
        return;
    CALL("load ");
    log_address(address);
    if (touch(address, 'r', &value))
        log_fault();
    else
        log_line(" = %u\n", value);
}

void store(const struct operation *operation)
{
    char *address = unit_at(first_unit(operation)) + operation->b % unit_bytes(1);
    unsigned char value = (unsigned char)operation->c;

    if ((unsigned long)address % PAGE >= map_limit(address))
        return;
    CALL("store %u ", value);
    log_address(address);
    if (touch(address, 'w', &value))
        log_fault();
    else
        log_line(" = done\n");
}

/* Stores to many pages, until one refuses. */
void fill(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    unsigned char value = (unsigned char)operation->c;

    CALL("fill %u+%u %u", first, count, value);
    for (size_t at = operation->d % 64; at < unit_bytes(count); at += 500) {
        if (at % PAGE < map_limit(unit_at(first) + at) && touch(unit_at(first) + at, 'w', &value)) {
            log_fault();
            return;
        }
    }
    log_line(" = done\n");
}

/* ---- files ---- */

void refresh_size(unsigned file)
{
    struct stat status;

    fstat(files[file], &status);
    shared->sizes[file] = (long)status.st_size;
    shared->inodes[file] = status.st_ino;
}

void log_size(unsigned file)
{
    refresh_size(file);
    log_line("    size %ld\n", shared->sizes[file]);
}

static unsigned char buffer[PIECE];

/* Each page gets some bytes. */
static void write_bytes(unsigned file, size_t size)
{
    for (size_t done = 0; done < size; done += PIECE) {
        size_t count = size - done < PIECE ? size - done : PIECE;
        for (size_t at = 0; at < PIECE; at += 97)
            buffer[at] = (unsigned char)(at * 7 + done / PIECE * 5 + file * 3 + 1);
        if (pwrite(files[file], buffer, count, (off_t)done) != (ssize_t)count)
            _exit(2);
    }
    if (fchown(files[file], getuid(), getgid()) < 0)
        _exit(2);
}

/* A file with some bytes in it; a memfd has a size only. */
static void make_file(unsigned file)
{
    static const size_t sizes[FILES] = {5, 11, 4, 7, 0}, odd[FILES] = {1234, 0, 100, 0, 0};
    size_t size = unit_bytes((unsigned)sizes[file]) + odd[file];
    char name[8] = "name0";

    name[4] = (char)('0' + file);
    files[file] = file < DISK_FILES ? open(name, O_RDWR | O_CREAT | O_TRUNC, 0600)
                                    : memfd_create(name, MFD_ALLOW_SEALING);
    if (files[file] < 0 || ftruncate(files[file], (off_t)size) < 0)
        _exit(2);
    if (file < DISK_FILES)
        write_bytes(file, size);
    refresh_size(file);
}

void make_files(void)
{
    for (unsigned file = 0; file < FILES; file++)
        make_file(file);
    files[READ_ONLY] = open("name0", O_RDONLY);
}

/* Does a page of the buffer hold the end of a file? */
static bool holds_an_end(const char *place, size_t size)
{
    for (size_t at = 0; at < size + PAGE; at += PAGE) {
        if (map_limit(place + at) < PAGE)
            return true;
    }
    return false;
}

char *choose_buffer(const struct operation *operation, size_t size)
{
    char *place = unit_at(first_unit(operation)) + operation->b % PAGE;
    char *end =
        first_unit(operation) < WINDOW ? unit_at(0) + unit_bytes(WINDOW) : heap + unit_bytes(HEAP);

    return place + size > end || holds_an_end(place, size) ? NULL : place;
}

/* Would bytes go to a place in their own file that is only a few bytes further on? */
static bool copies_closely(unsigned file, long offset, const char *place, size_t size, bool write)
{
    int of_file = file == READ_ONLY ? 0 : (int)file;

    for (size_t at = 0; at < size + PAGE; at += PAGE) {
        if (map_file_of(place + at) != of_file)
            continue;
        long further = offset + (long)at - map_offset(place + at);
        if (!write)
            further = -further;
        if (further > 0 && further < CLOSE)
            return true;
    }
    return false;
}

static size_t transfer_size(const struct operation *operation)
{
    return 1 + operation->d / 8 % (operation->d & 2 ? 3 * unit_bytes(1) : 300);
}

/* Linux's ext4 lets a file grow to the place of a write even if nothing can be written there. */
static long clamp(unsigned file, long offset)
{
    return offset > shared->sizes[file] ? shared->sizes[file] : offset;
}

/* pread and pwrite with a buffer in the window. */
void transfer(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    long offset = (long)(operation->c / 8 % unit_bytes(14));
    size_t size = transfer_size(operation);
    char *place = choose_buffer(operation, size);
    bool write = operation->d & 1;

    if (!place)
        return;
    if (write)
        offset = clamp(file, offset);
    if (copies_closely(file, offset, place, size, write))
        return;
    CALL("%s file %u at %ld size %zu buffer ", write ? "pwrite" : "pread", file, offset, size);
    log_address(place);
    log_result(write ? pwrite(files[file], place, size, offset)
                     : pread(files[file], place, size, offset));
    log_size(file);
}

/* read and write, at the place that the file's descriptors have in common; file READ_ONLY cannot
 * be written to. */
void transfer_on(const struct operation *operation)
{
    unsigned file = operation->c % (FILES + 1);
    size_t size = transfer_size(operation);
    char *place = choose_buffer(operation, size);
    bool write_it = operation->d & 1;
    long offset = lseek(files[file], 0, SEEK_CUR);

    if (!place)
        return;
    if (write_it && file < FILES && offset > shared->sizes[file])
        offset = lseek(files[file], shared->sizes[file], SEEK_SET);
    if (copies_closely(file, offset, place, size, write_it))
        return;
    CALL("%s file %u at %ld size %zu buffer ", write_it ? "write" : "read", file, offset, size);
    log_address(place);
    log_result(write_it ? write(files[file], place, size) : read(files[file], place, size));
    log_line("    at %ld", (long)lseek(files[file], 0, SEEK_CUR));
    log_size(file == READ_ONLY ? 0 : file);
}

void seek(const struct operation *operation)
{
    unsigned file = operation->c % (FILES + 1);
    long offset = (long)(operation->b % unit_bytes(14)) - (long)(operation->d % 2 * PAGE);
    int whence = (int)(operation->d / 2 % 4);

    CALL("lseek file %u by %ld from %d", file, offset, whence);
    if (whence == SEEK_DATA) /* which parts are holes is for the file system to say */
        log_line(" not\n");
    else
        log_result(lseek(files[file], offset, whence));
}

void set_size(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    long size = (long)(operation->b % unit_bytes(14));

    if (operation->d % 2)
        size &= ~(long)(PAGE - 1);
    CALL("ftruncate file %u size %ld", file, size);
    log_result(ftruncate(files[file], size));
    log_size(file);
}

/* Zeros instead of a range: Linux's tmpfs cannot. Ranges that move: only some file systems can. */
void allocate(const struct operation *operation)
{
    static const int all[] = {0,
                              FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_PUNCH_HOLE,
                              FALLOC_FL_ZERO_RANGE,
                              FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
    unsigned file = operation->c % FILES;
    long offset = (long)(operation->a % unit_bytes(12));
    long size = 1 + (long)(operation->b % unit_bytes(4));
    int mode = all[operation->d % 8];

    CALL("fallocate file %u mode %d at %ld size %ld", file, mode, offset, size);
    log_result(fallocate(files[file], mode, offset, size));
    log_size(file);
}

void seal(const struct operation *operation)
{
    static const int all[] = {F_SEAL_SHRINK,
                              F_SEAL_GROW,
                              F_SEAL_SHRINK | F_SEAL_GROW,
                              F_SEAL_WRITE,
                              F_SEAL_FUTURE_WRITE,
                              F_SEAL_SEAL,
                              0,
                              0x8000};
    unsigned file = operation->c % FILES;
    int seals = all[operation->d % 8];

    if (operation->a % 4 && (seals & F_SEAL_SEAL)) /* else most can be given no others */
        seals = 0;
    CALL("seals %x file %u", (unsigned)seals, file);
    log_result(fcntl(files[file], F_ADD_SEALS, seals));
    log_line("    seals");
    log_result(fcntl(files[file], F_GET_SEALS));
}

/* A file's bytes, as read(2) sees them. */
void check_file(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    uint64_t sum = 0;
    ssize_t count;
    off_t at = 0;

    for (; (count = pread(files[file], buffer, sizeof(buffer), at)) > 0; at += count)
        sum = sum * 31 + sum_words(buffer, (size_t)count);
    CALL("file %u has %ld bytes, sum %lx\n", file, (long)at, (unsigned long)sum);
}
