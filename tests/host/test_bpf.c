// sources: kernel/lib/bpf.c
/* Classic filter programs: what the checker takes and refuses, what programs come to. Programs of
 * random instructions that pass run within their memory and data, and end. */
#include "lib/bpf.h"
#include "check.h"

#define WORDS  16
#define LENGTH 24

#define STATEMENT(code, k)                                                                         \
    (struct bpf_instruction)                                                                       \
    {                                                                                              \
        code, 0, 0, k                                                                              \
    }
#define JUMP(code, k, if_true, if_false)                                                           \
    (struct bpf_instruction)                                                                       \
    {                                                                                              \
        BPF_JMP | (code), if_true, if_false, k                                                     \
    }
#define RETURN(k) STATEMENT(BPF_RET, k)
#define RETURN_A  STATEMENT(BPF_RET | BPF_RET_A, 0)

static uint32_t data[WORDS];
static uint16_t written[BPF_INSTRUCTIONS_MAX];

#define IS_FINE(...)                                                                               \
    bpf_check((struct bpf_instruction[]){__VA_ARGS__},                                             \
              sizeof((struct bpf_instruction[]){__VA_ARGS__}) / sizeof(struct bpf_instruction),    \
              WORDS, written)
#define RESULT(...)                                                                                \
    (IS_FINE(__VA_ARGS__) ? bpf_run((struct bpf_instruction[]){__VA_ARGS__}, data, WORDS)          \
                          : 0xbadbadu)

static void results(void)
{
    data[3] = 77;
    CHECK(RESULT(RETURN(5)) == 5);
    CHECK(RESULT(STATEMENT(BPF_LD | BPF_ABS, 12), RETURN_A) == 77);
    CHECK(RESULT(STATEMENT(BPF_LD | BPF_LEN, 0), RETURN_A) == 64);
    CHECK(RESULT(STATEMENT(BPF_LDX | BPF_LEN, 0), STATEMENT(BPF_MISC | BPF_TXA, 0), RETURN_A) ==
          64);
    CHECK(RESULT(STATEMENT(BPF_LD | BPF_IMM, 9), STATEMENT(BPF_ST, 15),
                 STATEMENT(BPF_LDX | BPF_MEM, 15), STATEMENT(BPF_ALU | BPF_MUL | BPF_SOURCE_X, 0),
                 RETURN_A) == 81);
    CHECK(RESULT(STATEMENT(BPF_LDX | BPF_IMM, 6), STATEMENT(BPF_STX, 0),
                 STATEMENT(BPF_LD | BPF_MEM, 0), RETURN_A) == 6);
}

#define CALCULATED(operation, a, k)                                                                \
    RESULT(STATEMENT(BPF_LD | BPF_IMM, a), STATEMENT(BPF_ALU | (operation), k), RETURN_A)
#define CALCULATED_X(operation, a, x)                                                              \
    RESULT(STATEMENT(BPF_LD | BPF_IMM, a), STATEMENT(BPF_LDX | BPF_IMM, x),                        \
           STATEMENT(BPF_ALU | BPF_SOURCE_X | (operation), 0), RETURN_A)

static void calculations(void)
{
    CHECK(CALCULATED(BPF_ADD, 0xffffffff, 2) == 1);
    CHECK(CALCULATED(BPF_SUB, 1, 2) == 0xffffffff);
    CHECK(CALCULATED(BPF_DIV, 100, 7) == 14);
    CHECK(CALCULATED(BPF_AND, 0xff, 0x3c) == 0x3c && CALCULATED(BPF_OR, 1, 8) == 9);
    CHECK(CALCULATED(BPF_XOR, 5, 1) == 4 && CALCULATED(BPF_NEG, 5, 0) == -5u);
    CHECK(CALCULATED(BPF_LSH, 1, 31) == 1u << 31 && CALCULATED(BPF_RSH, 1u << 31, 31) == 1);
    CHECK(CALCULATED_X(BPF_DIV, 100, 5) == 20);
    CHECK(CALCULATED_X(BPF_LSH, 1, 33) == 2 && CALCULATED_X(BPF_RSH, 4, 33) == 2);
    CHECK(RESULT(STATEMENT(BPF_LD | BPF_IMM, 9), STATEMENT(BPF_ALU | BPF_DIV | BPF_SOURCE_X, 0),
                 RETURN(7)) == 0);
}

#define JUMPED(operation, a, k)                                                                    \
    RESULT(STATEMENT(BPF_LD | BPF_IMM, a), JUMP(operation, k, 1, 0), RETURN(0), RETURN(1))

static void jumps(void)
{
    CHECK(JUMPED(BPF_JEQ, 4, 4) == 1 && JUMPED(BPF_JEQ, 4, 5) == 0);
    CHECK(JUMPED(BPF_JGT, 5, 4) == 1 && JUMPED(BPF_JGT, 4, 4) == 0);
    CHECK(JUMPED(BPF_JGE, 4, 4) == 1 && JUMPED(BPF_JGE, 0xffffffff, 4) == 1);
    CHECK(JUMPED(BPF_JSET, 6, 4) == 1 && JUMPED(BPF_JSET, 6, 1) == 0);
    CHECK(RESULT(STATEMENT(BPF_JMP | BPF_JA, 1), RETURN(0), RETURN(3)) == 3);
    CHECK(RESULT(STATEMENT(BPF_LDX | BPF_IMM, 2), STATEMENT(BPF_LD | BPF_IMM, 2),
                 JUMP(BPF_JEQ | BPF_SOURCE_X, 0, 0, 1), RETURN(1), RETURN(0)) == 1);
}

