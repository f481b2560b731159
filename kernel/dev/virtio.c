/*
 * virtio transport and queues (virtio.h). The numbers in comments are sections of the
 * specification.
 */
#include "dev/virtio.h"
#include "abi/errno.h"
#include "core/printk.h"
#include "dev/block.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "dev/register.h"
#include "vm/kmem.h"

/* Registers (4.2.2). */
enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_TYPE = 0x008,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SELECT = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SELECT = 0x024,
    QUEUE_SELECT = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACKNOWLEDGE = 0x064,
    STATUS = 0x070,
    QUEUE_DESCRIPTORS = 0x080,
    QUEUE_AVAILABLE = 0x090,
    QUEUE_USED = 0x0a0,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100
};

#define MAGIC_VALUE    0x74726976 /* "virt" */
#define MODERN_VERSION 2

/* Bits of the status (2.1). */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_FAILED      128u

#define INTERRUPT_USED     1u
#define USED_NO_NOTIFY     1u
#define RESET_READS_MAX    1000000u
#define AVAILABLE_OFFSET   2048u /* in the queue's page: 128 descriptors are in front */
#define USED_OFFSET        2560u
#define CONFIG_RETRIES_MAX 100u

struct virtio_available {
    uint16_t flags, index;
    uint16_t ring[VIRTQUEUE_SIZE_MAX];
};

struct virtio_used {
    uint16_t flags, index;
    struct {
        uint32_t head, written;
    } ring[VIRTQUEUE_SIZE_MAX];
};

_Static_assert(sizeof(struct virtio_descriptor) * VIRTQUEUE_SIZE_MAX <= AVAILABLE_OFFSET &&
                   AVAILABLE_OFFSET + sizeof(struct virtio_available) <= USED_OFFSET &&
                   USED_OFFSET + sizeof(struct virtio_used) <= PAGE_SIZE,
               "a queue fits into a page");

