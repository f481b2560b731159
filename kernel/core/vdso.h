/*
 * The vDSO: a shared object that the kernel maps into every program, as vdso(7) describes, and the
 * page of clock data before it.
 */
#ifndef MAPIX_CORE_VDSO_H
#define MAPIX_CORE_VDSO_H

#include "arch/riscv/layout.h"

struct aspace;

/* Put the vDSO into pages that programs can map. Boot only, when the VM and the clocks are there.
 */
void vdso_init(void);

/* Map it where mmap would, before any thread runs in the address space; aspace->vdso is where its
 * ELF header is. -ENOMEM. */
int vdso_map(struct aspace *aspace);

/* Where signal handlers return to, in an address space that the vDSO is mapped in. */
vaddr_t vdso_signal_return(const struct aspace *aspace);

#endif
