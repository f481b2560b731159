/*
 * System V shared memory (sysvipc(7)).
 */
#ifndef MAPIX_IPC_SHM_H
#define MAPIX_IPC_SHM_H

#include "abi/ipc.h"
#include "arch/riscv/layout.h"
#include "ipc/table.h"
#include <stdbool.h>

struct aspace;

#define SHM_SEGMENTS 4096u                     /* kernel.shmmni */
#define SHM_MOST     (UINT64_MAX - (1u << 24)) /* kernel.shmmax, kernel.shmall */

extern struct ipc_table shm_segments;
extern uint64_t shm_size_limit; /* atomic; kernel.shmmax: of one segment */

/* shmget(2): the identifier, or its errno. */
long shm_get(int key, uint64_t size, unsigned flags);

/* shmat(2) in an address space: *result, or its errno. */
int shm_attach(struct aspace *aspace, int id, vaddr_t address, unsigned flags, vaddr_t *result);

/* shmdt(2): -EINVAL. */
int shm_detach(struct aspace *aspace, vaddr_t address);

/* Parts of shmctl(2). by_index: id is a place in the table; *found: the identifier. any: without
 * permission to read. */
int shm_status(int id, bool by_index, bool any, struct shmid_ds *status, int *found);
int shm_set(int id, const struct ipc_perm *perm);
int shm_remove(int id);
int shm_lock(int id, bool locked);

/* Pages of a segment in memory. */
uint64_t shm_resident(int id);

/* SHM_INFO; the highest place in use. */
unsigned shm_totals(struct shm_info *info);

/* Boot only. */
void shm_init(void);

#endif
