/*
 * The end of a kernel that has found a bug in itself.
 *
 * The first hart to panic prints its own story, then stops the others one by one, each printing its
 * backtrace in its turn, and ends the machine. It takes no lock, for whoever has it may be stopped.
 * A hart that does not answer in time (it spins with interrupts off) is left out.
 */
#include "core/panic.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/kernel_map.h"
#include "arch/riscv/machine.h"
#include "arch/riscv/stack.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/trap.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/symbols.h"
#include "core/thread.h"
#include "lib/format.h"

#define PANIC_STATUS    125
#define BACKTRACE_DEPTH 48
#define ANSWER_SHARE    4 /* a hart has a second divided by this to print its backtrace */
#define REGISTER_FP     8

static uint32_t panicking; /* atomic: 1 + index of the hart that panics */
static uint32_t turn;      /* atomic: 1 + index of the hart that may print */

extern const char text_end[]; /* kernel.ld */

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    format_arguments(text, sizeof(text), format, arguments);
    va_end(arguments);
    printk_emergency(text);
}

/* Print an address with the function that the instruction back bytes before it is in: a call that
 * does not return may be the last of its function. */
static void print_place(uint64_t address, unsigned back)
{
    uint64_t offset;
    const char *name = symbol_find(address - back, &offset);

    if (name && address < (uint64_t)text_end)
        print("  %lx %s+0x%lx\n", address, name, offset + back);
    else
        print("  %lx\n", address);
}

/* A frame pointer, behind the saved frame pointer and return address that it leads to. */
static bool is_frame(uint64_t fp)
{
    return fp % sizeof(uint64_t) == 0 && fp > 16 && kernel_is_mapped(fp - 16) &&
           kernel_is_mapped(fp - 8);
}

/* Print the callers from a frame pointer on; it rises, and stays in one stack. */
static void backtrace(uint64_t fp)
{
    for (unsigned depth = 0; depth < BACKTRACE_DEPTH && is_frame(fp); depth++) {
        const uint64_t *record = (const uint64_t *)fp - 2;
        uint64_t next = record[0];
        print_place(record[1], 1);
        if (next <= fp || next - fp > KERNEL_STACK_SIZE)
            break;
        fp = next;
    }
}

static void print_registers(const struct trap_frame *frame)
{
    static const char names[32][4] = {"",   "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    print("sepc %016lx  scause %lx  stval %lx  sstatus %lx\n", frame->epc, frame->cause,
          frame->value, frame->status);
    for (unsigned i = 1; i < 32; i++)
        print("%-3s %016lx%s", names[i], frame->x[i], i % 4 == 0 || i == 31 ? "\n" : "  ");
}

static void print_who(void)
{
    const struct thread *thread = current_thread();
    const struct process *process = thread->process;

    print("hart %u, ", hart_index());
    if (process)
        print("process %d, thread %d (%.16s)\n", process->pid, thread->id, thread->name);
    else
        print("kernel thread %.16s\n", thread->name);
}

static uint64_t frame_pointer(void)
{
    return (uint64_t)__builtin_frame_address(0);
}

/* Let the others tell where they are. */
static void report_others(void)
{
    for (unsigned i = 0; i < hart_count(); i++) {
        uint64_t start = timer_ticks();
        if (i == hart_index() || !__atomic_load_n(&harts[i].online, __ATOMIC_ACQUIRE))
            continue;
        __atomic_store_n(&turn, i + 1, __ATOMIC_RELEASE);
        hart_request(1ul << i, REQUEST_STOP);
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) &&
               timer_ticks() - start < timer_frequency() / ANSWER_SHARE)
            hart_pause();
        if (__atomic_exchange_n(&turn, 0, __ATOMIC_ACQ_REL))
            print("hart %u does not answer\n", i);
    }
}

_Noreturn void panic_stop(void)
{
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != hart_index() + 1)
        hart_pause();
    print_who();
    backtrace(frame_pointer());
    __atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
    for (;;)
        hart_wait_for_interrupt();
}

/* Become the hart that panics; others stop here, and a panic in a panic ends the machine. */
static void begin(void)
{
    uint32_t nobody = 0, self = hart_index() + 1;

    interrupts_disable();
    if (__atomic_compare_exchange_n(&panicking, &nobody, self, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return;
    if (nobody == self) {
        printk_emergency("panic: another one while panicking\n");
        machine_power_off(PANIC_STATUS);
    }
    panic_stop();
}

static _Noreturn void finish(const struct trap_frame *frame, uint64_t fp, const char *format,
                             va_list arguments)
{
    char message[256];

    format_arguments(message, sizeof(message), format, arguments);
    print("\npanic: %s\n", message);
    print_who();
    if (frame) {
        print_registers(frame);
        print_place(frame->epc, 0);
        fp = frame->x[REGISTER_FP];
    }
    backtrace(fp);
    report_others();
    machine_power_off(PANIC_STATUS);
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;

    begin();
    va_start(arguments, format);
    finish(NULL, frame_pointer(), format, arguments);
}

_Noreturn void panic_in_frame(const struct trap_frame *frame, const char *format, ...)
{
    va_list arguments;

    begin();
    va_start(arguments, format);
    finish(frame, 0, format, arguments);
}
