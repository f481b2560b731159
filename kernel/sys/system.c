/*
 * System calls about the system as a whole: names, figures, the end, random bytes.
 */
#include "abi/errno.h"
#include "abi/personality.h"
#include "abi/prctl.h"
#include "abi/reboot.h"
#include "abi/sysinfo.h"
#include "abi/utsname.h"
#include "arch/riscv/machine.h"
#include "arch/riscv/pmap.h"
#include "core/load.h"
#include "dev/block.h"
#include "vm/page_queue.h"
#include "core/process.h"
#include "core/random.h"
#include "core/time.h"
#include "core/version.h"
#include "core/user.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "sys/system.h"
#include "sys/table.h"
#include "vm/page.h"
#include "vm/swap.h"

#define NANOSECONDS_PER_SECOND 1000000000ul
#define RANDOM_PIECE           1024

static struct spinlock name_lock = {.name = "system names", .rank = RANK_SIGNAL};
static struct utsname names = {
    .system = "Linux",
    .node = KERNEL_NAME,
    .release = "6.12.0-" KERNEL_NAME,
    .version = KERNEL_NAME " " KERNEL_VERSION " SMP",
    .machine = "riscv64",
    .domain = "(none)",
};

void system_names(struct utsname *copy)
{
    spin_lock(&name_lock);
    *copy = names;
    spin_unlock(&name_lock);
}

/* personality(2), UNAME26: programs that know no other versions are told 2.6.60 and up by the minor
 * version; what is behind the numbers stays. */
static void tell_old_release(struct utsname *names)
{
    char release[UTSNAME_SIZE];
    const char *rest = release;
    uint64_t major, minor = 0;

    memcpy(release, names->release, sizeof(release));
    if (parse_decimal(&rest, &major) && *rest == '.')
        rest++;
    if (!parse_decimal(&rest, &minor))
        return;
    while (*rest == '.' || (*rest >= '0' && *rest <= '9'))
        rest++;
    memset(names->release, 0, sizeof(names->release));
    format(names->release, sizeof(names->release), "2.6.%lu%s", minor + 60, rest);
}

long sys_uname(const uint64_t argument[6])
{
    struct utsname copy;
    system_names(&copy);
    if (current_process()->personality & UNAME26)
        tell_old_release(&copy);
    return copy_to_user(argument[0], &copy, sizeof(copy));
}

static int set_name(char name[UTSNAME_SIZE], const char *text, size_t length)
{
    if (length >= UTSNAME_SIZE)
        return -EINVAL;
    spin_lock(&name_lock);
    memset(name, 0, UTSNAME_SIZE);
    memcpy(name, text, length);
    spin_unlock(&name_lock);
    return 0;
}

int system_set_node(const char *name, size_t length)
{
    return set_name(names.node, name, length);
}

int system_set_domain(const char *name, size_t length)
{
    return set_name(names.domain, name, length);
}

static long set_name_from_user(char name[UTSNAME_SIZE], vaddr_t address, int length)
{
    char copy[UTSNAME_SIZE];
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (length < 0 || length >= UTSNAME_SIZE)
        return -EINVAL;
    if (copy_from_user(copy, address, (size_t)length))
        return -EFAULT;
    return set_name(name, copy, (size_t)length);
}

long sys_sethostname(const uint64_t argument[6])
{
    return set_name_from_user(names.node, argument[0], (int)argument[1]);
}

long sys_setdomainname(const uint64_t argument[6])
{
    return set_name_from_user(names.domain, argument[0], (int)argument[1]);
}

long sys_sysinfo(const uint64_t argument[6])
{
    struct sysinfo info = {
        .uptime = (int64_t)(time_now() / NANOSECONDS_PER_SECOND),
        .total_ram = page_count_total() * PAGE_SIZE,
        .free_ram = page_count_free() * PAGE_SIZE,
        .buffer_ram = block_cached_pages() * PAGE_SIZE,
        .processes = (uint16_t)process_count_threads(),
        .unit = 1,
    };
    struct swap_counts swap;

    info.shared_ram = page_queue_length(QUEUE_ANONYMOUS) * PAGE_SIZE;
    swap_count(&swap);
    info.total_swap = swap.total * PAGE_SIZE;
    info.free_swap = swap.free * PAGE_SIZE;
    load_average(info.loads);
    return copy_to_user(argument[0], &info, sizeof(info));
}

static bool is_magic(uint32_t first, uint32_t second)
{
    return first == REBOOT_MAGIC1 && (second == REBOOT_MAGIC2A || second == REBOOT_MAGIC2B ||
                                      second == REBOOT_MAGIC2C || second == REBOOT_MAGIC2D);
}

/* reboot(2). The file systems are made clean first: nothing that is in memory gets lost. */
long sys_reboot(const uint64_t argument[6])
{
    if (!credentials_capable(CAP_SYS_BOOT))
        return -EPERM;
    if (!is_magic((uint32_t)argument[0], (uint32_t)argument[1]))
        return -EINVAL;
    switch ((uint32_t)argument[2]) {
    case REBOOT_CAD_ON:
    case REBOOT_CAD_OFF:
        return 0; /* no key combination reaches the kernel anyway */
    case REBOOT_RESTART:
        processes_shut_down();
        machine_restart();
    case REBOOT_HALT:
    case REBOOT_POWER_OFF:
        processes_shut_down();
        machine_power_off(0);
    default:
        return -EINVAL;
    }
}

long sys_getrandom(const uint64_t argument[6])
{
    size_t size = argument[1] > INT32_MAX ? INT32_MAX : argument[1], done = 0;
    if (argument[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
        (argument[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    while (done < size && !(done && thread_signalled())) {
        uint8_t bytes[RANDOM_PIECE];
        size_t piece = size - done < sizeof(bytes) ? size - done : sizeof(bytes), copied;
        random_bytes(bytes, piece);
        copied = copy_to_user_partly(argument[0] + done, bytes, piece);
        done += copied;
        if (copied < piece)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}

/* riscv_flush_icache(2): flags bit 0, only the calling thread's hart; it may be moved to another,
 * so all are meant. */
long sys_riscv_flush_icache(const uint64_t argument[6])
{
    if (argument[2] & ~1ul)
        return -EINVAL;
    instruction_fence_all();
    return 0;
}
