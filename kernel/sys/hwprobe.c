/*
 * riscv_hwprobe(2). Programs are told what all harts have in common, so each hart answers alike.
 */
#include "abi/errno.h"
#include "abi/hwprobe.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/timer.h"
#include "core/user.h"
#include "sys/table.h"

static uint64_t extensions(void)
{
    static const struct {
        enum isa_extension extension;
        uint64_t bit;
    } known[] = {{ISA_ZBA, HWPROBE_ZBA},
                 {ISA_ZBB, HWPROBE_ZBB},
                 {ISA_ZBS, HWPROBE_ZBS},
                 {ISA_ZBC, HWPROBE_ZBC}};
    const uint64_t float_bits = isa_bit('f') | isa_bit('d');
    uint64_t letters = isa_letters(), value = 0;
    if ((letters & float_bits) == float_bits)
        value |= HWPROBE_FD;
    if (letters & isa_bit('c'))
        value |= HWPROBE_C;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (isa_has(known[i].extension))
            value |= known[i].bit;
    }
    return value;
}

/* The answer to a key; false: it is not known. */
static bool answer(int64_t key, uint64_t *value)
{
    switch (key) {
    case HWPROBE_KEY_VENDOR:
        *value = isa_maker.vendor;
        return true;
    case HWPROBE_KEY_ARCHITECTURE:
        *value = isa_maker.architecture;
        return true;
    case HWPROBE_KEY_IMPLEMENTATION:
        *value = isa_maker.implementation;
        return true;
    case HWPROBE_KEY_BASE_BEHAVIOR:
        *value = HWPROBE_BASE_IMA;
        return true;
    case HWPROBE_KEY_EXTENSIONS:
        *value = extensions();
        return true;
    case HWPROBE_KEY_PERFORMANCE:
    case HWPROBE_KEY_MISALIGNED_SCALAR:
        *value = HWPROBE_MISALIGNED_UNKNOWN;
        return true;
    case HWPROBE_KEY_ZICBOZ_BLOCK_SIZE:
        *value = 0; /* cbo.zero is not enabled in user mode */
        return true;
    case HWPROBE_KEY_HIGHEST_ADDRESS:
        *value = user_end - 1;
        return true;
    case HWPROBE_KEY_TIME_FREQUENCY:
        *value = timer_frequency();
        return true;
    default:
        return false;
    }
}

/* The user's set of harts, those that are there; with no set: all. */
static int read_harts(vaddr_t address, uint64_t size, uint64_t *harts)
{
    *harts = all_harts();
    if (size == 0 && address == 0)
        return 0;
    *harts = 0;
    if (copy_from_user(harts, address, size < sizeof(*harts) ? size : sizeof(*harts)))
        return -EFAULT;
    *harts &= all_harts();
    return 0;
}

/* Fill in the values of the pairs. */
static long get_values(vaddr_t pairs, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        vaddr_t address = pairs + i * sizeof(struct hwprobe_pair);
        struct hwprobe_pair pair;
        if (copy_from_user(&pair, address, sizeof(pair)))
            return -EFAULT;
        if (!answer(pair.key, &pair.value))
            pair = (struct hwprobe_pair){-1, 0};
        if (copy_to_user(address, &pair, sizeof(pair)))
            return -EFAULT;
    }
    return 0;
}

/* Does the hardware give what the pair asks for: a set of bits, or the very value? */
static bool holds(const struct hwprobe_pair *pair, uint64_t value)
{
    if (pair->key == HWPROBE_KEY_BASE_BEHAVIOR || pair->key == HWPROBE_KEY_EXTENSIONS)
        return (value & pair->value) == pair->value;
    return value == pair->value;
}

/* Leave in the set those harts for which all pairs hold: all or, as they are alike, none. */
static long which_harts(vaddr_t pairs, uint64_t count, vaddr_t set, uint64_t size, uint64_t harts)
{
    if (harts == 0)
        harts = all_harts();
    for (uint64_t i = 0; i < count; i++) {
        vaddr_t address = pairs + i * sizeof(struct hwprobe_pair);
        struct hwprobe_pair pair;
        uint64_t value;
        if (copy_from_user(&pair, address, sizeof(pair)))
            return -EFAULT;
        if (!answer(pair.key, &value)) {
            pair = (struct hwprobe_pair){-1, 0};
            harts = 0;
            if (copy_to_user(address, &pair, sizeof(pair)))
                return -EFAULT;
        } else if (!holds(&pair, value)) {
            harts = 0;
        }
    }
    return copy_to_user(set, &harts, size < sizeof(harts) ? size : sizeof(harts));
}

long sys_riscv_hwprobe(const uint64_t argument[6])
{
    uint64_t pairs = argument[0], count = argument[1], size = argument[2], set = argument[3], harts;
    uint32_t flags = (uint32_t)argument[4];
    int result;
    if (flags & ~(uint32_t)HWPROBE_WHICH_CPUS)
        return -EINVAL;
    if (flags & HWPROBE_WHICH_CPUS && (size == 0 || set == 0))
        return -EINVAL;
    result = read_harts(set, size, &harts);
    if (result)
        return result;
    if (flags & HWPROBE_WHICH_CPUS)
        return which_harts(pairs, count, set, size, harts);
    return harts ? get_values(pairs, count) : -EINVAL;
}
