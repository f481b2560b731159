/*
 * System V semaphores (sysvipc(7)).
 */
#ifndef MAPIX_IPC_SEM_H
#define MAPIX_IPC_SEM_H

#include "abi/ipc.h"
#include "ipc/table.h"
#include <stdbool.h>

struct process;

#define SEM_SETS       32000u /* kernel.sem: sets, semaphores in one, operations in a call */
#define SEM_PER_SET    32000u
#define SEM_PER_CALL   500u
#define SEM_VALUE_MOST 32767

extern struct ipc_table sem_sets;

/* semget(2): the identifier, or its errno. */
long sem_get(int key, int count, unsigned flags);

/* semtimedop(2): deadline in time_now() nanoseconds, or WAIT_FOREVER. */
int sem_operate(int id, const struct sembuf *operations, unsigned count, uint64_t deadline);

/* Parts of semctl(2): a number of one semaphore (GETVAL GETPID GETNCNT GETZCNT), all values (array
 * of sem_count() of them), state, owner. by_index: id is a place in the table. */
long sem_number(int id, int index, int command);
int sem_set_value(int id, int index, int value);
int sem_values(int id, uint16_t *values, unsigned count, bool set);
long sem_count(int id);
int sem_status(int id, bool by_index, bool any, struct semid_ds *status, int *found);
int sem_set(int id, const struct ipc_perm *perm);
int sem_remove(int id);

/* How many sets and semaphores there are; the highest place in use. */
unsigned sem_totals(unsigned *sets, unsigned *semaphores);

/* Undo what the process's SEM_UNDO operations have done, because it ends. */
void sem_exit(struct process *process);

/* Boot only. */
void sem_init(void);

#endif
