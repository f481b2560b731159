/*
 * The boot sequence: the kernel from the ground up, one part a line.
 *
 * boot.S comes here on the hart that the firmware has chosen, at the kernel's virtual addresses, on
 * the boot stack, with interrupts off and all memory in the direct map of the boot page tables.
 */
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/machine.h"
#include "arch/riscv/memory.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/trap.h"
#include "core/futex.h"
#include "core/placement.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/random.h"
#include "core/scheduler.h"
#include "core/strace.h"
#include "core/thread.h"
#include "core/time.h"
#include "core/timeout.h"
#include "core/vdso.h"
#include "core/version.h"
#include "dev/block.h"
#include "dev/console.h"
#include "dev/fdt.h"
#include "dev/loop.h"
#include "dev/interrupt.h"
#include "dev/uart.h"
#include "fs/asynchronous.h"
#include "fs/io_context.h"
#include "fs/mount.h"
#include "fs/path.h"
#include "ipc/msg.h"
#include "ipc/posix_queue.h"
#include "ipc/sem.h"
#include "ipc/shm.h"
#include "vm/aspace.h"
#include "vm/failure.h"
#include "vm/kmem.h"
#include "vm/object.h"
#include "vm/reclaim.h"

_Noreturn void kernel_main(uint64_t boot_hart, paddr_t device_tree);

static void device_tree_init(paddr_t device_tree)
{
    if (device_tree >= DIRECT_MAP_SIZE || !fdt_init(physical_to_virtual(device_tree)))
        panic("the firmware gives no device tree");
}

static void print_banner(void)
{
    unsigned harts = hart_count();
    printk(KERNEL_NAME " " KERNEL_VERSION ": %u hart%s, %lu MiB of memory, %s\n", harts,
           harts == 1 ? "" : "s", memory_size() >> 20, pmap_levels == 4 ? "Sv48" : "Sv39");
}

_Noreturn void kernel_main(uint64_t boot_hart, paddr_t device_tree)
{
    uint64_t entry_ticks = timer_ticks();

    /* The machine: memory, and somewhere to complain. */
    hart_init_boot(boot_hart);     /* this hart's structures: from here on locks work */
    device_tree_init(device_tree); /* what there is, as the firmware tells it */
    memory_init(device_tree);      /* paging mode, kernel page tables, frame allocator */
    isa_init();                    /* what the harts can do */
    kmem_init();                   /* slabs and kmalloc */
    machine_init();                /* the device that ends the machine */
    uart_init();                   /* the console's line, for output */
    printk_init();                 /* where messages go */
    timer_init();                  /* the time register and the timer */
    time_init(entry_ticks);        /* clocks, from the real-time clock */
    asid_init();                   /* address-space identifiers */
    trap_init();                   /* a stack for traps of overflown stacks */
    trap_init_hart();              /* which interrupts this hart takes */
    fp_init_hart();                /* floating point for its programs */
    interrupt_controller_init();   /* interrupts of devices */

    /* Threads. */
    thread_init();       /* thread structures */
    timeouts_init();     /* what is to be done later */
    scheduler_init();    /* run queues; this becomes a thread */
    interrupts_enable(); /* from here on it may be interrupted, and sleep */
    harts_start();       /* all other harts, into their idle threads */
    print_banner();

    /* The kernel proper. */
    random_init();          /* the random number generator, seeded */
    vm_init();              /* address spaces, regions, amaps, objects */
    process_init();         /* process structures */
    strace_init();          /* whose system calls are printed */
    failure_init();         /* which allocations fail, in the DEBUG kernel */
    futex_init();           /* waiting for words of user memory */
    vdso_init();            /* the code that programs share with the kernel */
    placement_init();       /* where programs go */
    shm_init();             /* System V shared memory */
    sem_init();             /* and semaphores */
    msg_init();             /* and message queues */
    posix_queues_init();    /* and those of POSIX */
    asynchronous_init();    /* the thread that sends signals about files */
    io_context_init();      /* the thread that looks at files for io_submit */
    file_systems_init();    /* vnodes, names, mounts, the types of file systems */
    console_init();         /* the console as a terminal */
    uart_start_input();     /* and what is typed */
    virtio_init();          /* disks */
    loop_init();            /* files as disks */
    write_back_init();      /* the thread that stores dirty pages */
    reclaim_init();         /* and the one that frees pages */
    mount_root();           /* the root file system, and /dev */
    process_start_init();   /* the first program */
    scheduler_start_hart(); /* this thread ends; the hart looks for work */
}
