/*
 * The settings of IPC in /proc/sys/kernel and /proc/sys/fs/mqueue (proc(5)): how much there may be,
 * and which identifier of System V comes next.
 */
#include "fs/procfs_settings.h"
#include "ipc/msg.h"
#include "ipc/posix_queue.h"
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

NUMBER_SETTING(segment_size, shm_size_limit)
NUMBER_SETTING(message_size, msg_size_limit)
NUMBER_SETTING(queue_bytes, msg_bytes_limit)
NUMBER_SETTING(posix_queues, posix_queues_limit)
NUMBER_SETTING(posix_messages, posix_messages_limit)
NUMBER_SETTING(posix_size, posix_size_limit)

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
    [POSIX_QUEUE_COUNT] = {.get_number = get_posix_queues,
                           .set_number = set_posix_queues,
                           .most = POSIX_QUEUES_SETTABLE},
    [POSIX_MESSAGE_COUNT] = {.get_number = get_posix_messages,
                             .set_number = set_posix_messages,
                             .least = 1,
                             .most = POSIX_MESSAGES_SETTABLE},
    [POSIX_MESSAGE_SIZE] = {.get_number = get_posix_size,
                            .set_number = set_posix_size,
                            .least = 128,
                            .most = POSIX_SIZE_SETTABLE},
    [SET_NEXT] = {.write = write_set_next, .set_number = set_set_next, .most = INT32_MAX},
};
