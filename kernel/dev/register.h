/*
 * Device registers. Device memory is strongly ordered by itself; the fences order it against
 * ordinary memory, which a device may read or write.
 */
#ifndef MAPIX_DEV_REGISTER_H
#define MAPIX_DEV_REGISTER_H

#include <stdint.h>

static inline uint32_t register_read32(const volatile void *address)
{
    uint32_t value = *(const volatile uint32_t *)address;
    __asm__ volatile("fence i, r" ::: "memory");
    return value;
}

static inline void register_write32(volatile void *address, uint32_t value)
{
    __asm__ volatile("fence w, o" ::: "memory");
    *(volatile uint32_t *)address = value;
}

static inline uint8_t register_read8(const volatile void *address)
{
    uint8_t value = *(const volatile uint8_t *)address;
    __asm__ volatile("fence i, r" ::: "memory");
    return value;
}

static inline void register_write8(volatile void *address, uint8_t value)
{
    __asm__ volatile("fence w, o" ::: "memory");
    *(volatile uint8_t *)address = value;
}

#endif
