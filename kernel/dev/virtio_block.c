/*
 * virtio block devices (Virtual I/O Device specification 1.2, section 5.2).
 *
 * A request in flight has a slot: the header and the status byte that go with it, and descriptors
 * for them and its segments. Where the device takes indirect tables, each slot has a table of its
 * own and needs one descriptor of the queue, so that as many requests are in flight as the queue
 * has descriptors; else each slot owns as many consecutive descriptors of the queue as the largest
 * request needs.
 *
 * The device's memory is not trusted: a used entry that does not name a slot in flight is ignored.
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "dev/block.h"
#include "dev/virtio.h"
#include "vm/kmem.h"

#define FEATURE_SIZE_MAX     (1ull << 1)
#define FEATURE_SEGMENTS_MAX (1ull << 2)
#define FEATURE_READ_ONLY    (1ull << 5)
#define FEATURE_FLUSH        (1ull << 9)

#define CONFIG_CAPACITY     0
#define CONFIG_SIZE_MAX     8
#define CONFIG_SEGMENTS_MAX 12

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4 };

#define STATUS_OK      0
#define STATUS_PENDING 0xff /* not one of the device's */

#define CHAIN_MAX   (BLOCK_SEGMENTS_MAX + 2) /* header, segments, status */
#define BLOCK_MAJOR 254
#define MINORS      16

struct request_header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct slot {
    struct virtio_descriptor table[CHAIN_MAX]; /* if tables are indirect */
    struct request_header header;
    struct block_request *request; /* NULL: free */
    uint16_t next_free;
    uint8_t status;
};

#define SLOTS_PER_PAGE (PAGE_SIZE / sizeof(struct slot))
#define NO_SLOT        UINT16_MAX

struct disk {
    struct block_device device;
    struct virtio_device *virtio;
    struct spinlock lock; /* of what follows */
    struct virtqueue queue;
    struct wait_queue slot_freed;
    struct page *slot_pages[VIRTQUEUE_SIZE_MAX / SLOTS_PER_PAGE + 1];
    uint32_t slot_count, stride; /* descriptors of the queue per slot */
    uint16_t first_free;
    bool flushes; /* has a cache to flush */
    char name[8];
};

static unsigned disk_count;

static struct slot *slot_at(const struct disk *disk, uint32_t number)
{
    return (struct slot *)page_data(disk->slot_pages[number / SLOTS_PER_PAGE]) +
           number % SLOTS_PER_PAGE;
}

/* Requests */

static void describe(struct virtio_descriptor *descriptor, paddr_t address, uint32_t length,
                     uint16_t flags)
{
    descriptor->address = address;
    descriptor->length = length;
    descriptor->flags = flags;
}

/* Write the chain of a slot into table, where it has the numbers from base on. Returns its length.
 */
static unsigned build_chain(struct slot *slot, struct virtio_descriptor *table, uint16_t base)
{
    const struct block_request *request = slot->request;
    uint16_t direction = request->operation == BLOCK_READ ? DESCRIPTOR_WRITE : 0;
    unsigned count = 0;

    describe(&table[count++], virtual_to_physical(&slot->header), sizeof(slot->header), 0);
    for (unsigned i = 0; i < request->count; i++) {
        const struct block_segment *segment = &request->segments[i];
        describe(&table[count++], page_address(segment->page) + segment->offset, segment->length,
                 direction);
    }
    describe(&table[count++], virtual_to_physical(&slot->status), 1, DESCRIPTOR_WRITE);
    for (unsigned i = 0; i + 1 < count; i++) {
        table[i].flags |= DESCRIPTOR_NEXT;
        table[i].next = base + i + 1;
    }
    return count;
}

static void fill_header(struct slot *slot)
{
    static const uint32_t types[] = {
        [BLOCK_READ] = TYPE_IN, [BLOCK_WRITE] = TYPE_OUT, [BLOCK_FLUSH] = TYPE_FLUSH};
    const struct block_request *request = slot->request;

    slot->header.type = types[request->operation];
    slot->header.reserved = 0;
    slot->header.sector = request->operation == BLOCK_FLUSH ? 0 : request->sector;
    slot->status = STATUS_PENDING;
}

/* Give the request to the device, if a slot is free. */
static bool try_submit(struct disk *disk, struct block_request *request)
{
    spin_lock(&disk->lock);
    uint16_t number = disk->first_free;
    if (number != NO_SLOT) {
        struct slot *slot = slot_at(disk, number);
        uint16_t head = number * disk->stride;
        disk->first_free = slot->next_free;
        slot->request = request;
        fill_header(slot);
        if (disk->stride == 1) {
            unsigned length = build_chain(slot, slot->table, 0);
            describe(&disk->queue.descriptors[head], virtual_to_physical(slot->table),
                     length * sizeof(struct virtio_descriptor), DESCRIPTOR_INDIRECT);
        } else {
            build_chain(slot, &disk->queue.descriptors[head], head);
        }
        virtqueue_submit(&disk->queue, head);
    }
    spin_unlock(&disk->lock);
    return number != NO_SLOT;
}

