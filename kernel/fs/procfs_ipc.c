/*
 * /proc/sysvipc: what there is of System V shared memory, semaphores and message queues, as proc(5)
 * shows it and ipcs(1) reads it.
 */
#include "fs/procfs.h"
#include "ipc/msg.h"
#include "ipc/sem.h"
#include "ipc/shm.h"
#include "vm/page.h"

static void write_identity(struct text *text, const struct ipc_perm *perm, int id)
{
    text_format(text, "%10d %10d  %4o ", perm->key, id, perm->mode);
}

static void write_owners(struct text *text, const struct ipc_perm *perm)
{
    text_format(text, "%5u %5u %5u %5u ", perm->uid, perm->gid, perm->cuid, perm->cgid);
}

int procfs_write_shm(uint64_t key, struct text *text)
{
    struct shm_info totals;
    struct shmid_ds status;
    int highest = (int)shm_totals(&totals), id;

    (void)key;
    text_format(text,
                "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
                "cuid  cgid      atime      dtime      ctime                   rss"
                "                  swap\n");
    for (int i = 0; i <= highest; i++) {
        if (shm_status(i, true, true, &status, &id))
            continue;
        write_identity(text, &status.perm, id);
        text_format(text, "%21lu %5u %5u  %5lu ", status.size, status.creator, status.last,
                    status.attached);
        write_owners(text, &status.perm);
        text_format(text, "%10lu %10lu %10lu %21lu %21lu\n", status.attach_time, status.detach_time,
                    status.change_time, shm_resident(id) * PAGE_SIZE, 0ul);
    }
    return 0;
}

int procfs_write_sem(uint64_t key, struct text *text)
{
    struct semid_ds status;
    unsigned sets, semaphores;
    int highest = (int)sem_totals(&sets, &semaphores), id;

    (void)key;
    text_format(text, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
                      "      ctime\n");
    for (int i = 0; i <= highest; i++) {
        if (sem_status(i, true, true, &status, &id))
            continue;
        write_identity(text, &status.perm, id);
        text_format(text, "%10lu ", status.count);
        write_owners(text, &status.perm);
        text_format(text, "%10lu %10lu\n", status.operation_time, status.change_time);
    }
    return 0;
}

int procfs_write_msg(uint64_t key, struct text *text)
{
    struct msqid_ds status;
    unsigned queues, messages, bytes;
    int highest = (int)msg_totals(&queues, &messages, &bytes), id;

    (void)key;
    text_format(text, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
                      "cuid  cgid      stime      rtime      ctime\n");
    for (int i = 0; i <= highest; i++) {
        if (msg_status(i, true, true, &status, &id))
            continue;
        write_identity(text, &status.perm, id);
        text_format(text, " %10lu %10lu %5u %5u ", status.bytes, status.count, status.sender,
                    status.receiver);
        write_owners(text, &status.perm);
        text_format(text, "%10lu %10lu %10lu\n", status.send_time, status.receive_time,
                    status.change_time);
    }
    return 0;
}
