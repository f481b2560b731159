/* Signal masks of waits (wait_mask.h). */
#include "sys/wait_mask.h"
#include "abi/errno.h"
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

void wait_mask_begin(const struct wait_mask *mask)
{
    if (mask->given)
        signal_mask_begin(mask->mask);
}

void wait_mask_end(const struct wait_mask *mask, long result)
{
    if (mask->given)
        signal_mask_end(result == -EINTR);
}