static void submit(struct block_device *device, struct block_request *request)
{
    struct disk *disk = device->driver;
    bool submitted = false; /* the condition is evaluated again after it was true */

    if (request->operation == BLOCK_FLUSH && !disk->flushes) {
        uint64_t state = interrupts_disable();
        block_finish(request, 0); /* what was written is durable already (5.2.6.2) */
        interrupts_restore(state);
    } else {
        wait_event(&disk->slot_freed, submitted || (submitted = try_submit(disk, request)));
    }
}

/* Free the slot of a used chain; its request, or NULL if there is none. Locked. */
static struct block_request *finish_slot(struct disk *disk, uint32_t head, int *error)
{
    uint32_t number = head / disk->stride;

    if (head % disk->stride || number >= disk->slot_count)
        return NULL;
    struct slot *slot = slot_at(disk, number);
    struct block_request *request = slot->request;
    if (!request)
        return NULL;
    *error = *(volatile uint8_t *)&slot->status == STATUS_OK ? 0 : -EIO;
    slot->request = NULL;
    slot->next_free = disk->first_free;
    disk->first_free = number;
    return request;
}

static void used(struct virtio_device *virtio)
{
    struct disk *disk = virtio->driver;
    uint32_t head, written;
    bool more;

    do {
        struct block_request *request = NULL;
        int error = 0;
        spin_lock(&disk->lock);
        more = virtqueue_take_used(&disk->queue, &head, &written);
        if (more)
            request = finish_slot(disk, head, &error);
        spin_unlock(&disk->lock);
        if (request) {
            wake_all(&disk->slot_freed);
            block_finish(request, error);
        }
    } while (more);
}

/* Attaching */

/* "vda" to "vdz", then "vdaa" and so on. */
static void make_name(char *name, unsigned number)
{
    unsigned length = 2;

    name[0] = 'v';
    name[1] = 'd';
    if (number >= 26)
        name[length++] = (char)('a' + (number / 26 - 1) % 26);
    name[length++] = (char)('a' + number % 26);
    name[length] = 0;
}

/* Does the device take requests as large as ours? */
static bool limits_suffice(struct virtio_device *virtio, uint64_t features)
{
    if ((features & FEATURE_SIZE_MAX) && virtio_config32(virtio, CONFIG_SIZE_MAX) < PAGE_SIZE)
        return false;
    return !(features & FEATURE_SEGMENTS_MAX) ||
           virtio_config32(virtio, CONFIG_SEGMENTS_MAX) >= BLOCK_SEGMENTS_MAX;
}

static void free_slots(struct disk *disk)
{
    for (unsigned i = 0; i < sizeof(disk->slot_pages) / sizeof(disk->slot_pages[0]); i++) {
        if (disk->slot_pages[i])
            page_release(disk->slot_pages[i]);
    }
}

static int make_slots(struct disk *disk)
{
    disk->slot_count = disk->queue.size / disk->stride;
    disk->first_free = NO_SLOT;
    for (uint32_t number = 0; number < disk->slot_count; number++) {
        struct page **page = &disk->slot_pages[number / SLOTS_PER_PAGE];
        if (!*page && !(*page = page_allocate(0, PAGE_ZERO)))
            return -ENOMEM;
        slot_at(disk, number)->next_free = disk->first_free;
        disk->first_free = number;
    }
    return disk->slot_count ? 0 : -ENODEV;
}

static int set_up(struct disk *disk)
{
    struct virtio_device *virtio = disk->virtio;
    uint64_t features;
    int error = virtio_negotiate(virtio, 0,
                                 VIRTIO_INDIRECT | FEATURE_SIZE_MAX | FEATURE_SEGMENTS_MAX |
                                     FEATURE_READ_ONLY | FEATURE_FLUSH,
                                 &features);

    if (!error && !limits_suffice(virtio, features))
        error = -ENODEV;
    if (!error)
        error = virtqueue_init(&disk->queue, virtio, 0);
    if (error)
        return error;
    disk->stride = features & VIRTIO_INDIRECT ? 1 : CHAIN_MAX;
    disk->flushes = features & FEATURE_FLUSH;
    disk->device.read_only = features & FEATURE_READ_ONLY;
    disk->device.sectors = virtio_config64(virtio, CONFIG_CAPACITY);
    error = make_slots(disk);
    return error ? error : virtio_start(virtio);
}

void virtio_block_attach(struct virtio_device *virtio)
{
    struct disk *disk = kmalloc_zeroed(sizeof(*disk));

    if (!disk) {
        printk("virtio block: no memory\n");
        return;
    }
    disk->virtio = virtio;
    virtio->driver = disk;
    virtio->used = used;
    spin_init(&disk->lock, "virtio block", RANK_DEVICE);
    wait_queue_init(&disk->slot_freed, "virtio block slot");
    make_name(disk->name, disk_count);
    disk->device.name = disk->name;
    disk->device.number = device_number(BLOCK_MAJOR, disk_count * MINORS);
    disk->device.submit = submit;
    disk->device.driver = disk;
    int error = set_up(disk);
    if (error) {
        printk("virtio block: cannot use the device, error %d\n", -error);
        virtio_give_up(virtio);
        free_slots(disk);
        kfree(disk);
        return;
    }
    disk_count++;
    block_register(&disk->device);
}
