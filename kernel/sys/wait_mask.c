/* Signal masks of waits (wait_mask.h). */
#include "sys/wait_mask.h"
#include "abi/errno.h"
#include "core/process.h"
#include "core/signal.h"
#include "core/user.h"

int wait_mask_read(struct wait_mask *mask, vaddr_t address, uint64_t size)
{
    mask->given = address != 0;
    if (!mask->given)
        return 0;
    if (size != sizeof(mask->mask))
        return -EINVAL;
    return copy_from_user(&mask->mask, address, sizeof(mask->mask));
}

void wait_mask_begin(struct wait_mask *mask)
{
    if (!mask->given)
        return;
    mask->before = current_process()->blocked;
    signal_block(mask->mask);
}

void wait_mask_end(const struct wait_mask *mask, long result)
{
    struct process *process = current_process();

    if (!mask->given)
        return;
    if (result == -EINTR) {
        process->saved_blocked = mask->before;
        process->restore_blocked = true;
    } else {
        signal_block(mask->before);
    }
}
