/* System V shared memory, semaphores and message queues: the Linux/riscv64 ABI (sysvipc(7)). */
#ifndef MAPIX_ABI_IPC_H
#define MAPIX_ABI_IPC_H

#include <stdint.h>

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000

#define IPC_RMID 0
#define IPC_SET  1
#define IPC_STAT 2
#define IPC_INFO 3

#define SHM_RDONLY 010000
#define SHM_RND    020000
#define SHM_REMAP  040000
#define SHM_EXEC   0100000

#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000

#define SHM_DEST   01000 /* in mode: removed when nobody has it attached any more */
#define SHM_LOCKED 02000

#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

struct ipc_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t sequence, pad;
    uint64_t unused[2];
};

struct shmid_ds {
    struct ipc_perm perm;
    uint64_t size;
    int64_t attach_time, detach_time, change_time;
    int32_t creator, last;
    uint64_t attached;
    uint64_t unused[2];
};

#define SEM_UNDO 0x1000

#define GETPID       11
#define GETVAL       12
#define GETALL       13
#define GETNCNT      14
#define GETZCNT      15
#define SETVAL       16
#define SETALL       17
#define SEM_STAT     18
#define SEM_INFO     19
#define SEM_STAT_ANY 20

struct semid_ds {
    struct ipc_perm perm;
    int64_t operation_time, change_time;
    uint64_t count;
    uint64_t unused[2];
};

struct sembuf {
    uint16_t number;
    int16_t operation;
    int16_t flags;
};

struct seminfo {
    int32_t map, sets, all, undos, per_set, per_call, undo_entries, undo_size, value_most,
        adjust_most;
};

#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000

#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct msqid_ds {
    struct ipc_perm perm;
    int64_t send_time, receive_time, change_time;
    uint64_t bytes, count, bytes_most;
    int32_t sender, receiver;
    uint64_t unused[2];
};

struct msginfo {
    int32_t pool, map, size_most, bytes_most, queues, segment_size, all;
    uint16_t segments;
};

struct shminfo {
    uint64_t max, min, segments, per_process, all;
    uint64_t unused[4];
};

struct shm_info {
    int32_t used;
    uint64_t total, resident, swapped, swap_attempts, swap_successes;
};

#endif
