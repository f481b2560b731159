/* Priorities of input and output: ioprio_set(2). */
#ifndef MAPIX_ABI_IOPRIO_H
#define MAPIX_ABI_IOPRIO_H

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_WHO_PGRP    2
#define IOPRIO_WHO_USER    3

#define IOPRIO_CLASS_NONE 0
#define IOPRIO_CLASS_RT   1
#define IOPRIO_CLASS_BE   2
#define IOPRIO_CLASS_IDLE 3

/* 3 bits of class, 10 bits of hints to the disk, 3 bits of level. */
#define IOPRIO_CLASS(value)        ((value) >> 13 & 7)
#define IOPRIO_LEVEL(value)        ((value)&7)
#define IOPRIO_VALUE(class, level) ((class) << 13 | (level))

#endif
