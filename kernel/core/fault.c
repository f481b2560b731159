/*
 * Exceptions of user programs: page faults go to the address space, the rest becomes a signal. One
 * that will end the process is told on the console, with what a debugger would ask first.
 */
#include "core/fault.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/pmap.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/rseq.h"
#include "core/signal.h"
#include "fs/vnode.h"
#include "vm/aspace.h"

/* Where the address lies, as /proc/PID/maps would say. */
static void print_region(struct aspace *aspace, vaddr_t address)
{
    struct region_info info;
    if (!aspace_region_info(aspace, address, REGION_LAYOUT, NULL, &info)) {
        printk("no region\n");
        return;
    }
    if (info.start > address)
        printk("no region\n");
    else
        printk("region %lx-%lx %c%c%c%c %s\n", info.start, info.end,
               info.access & ACCESS_READ ? 'r' : '-', info.access & ACCESS_WRITE ? 'w' : '-',
               info.access & ACCESS_EXECUTE ? 'x' : '-', info.shared ? 's' : 'p',
               info.name    ? info.name
               : info.vnode ? "file"
                            : "anonymous");
    if (info.vnode)
        vnode_release(info.vnode);
}

static bool will_end(const struct process *process, int number)
{
    uint64_t handler = signal_handler(process, number);
    return !__atomic_load_n(&current_thread()->trace.tracer, __ATOMIC_RELAXED) &&
           (handler <= SIG_IGN || (current_thread()->blocked & signal_bit(number)));
}

static void fail(struct trap_frame *frame, int number, int code, vaddr_t address)
{
    struct thread *thread = current_thread();
    if (will_end(thread->process, number)) {
        printk("%s (%d): signal %d: scause %lx sepc %lx stval %lx, ", thread->name, thread->id,
               number, frame->cause, frame->epc, frame->value);
        print_region(thread->aspace, address);
    }
    signal_force(number, code, address);
}

/* A thread that sleeps here makes room for others in the middle of a restartable sequence. */
void user_page_fault(struct trap_frame *frame, vaddr_t address, unsigned access)
{
    struct aspace *aspace = current_thread()->aspace;
    uint64_t switches = current_thread()->voluntary_switches;
    for (;;) {
        current_thread()->allocation_failed = false;
        enum fault_result result = address < user_end
                                       ? aspace_fault(aspace, address, access | FAULT_BY_USER)
                                       : FAULT_NO_REGION;
        switch (result) {
        case FAULT_OK:
            if (current_thread()->voluntary_switches != switches)
                rseq_note(current_thread());
            return;
        case FAULT_NO_REGION:
            fail(frame, SIGSEGV, SEGV_MAPERR, address);
            return;
        case FAULT_ACCESS:
            fail(frame, SIGSEGV, SEGV_ACCERR, address);
            return;
        case FAULT_POISON: /* Linux says no more on this architecture */
        case FAULT_BUS:
            fail(frame, SIGBUS, BUS_ADRERR, address);
            return;
        case FAULT_NO_MEMORY:
            if (!out_of_memory_kill())
                signal_send(current_process(), SIGKILL);
            if (thread_killed())
                return;
        }
    }
}

void user_exception(struct trap_frame *frame)
{
    switch (frame->cause) {
    case CAUSE_ILLEGAL:
        fail(frame, SIGILL, ILL_ILLOPC, frame->epc);
        break;
    case CAUSE_BREAKPOINT:
        fail(frame, SIGTRAP, TRAP_BRKPT, frame->epc);
        break;
    case CAUSE_FETCH_MISALIGNED:
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED:
        fail(frame, SIGBUS, BUS_ADRALN, frame->value);
        break;
    default: /* physical memory that refuses: an access to a hole of the machine */
        fail(frame, SIGSEGV, SEGV_ACCERR, frame->value);
        break;
    }
}
