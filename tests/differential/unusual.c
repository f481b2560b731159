/*
 * Operations that few programs use: advice to a process, seals, pages of a file in another order,
 * memory of a process, and arguments that make no sense.
 */
#include "stream.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* A range of the window or the heap, made from two numbers. */
static struct iovec range_of(uint32_t first, uint32_t count)
{
    struct operation part = {.a = first, .b = count};
    return (struct iovec){unit_at(first_unit(&part)), unit_bytes(unit_count(&part))};
}

/* process_madvise of this process, with up to three ranges. */
void advise_process(const struct operation *operation)
{
    static const int all[] = {4, 4, 0, 2, 3, 10, 11, 18, 19, 20, 21, 22, 23, 16, 17, 9, 24, 200};
    struct iovec ranges[] = {range_of(operation->a, operation->b),
                             range_of(operation->c, operation->a >> 8),
                             range_of(operation->b >> 8, operation->c >> 8)};
    int advice = all[operation->d % (sizeof(all) / sizeof(all[0]))];
    unsigned count = operation->d / 32 % 4, flags = operation->d / 128 % 32 == 0;
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);

    CALL("process_madvise %u ranges from %u advice %d flags %u", count, first_unit(operation),
         advice, flags);
    if (advice == 20 || advice == 21)
        shared->paged_out = true;
    log_result(syscall(SYS_process_madvise, process, ranges, count, advice, flags));
    close(process);
}

/* What is sealed stays until the process ends, so few streams do it, and to few pages. */
void seal_memory(const struct operation *operation)
{
    unsigned first = first_unit(operation);

    if (!shared->seals)
        return;
    CALL("mseal %u", first);
    log_result(syscall(SYS_mseal, unit_at(first), unit_bytes(1), operation->d % 16 == 0));
}

void remap_pages(const struct operation *operation)
{
    unsigned first = first_unit(operation), count = unit_count(operation);
    unsigned offset = operation->d / 16 % 12;
    int prot = operation->d % 16 == 0;

    CALL("remap_file_pages %u+%u prot %d offset %u", first, count, prot, offset);
    log_result(
        syscall(SYS_remap_file_pages, unit_at(first), unit_bytes(count), prot, offset * unit, 0));
    map_forget();
}

/* process_vm_readv and process_vm_writev of this process. */
void transfer_by_process(const struct operation *operation)
{
    static unsigned char buffer[4 * PAGE] __attribute__((aligned(8)));
    size_t size = 1 + operation->d / 8 % sizeof(buffer);
    char *place = choose_buffer(operation, size);
    struct iovec here = {buffer, size}, there = {place, size};
    bool write_it = operation->d & 1;

    if (!place)
        return;
    for (size_t i = 0; i < size; i++)
        buffer[i] = (unsigned char)(operation->c + i);
    CALL("process_vm_%s size %zu at ", write_it ? "writev" : "readv", size);
    log_address(place);
    long done = write_it ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                         : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    log_result(done);
    if (done > 0 && !write_it)
        log_line("    sum %lx\n", (unsigned long)sum_words(buffer, (size_t)done & ~7ul));
}

/* A range that is none: not at a page, of no length, or longer than all memory. */
static void spoil(char **start, size_t *size, uint32_t number)
{
    switch (number % 3) {
    case 0:
        *start += 1 + number / 3 % (PAGE - 1);
        break;
    case 1:
        *size = 0;
        break;
    default:
        *size = -(unsigned long)*start;
    }
}

static long call_with(unsigned call, char *start, size_t size, const struct operation *operation)
{
    static unsigned char vector[1];

    switch (call) {
    case 0:
        return munmap(start, size);
    case 1:
        return mprotect(start, size, PROT_READ);
    case 2:
        return madvise(start, size, (int)(operation->d / 64 % 5));
    case 3:
        return mlock(start, size);
    case 4:
        return munlock(start, size);
    case 5:
        return msync(start, size, MS_ASYNC);
    case 6:
        return mincore(start, size, vector);
    case 7:
        return mmap(start, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                       MAP_FAILED
                   ? -1
                   : 0;
    default:
        return mremap(start, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, unit_at(0)) == MAP_FAILED
                   ? -1
                   : 0;
    }
}

void call_oddly(const struct operation *operation)
{
    char *start = unit_at(first_unit(operation));
    size_t size = unit_bytes(unit_count(operation));
    unsigned call = operation->d % 9;

    spoil(&start, &size, operation->c);
    CALL("call %u with spoilt range %u at ", call, operation->c % 3);
    log_address(start);
    log_result(call_with(call, start, size, operation));
    map_forget();
}
