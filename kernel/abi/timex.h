/* adjtimex(2): its structure, what it sets, and the state of the clock. */
#ifndef MAPIX_ABI_TIMEX_H
#define MAPIX_ABI_TIMEX_H

#include "abi/time.h"

#define ADJ_MAXERROR  0x0004
#define ADJ_ESTERROR  0x0008
#define ADJ_STATUS    0x0010
#define ADJ_TIMECONST 0x0020
#define ADJ_SETOFFSET 0x0100
#define ADJ_MICRO     0x1000
#define ADJ_NANO      0x2000

#define STA_INS    0x0010
#define STA_DEL    0x0020
#define STA_UNSYNC 0x0040
#define STA_NANO   0x2000

#define TIME_OK    0
#define TIME_ERROR 5

struct timex {
    uint32_t modes;
    int64_t offset, frequency, maximum_error, estimated_error;
    int32_t status;
    int64_t constant, precision, tolerance;
    struct timeval time;
    int64_t tick, pps_frequency, jitter;
    int32_t shift;
    int64_t stability, jitter_count, calibration_count, error_count, stability_count;
    int32_t tai, unused[11];
};

_Static_assert(sizeof(struct timex) == 208, "timex");

#endif
