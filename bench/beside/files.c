/*
 * What is in files: mapped, read and written.
 */
#include "beside.h"

#include <sys/stat.h>
#include <sys/uio.h>

static int file;

static void prepare_file(void)
{
    file = scratch("/", 16 * MIB);
}

static void map_file(int flags, bool store)
{
    char *start = MUST(mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, flags, file, 0));
    if (store)
        store_each(start, 4 * MIB);
    else
        load_each(start, 4 * MIB);
    munmap(start, 4 * MIB);
}

static void file_load(void)
{
    map_file(MAP_SHARED, false);
}

static void file_store(void)
{
    map_file(MAP_SHARED, true);
}

static void file_private(void)
{
    map_file(MAP_PRIVATE, true);
}

static void read_4k(void)
{
    MUST(pread(file, buffer, PAGE, next_place(PAGE)));
}

static void read_64k(void)
{
    MUST(pread(file, buffer, 16 * PAGE, next_place(16 * PAGE)));
}

static void write_4k(void)
{
    MUST(pwrite(file, buffer, PAGE, next_place(PAGE)));
}

static void write_64k(void)
{
    MUST(pwrite(file, buffer, 16 * PAGE, next_place(16 * PAGE)));
}

static void prepare_append(void)
{
    file = scratch("/", 0);
}

static void append(void)
{
    for (size_t i = 0; i < MIB; i += PAGE)
        MUST(write(file, buffer, PAGE));
    MUST(ftruncate(file, 0));
    MUST(lseek(file, 0, SEEK_SET));
}

static void write_durably(void)
{
    write_4k();
    MUST(fsync(file));
}

static void read_cold(void)
{
    MUST(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
    MUST(lseek(file, 0, SEEK_SET));
    while (MUST(read(file, buffer, 16 * PAGE)) > 0)
        continue;
}

static void read_1(void)
{
    MUST(pread(file, buffer, 1, next_place(PAGE)));
}

static void read_1m(void)
{
    MUST(pread(file, buffer, MIB, next_place(MIB)));
}

static void read_pieces(void)
{
    struct iovec pieces[16];
    for (size_t i = 0; i < 16; i++)
        pieces[i] = (struct iovec){buffer + i * PAGE, 256};
    MUST(preadv(file, pieces, 16, next_place(PAGE)));
}

static void append_lines(void)
{
    for (int i = 0; i < 100; i++)
        MUST(write(file, buffer, 80));
    MUST(ftruncate(file, 0));
    MUST(lseek(file, 0, SEEK_SET));
}

static void prepare_memory_file(void)
{
    file = scratch("/tmp", 16 * MIB);
}

static void prepare_memory_append(void)
{
    file = scratch("/tmp", 0);
}

static void map_file_page(void)
{
    char *start = MUST(mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE, file, 0));
    (void)*(volatile char *)start;
    munmap(start, 16 * PAGE);
}

static void status_of_file(void)
{
    struct stat status;
    MUST(fstat(file, &status));
}

static void seek(void)
{
    MUST(lseek(file, 4096, SEEK_SET));
}

static void duplicate(void)
{
    close(MUST(dup(file)));
}

static void lock_file(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
    MUST(fcntl(file, F_SETLK, &lock));
    lock.l_type = F_UNLCK;
    MUST(fcntl(file, F_SETLK, &lock));
}

static void memory_file(void)
{
    int made = MUST(memfd_create("beside", 0));
    MUST(write(made, buffer, 4 * PAGE));
    close(made);
}

const struct operation files_operations[] = {
    {"file-load", prepare_file, file_load,
     "map 4 MiB of a file shared, load from each page, unmap"},
    {"file-store", prepare_file, file_store, "the same with stores"},
    {"file-private", prepare_file, file_private, "the same with stores, private"},
    {"read-4k", prepare_file, read_4k, "read 4 KiB of a cached file"},
    {"read-64k", prepare_file, read_64k, "read 64 KiB of it"},
    {"write-4k", prepare_file, write_4k, "write 4 KiB over those of a cached file"},
    {"write-64k", prepare_file, write_64k, "write 64 KiB"},
    {"append", prepare_append, append, "write 1 MiB by 4 KiB, truncate"},
    {"fsync", prepare_file, write_durably, "write 4 KiB, fsync"},
    {"read-cold", prepare_file, read_cold, "read 16 MiB from the disk"},
    {"read-1", prepare_file, read_1, "read a byte of a cached file"},
    {"read-1m", prepare_file, read_1m, "read 1 MiB of it"},
    {"readv", prepare_file, read_pieces, "read it into 16 buffers of 256 bytes"},
    {"write-lines", prepare_append, append_lines, "write 100 lines of 80 bytes, truncate"},
    {"map-file", prepare_file, map_file_page, "map 16 pages of a file, load from one, unmap"},
    {"tmpfs-read-64k", prepare_memory_file, read_64k, "read 64 KiB of a file in memory"},
    {"tmpfs-write-64k", prepare_memory_file, write_64k,
     "write 64 KiB over those of a file in memory"},
    {"tmpfs-append", prepare_memory_append, append, "write 1 MiB to one by 4 KiB, truncate"},
    {"tmpfs-store", prepare_memory_file, file_store,
     "map 4 MiB of one shared, store to each page, unmap"},
    {"fstat", prepare_file, status_of_file, "fstat"},
    {"lseek", prepare_file, seek, "lseek"},
    {"dup", prepare_file, duplicate, "dup, close"},
    {"lock-file", prepare_file, lock_file, "lock and unlock some bytes of a file"},
    {"memfd", NULL, memory_file, "memfd_create, write 16 KiB, close"},
    {0},
};
