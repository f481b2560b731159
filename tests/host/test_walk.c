// sources: kernel/fs/walk.c kernel/fs/path.c kernel/fs/path_context.c kernel/fs/name_cache.c kernel/fs/vnode.c kernel/fs/vfs.c kernel/fs/rename.c kernel/fs/open.c kernel/fs/file.c kernel/fs/permission.c kernel/fs/untrusted.c kernel/fs/volume.c kernel/fs/mount.c kernel/fs/mount_place.c kernel/fs/mount_path.c kernel/fs/mount_move.c kernel/fs/mount_namespace.c kernel/fs/namespace.c kernel/fs/bind.c kernel/fs/unmount.c kernel/lib/format.c kernel/lib/string_copy.c tests/host/walk_model.c tests/host/walk_store.c tests/host/walk_machine.c tests/host/walk_run.c tests/host/shim/memory.c tests/host/shim/shim.c
/*
 * Path look-up against a naive model: random streams of operations on names, mounts and the root
 * directory, every result compared, the caches checked after each step; then the same with each
 * allocation failing in turn.
 */
#include "check.h"
#include "walk_model.h"
#include "walk_run.h"
#include <stdlib.h>

static void random_stream(unsigned seed, uint8_t *bytes, size_t size)
{
    check_random_state = seed * 0x9e3779b97f4a7c15ull;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(check_random() >> 32);
}

static void test_streams(void)
{
    uint8_t bytes[6000];
    unsigned streams = getenv("STREAMS") ? (unsigned)atoi(getenv("STREAMS")) : 600;

    for (unsigned seed = 1; seed <= streams; seed++) {
        random_stream(seed, bytes, sizeof(bytes));
        walk_run(bytes, sizeof(bytes), 0);
    }
    for (unsigned kind = 0; kind < WALK_KINDS; kind++)
        CHECK(walk_successes[kind] > 50);
}

static void test_failures(void)
{
    uint8_t bytes[1200];

    for (unsigned seed = 1; seed <= 6; seed++) {
        random_stream(seed + 1000, bytes, sizeof(bytes));
        for (uint64_t n = 1; walk_run(bytes, sizeof(bytes), n); n++)
            ;
    }
}

int main(void)
{
    check_case("random streams agree with the model", test_streams);
    check_case("each allocation failing in turn changes nothing and leaks nothing", test_failures);
    return check_done();
}
