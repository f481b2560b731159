/*
 * Objects without a store: shared anonymous memory, files of a tmpfs. Their pages begin as zeros
 * and stay, or go to swap areas and come back from there (swap_object.c).
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "vm/commit.h"
#include "vm/kmem.h"
#include "vm/vm.h"

static struct slab_cache object_cache;

void object_cache_init(void)
{
    slab_cache_init(&object_cache, "object", sizeof(struct object), 8);
}

static void anonymous_get(struct object *object, struct page **pages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int error = object_swap_in(object, pages[i]);
        if (error == -ENOENT) {
            page_zero(page_data(pages[i]));
            error = 0;
        }
        page_set(pages[i], PAGE_BACKED);
        object_page_filled(object, pages[i], error);
    }
}

static void anonymous_put(struct object *object, struct page **pages, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        object_page_written(object, pages[i], 0);
}

static int anonymous_reserve(struct object *object, uint64_t index)
{
    (void)object;
    (void)index;
    return 0;
}

static void anonymous_release(struct object *object)
{
    object_destroy(object);
    commit_change(-(int64_t)object->committed);
    slab_free(&object_cache, object);
}

const struct pager anonymous_pager = {
    .get = anonymous_get,
    .put = anonymous_put,
    .reserve = anonymous_reserve,
    .release = anonymous_release,
};

struct object *object_create_anonymous(uint64_t size, bool commit)
{
    static uint64_t last_number;
    struct object *object = slab_allocate(&object_cache);

    if (!object)
        return NULL;
    object_init(object, &anonymous_pager, size);
    object->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
    if (commit) {
        object->committed = object_pages(object);
        commit_change((int64_t)object->committed);
    }
    return object;
}
