/*
 * Offsets in structures, for the assembler; trap.c asserts that they are right.
 */
#ifndef MAPIX_ARCH_RISCV_OFFSETS_H
#define MAPIX_ARCH_RISCV_OFFSETS_H

#define THREAD_CONTEXT_SP 8   /* struct thread: context.sp */
#define THREAD_SCRATCH    8   /* the same, which is not in use while the thread runs */
#define THREAD_FRAME      120 /* struct thread: frame */
#define THREAD_HART       128 /* struct thread: hart */

#define FRAME_EPC    256 /* struct trap_frame */
#define FRAME_STATUS 264
#define FRAME_CAUSE  272
#define FRAME_VALUE  280
#define FRAME_SIZE   288

#define STACK_SIZE_SHIFT 14 /* kernel stacks have 2^14 bytes, on addresses with this bit set */

#endif
