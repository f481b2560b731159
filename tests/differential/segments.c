/*
 * Operations on System V shared memory.
 */
#include "stream.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

static unsigned segment_of(const struct operation *operation)
{
    return operation->c % SEGMENTS;
}

static int make(unsigned count)
{
    return shmget(IPC_PRIVATE, unit_bytes(count) - 100, IPC_CREAT | 0600);
}

void make_segments(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++)
        shared->segments[i] = make(3 + 4 * i);
}

void remove_segments(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++)
        shmctl(shared->segments[i], IPC_RMID, NULL);
}

static long size_of(unsigned segment)
{
    struct shmid_ds status;
    return shmctl(shared->segments[segment], IPC_STAT, &status) < 0 ? 0 : (long)status.shm_segsz;
}

void attach(const struct operation *operation)
{
    static const int all[] = {0,
                              SHM_REMAP,
                              SHM_REMAP,
                              SHM_REMAP | SHM_RDONLY,
                              SHM_RDONLY,
                              SHM_EXEC | SHM_REMAP,
                              SHM_RND | SHM_REMAP,
                              0};
    unsigned first = operation->a % WINDOW, how = operation->d % 8, segment = segment_of(operation);
    size_t size = ((size_t)size_of(segment) + PAGE - 1) & ~(PAGE - 1);
    char *address = unit_at(first) + (operation->d / 8 % 8 == 0 ? 123 : 0);

    if (unit_at(first) + size > BASE + unit_bytes(WINDOW)) /* what is behind must stay free */
        return;
    CALL("shmat %u how %u to ", segment, how);
    log_address(address);
    char *place = shmat(shared->segments[segment], address, all[how]);
    if (place != MAP_FAILED)
        map_note(place, size, OTHER, 0);
    log_place(place, size);
}

void detach(const struct operation *operation)
{
    unsigned first = operation->a % WINDOW;

    for (unsigned i = 0; i < WINDOW; i++) { /* most would find nothing, so look on */
        unsigned number = (first + i) % WINDOW;
        if (map_file_of(unit_at(number)) == OTHER && shmdt(unit_at(number)) == 0) {
            map_forget();
            CALL("shmdt %u\n", number);
            return;
        }
    }
    CALL("shmdt");
    log_result(shmdt(unit_at(first)));
}

void control(const struct operation *operation)
{
    struct shmid_ds status;
    unsigned segment = segment_of(operation);
    int id = shared->segments[segment];

    switch (operation->d % 8) {
    case 0:
        CALL("SHM_LOCK %u", segment);
        log_result(shmctl(id, SHM_LOCK, NULL));
        break;
    case 1:
        CALL("SHM_UNLOCK %u", segment);
        log_result(shmctl(id, SHM_UNLOCK, NULL));
        break;
    case 2:
        CALL("IPC_RMID %u", segment);
        log_result(shmctl(id, IPC_RMID, NULL));
        break;
    default:
        CALL("IPC_STAT %u", segment);
        int result = shmctl(id, IPC_STAT, &status);
        log_result(result);
        if (result == 0)
            log_line("    attached %lu, size %zu, mode %x\n", (unsigned long)status.shm_nattch,
                     status.shm_segsz, status.shm_perm.mode);
    }
}

/* Another segment in the place of one. */
void renew(const struct operation *operation)
{
    unsigned segment = segment_of(operation), count = 1 + operation->b % 9;

    CALL("IPC_RMID %u", segment);
    log_result(shmctl(shared->segments[segment], IPC_RMID, NULL));
    CALL("shmget %u", count);
    shared->segments[segment] = make(count);
    log_result(shared->segments[segment] < 0 ? -1 : 0);
}
