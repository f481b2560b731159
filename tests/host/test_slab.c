// sources: kernel/vm/frame.c kernel/vm/slab.c kernel/vm/kmalloc.c kernel/vm/radix_node.c kernel/lib/radix.c tests/host/shim/shim.c
/* Slab caches and kmalloc over the real frame allocator. */
#include <string.h>
#include "core/thread.h"
#include "check.h"
#include "lib/radix.h"
#include "shim.h"

#define OUT_MAX 20000

static struct {
    unsigned char *memory;
    size_t size;
    unsigned char stamp;
} out[OUT_MAX];
static unsigned out_count;

static struct slab_cache cache;

/* Fill an object, so that an overlap with another shows. */
static void note_object(void *memory, size_t size)
{
    unsigned char stamp = (unsigned char)check_random();
    REQUIRE(out_count < OUT_MAX);
    memset(memory, stamp, size);
    out[out_count].memory = memory;
    out[out_count].size = size;
    out[out_count].stamp = stamp;
    out_count++;
}

static void *forget_object(unsigned index)
{
    unsigned char *memory = out[index].memory;
    for (size_t i = 0; i < out[index].size; i++)
        REQUIRE(memory[i] == out[index].stamp);
    out[index] = out[--out_count];
    return memory;
}

static void free_all_objects(void)
{
    while (out_count)
        slab_free(&cache, forget_object((unsigned)(check_random() % out_count)));
}

static bool idle(void)
{
    return shim_locks_held() == 0 && !shim_interrupts_off;
}

/* Random allocation and freeing of objects of one size, on four harts. */
static void one_size(size_t size, size_t alignment)
{
    uint64_t free_before;
    shim_memory_start(2048);
    slab_cache_init(&cache, "test", size, alignment);
    CHECK(cache.size >= size && cache.size % alignment == 0);
    free_before = page_count_free();
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t random = check_random();
        shim_hart = (unsigned)(random >> 16) % 4;
        if (out_count && random % 8 < (step / 2500 % 2 ? 5 : 3)) {
            slab_free(&cache, forget_object((unsigned)(random >> 32) % out_count));
        } else {
            void *object = random & 256 ? slab_allocate_zeroed(&cache) : slab_allocate(&cache);
            if (!object)
                continue;
            CHECK((uintptr_t)object % alignment == 0);
            for (size_t i = 0; i < size && (random & 256); i++)
                CHECK(((unsigned char *)object)[i] == 0);
            note_object(object, size);
        }
        CHECK(idle() && cache.in_use >= out_count);
    }
    free_all_objects();
    /* What remains is in magazines and in a few empty slabs. */
    CHECK(cache.in_use <= 4 * 2 * cache.batch);
    CHECK(free_before - page_count_free() <= (cache.in_use + 2) << cache.order);
    shim_end();
}

