/*
 * The stack of a new program. From the top: 8 zero bytes, the file name, the environment's strings,
 * the arguments' strings, 16 random bytes, the auxiliary vector, the pointers to the environment
 * and to the arguments, and the argument count, to which sp points (System V ABI for RISC-V,
 * "Process Initialization").
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "abi/rseq.h"
#include "abi/time.h"
#include "arch/riscv/isa.h"
#include "core/credentials.h"
#include "core/exec_internal.h"
#include "core/process.h"
#include "core/random.h"
#include "core/signal.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define STACK_INITIAL (128ul << 10) /* mapped below the arguments */
#define RANDOM_SIZE   16
#define HWCAP_LETTERS /* the extensions that programs are told of, and can use */                  \
    (isa_bit('i') | isa_bit('m') | isa_bit('a') | isa_bit('f') | isa_bit('d') | isa_bit('c'))

/* Words that go to consecutive addresses of the new stack. */
struct words {
    struct aspace *aspace;
    vaddr_t address;
    unsigned count;
    bool failed;
    uint64_t buffer[64];
};

static void flush_words(struct words *words)
{
    size_t size = words->count * sizeof(uint64_t);
    if (aspace_write(words->aspace, words->address, words->buffer, size) != size)
        words->failed = true;
    words->address += size;
    words->count = 0;
}

static void put_word(struct words *words, uint64_t word)
{
    if (words->count == sizeof(words->buffer) / sizeof(words->buffer[0]))
        flush_words(words);
    words->buffer[words->count++] = word;
}

/* Pointers to count strings that begin at offset; where they end. */
static size_t put_pointers(struct words *words, const struct exec *exec, unsigned count,
                           size_t offset)
{
    for (unsigned i = 0; i < count; i++) {
        put_word(words, exec->strings + offset);
        offset += arguments_length(&exec->arguments, offset);
    }
    put_word(words, 0);
    return offset;
}

struct auxiliary {
    uint64_t type, value;
};

#define AUXILIARY_COUNT 29

static void make_auxiliary(const struct exec *exec, vaddr_t random,
                           struct auxiliary vector[AUXILIARY_COUNT])
{
    const struct credentials *credentials = exec->credentials;
    const struct arguments *arguments = &exec->arguments;
    const struct elf_layout *layout = &exec->program.layout;
    uint64_t bias = exec->program.bias;
    vaddr_t name = exec->strings + arguments->argument_size + arguments->environment_size;
    const struct auxiliary entries[AUXILIARY_COUNT] = {
        {AT_SYSINFO_EHDR, exec->aspace->vdso},
        /* The sizes and geometries of the caches, of which the device tree tells nothing. */
        {AT_L1I_CACHESIZE, 0},
        {AT_L1I_CACHEGEOMETRY, 0},
        {AT_L1D_CACHESIZE, 0},
        {AT_L1D_CACHEGEOMETRY, 0},
        {AT_L2_CACHESIZE, 0},
        {AT_L2_CACHEGEOMETRY, 0},
        {AT_L3_CACHESIZE, 0},
        {AT_L3_CACHEGEOMETRY, 0},
        {AT_MINSIGSTKSZ, sizeof(struct signal_frame)},
        {AT_HWCAP, isa_letters() & HWCAP_LETTERS},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS_PER_SECOND},
        {AT_PHDR, layout->programs ? layout->programs + bias : 0},
        {AT_PHENT, sizeof(struct elf_program)},
        {AT_PHNUM, exec->program.header.program_count},
        {AT_BASE, exec->loader.place.vnode ? exec->loader.bias : 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, layout->entry + bias},
        {AT_UID, credentials->uid},
        {AT_EUID, credentials->euid},
        {AT_GID, credentials->gid},
        {AT_EGID, credentials->egid},
        {AT_SECURE, exec->secure},
        {AT_RANDOM, random},
        {AT_RSEQ_FEATURE_SIZE, RSEQ_SIZE},
        {AT_RSEQ_ALIGN, RSEQ_ALIGNMENT},
        {AT_EXECFN, name},
        {AT_NULL, 0},
    };
    memcpy(vector, entries, sizeof(entries));
}

static int map_stack(struct exec *exec)
{
    uint64_t used = exec->aspace->stack_top - page_round_down(exec->stack);
    uint64_t limit = page_round_down(process_limit(RLIMIT_STACK));
    uint64_t size = used + STACK_INITIAL < limit ? used + STACK_INITIAL
                    : used > limit               ? used
                                                 : limit;
    struct map_request request = {
        .address = exec->aspace->stack_top - size,
        .length = size,
        .access = ACCESS_READ | ACCESS_WRITE,
        .max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
        .flags = MAPPING_FIXED | MAPPING_GROWS_DOWN,
        .name = "[stack]",
    };
    vaddr_t address;
    if (exec->program.layout.executable_stack)
        request.access |= ACCESS_EXECUTE;
    return aspace_map(exec->aspace, &request, &address);
}

static int fill_stack(struct exec *exec, vaddr_t random)
{
    const struct arguments *arguments = &exec->arguments;
    struct auxiliary vector[AUXILIARY_COUNT];
    struct words words;
    uint8_t bytes[RANDOM_SIZE];
    size_t offset;
    words.aspace = exec->aspace;
    words.address = exec->stack;
    words.count = 0;
    words.failed = false;
    random_bytes(bytes, sizeof(bytes));
    make_auxiliary(exec, random, vector);
    put_word(&words, arguments->argument_count);
    offset = put_pointers(&words, exec, arguments->argument_count, 0);
    put_pointers(&words, exec, arguments->environment_count, offset);
    for (unsigned i = 0; i < AUXILIARY_COUNT; i++) {
        put_word(&words, vector[i].type);
        put_word(&words, vector[i].value);
    }
    flush_words(&words);
    if (words.failed || aspace_write(exec->aspace, random, bytes, sizeof(bytes)) != sizeof(bytes))
        return -EFAULT;
    return arguments_write(arguments, exec->aspace, exec->strings);
}

int exec_build_stack(struct exec *exec)
{
    const struct arguments *arguments = &exec->arguments;
    struct aspace *aspace = exec->aspace;
    size_t words = 1 + arguments->argument_count + 1 + arguments->environment_count + 1;
    vaddr_t random;
    int result;
    exec->strings = aspace->stack_top - sizeof(uint64_t) - arguments->size;
    random = (exec->strings - exec->stack_gap - RANDOM_SIZE) & ~15ul;
    exec->stack =
        (random - words * sizeof(uint64_t) - AUXILIARY_COUNT * sizeof(struct auxiliary)) & ~15ul;
    aspace->auxiliary_start = exec->stack + words * sizeof(uint64_t);
    aspace->auxiliary_end = aspace->auxiliary_start + AUXILIARY_COUNT * sizeof(struct auxiliary);
    aspace->argument_start = exec->strings;
    aspace->argument_end = exec->strings + arguments->argument_size;
    aspace->environment_start = aspace->argument_end;
    aspace->environment_end = aspace->argument_end + arguments->environment_size;
    result = map_stack(exec);
    return result ? result : fill_stack(exec, random);
}
