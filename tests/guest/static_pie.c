/*
 * A static position-independent program: loaded where the kernel likes, it relocates itself.
 *
 * The toolchain has no start-up code for such programs, so this one has its own and uses no
 * library: it is built with -fpie -ffreestanding and linked with -static-pie -nostdlib.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define PAGE    4096ul
#define SIGCHLD 17
#define SIGSEGV 11

#if defined(__riscv)
#define RELATIVE R_RISCV_RELATIVE
__asm__(".globl _start\n"
        "_start:\n"
        "    .option push\n"
        "    .option norelax\n"
        "    lla gp, __global_pointer$\n"
        "    .option pop\n"
        "    mv a0, sp\n"
        "    andi sp, sp, -16\n"
        "    call begin\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
    return a0;
}
#elif defined(__x86_64__)
#define RELATIVE R_X86_64_RELATIVE
__asm__(".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call begin\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#error "no start-up code for this machine"
#endif

#define HIDDEN __attribute__((visibility("hidden")))

extern HIDDEN const Elf64_Ehdr __ehdr_start;
extern HIDDEN const Elf64_Dyn _DYNAMIC[];
HIDDEN void _start(void);
HIDDEN void begin(const uint64_t *stack);

static int failures, number; /* of tests: fewer than ten */

/* ---- output ---- */

static void print(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    call(SYS_write, 1, (long)text, (long)length, 0, 0);
}

static void report(const char *name, bool passed)
{
    const char digit[2] = {(char)('0' + number + 1), '\0'};

    number++;
    failures += !passed;
    print(passed ? "ok " : "not ok ");
    print(digit);
    print(" - ");
    print(name);
    print("\n");
}

/* ---- relocation, before anything that needs an address from memory ---- */

static uint64_t relocate(void)
{
    const uint64_t base = (uint64_t)&__ehdr_start;
    const Elf64_Rela *table = NULL;
    uint64_t size = 0, count = 0;

    for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELA)
            table = (const Elf64_Rela *)(base + entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELASZ)
            size = entry->d_un.d_val;
    }
    for (uint64_t i = 0; i < size / sizeof(*table); i++) {
        if (ELF64_R_TYPE(table[i].r_info) != RELATIVE)
            continue;
        *(uint64_t *)(base + table[i].r_offset) = base + (uint64_t)table[i].r_addend;
        count++;
    }
    return count;
}

/* ---- the tests ---- */

static int forty_two(void)
{
    return 42;
}

static const char *const words[] = {"first", "second", "third"};
static int (*volatile function)(void) = forty_two;
static volatile int value = 7;
static volatile int *volatile pointer = &value;
static volatile char zeros[5 * 4096];

static bool pointers_are_relocated(uint64_t count)
{
    const char *const volatile *word = words;

    return count >= 5 && word[0][0] == 'f' && word[1][0] == 's' && word[2][4] == 'd' &&
           function() == 42 && pointer == &value && *pointer == 7;
}

static bool uninitialised_is_zero(void)
{
    for (size_t i = 0; i < sizeof(zeros); i++)
        if (zeros[i] != 0)
            return false;
    for (size_t i = 0; i < sizeof(zeros); i += 100)
        zeros[i] = 1;
    return zeros[100] == 1 && zeros[101] == 0;
}

/* A child stores to address: the signal that it died of, or 0. */
static int store_in_child(volatile char *address)
{
    int status = -1;
    long pid;

#if defined(__riscv)
    pid = call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#else
    pid = call(SYS_fork, 0, 0, 0, 0, 0);
#endif
    if (pid == 0) {
        *address = 1;
        call(SYS_exit_group, 0, 0, 0, 0, 0);
    }
    if (pid < 0 || call(SYS_wait4, pid, (long)&status, 0, 0, 0) != pid)
        return -1;
    return status;
}

static bool heap_works(void)
{
    volatile char *start = (volatile char *)call(SYS_brk, 0, 0, 0, 0, 0);
    volatile char *end = start + 100 * PAGE;

    if ((volatile char *)call(SYS_brk, (long)end, 0, 0, 0, 0) != end)
        return false;
    for (volatile char *at = start; at < end; at += 1000) {
        if (*at != 0)
            return false;
        *at = 1;
    }
    return end[-1] == 0;
}

static uint64_t auxiliary(const uint64_t *stack, uint64_t type)
{
    const uint64_t *at = stack + 1 + stack[0] + 1; /* behind argc, argv and its NULL */

    while (*at != 0)
        at++;
    for (at++; at[0] != AT_NULL; at += 2)
        if (at[0] == type)
            return at[1];
    return UINT64_MAX;
}

void begin(const uint64_t *stack)
{
    uint64_t count = relocate();
    const uint64_t base = (uint64_t)&__ehdr_start;

    print("1..9\n");
    report("the program is position-independent", __ehdr_start.e_type == ET_DYN);
    report("it lies at a page, and not at 0", base % PAGE == 0 && base >= 16 * PAGE);
    report("pointers are relocated", pointers_are_relocated(count));
    report("uninitialised data is zero", uninitialised_is_zero());
    report("AT_PHDR and AT_PHNUM", auxiliary(stack, AT_PHDR) == base + __ehdr_start.e_phoff &&
                                       auxiliary(stack, AT_PHNUM) == __ehdr_start.e_phnum);
    report("AT_ENTRY and AT_BASE",
           auxiliary(stack, AT_ENTRY) == (uint64_t)_start && auxiliary(stack, AT_BASE) == 0);
    report("the stack is aligned", (uint64_t)stack % 16 == 0 && stack[0] >= 1);
    report("text is read-only and data is not",
           store_in_child((volatile char *)(uintptr_t)forty_two) == SIGSEGV &&
               store_in_child((volatile char *)&value) == 0);
    report("the heap grows", heap_works());
    call(SYS_exit_group, failures != 0, 0, 0, 0, 0);
}
