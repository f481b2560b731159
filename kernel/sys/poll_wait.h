/*
 * What ppoll(2) and pselect6(2) share: asking files what is ready, and waiting for it.
 *
 * At first each file is asked, one after the other, and nothing is remembered: most calls find
 * something, or do not wait. Who has to wait makes an entry for each file, which holds it and
 * listens to its wait queue; then all are asked once more, so that nothing that came in between is
 * missed, and the call sleeps until a listener is called for an event that is wanted.
 */
#ifndef MAPIX_SYS_POLL_WAIT_H
#define MAPIX_SYS_POLL_WAIT_H

#include "abi/poll.h"
#include "arch/riscv/layout.h"
#include "core/wait.h"

#define POLL_PIECE 32u /* entries that are in one piece of memory */

/* A call that waits: any of its entries may end the wait. */
struct poll {
    struct thread *thread;
    bool triggered;             /* atomic: something may have come since the files were asked */
    struct poll_entry **pieces; /* of entries: for many there is no memory in one place */
    struct poll_entry *only;    /* the piece, if one is enough */
    unsigned piece_count;
    unsigned count; /* entries that have been opened */
};

struct poll_entry {
    struct file *file; /* referenced; NULL: none, returned is set already */
    int descriptor;
    unsigned events, returned; /* POLL*: what is wanted, what there is */
    struct poll *poll;
    struct wait_queue *queue; /* where waiter listens, or NULL */
    struct waiter waiter;
};

static inline struct poll_entry *poll_entry_at(const struct poll *poll, unsigned index)
{
    return &poll->pieces[index / POLL_PIECE][index % POLL_PIECE];
}

/* What is ready at a descriptor of the events wanted, POLLERR and POLLHUP; POLLNVAL: it is not
 * open. own: file_table_is_own. */
unsigned poll_ask(int descriptor, unsigned events, bool own);

/* Memory for count entries: 0 or -ENOMEM; what was had is given back by poll_close. */
int poll_reserve(struct poll *poll, unsigned count);

/* One entry more; its file is NULL: the descriptor is not open. */
struct poll_entry *poll_open(struct poll *poll, int descriptor, unsigned events);
void poll_close(struct poll *poll);

/* Wait until something is ready: how many entries, 0 after the deadline, or -EINTR. */
long poll_wait(struct poll *poll, uint64_t deadline);

/* When the wait ends: the deadline of a call that is repeated goes on; 0: there is no wait.
 * -EFAULT, -EINVAL. */
int poll_read_deadline(vaddr_t timeout, uint64_t *deadline);

/* Tell how much of the timeout is left, as Linux does, and a repetition when it ends. */
void poll_write_rest(vaddr_t timeout, uint64_t deadline, long result);

#endif
