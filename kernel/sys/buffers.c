/* Memory arguments (buffers.h). */
#include "sys/buffers.h"
#include "abi/errno.h"
#include "abi/uio.h"
#include "arch/riscv/pmap.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define TRANSFER_MAX (INT32_MAX & ~(int64_t)PAGE_MASK) /* read(2): at most 0x7ffff000 bytes */

static bool in_user_space(uint64_t address, uint64_t size)
{
    return size <= user_end && address <= user_end - size;
}

int buffers_one(struct buffers *buffers, uint64_t address, uint64_t size)
{
    buffers->memory = NULL;
    if (size > INT64_MAX)
        return -EINVAL;
    if (!in_user_space(address, size))
        return -EFAULT;
    if (size > TRANSFER_MAX)
        size = TRANSFER_MAX;
    transfer_init(&buffers->transfer, buffers->pieces, address, size, false);
    return 0;
}

/* Check the pieces, cut off what is above the most that a call moves, and add them up. */
static int check_pieces(struct transfer_piece *pieces, unsigned count, size_t *total)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].size > INT64_MAX || sum + pieces[i].size > INT64_MAX)
            return -EINVAL;
        if (!in_user_space(pieces[i].address, pieces[i].size))
            return -EFAULT;
        sum += pieces[i].size;
    }
    *total = sum < TRANSFER_MAX ? sum : TRANSFER_MAX;
    return 0;
}

/* struct iovec in user memory is an array of pieces. */
int buffers_several(struct buffers *buffers, uint64_t address, uint64_t count)
{
    struct transfer_piece *pieces = buffers->pieces;
    size_t total;

    buffers->memory = NULL;
    if (count > IOV_MAX)
        return -EINVAL;
    if (count > BUFFERS_SHORT) {
        pieces = buffers->memory = kmalloc(count * sizeof(*pieces));
        if (!pieces)
            return -ENOMEM;
    }
    int error = copy_from_user(pieces, address, count * sizeof(struct iovec));
    if (!error)
        error = check_pieces(pieces, (unsigned)count, &total);
    if (error) {
        kfree(buffers->memory);
        return error;
    }
    buffers->transfer = (struct transfer){
        .pieces = pieces, .count = (unsigned)count, .remaining = total, .kernel = false};
    return 0;
}

void buffers_release(struct buffers *buffers)
{
    if (buffers->memory) /* most have none: a call less in each read and write */
        kfree(buffers->memory);
}
