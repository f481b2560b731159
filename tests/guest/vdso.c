/*
 * The auxiliary vector and the vDSO (getauxval(3), vdso(7)): the object that the kernel maps is
 * looked through as libraries do, and its clocks are compared with those of the system calls. An
 * unwinder must find its way from a signal handler to the interrupted function.
 */
#include "tap.h"
#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

static const char *image; /* the vDSO's ELF header */

/* What the dynamic section points to. */
static struct {
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Half) * versions;
    const uint32_t *hash;
} tables;

static void *at(ElfW(Addr) address)
{
    return (void *)(image + address);
}

static void read_dynamic(const ElfW(Dyn) * dynamic)
{
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            tables.symbols = at(dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_STRTAB)
            tables.strings = at(dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_VERSYM)
            tables.versions = at(dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_HASH)
            tables.hash = at(dynamic->d_un.d_ptr);
    }
}

static void find_image(void)
{
    image = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK(image != NULL);
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Phdr) *program = (const void *)(image + header->e_phoff);
    CHECK(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_type == ET_DYN);
    for (int i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type == PT_DYNAMIC)
            read_dynamic(at(program[i].p_vaddr));
    }
    CHECK(tables.symbols && tables.strings && tables.hash);
}

static unsigned long elf_hash(const char *name)
{
    unsigned long hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash = (hash ^ (hash & 0xf0000000) >> 24) & 0x0fffffff;
    }
    return hash;
}

/* The function of this name; the test fails if there is none. */
static void *find_function(const char *name)
{
    find_image();
    uint32_t buckets = tables.hash[0];
    const uint32_t *bucket = &tables.hash[2], *chain = bucket + buckets;
    for (uint32_t i = bucket[elf_hash(name) % buckets]; i; i = chain[i]) {
        const ElfW(Sym) *symbol = &tables.symbols[i];
        if (strcmp(tables.strings + symbol->st_name, name) == 0 && symbol->st_shndx)
            return at(symbol->st_value);
    }
    FAIL_HERE("the vDSO has no %s", name);
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

typedef int clock_function(clockid_t, struct timespec *);

/* Between two readings by system call lies one of the vDSO. */
static void check_clock(clock_function *gettime, clockid_t clock)
{
    for (int i = 0; i < 1000; i++) {
        struct timespec before, between, after;
        expect_ok(syscall(SYS_clock_gettime, clock, &before));
        CHECK_EQ(gettime(clock, &between), 0);
        expect_ok(syscall(SYS_clock_gettime, clock, &after));
        CHECK(nanoseconds(&before) <= nanoseconds(&between));
        CHECK(nanoseconds(&between) <= nanoseconds(&after));
        CHECK(between.tv_nsec >= 0 && between.tv_nsec < 1000000000);
    }
}

static void clocks_agree(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                                       CLOCK_MONOTONIC_RAW, CLOCK_PROCESS_CPUTIME_ID};
    clock_function *gettime = (clock_function *)find_function("__vdso_clock_gettime");
    struct timespec time;
    for (size_t i = 0; i < COUNT_OF(clocks); i++)
        check_clock(gettime, clocks[i]);
    CHECK_EQ(gettime(99, &time), -EINVAL);
}

static void resolution(void)
{
    clock_function *getres = (clock_function *)find_function("__vdso_clock_getres");
    struct timespec mine, kernels;
    CHECK_EQ(getres(CLOCK_MONOTONIC, &mine), 0);
    expect_ok(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &kernels));
    CHECK_EQ(nanoseconds(&mine), nanoseconds(&kernels));
    CHECK_EQ(getres(CLOCK_MONOTONIC, NULL), 0);
}

static void time_of_day(void)
{
    int (*get)(struct timeval *, void *) =
        (int (*)(struct timeval *, void *))find_function("__vdso_gettimeofday");
    struct timeval before, between, after;
    struct timezone zone = {1, 1};
    expect_ok(syscall(SYS_gettimeofday, &before, NULL));
    CHECK_EQ(get(&between, &zone), 0);
    expect_ok(syscall(SYS_gettimeofday, &after, NULL));
    CHECK(!timercmp(&before, &between, >) && !timercmp(&between, &after, >));
    CHECK(zone.tz_minuteswest == 0 && zone.tz_dsttime == 0);
}

