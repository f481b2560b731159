/* Registers for debuggers (registers.h). */
#include "arch/riscv/registers.h"
#include "core/thread.h"
#include "lib/string.h"

void registers_get(const struct thread *thread, struct general_registers *registers)
{
    registers->pc = thread->frame->epc;
    memcpy(registers->x, &thread->frame->x[1], sizeof(registers->x));
}

void registers_set(struct thread *thread, const struct general_registers *registers)
{
    thread->frame->epc = registers->pc;
    memcpy(&thread->frame->x[1], registers->x, sizeof(registers->x));
}

void float_registers_get(const struct thread *thread, struct float_registers *registers)
{
    memcpy(registers->f, thread->fp.f, sizeof(registers->f));
    registers->fcsr = thread->fp.fcsr;
    registers->padding = 0;
}

void float_registers_set(struct thread *thread, const struct float_registers *registers)
{
    memcpy(thread->fp.f, registers->f, sizeof(registers->f));
    thread->fp.fcsr = registers->fcsr;
}
