/* The mock pager of model_store.h. */
#include "model_store.h"
#include "vm/vm.h"
#include "vm_model.h"
#include <string.h>

#define REQUESTS_MAX 4096u

static struct request {
    struct object *object;
    struct page *page;
    bool write;
} requests[REQUESTS_MAX];
static unsigned request_count;

void model_requests_start(void)
{
    request_count = 0;
}

unsigned model_requests(void)
{
    return request_count;
}

static void enqueue(struct object *object, struct page **pages, unsigned count, bool write)
{
    for (unsigned i = 0; i < count; i++)
        requests[request_count++] = (struct request){object, pages[i], write};
}

static void store_get(struct object *object, struct page **pages, unsigned count)
{
    enqueue(object, pages, count, false);
}

static void store_put(struct object *object, struct page **pages, unsigned count)
{
    enqueue(object, pages, count, true);
}

static int store_reserve(struct object *object, uint64_t index)
{
    (void)object;
    (void)index;
    return 0;
}

static void store_release(struct object *object)
{
    difference("the owner's reference of a store's object was released", object->references, 0);
}

static const struct pager store_pager = {
    .get = store_get, .put = store_put, .reserve = store_reserve, .release = store_release};

void model_store_init(struct model_store *store, uint8_t (*pages)[PAGE_SIZE], unsigned count,
                      uint64_t size)
{
    object_init(&store->object, &store_pager, size);
    store->pages = pages;
    memset(pages, 0, count * sizeof(*pages));
}

void model_request_finish(unsigned at)
{
    struct request request = requests[at];
    struct model_store *store = container_of(request.object, struct model_store, object);
    uint8_t *data = page_data(request.page), *stored = store->pages[request.page->index];
    uint64_t start = request.page->index << PAGE_SHIFT, size = request.object->size;
    size_t inside = start >= size ? 0 : size - start < PAGE_SIZE ? size - start : PAGE_SIZE;

    memmove(&requests[at], &requests[at + 1], (--request_count - at) * sizeof(*requests));
    if (request.write) {
        memcpy(stored, data, inside);
        object_page_written(request.object, request.page, 0);
    } else {
        memset(data, 0, PAGE_SIZE);
        memcpy(data, stored, inside);
        page_set(request.page, PAGE_BACKED);
        object_page_filled(request.object, request.page, 0);
    }
}

bool model_request_finish_oldest(void)
{
    if (!request_count)
        return false;
    model_request_finish(0);
    return true;
}