static void sizes_and_alignments(void)
{
    static const size_t sizes[][2] = {{1, 1},       {8, 8},    {24, 8},     {40, 8},    {100, 4},
                                      {128, 64},    {520, 8},  {700, 64},   {1000, 16}, {1500, 512},
                                      {2048, 2048}, {3000, 8}, {4096, 4096}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        one_size(sizes[i][0], sizes[i][1]);
}

/* Slabs go back when all of their objects are freed. */
static void empty_slabs_return(void)
{
    uint64_t free_before;
    shim_memory_start(1024);
    slab_cache_init(&cache, "test", 256, 8);
    free_before = page_count_free();
    for (unsigned i = 0; i < 8000; i++) {
        void *object = slab_allocate(&cache);
        CHECK(object);
        note_object(object, 256);
    }
    CHECK(free_before - page_count_free() == 500);
    free_all_objects();
    CHECK(free_before - page_count_free() <= cache.in_use + 2);
    shim_end();
}

/* Memory runs out, and all of it comes back. */
static void exhaustion(void)
{
    uint64_t free_before, total;
    shim_memory_start(256);
    slab_cache_init(&cache, "test", 64, 8);
    free_before = page_count_free();
    shim_thread->frees_memory = true; /* so that the whole reserve may be used */
    for (;;) {
        void *object = slab_allocate(&cache);
        if (!object)
            break;
        note_object(object, 64);
    }
    total = out_count;
    CHECK(idle() && page_count_free() == 0 && total == free_before * 64);
    CHECK(!slab_allocate_zeroed(&cache));
    free_all_objects();
    CHECK(free_before - page_count_free() <= cache.in_use + 2);
    while (out_count < total) {
        void *object = slab_allocate(&cache);
        CHECK(object);
        note_object(object, 64);
    }
    free_all_objects();
    shim_thread->frees_memory = false;
    shim_end();
}

/* A cache set up when there was no memory for its magazines works. */
static void without_magazines(void)
{
    shim_memory_start(256);
    shim_fail_allocation(1);
    slab_cache_init(&cache, "test", 64, 8);
    CHECK(shim_allocation_failed() && !cache.magazines);
    for (unsigned i = 0; i < 1000; i++) {
        void *object = slab_allocate(&cache);
        CHECK(object);
        note_object(object, 64);
        if (i % 3 == 0)
            slab_free(&cache, forget_object(out_count / 2));
    }
    CHECK(cache.in_use == out_count);
    free_all_objects();
    CHECK(cache.in_use == 0 && idle());
    shim_end();
}

/* Every size up to some pages: aligned, not overlapping, freed by its address alone. */
static void kmalloc_sizes(void)
{
    uint64_t free_before;
    shim_memory_start(4096);
    free_before = page_count_free();
    for (size_t size = 0; size < 9000; size += 1 + size / 50) {
        unsigned char *memory = size % 3 ? kmalloc(size) : kmalloc_zeroed(size);
        CHECK(memory && (uintptr_t)memory % 16 == 0);
        if (size && (size & (size - 1)) == 0 && size <= PAGE_SIZE)
            CHECK((uintptr_t)memory % size == 0);
        for (size_t i = 0; i < size && size % 3 == 0; i++)
            CHECK(memory[i] == 0);
        note_object(memory, size);
    }
    for (size_t size = 16; size <= PAGE_SIZE; size *= 2) {
        void *memory = kmalloc(size);
        CHECK(memory && (uintptr_t)memory % size == 0);
        note_object(memory, size);
    }
    while (out_count)
        kfree(forget_object((unsigned)(check_random() % out_count)));
    kfree(NULL);
    CHECK(free_before - page_count_free() < 200);
    CHECK(!kmalloc(SIZE_MAX) && !kmalloc(SIZE_MAX / 2 + 2) && !kmalloc((size_t)1 << 40));
    CHECK(idle());
    shim_end();
}

/* Radix trees on top of all this, with each allocation failing in turn. */
static void radix_on_slabs(void)
{
    struct radix radix;
    uint64_t free_before;
    shim_memory_start(512);
    free_before = page_count_free();
    radix_init(&radix);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t key = i * 0x9e3779b97f4a7c15;
        if (i % 2)
            shim_fail_allocation(1 + i % 3);
        while (radix_insert(&radix, key, &radix))
            CHECK(shim_allocation_failed() || page_count_free() == 0);
        shim_fail_allocation(0);
        if (i % 100 == 99)
            radix_clear(&radix);
    }
    radix_clear(&radix);
    CHECK(idle() && free_before - page_count_free() < 40);
    shim_end();
}

int main(void)
{
    check_case("sizes and alignments", sizes_and_alignments);
    check_case("empty slabs are given back", empty_slabs_return);
    check_case("memory runs out and comes back", exhaustion);
    check_case("a cache without magazines", without_magazines);
    check_case("kmalloc of all sizes", kmalloc_sizes);
    check_case("radix tree nodes, with failures", radix_on_slabs);
    return check_done();
}
