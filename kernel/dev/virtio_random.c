/*
 * virtio entropy devices (Virtual I/O Device specification 1.2, section 5.4): a few bytes, once at
 * boot, for the kernel's random generator.
 */
#include "core/printk.h"
#include "core/random.h"
#include "dev/virtio.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define SEED_SIZE 64

struct random_source {
    struct virtqueue queue;
    uint8_t seed[SEED_SIZE];
};

static void used(struct virtio_device *virtio)
{
    struct random_source *source = virtio->driver;
    uint32_t head, written;

    if (!virtqueue_take_used(&source->queue, &head, &written))
        return;
    if (written > SEED_SIZE)
        written = SEED_SIZE;
    for (uint32_t i = 0; i + sizeof(uint64_t) <= written; i += sizeof(uint64_t)) {
        uint64_t value;
        memcpy(&value, source->seed + i, sizeof(value));
        random_stir(value);
    }
    memset(source->seed, 0, SEED_SIZE);
}

void virtio_random_attach(struct virtio_device *virtio)
{
    struct random_source *source = kmalloc_zeroed(sizeof(*source));
    uint64_t features;

    if (!source) {
        printk("virtio random: no memory\n");
        return;
    }
    virtio->driver = source;
    virtio->used = used;
    int error = virtio_negotiate(virtio, 0, 0, &features);
    if (!error)
        error = virtqueue_init(&source->queue, virtio, 0);
    if (!error)
        error = virtio_start(virtio);
    if (error) {
        printk("virtio random: cannot use the device, error %d\n", -error);
        virtio_give_up(virtio);
        kfree(source);
        return;
    }
    source->queue.descriptors[0] =
        (struct virtio_descriptor){.address = virtual_to_physical(source->seed),
                                   .length = SEED_SIZE,
                                   .flags = DESCRIPTOR_WRITE};
    virtqueue_submit(&source->queue, 0);
}
