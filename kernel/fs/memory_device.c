/*
 * /dev/null, zero, full, random and urandom (null(4), full(4), random(4)).
 */
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "core/random.h"
#include "core/thread.h"
#include "core/user.h"
#include "arch/riscv/hart.h"
#include "fs/device.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define CHUNK 1024u

static const char zeros[PAGE_SIZE];

static long read_nothing(struct file *file, uint64_t offset, struct transfer *transfer)
{
    (void)file;
    (void)offset;
    (void)transfer;
    return 0;
}

static long write_nothing(struct file *file, uint64_t offset, struct transfer *transfer)
{
    (void)file;
    (void)offset;
    return (long)transfer->remaining;
}

static long write_full(struct file *file, uint64_t offset, struct transfer *transfer)
{
    (void)file;
    (void)offset;
    return transfer->remaining ? -ENOSPC : 0;
}

static long read_zeros(struct file *file, uint64_t offset, struct transfer *transfer)
{
    size_t done = 0;
    bool fault = false;

    (void)file;
    (void)offset;
    while (transfer->remaining && !fault && !thread_killed()) {
        size_t size = transfer->remaining < PAGE_SIZE ? transfer->remaining : PAGE_SIZE;
        size_t given = transfer_give(transfer, zeros, size);
        done += given;
        fault = given < size;
    }
    return fault && !done ? -EFAULT : (long)done;
}

static long read_random(struct file *file, uint64_t offset, struct transfer *transfer)
{
    char bytes[CHUNK];
    size_t done = 0;
    bool fault = false;

    (void)file;
    (void)offset;
    while (transfer->remaining && !fault && !(done && thread_signalled())) {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        random_bytes(bytes, size);
        size_t given = transfer_give(transfer, bytes, size);
        done += given;
        fault = given < size;
    }
    memset(bytes, 0, sizeof(bytes));
    return fault && !done ? -EFAULT : (long)done;
}

/* What is written is stirred into the generator. */
static long write_random(struct file *file, uint64_t offset, struct transfer *transfer)
{
    size_t done = 0;
    bool fault = false;

    (void)file;
    (void)offset;
    while (transfer->remaining && !fault && !(done && thread_signalled())) {
        uint64_t value = 0;
        size_t size = transfer->remaining < sizeof(value) ? transfer->remaining : sizeof(value);
        size_t taken = transfer_take(transfer, &value, size);
        random_stir(value);
        done += taken;
        fault = taken < size;
    }
    return fault && !done ? -EFAULT : (long)done;
}

/* Anonymous memory: the request names no object (sys/memory.c makes one if it is shared). */
static int map_zeros(struct file *file, struct map_request *request)
{
    (void)file;
    request->object = NULL;
    request->vnode = NULL;
    request->writer = false;
    return 0;
}

#define NEVER_WAITS .seekable = true, .read_nowait = true, .write_nowait = true

/* random(4): the pool is full from the beginning. */
static long control_random(struct file *file, unsigned request, uint64_t argument)
{
    const int bits = RANDOM_BITS;

    (void)file;
    return request == RNDGETENTCNT ? copy_to_user(argument, &bits, sizeof(bits)) : -ENOTTY;
}

const struct file_operations null_operations = {
    .read = read_nothing, .write = write_nothing, NEVER_WAITS};
const struct file_operations zero_operations = {
    .read = read_zeros, .write = write_nothing, .map = map_zeros, NEVER_WAITS};
const struct file_operations full_operations = {
    .read = read_zeros, .write = write_full, NEVER_WAITS};
const struct file_operations random_operations = {
    .read = read_random, .write = write_random, .control = control_random, NEVER_WAITS};
