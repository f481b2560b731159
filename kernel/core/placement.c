/*
 * Where the parts of a new program go; see placement.h. As on Linux/riscv64:
 *
 *   program   heap_gap  heap ->   ...   <- mappings   room for the stack   <- stack
 *
 * Nothing is random with the boot argument norandmaps, with 0 in randomize_va_space, or after
 * personality(ADDR_NO_RANDOMIZE): then all is where the limits put it.
 */
#include "core/placement.h"
#include "abi/personality.h"
#include "abi/resource.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "core/random.h"
#include "dev/fdt.h"
#include "vm/page.h"

#define STACK_GAP_MIN  (128ul << 20) /* room left for the stack to grow, whatever its limit */
#define STACK_GUARD    (1ul << 20)   /* between the stack's room and mappings */
#define STACK_RANDOM   (1ul << 30)   /* how far the parts move at the most */
#define MAPPING_RANDOM (1ul << 30)
#define HEAP_RANDOM    (1ul << 30)
#define TOP_RANDOM     8192ul

unsigned randomize_policy = RANDOMIZE_ALL;

void placement_init(void)
{
    char value[2];

    if (boot_argument("norandmaps", value, sizeof(value)))
        randomize_policy = RANDOMIZE_NOTHING;
}

/* Where in its range each part is. */
enum part { STACK, STACK_TOP, MAPPINGS, PROGRAM, HEAP, PARTS };

/* A multiple of unit below range, from a random number; both are powers of two. */
static uint64_t below(uint64_t number, uint64_t range, uint64_t unit)
{
    return number & (range - unit);
}

/* The end of the room for mappings, with the room that the stack's limit asks for above. */
static vaddr_t top_of_mappings(uint64_t random)
{
    uint64_t gap = process_limit(RLIMIT_STACK), most = user_end / 6 * 5;

    if (gap < STACK_GAP_MIN)
        gap = STACK_GAP_MIN;
    if (gap > most)
        gap = most;
    return page_round_down(user_end - PAGE_SIZE - gap - STACK_GUARD - random);
}

void placement_choose(struct placement *placement)
{
    uint64_t numbers[PARTS];
    unsigned policy = __atomic_load_n(&randomize_policy, __ATOMIC_RELAXED);
    bool random =
        policy != RANDOMIZE_NOTHING && !(current_process()->personality & ADDR_NO_RANDOMIZE);

    *placement = (struct placement){
        .stack_top = user_end - PAGE_SIZE,
        .mmap_top = top_of_mappings(0),
        .program = user_end / 3 * 2,
    };
    if (!random)
        return;
    random_bytes(numbers, sizeof(numbers));
    placement->stack_top -= below(numbers[STACK], STACK_RANDOM, PAGE_SIZE);
    placement->stack_gap = below(numbers[STACK_TOP], TOP_RANDOM, 16);
    placement->mmap_top =
        top_of_mappings(STACK_RANDOM + below(numbers[MAPPINGS], MAPPING_RANDOM, PAGE_SIZE));
    placement->program += below(numbers[PROGRAM], MAPPING_RANDOM, PAGE_SIZE);
    if (policy == RANDOMIZE_ALL)
        placement->heap_gap = below(numbers[HEAP], HEAP_RANDOM, PAGE_SIZE);
}
