// sources: kernel/fs/walk.c kernel/fs/path.c kernel/fs/path_context.c kernel/fs/name_cache.c kernel/fs/vnode.c kernel/fs/vfs.c kernel/fs/rename.c kernel/fs/open.c kernel/fs/file.c kernel/fs/permission.c kernel/fs/untrusted.c kernel/fs/volume.c kernel/fs/mount.c kernel/fs/mount_place.c kernel/fs/mount_path.c kernel/fs/mount_move.c kernel/fs/mount_namespace.c kernel/fs/namespace.c kernel/fs/bind.c kernel/fs/unmount.c kernel/lib/format.c kernel/lib/string_copy.c tests/host/walk_model.c tests/host/walk_store.c tests/host/walk_machine.c tests/host/walk_run.c tests/host/shim/memory.c tests/host/shim/shim.c
/* Path look-up against the naive model, on streams that the fuzzer invents. */
#include "walk_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    walk_run(bytes, size < 4000 ? size : 4000, 0);
    return 0;
}