static void refused(void)
{
    CHECK(!IS_FINE(STATEMENT(BPF_LD | BPF_IMM, 1)));             /* no return at the end */
    CHECK(!IS_FINE(STATEMENT(BPF_LD | BPF_ABS, 64), RETURN(0))); /* behind the data */
    CHECK(!IS_FINE(STATEMENT(BPF_LD | BPF_ABS, 2), RETURN(0)));  /* not a whole word */
    CHECK(!IS_FINE(STATEMENT(BPF_LDX | BPF_ABS, 0), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_LD | BPF_ABS | 0x10, 0), RETURN(0))); /* a byte */
    CHECK(!IS_FINE(STATEMENT(BPF_ALU | BPF_DIV, 0), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_ALU | 0x90, 3), RETURN(0))); /* remainder */
    CHECK(!IS_FINE(STATEMENT(BPF_ALU | BPF_LSH, 32), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_ST, 16), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_JMP | BPF_JA, 1), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_JMP | BPF_JA, 0xffffffff), RETURN(0)));
    CHECK(!IS_FINE(JUMP(BPF_JEQ, 0, 0, 1), RETURN(0)));
    CHECK(!IS_FINE(STATEMENT(BPF_RET | BPF_SOURCE_X, 0)));
    CHECK(!IS_FINE(STATEMENT(0x1000 | BPF_LD, 0), RETURN(0)));
}

/* Memory has to be written on every way that leads to where it is read. */
static void unwritten_memory(void)
{
    CHECK(!IS_FINE(STATEMENT(BPF_LD | BPF_MEM, 0), RETURN(0)));
    CHECK(!IS_FINE(JUMP(BPF_JEQ, 0, 1, 0), STATEMENT(BPF_ST, 3), STATEMENT(BPF_LD | BPF_MEM, 3),
                   RETURN_A));
    CHECK(IS_FINE(JUMP(BPF_JEQ, 0, 2, 0), STATEMENT(BPF_ST, 3), STATEMENT(BPF_JMP | BPF_JA, 1),
                  STATEMENT(BPF_STX, 3), STATEMENT(BPF_LD | BPF_MEM, 3), RETURN_A));
}

static struct bpf_instruction random_instruction(unsigned left)
{
    static const uint16_t codes[] = {
        BPF_LD | BPF_IMM,
        BPF_LDX | BPF_IMM,
        BPF_LD | BPF_ABS,
        BPF_LD | BPF_MEM,
        BPF_LDX | BPF_MEM,
        BPF_ST,
        BPF_STX,
        BPF_ALU | BPF_ADD,
        BPF_ALU | BPF_DIV | 8,
        BPF_ALU | BPF_DIV,
        BPF_ALU | BPF_RSH,
        BPF_ALU | BPF_RSH | 8,
        BPF_JMP | BPF_JA,
        BPF_JMP | BPF_JEQ,
        BPF_JMP | BPF_JSET,
        BPF_JMP | BPF_JGE | 8,
        BPF_RET,
        BPF_RET | BPF_RET_A,
        BPF_MISC | BPF_TAX,
        BPF_MISC | BPF_TXA,
    };
    uint64_t random = check_random();
    uint16_t code = codes[random % (sizeof(codes) / sizeof(codes[0]))];
    uint32_t k = (uint32_t)(random >> 8) % (BPF_CLASS(code) == BPF_JMP ? left + 1 : 17);
    if (code == (BPF_LD | BPF_ABS))
        k *= 4;
    if (random >> 60 == 0)
        code = (uint16_t)(random >> 16);
    return (struct bpf_instruction){code, (uint8_t)((random >> 32) % (left + 1)),
                                    (uint8_t)((random >> 40) % (left + 1)), k};
}

static void random_programs(void)
{
    struct bpf_instruction program[LENGTH];
    unsigned fine = 0;

    for (unsigned round = 0; round < 200000; round++) {
        unsigned length = 1 + (unsigned)(check_random() % LENGTH);
        for (unsigned i = 0; i < length; i++)
            program[i] = random_instruction(length - i);
        program[length - 1] = round % 16 ? RETURN_A : program[length - 1];
        if (!bpf_check(program, length, WORDS, written))
            continue;
        fine++;
        (void)bpf_run(program, data, WORDS);
    }
    CHECK(fine > 1000);
}

int main(void)
{
    check_case("results", results);
    check_case("calculations", calculations);
    check_case("jumps", jumps);
    check_case("refused programs", refused);
    check_case("memory that was not written", unwritten_memory);
    check_case("random programs that pass run and end", random_programs);
    return check_done();
}
