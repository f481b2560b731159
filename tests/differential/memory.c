/*
 * Operations on mappings.
 */
#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static int map_flags(const struct operation *operation)
{
    static const int extra[] = {0, 0, 0, MAP_POPULATE, MAP_NORESERVE, MAP_LOCKED};
    int flags = MAP_FIXED | extra[operation->d % 6];

    if (operation->d / 6 % 8 == 0)
        flags = (flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE;
    return flags;
}

void map_anonymous(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    int prot = protection(operation->c), flags = map_flags(operation) | MAP_ANONYMOUS;
    bool private = operation->c / 16 % 3;

    if (shared->grows && operation->c / 64 % 3 == 0)
        flags |= MAP_GROWSDOWN;
    flags |= private ? MAP_PRIVATE : MAP_SHARED;
    CALL("mmap %u+%u prot %d flags %x", first, count, prot, (unsigned)flags);
    char *place = mmap(unit_at(first), unit_bytes(count), prot, flags, -1, 0);
    if (place != MAP_FAILED)
        map_note(place, unit_bytes(count), private ? ANONYMOUS : OTHER, 0);
    log_place(place, unit_bytes(count));
}

void map_file(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    unsigned file = operation->c / 64 % (FILES + 1), offset = operation->c / 512 % 12;
    int prot = protection(operation->c), flags = map_flags(operation);

    flags |= operation->c / 16 % 2 ? MAP_PRIVATE : MAP_SHARED;
    CALL("mmap %u+%u prot %d flags %x file %u+%u", first, count, prot, (unsigned)flags, file,
         offset);
    char *place = mmap(unit_at(first), unit_bytes(count), prot, flags, files[file],
                       (off_t)unit_bytes(offset));
    if (place != MAP_FAILED)
        map_note(place, unit_bytes(count), file == READ_ONLY ? 0 : (int)file, offset * unit);
    log_place(place, unit_bytes(count));
}

void unmap(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);

    CALL("munmap %u+%u", first, count);
    int result = munmap(unit_at(first), unit_bytes(count));
    if (result == 0)
        map_note(unit_at(first), unit_bytes(count), NOTHING, 0);
    log_result(result);
}

void protect(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    int prot = protection(operation->c);

    if (shared->grows && operation->d % 4 == 0)
        prot |= PROT_GROWSDOWN;
    CALL("mprotect %u+%u prot %d", first, count, prot);
    log_result(mprotect(unit_at(first), unit_bytes(count), prot));
}

void remap(const struct operation *operation)
{
    static const int all[] = {0,
                              MREMAP_MAYMOVE,
                              MREMAP_MAYMOVE | MREMAP_FIXED,
                              MREMAP_MAYMOVE | MREMAP_FIXED,
                              MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                              MREMAP_MAYMOVE | MREMAP_FIXED};
    unsigned first = first_unit(operation), count = unit_count(operation);
    unsigned target = operation->c % WINDOW, new_count = 1 + operation->d / 8 % 9;
    int flags = all[operation->d % 6];

    if (shared->limited) /* Linux counts locked memory that is kept as if it were still locked */
        flags &= ~MREMAP_DONTUNMAP;
    if (operation->d / 128 % 2)
        new_count = count;
    if (operation->d / 256 % 16 == 0)
        count = 0;
    if ((flags & MREMAP_FIXED) && target + new_count > WINDOW)
        target = WINDOW - new_count;
    if (!(flags & MREMAP_FIXED) && first + new_count > (first < WINDOW ? WINDOW : WINDOW + HEAP))
        return;
    CALL("mremap %u+%u to %u+%u flags %d", first, count, target, new_count, flags);
    char *place =
        mremap(unit_at(first), unit_bytes(count), unit_bytes(new_count), flags, unit_at(target));
    map_note_move(unit_at(first), unit_bytes(count), place, unit_bytes(new_count),
                  flags & MREMAP_DONTUNMAP);
    log_place(place, unit_bytes(new_count));
}

void advise(const struct operation *operation)
{
    static const int all[] = {4,  4,  4,  0,  1,  2,  3, 10, 11, 18, 19,
                              20, 21, 22, 23, 16, 17, 9, 24, 7,  200};
    unsigned first = first_unit(operation), count = unit_count(operation);
    int advice = all[operation->c % (sizeof(all) / sizeof(all[0]))];

    CALL("madvise %u+%u advice %d", first, count, advice);
    int result = madvise(unit_at(first), unit_bytes(count), advice);
    if (advice == 20 || advice == 21)
        shared->paged_out = true;
    log_result(result);
}

