// sources: kernel/vm/region.c kernel/vm/merge.c kernel/vm/userfault.c kernel/vm/amap.c kernel/vm/object.c kernel/vm/anonymous.c kernel/vm/object_io.c kernel/vm/back_list.c kernel/vm/aspace.c kernel/vm/map.c kernel/vm/populate.c kernel/vm/unmap.c kernel/vm/protect.c kernel/vm/remap.c kernel/vm/attribute.c kernel/vm/advise.c kernel/vm/lock.c kernel/vm/incore.c kernel/vm/brk.c kernel/vm/commit.c kernel/vm/fork.c kernel/vm/fault.c kernel/vm/fault_resolve.c kernel/vm/grow.c kernel/vm/mark.c kernel/vm/around.c kernel/vm/truncate.c kernel/vm/write_back.c kernel/vm/reclaim.c kernel/vm/page_queue.c kernel/vm/evict.c kernel/vm/swap.c kernel/vm/swap_slot.c kernel/vm/swap_area.c kernel/vm/swap_object.c kernel/vm/page_wait.c kernel/vm/check.c kernel/lib/tree.c kernel/lib/string_copy.c kernel/lib/radix.c kernel/vm/radix_node.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c tests/host/vm_model.c tests/host/model_store.c tests/host/model_swap.c tests/host/machine.c tests/host/shim/memory.c tests/host/shim/shim.c
/*
 * The virtual-memory system against a naive flat model: random streams of operations, every load
 * compared, invariants checked after each step; then the same with each allocation failing in turn.
 */
#include "check.h"
#include "model_swap.h"
#include "vm_model.h"
#include <stdlib.h>

/* A stream is a sequence of bytes that vm_model_run decodes. */
static void random_stream(unsigned seed, uint8_t *bytes, size_t size)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        bytes[i] = (uint8_t)(state >> 56);
    }
}

static void test_streams(void)
{
    uint8_t bytes[2000];
    unsigned streams = getenv("STREAMS") ? (unsigned)atoi(getenv("STREAMS")) : 300;

    for (unsigned seed = 1; seed <= streams; seed++) {
        random_stream(seed, bytes, sizeof(bytes));
        vm_model_run(bytes, sizeof(bytes), 0);
    }
    CHECK(vm_model_loads > 10000);
    CHECK(model_swap_pages() > 300);
}

static void test_failures(void)
{
    uint8_t bytes[400];

    for (unsigned seed = 1; seed <= 3; seed++) {
        random_stream(seed + 1000, bytes, sizeof(bytes));
        for (uint64_t n = 1; vm_model_run(bytes, sizeof(bytes), n); n++)
            ;
    }
}

int main(void)
{
    check_case("random streams agree with the model", test_streams);
    check_case("each allocation failing in turn changes nothing and leaks nothing", test_failures);
    return check_done();
}