/* Order accesses to memory that the device sees too against its registers and each other. */
static inline void device_fence(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

static uint32_t read_register(struct virtio_device *device, uint32_t offset)
{
    return register_read32(device->registers + offset);
}

static void write_register(struct virtio_device *device, uint32_t offset, uint32_t value)
{
    register_write32(device->registers + offset, value);
}

static void write_register64(struct virtio_device *device, uint32_t offset, uint64_t value)
{
    write_register(device, offset, (uint32_t)value);
    write_register(device, offset + 4, (uint32_t)(value >> 32));
}

static void add_status(struct virtio_device *device, uint32_t bits)
{
    write_register(device, STATUS, read_register(device, STATUS) | bits);
}

static uint64_t device_features(struct virtio_device *device)
{
    uint64_t features;

    write_register(device, DEVICE_FEATURES_SELECT, 1);
    features = (uint64_t)read_register(device, DEVICE_FEATURES) << 32;
    write_register(device, DEVICE_FEATURES_SELECT, 0);
    return features | read_register(device, DEVICE_FEATURES);
}

/* Reset (2.4): the status reads as 0 when it is done. */
static bool reset(struct virtio_device *device)
{
    write_register(device, STATUS, 0);
    for (unsigned i = 0; i < RESET_READS_MAX; i++) {
        if (read_register(device, STATUS) == 0)
            return true;
    }
    return false;
}

int virtio_negotiate(struct virtio_device *device, uint64_t required, uint64_t wanted,
                     uint64_t *features)
{
    if (!reset(device))
        return -ENODEV;
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    required |= VIRTIO_VERSION_1;
    *features = device_features(device) & (required | wanted);
    if ((*features & required) != required)
        return -ENODEV;
    write_register(device, DRIVER_FEATURES_SELECT, 1);
    write_register(device, DRIVER_FEATURES, (uint32_t)(*features >> 32));
    write_register(device, DRIVER_FEATURES_SELECT, 0);
    write_register(device, DRIVER_FEATURES, (uint32_t)*features);
    add_status(device, STATUS_FEATURES_OK);
    return read_register(device, STATUS) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

int virtqueue_init(struct virtqueue *queue, struct virtio_device *device, uint32_t index)
{
    uint32_t size_max;

    write_register(device, QUEUE_SELECT, index);
    size_max = read_register(device, QUEUE_SIZE_MAX);
    if (size_max == 0 || read_register(device, QUEUE_READY))
        return -ENODEV;
    struct page *page = page_allocate(0, PAGE_ZERO);
    if (!page)
        return -ENOMEM;
    *queue = (struct virtqueue){.device = device, .index = index, .size = VIRTQUEUE_SIZE_MAX};
    while (queue->size > size_max) /* a power of two (2.7) */
        queue->size /= 2;
    queue->descriptors = page_data(page);
    queue->available = (void *)((char *)page_data(page) + AVAILABLE_OFFSET);
    queue->used = (void *)((char *)page_data(page) + USED_OFFSET);
    write_register(device, QUEUE_SIZE, queue->size);
    write_register64(device, QUEUE_DESCRIPTORS, page_address(page));
    write_register64(device, QUEUE_AVAILABLE, page_address(page) + AVAILABLE_OFFSET);
    write_register64(device, QUEUE_USED, page_address(page) + USED_OFFSET);
    write_register(device, QUEUE_READY, 1);
    return 0;
}

static void interrupted(void *argument)
{
    struct virtio_device *device = argument;
    uint32_t status = read_register(device, INTERRUPT_STATUS);

    /* Acknowledged first: what is used from now on raises it anew. */
    write_register(device, INTERRUPT_ACKNOWLEDGE, status);
    if (status & INTERRUPT_USED)
        device->used(device);
}

int virtio_start(struct virtio_device *device)
{
    int error = interrupt_register(device->interrupt, "virtio", interrupted, device);

    if (!error)
        add_status(device, STATUS_DRIVER_OK);
    return error;
}

void virtio_give_up(struct virtio_device *device)
{
    reset(device);
    add_status(device, STATUS_FAILED);
}

uint32_t virtio_config32(struct virtio_device *device, uint32_t offset)
{
    return read_register(device, CONFIG + offset);
}

/* The device may change its configuration between the two reads: the generation tells (2.5). */
uint64_t virtio_config64(struct virtio_device *device, uint32_t offset)
{
    uint32_t generation, retries = 0;
    uint64_t value;

    do {
        generation = read_register(device, CONFIG_GENERATION);
        value = virtio_config32(device, offset);
        value |= (uint64_t)virtio_config32(device, offset + 4) << 32;
    } while (generation != read_register(device, CONFIG_GENERATION) &&
             retries++ < CONFIG_RETRIES_MAX);
    return value;
}

void virtqueue_submit(struct virtqueue *queue, uint16_t head)
{
    queue->available->ring[queue->available_next % queue->size] = head;
    queue->available_next++;
    device_fence(); /* the descriptors and the entry before the index */
    *(volatile uint16_t *)&queue->available->index = queue->available_next;
    device_fence(); /* the index before the device's wish not to be notified is read */
    if (!(queue->used->flags & USED_NO_NOTIFY))
        write_register(queue->device, QUEUE_NOTIFY, queue->index);
}

bool virtqueue_take_used(struct virtqueue *queue, uint32_t *head, uint32_t *written)
{
    uint32_t entry = queue->used_next % queue->size;

    if (queue->used->index == queue->used_next)
        return false;
    device_fence(); /* the index before the entry and what the device has written */
    *head = queue->used->ring[entry].head;
    *written = queue->used->ring[entry].written;
    queue->used_next++;
    return true;
}

/* Finding devices */

/* The node of the virtio device at the lowest address that is at least *address, which is set to
 * it. */
static bool find_from(uint64_t *address, struct fdt_node *found, uint64_t *size)
{
    struct fdt_node node = {0};
    uint64_t start, length, lowest = UINT64_MAX;

    while (fdt_next_compatible(&node, "virtio,mmio")) {
        if (fdt_reg(&node, 0, &start, &length) && start >= *address && start < lowest) {
            lowest = start;
            *found = node;
            *size = length;
        }
    }
    *address = lowest;
    return lowest != UINT64_MAX;
}

static void attach(const struct virtio_device *found)
{
    struct virtio_device *device = kmalloc(sizeof(*device));

    if (!device) {
        printk("virtio: no memory for a device\n");
        return;
    }
    *device = *found;
    if (device->type == VIRTIO_TYPE_BLOCK)
        virtio_block_attach(device);
    else
        virtio_random_attach(device);
}

/* Look at the device with its registers at address; an empty slot has type 0. */
static void probe(const struct fdt_node *node, uint64_t address, uint64_t size)
{
    struct virtio_device device = {0};

    if (size < CONFIG || !fdt_u32(node, "interrupts", &device.interrupt))
        return;
    device.registers = map_device(address, size);
    if (!device.registers || read_register(&device, MAGIC) != MAGIC_VALUE)
        return;
    device.type = read_register(&device, DEVICE_TYPE);
    if (device.type != VIRTIO_TYPE_BLOCK && device.type != VIRTIO_TYPE_RANDOM)
        return;
    if (read_register(&device, VERSION) != MODERN_VERSION) {
        printk("virtio: the device at %#lx speaks the legacy protocol only "
               "(QEMU: -global virtio-mmio.force-legacy=false)\n",
               address);
        return;
    }
    attach(&device);
}

/* In the order of addresses, whatever that of the tree is: disks keep their names. */
void virtio_init(void)
{
    struct fdt_node node;
    uint64_t size;

    for (uint64_t address = 0; find_from(&address, &node, &size); address++)
        probe(&node, address, size);
}
