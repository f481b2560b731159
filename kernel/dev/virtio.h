/*
 * virtio devices over memory-mapped registers (Virtual I/O Device specification 1.2, section 4.2),
 * and their split virtqueues (section 2.7). Only devices of version 1.0 and later.
 */
#ifndef MAPIX_DEV_VIRTIO_H
#define MAPIX_DEV_VIRTIO_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

/* Feature bits that any device may have (chapter 6). */
#define VIRTIO_INDIRECT  (1ull << 28)
#define VIRTIO_VERSION_1 (1ull << 32)

/* Device types (chapter 5). */
#define VIRTIO_TYPE_BLOCK  2
#define VIRTIO_TYPE_RANDOM 4

struct virtio_device {
    volatile char *registers;
    uint32_t type;
    uint32_t interrupt; /* source number */
    /* The device has used buffers. Interrupt context. */
    void (*used)(struct virtio_device *device);
    void *driver;
};

struct virtio_descriptor {
    uint64_t address; /* physical */
    uint32_t length;
    uint16_t flags, next;
};

/* Flags of a descriptor. */
#define DESCRIPTOR_NEXT     1
#define DESCRIPTOR_WRITE    2 /* the device writes to it */
#define DESCRIPTOR_INDIRECT 4 /* it is a table of descriptors */

/* A virtqueue. Its user serialises all calls on one queue. */
struct virtqueue {
    struct virtio_device *device;
    uint32_t index, size;
    uint16_t available_next, used_next; /* entries made available, and taken from the used ring */
    struct virtio_descriptor *descriptors;
    struct virtio_available *available;
    volatile struct virtio_used *used;
};

/* The most descriptors that a queue here has: all of it is in one page. */
#define VIRTQUEUE_SIZE_MAX 128

/*
 * Reset the device and agree on features: all of required (VERSION_1 is added), and what it has of
 * wanted. *features is the result. -ENODEV: it lacks some, or refuses.
 */
int virtio_negotiate(struct virtio_device *device, uint64_t required, uint64_t wanted,
                     uint64_t *features);

/* Set up a queue, before virtio_start: -ENODEV, -ENOMEM. */
int virtqueue_init(struct virtqueue *queue, struct virtio_device *device, uint32_t index);

/* Tell the device that its driver is ready, with interrupts coming from now on; or that the driver
 * gives it up. 0 or an error of interrupt_register. */
int virtio_start(struct virtio_device *device);
void virtio_give_up(struct virtio_device *device);

/* The device's own configuration, at a byte offset. */
uint32_t virtio_config32(struct virtio_device *device, uint32_t offset);
uint64_t virtio_config64(struct virtio_device *device, uint32_t offset);

/* Make the chain of descriptors that begins with head available, and tell the device. */
void virtqueue_submit(struct virtqueue *queue, uint16_t head);

/* Take the next used chain: its head as the device tells it (unchecked) and the bytes written to
 * it. false: none. */
bool virtqueue_take_used(struct virtqueue *queue, uint32_t *head, uint32_t *written);

/* Take charge of a device of its type, or leave it alone with a message. Boot only. */
void virtio_block_attach(struct virtio_device *device);
void virtio_random_attach(struct virtio_device *device);

#endif