static void processor(void)
{
    long (*getcpu)(unsigned *, unsigned *, void *) =
        (long (*)(unsigned *, unsigned *, void *))find_function("__vdso_getcpu");
    unsigned cpu = ~0u, node = ~0u;
    CHECK_EQ(getcpu(&cpu, &node, NULL), 0);
    CHECK((long)cpu < sysconf(_SC_NPROCESSORS_CONF));
    CHECK_EQ(node, 0);
}

static void auxiliary_vector(void)
{
    const ElfW(Phdr) *program = (const void *)getauxval(AT_PHDR);
    CHECK_EQ(getauxval(AT_PAGESZ), sysconf(_SC_PAGESIZE));
    CHECK_EQ(getauxval(AT_PHENT), sizeof(*program));
    CHECK(getauxval(AT_PHNUM) > 0 && program);
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
    CHECK(getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK_EQ(getauxval(AT_CLKTCK), sysconf(_SC_CLK_TCK));
    CHECK(strstr((const char *)getauxval(AT_EXECFN), "vdso") != NULL);
    CHECK(getauxval(AT_RANDOM) != 0 && getauxval(AT_HWCAP) != 0);
    CHECK(getauxval(AT_MINSIGSTKSZ) > 0);
}

/* Unwinding: interrupted() faults, and the handler looks for it on the stack. */

static sigjmp_buf resume;
static volatile bool found;
static volatile unsigned frames;
static volatile int *volatile nowhere; /* NULL */
static void interrupted(void);

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *unused)
{
    (void)unused;
    frames++;
    if (_Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context)) == (void *)interrupted)
        found = true;
    return frames < 50 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void handler(int number)
{
    (void)number;
    _Unwind_Backtrace(visit, NULL);
    siglongjmp(resume, 1);
}

static void __attribute__((noinline)) interrupted(void)
{
    *nowhere = 1;
}

static void unwinding(void)
{
    struct sigaction action = {.sa_handler = handler};
    expect_ok(sigaction(SIGSEGV, &action, NULL));
    if (sigsetjmp(resume, 1) == 0)
        interrupted();
    CHECK(frames >= 3); /* the handler, the code it returns to, the function */
    CHECK(found);
}

#ifdef __riscv
struct probe_pair {
    int64_t key;
    uint64_t value;
};

typedef long probe_function(struct probe_pair *, size_t, size_t, unsigned long *, unsigned);

/* riscv_hwprobe(2), which is in the vDSO as well. */
static void hardware_probe(void)
{
    probe_function *probe = (probe_function *)find_function("__vdso_riscv_hwprobe");
    struct probe_pair pairs[] = {{3, 0}, {4, 0}, {12345, 7}};
    unsigned long harts = 1;
    CHECK_EQ(probe(pairs, COUNT_OF(pairs), 0, NULL, 0), 0);
    CHECK_EQ(pairs[0].value, 1);     /* the base: I, M and A */
    CHECK_EQ(pairs[1].value & 3, 3); /* F and D; C */
    CHECK(pairs[2].key == -1 && pairs[2].value == 0);
    CHECK_EQ(probe(pairs, 2, sizeof(harts), &harts, 1), 0);
    CHECK_EQ(harts, 1); /* hart 0 has what it has */
    CHECK_EQ(probe(pairs, 1, 0, NULL, 1), -EINVAL);
    CHECK_EQ(probe(pairs, 1, 0, NULL, 2), -EINVAL);
    CHECK_EQ(probe((struct probe_pair *)8, 1, 0, NULL, 0), -EFAULT);
}
#else
static void hardware_probe(void)
{
    skip("only RISC-V has it");
}
#endif

static const struct test tests[] = {
    TEST(clocks_agree),     TEST(resolution), TEST(time_of_day),    TEST(processor),
    TEST(auxiliary_vector), TEST(unwinding),  TEST(hardware_probe),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
