/*
 * The real-time clock.
 */
#ifndef MAPIX_DEV_RTC_H
#define MAPIX_DEV_RTC_H

#include <stdint.h>

/* Nanoseconds since 1970, or 0 if the machine has no clock that is known here. Boot only. */
uint64_t rtc_read(void);

#endif
