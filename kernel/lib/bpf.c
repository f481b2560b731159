/* Classic Berkeley packet filters (bpf.h). */
#include "lib/bpf.h"

#define ALL_WRITTEN 0xffff /* no way leads there yet */

static bool is_load_fine(const struct bpf_instruction *at, uint32_t data_words, uint16_t written)
{
    switch (at->code & ~BPF_LDX) {
    case BPF_IMM:
    case BPF_LEN:
        return true;
    case BPF_ABS:
        return BPF_CLASS(at->code) == BPF_LD && at->k % 4 == 0 && at->k / 4 < data_words;
    case BPF_MEM:
        return at->k < BPF_MEMORY_WORDS && written & 1u << at->k;
    default:
        return false;
    }
}

static bool is_calculation_fine(const struct bpf_instruction *at)
{
    bool constant = !(at->code & BPF_SOURCE_X);

    switch (BPF_OPERATION(at->code)) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_OR:
    case BPF_AND:
    case BPF_XOR:
        return true;
    case BPF_NEG:
        return constant;
    case BPF_DIV:
        return !constant || at->k != 0;
    case BPF_LSH:
    case BPF_RSH:
        return !constant || at->k < 32;
    default:
        return false;
    }
}

/* What is written when a jump leads there, besides by other ways. */
static bool note_target(uint16_t *written, uint32_t target, uint32_t length, uint16_t now)
{
    if (target >= length)
        return false;
    written[target] &= now;
    return true;
}

static bool is_jump_fine(const struct bpf_instruction *at, uint32_t index, uint32_t length,
                         uint16_t *written)
{
    uint32_t next = index + 1;

    switch (BPF_OPERATION(at->code)) {
    case BPF_JA:
        return !(at->code & BPF_SOURCE_X) && at->k < length - next &&
               note_target(written, next + at->k, length, written[index]);
    case BPF_JEQ:
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSET:
        return note_target(written, next + at->if_true, length, written[index]) &&
               note_target(written, next + at->if_false, length, written[index]);
    default:
        return false;
    }
}

static bool is_instruction_fine(const struct bpf_instruction *at, uint32_t index, uint32_t length,
                                uint32_t data_words, uint16_t *written)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
    case BPF_LDX:
        return is_load_fine(at, data_words, written[index]);
    case BPF_ST:
    case BPF_STX:
        return !(at->code & ~BPF_CLASS(at->code)) && at->k < BPF_MEMORY_WORDS;
    case BPF_ALU:
        return is_calculation_fine(at);
    case BPF_JMP:
        return is_jump_fine(at, index, length, written);
    case BPF_RET:
        return at->code == BPF_RET || at->code == (BPF_RET | BPF_RET_A);
    default:
        return at->code == (BPF_MISC | BPF_TAX) || at->code == (BPF_MISC | BPF_TXA);
    }
}

bool bpf_check(const struct bpf_instruction *program, uint32_t length, uint32_t data_words,
               uint16_t *written)
{
    written[0] = 0;
    for (uint32_t i = 1; i < length; i++)
        written[i] = ALL_WRITTEN;
    for (uint32_t i = 0; i < length; i++) {
        const struct bpf_instruction *at = &program[i];
        unsigned class = BPF_CLASS(at->code);
        if (at->code > UINT8_MAX || !is_instruction_fine(at, i, length, data_words, written))
            return false;
        if (class != BPF_JMP && class != BPF_RET && i + 1 < length)
            written[i + 1] &= class == BPF_ST || class == BPF_STX
                                  ? (uint16_t)(written[i] | 1u << at->k)
                                  : written[i];
    }
    return BPF_CLASS(program[length - 1].code) == BPF_RET;
}

static uint32_t load(const struct bpf_instruction *at, const uint32_t *data, uint32_t data_words,
                     const uint32_t *memory)
{
    switch (at->code & ~BPF_LDX) {
    case BPF_ABS:
        return data[at->k / 4];
    case BPF_MEM:
        return memory[at->k];
    case BPF_LEN:
        return data_words * 4;
    default:
        return at->k;
    }
}

/* The operand of a division is not 0. */
static uint32_t calculate(unsigned operation, uint32_t a, uint32_t operand)
{
    switch (operation) {
    case BPF_ADD:
        return a + operand;
    case BPF_SUB:
        return a - operand;
    case BPF_MUL:
        return a * operand;
    case BPF_DIV:
        return a / operand;
    case BPF_OR:
        return a | operand;
    case BPF_AND:
        return a & operand;
    case BPF_XOR:
        return a ^ operand;
    case BPF_LSH:
        return a << operand % 32;
    case BPF_RSH:
        return a >> operand % 32;
    default:
        return -a;
    }
}

/* How many instructions a jump skips. */
static uint32_t jump(const struct bpf_instruction *at, uint32_t a, uint32_t operand)
{
    bool holds;

    switch (BPF_OPERATION(at->code)) {
    case BPF_JEQ:
        holds = a == operand;
        break;
    case BPF_JGT:
        holds = a > operand;
        break;
    case BPF_JGE:
        holds = a >= operand;
        break;
    case BPF_JSET:
        holds = a & operand;
        break;
    default:
        return at->k;
    }
    return holds ? at->if_true : at->if_false;
}

uint32_t bpf_run(const struct bpf_instruction *program, const uint32_t *data, uint32_t data_words)
{
    uint32_t a = 0, x = 0, memory[BPF_MEMORY_WORDS];

    for (const struct bpf_instruction *at = program;; at++) {
        uint32_t operand = at->code & BPF_SOURCE_X ? x : at->k;
        unsigned operation = BPF_OPERATION(at->code);
        switch (BPF_CLASS(at->code)) {
        case BPF_LD:
            a = load(at, data, data_words, memory);
            break;
        case BPF_LDX:
            x = load(at, data, data_words, memory);
            break;
        case BPF_ST:
            memory[at->k] = a;
            break;
        case BPF_STX:
            memory[at->k] = x;
            break;
        case BPF_ALU:
            if (operation == BPF_DIV && operand == 0)
                return 0;
            a = calculate(operation, a, operand);
            break;
        case BPF_JMP:
            at += jump(at, a, operand);
            break;
        case BPF_RET:
            return operation == BPF_RET_A ? a : at->k;
        case BPF_MISC:
            if (operation == BPF_TXA)
                a = x;
            else
                x = a;
        }
    }
}
