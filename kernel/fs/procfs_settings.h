/*
 * What a setting of /proc/sys is (procfs_settings.c).
 */
#ifndef MAPIX_FS_PROCFS_SETTINGS_H
#define MAPIX_FS_PROCFS_SETTINGS_H

#include "fs/text.h"

struct setting {
    void (*write)(struct text *text);            /* NULL: a number */
    int (*set)(const char *text, size_t length); /* NULL: not so */
    int (*set_number)(uint64_t number);          /* NULL: not so */
    uint64_t (*get_number)(void);                /* NULL: constant */
    uint64_t constant;
    uint64_t least, most; /* of what set_number accepts */
};

/* The functions of a setting that is one variable. */
#define NUMBER_SETTING(name, variable)                                                             \
    static uint64_t get_##name(void)                                                               \
    {                                                                                              \
        return __atomic_load_n(&(variable), __ATOMIC_RELAXED);                                     \
    }                                                                                              \
    static int set_##name(uint64_t number)                                                         \
    {                                                                                              \
        __atomic_store_n(&(variable), (typeof(variable))number, __ATOMIC_RELAXED);                 \
        return 0;                                                                                  \
    }

/* Those of IPC (procfs_ipc_settings.c). */
enum ipc_setting {
    SEGMENT_COUNT,
    SEGMENT_NEXT,
    SEGMENT_SIZE,
    SEGMENTS_ALL,
    QUEUE_COUNT,
    QUEUE_NEXT,
    QUEUE_BYTES,
    MESSAGE_SIZE,
    SET_LIMITS,
    SET_NEXT,
    POSIX_QUEUE_COUNT,
    POSIX_MESSAGE_COUNT,
    POSIX_MESSAGE_SIZE,
    IPC_SETTING_COUNT
};
extern const struct setting ipc_settings[IPC_SETTING_COUNT];

#endif
