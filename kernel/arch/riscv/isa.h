/*
 * What the harts are: the extensions of the instruction set that the device tree claims for them,
 * and who made them.
 */
#ifndef MAPIX_ARCH_RISCV_ISA_H
#define MAPIX_ARCH_RISCV_ISA_H

#include <stdbool.h>
#include <stdint.h>

/* The bit of a single-letter extension ('a' to 'z'), as in AT_HWCAP. */
#define isa_bit(letter) (1ul << ((letter) - 'a'))

/* Extensions with longer names that the kernel uses or tells programs of. */
enum isa_extension { ISA_SSTC, ISA_ZBA, ISA_ZBB, ISA_ZBC, ISA_ZBS, ISA_EXTENSIONS };

/* Who made the harts, which kind, which version: mvendorid, marchid, mimpid. */
struct isa_maker {
    uint64_t vendor, architecture, implementation;
};
extern struct isa_maker isa_maker; /* set by isa_init */

/* Look into the device tree, and ask the firmware. Boot only. */
void isa_init(void);

/* Single-letter extensions that every hart has: isa_bit each. */
uint64_t isa_letters(void);

/* Does every hart have the extension? */
bool isa_has(enum isa_extension extension);

#endif
