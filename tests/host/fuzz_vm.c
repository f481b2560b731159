// sources: kernel/vm/region.c kernel/vm/merge.c kernel/vm/userfault.c kernel/vm/amap.c kernel/vm/object.c kernel/vm/anonymous.c kernel/vm/object_io.c kernel/vm/back_list.c kernel/vm/aspace.c kernel/vm/map.c kernel/vm/populate.c kernel/vm/unmap.c kernel/vm/protect.c kernel/vm/remap.c kernel/vm/attribute.c kernel/vm/advise.c kernel/vm/lock.c kernel/vm/incore.c kernel/vm/brk.c kernel/vm/commit.c kernel/vm/fork.c kernel/vm/fault.c kernel/vm/fault_resolve.c kernel/vm/grow.c kernel/vm/mark.c kernel/vm/around.c kernel/vm/truncate.c kernel/vm/write_back.c kernel/vm/reclaim.c kernel/vm/page_queue.c kernel/vm/evict.c kernel/vm/swap.c kernel/vm/swap_slot.c kernel/vm/swap_area.c kernel/vm/swap_object.c kernel/vm/page_wait.c kernel/vm/check.c kernel/lib/tree.c kernel/lib/string_copy.c kernel/lib/radix.c kernel/vm/radix_node.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c tests/host/vm_model.c tests/host/model_store.c tests/host/model_swap.c tests/host/machine.c tests/host/shim/memory.c tests/host/shim/shim.c
/* The virtual-memory system against the naive model, on streams that the fuzzer invents. */
#include "vm_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    vm_model_run(bytes, size < 4000 ? size : 4000, 0);
    return 0;
}