void page_out_all(void)
{
    shared->paged_out = true;
    for (unsigned i = 0; i < WINDOW + HEAP; i++)
        madvise(unit_at(i), unit_bytes(1), MADV_PAGEOUT);
}

/* Can all pages be stored to? Then each has been. */
static bool store_to_all(char *start, size_t size, unsigned char value)
{
    for (size_t at = 0; at < size; at += PAGE) {
        if (map_limit(start + at) < PAGE || touch(start + at, 'w', &value))
            return false;
    }
    return true;
}

/* What MADV_FREE leaves is for the kernel to choose, until the memory is stored to again; so it is
 * at once, every byte of it. */
void free_and_fill(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    unsigned char value = (unsigned char)operation->d;

    CALL("free %u+%u", first, count);
    if (!store_to_all(unit_at(first), unit_bytes(count), value)) {
        log_line(" not\n");
        return;
    }
    int result = madvise(unit_at(first), unit_bytes(count), MADV_FREE);
    memset(unit_at(first), value, unit_bytes(count)); /* a part may be free even if it failed */
    log_result(result);
}

void lock(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);

    switch (operation->c % 4) {
    case 0:
        CALL("mlock %u+%u", first, count);
        log_result(mlock(unit_at(first), unit_bytes(count)));
        break;
    case 1:
        CALL("mlock2 %u+%u", first, count);
        log_result(mlock2(unit_at(first), unit_bytes(count), MLOCK_ONFAULT));
        break;
    default:
        CALL("munlock %u+%u", first, count);
        log_result(munlock(unit_at(first), unit_bytes(count)));
    }
}

void lock_all(const struct operation *operation)
{
    int flags = (int)(operation->c % 9);

    if (operation->d % 2) {
        CALL("munlockall");
        log_result(munlockall());
    } else {
        CALL("mlockall %d", flags);
        log_result(mlockall(flags));
    }
}

void synchronise(const struct operation *operation)
{
    static const int all[] = {MS_ASYNC, MS_SYNC, MS_SYNC | MS_INVALIDATE, MS_INVALIDATE, 0, 5};
    unsigned first = first_unit(operation), count = unit_count(operation);
    int flags = all[operation->c % 6];

    CALL("msync %u+%u flags %d", first, count, flags);
    log_result(msync(unit_at(first), unit_bytes(count), flags));
}

/* Does a page have a byte but zero? */
static bool has_contents(char *page)
{
    unsigned char value;
    static const unsigned char zeros[PAGE];

    return touch(page, 'r', &value) == 0 && memcmp(page, zeros, PAGE) != 0;
}

/* Which pages of files are in memory is the kernel's business, and whether those of zeros are;
 * anonymous ones with contents must be. */
void ask_resident(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    static unsigned char vector[WINDOW * UNIT_MAX];

    CALL("mincore %u+%u", first, count);
    int result = mincore(unit_at(first), unit_bytes(count), vector);
    if (result == 0 && unit == 1 && !shared->paged_out) {
        for (unsigned i = 0; i < count; i++) {
            char *page = unit_at(first + i);
            bool known = map_file_of(page) == ANONYMOUS && has_contents(page);
            log_line("%c", known ? '0' + (vector[i] & 1) : ' ');
        }
    }
    log_result(result);
}

void move_break(const struct operation *operation)
{
    char *wanted = heap + unit_bytes(operation->a % (HEAP + 1));
    char *old = (char *)syscall(SYS_brk, 0);

    if (wanted > heap && operation->b % 4 == 0)
        wanted -= operation->c % PAGE;
    CALL("brk %ld from %ld", (long)(wanted - heap), (long)(old - heap));
    char *new = (char *)syscall(SYS_brk, wanted);
    log_line(" = %ld\n", (long)(new - heap));
    old += -(unsigned long)old & (PAGE - 1);
    new += -(unsigned long)new &(PAGE - 1);
    if (new > old)
        map_note(old, (size_t)(new - old), ANONYMOUS, 0);
    else
        map_note(new, (size_t)(old - new), NOTHING, 0);
}
