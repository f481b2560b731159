// sources: tests/host/shim/shim.c kernel/lib/radix.c
/* What the DEBUG kernel's allocators find: writes after free, double frees, wrong frees. */
#define DEBUG
#include "vm/frame.c"
#undef POISON
#define poison slab_poison
#define refill slab_refill
#define drain  slab_drain
#include "vm/slab.c"
#undef poison
#undef refill
#undef drain
#define caches kmalloc_caches
#include "vm/kmalloc.c"
#undef caches
#include "vm/radix_node.c"
#include "check.h"
#include "shim.h"

static struct slab_cache test_cache;

static void start(void)
{
    shim_memory_start(512);
    slab_cache_init(&test_cache, "test", 64, 8);
}

static void allocate_frame(void *unused)
{
    (void)unused;
    page_allocate(0, 0);
}

static void allocate_block(void *unused)
{
    (void)unused;
    page_allocate(3, 0);
}

static void allocate_object(void *unused)
{
    (void)unused;
    slab_allocate(&test_cache);
}

static void free_object(void *object)
{
    slab_free(&test_cache, object);
}

static void free_memory(void *memory)
{
    kfree(memory);
}

/* Correct use is not disturbed. */
static void correct_use(void)
{
    void *objects[300];
    start();
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 300; i++) {
            objects[i] = i % 3 ? slab_allocate(&test_cache) : kmalloc(i * 20);
            CHECK(objects[i]);
            memset(objects[i], 0, i % 3 ? 64 : i * 20);
        }
        for (unsigned i = 0; i < 300; i++) {
            if (i % 3)
                slab_free(&test_cache, objects[i]);
            else
                kfree(objects[i]);
        }
    }
    shim_end();
}

static void frame_written_after_free(void)
{
    struct page *page;
    start();
    page = page_allocate(0, 0);
    CHECK(page);
    page_free(page, 0);
    ((char *)page_data(page))[4095] = 1;
    CHECK(shim_panics(allocate_frame, NULL));
    shim_end();
}

static void block_written_after_free(void)
{
    struct page *page;
    start();
    page = page_allocate(3, 0);
    CHECK(page);
    page_free(page, 3);
    ((char *)page_data(page))[5 * PAGE_SIZE + 8] = 1;
    CHECK(shim_panics(allocate_block, NULL));
    shim_end();
}

static void object_written_after_free(void)
{
    uint64_t *object;
    start();
    object = slab_allocate(&test_cache);
    CHECK(object);
    slab_free(&test_cache, object);
    object[7] = 0;
    CHECK(shim_panics(allocate_object, NULL));
    shim_end();
}

static void freed_twice(void)
{
    void *object, *memory;
    start();
    object = slab_allocate(&test_cache);
    memory = kmalloc(5000);
    CHECK(object && memory);
    slab_free(&test_cache, object);
    CHECK(shim_panics(free_object, object));
    kfree(memory);
    CHECK(shim_panics(free_memory, memory));
    shim_end();
}

static void freed_wrongly(void)
{
    char *object, *other;
    start();
    object = slab_allocate(&test_cache);
    other = kmalloc(48);
    CHECK(object && other);
    CHECK(shim_panics(free_object, object + 8));
    CHECK(shim_panics(free_object, other));
    CHECK(shim_panics(free_object, &object));
    shim_end();
}

int main(void)
{
    check_case("correct use", correct_use);
    check_case("a frame written to after it was freed", frame_written_after_free);
    check_case("a block written to after it was freed", block_written_after_free);
    check_case("an object written to after it was freed", object_written_after_free);
    check_case("freed twice", freed_twice);
    check_case("freed through the wrong cache, or in its middle", freed_wrongly);
    return check_done();
}
