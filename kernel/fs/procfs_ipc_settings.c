/*
 * The settings of System V IPC in /proc/sys/kernel (proc(5)): how much there may be, and which
 * identifier comes next.
 */
#include "fs/procfs_settings.h"
#include "ipc/msg.h"
#include "ipc/sem.h"
#include "ipc/shm.h"

/* The functions of the settings of a table: how many entries, and the next identifier. */
#define LIMIT_SETTING(name, table)                                                                 \
    static uint64_t get_##name##_limit(void)                                                       \
    {                                                                                              \
        return ipc_limit(&(table));                                                                \
    }                                                                                              \
    static int set_##name##_limit(uint64_t number)                                                 \
    {                                                                                              \
        ipc_set_limit(&(table), (unsigned)number);                                                 \
        return 0;                                                                                  \
    }
#define NEXT_SETTING(name, table)                                                                  \
    static void write_##name##_next(struct text *text)                                             \
    {                                                                                              \
        text_format(text, "%d\n", ipc_next_id(&(table)));                                          \
    }                                                                                              \
    static int set_##name##_next(uint64_t number)                                                  \
    {                                                                                              \
        ipc_set_next_id(&(table), (int)number);                                                    \
        return 0;                                                                                  \
    }
LIMIT_SETTING(segment, shm_segments)
LIMIT_SETTING(queue, msg_queues)
NEXT_SETTING(segment, shm_segments)
NEXT_SETTING(queue, msg_queues)
NEXT_SETTING(set, sem_sets)

static uint64_t get_segment_size(void)
{
    return __atomic_load_n(&shm_size_limit, __ATOMIC_RELAXED);
}

static int set_segment_size(uint64_t number)
{
    __atomic_store_n(&shm_size_limit, number, __ATOMIC_RELAXED);
    return 0;
}

static uint64_t get_message_size(void)
{
    return __atomic_load_n(&msg_size_limit, __ATOMIC_RELAXED);
}

static int set_message_size(uint64_t number)
{
    __atomic_store_n(&msg_size_limit, (unsigned)number, __ATOMIC_RELAXED);
    return 0;
}

static uint64_t get_queue_bytes(void)
{
    return __atomic_load_n(&msg_bytes_limit, __ATOMIC_RELAXED);
}

static int set_queue_bytes(uint64_t number)
{
    __atomic_store_n(&msg_bytes_limit, (unsigned)number, __ATOMIC_RELAXED);
    return 0;
}

/* Four numbers: of a set, of all, in a call, sets. */
static void write_semaphores(struct text *text)
{
    text_format(text, "%u\t%u\t%u\t%u\n", SEM_PER_SET, SEM_SETS * SEM_PER_SET, SEM_PER_CALL,
                ipc_limit(&sem_sets));
}

const struct setting ipc_settings[IPC_SETTING_COUNT] = {
    [SEGMENT_COUNT] = {.get_number = get_segment_limit,
                       .set_number = set_segment_limit,
                       .most = SHM_SEGMENTS},
    [SEGMENT_NEXT] = {.write = write_segment_next,
                      .set_number = set_segment_next,
                      .most = INT32_MAX},
    [SEGMENT_SIZE] = {.get_number = get_segment_size,
                      .set_number = set_segment_size,
                      .most = SHM_MOST},
    [SEGMENTS_ALL] = {.constant = SHM_MOST},
    [QUEUE_COUNT] = {.get_number = get_queue_limit,
                     .set_number = set_queue_limit,
                     .most = MSG_QUEUES},
    [QUEUE_NEXT] = {.write = write_queue_next, .set_number = set_queue_next, .most = INT32_MAX},
    [QUEUE_BYTES] = {.get_number = get_queue_bytes,
                     .set_number = set_queue_bytes,
                     .most = INT32_MAX},
    [MESSAGE_SIZE] = {.get_number = get_message_size,
                      .set_number = set_message_size,
                      .most = MSG_SIZE_SETTABLE},
    [SET_LIMITS] = {.write = write_semaphores},
    [SET_NEXT] = {.write = write_set_next, .set_number = set_set_next, .most = INT32_MAX},
};
