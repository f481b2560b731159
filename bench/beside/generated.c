/*
 * What the kernel makes up when it is read.
 */
#include "beside.h"

#include <sys/random.h>

static void read_whole(const char *name)
{
    int opened = MUST(open(name, O_RDONLY));
    while (MUST(read(opened, buffer, PAGE)) > 0)
        continue;
    close(opened);
}

static void proc_status(void)
{
    read_whole("/proc/self/status");
}

static void proc_maps(void)
{
    read_whole("/proc/self/maps");
}

static void proc_meminfo(void)
{
    read_whole("/proc/meminfo");
}

static void proc_stat(void)
{
    read_whole("/proc/self/stat");
}

static void proc_smaps(void)
{
    read_whole("/proc/self/smaps");
}

static void proc_machine(void)
{
    read_whole("/proc/stat");
}

static void proc_cpus(void)
{
    read_whole("/proc/cpuinfo");
}

static void get_random_32(void)
{
    MUST(getrandom(buffer, 32, 0));
}

static void get_random_4k(void)
{
    MUST(getrandom(buffer, PAGE, 0));
}

static int zeros;

static void prepare_zeros(void)
{
    zeros = MUST(open("/dev/zero", O_RDONLY));
}

static void read_zeros(void)
{
    MUST(read(zeros, buffer, 16 * PAGE));
}

const struct operation generated_operations[] = {
    {"proc-status", NULL, proc_status, "read /proc/self/status"},
    {"proc-maps", NULL, proc_maps, "read /proc/self/maps"},
    {"proc-meminfo", NULL, proc_meminfo, "read /proc/meminfo"},
    {"proc-stat", NULL, proc_stat, "read /proc/self/stat"},
    {"proc-smaps", NULL, proc_smaps, "read /proc/self/smaps"},
    {"proc-machine", NULL, proc_machine, "read /proc/stat"},
    {"proc-cpuinfo", NULL, proc_cpus, "read /proc/cpuinfo"},
    {"random-32", NULL, get_random_32, "getrandom of 32 bytes"},
    {"random-4k", NULL, get_random_4k, "getrandom of 4 KiB"},
    {"zero-64k", prepare_zeros, read_zeros, "read 64 KiB of /dev/zero"},
    {0},
};
