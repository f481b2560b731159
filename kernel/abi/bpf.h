/* Classic filter programs: struct sock_filter and struct sock_fprog of linux/filter.h. */
#ifndef MAPIX_ABI_BPF_H
#define MAPIX_ABI_BPF_H

#include <stdint.h>

/* Parts of an instruction's code. */
#define BPF_CLASS(code)     ((code)&7)
#define BPF_OPERATION(code) ((code)&0xf0)
#define BPF_SOURCE_X        0x08 /* the operand is X, not k */

#define BPF_LD   0x00 /* classes */
#define BPF_LDX  0x01
#define BPF_ST   0x02
#define BPF_STX  0x03
#define BPF_ALU  0x04
#define BPF_JMP  0x05
#define BPF_RET  0x06
#define BPF_MISC 0x07

#define BPF_IMM 0x00 /* where loads come from; words, which are all of size 0 */
#define BPF_ABS 0x20
#define BPF_MEM 0x60
#define BPF_LEN 0x80

#define BPF_ADD 0x00
#define BPF_SUB 0x10
#define BPF_MUL 0x20
#define BPF_DIV 0x30
#define BPF_OR  0x40
#define BPF_AND 0x50
#define BPF_LSH 0x60
#define BPF_RSH 0x70
#define BPF_NEG 0x80
#define BPF_XOR 0xa0

#define BPF_JA   0x00
#define BPF_JEQ  0x10
#define BPF_JGT  0x20
#define BPF_JGE  0x30
#define BPF_JSET 0x40

#define BPF_RET_A 0x10

#define BPF_TAX 0x00
#define BPF_TXA 0x80

#define BPF_INSTRUCTIONS_MAX 4096u
#define BPF_MEMORY_WORDS     16u

struct bpf_instruction {
    uint16_t code;
    uint8_t if_true, if_false; /* instructions to skip */
    uint32_t k;
};

struct bpf_program {
    uint16_t length; /* instructions */
    uint64_t instructions;
};

#endif
