/*
 * Signals that tell of files; see asynchronous.h.
 *
 * With O_ASYNC there is a listener on the queue that the file's poll operation names. It runs with
 * the lock of that queue held, where no process can be looked for; so it only puts the file on a
 * list, and a thread sends:
 *
 *   wake -> listener: on the list, wake the thread      thread: take, ask poll, send
 *
 * The thread holds `sending` while it is at a file, and asynchronous_forget() takes that: so a file
 * that is being released waits for it.
 */
#include "fs/asynchronous.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/wait.h"
#include "fs/file.h"
#include "vm/kmem.h"

struct asynchronous {
    struct file *file;
    struct file_owner owner; /* (sending) */
    uint32_t uid, euid;      /* (sending) of who has set the owner: the signal is theirs */
    int number;              /* (sending) F_SETSIG; 0: SIGIO */
    int descriptor;          /* (sending) what the signal tells */
    bool listening;          /* (sending) */
    struct waiter listener;
    struct wait_queue *queue; /* (sending) that it is on */
    struct list link;         /* (pending_lock) on the list; empty: it is not */
    unsigned events;          /* (pending_lock) that were told since */
};

static struct mutex sending;
static struct spinlock pending_lock;
static struct list pending = LIST_INITIALIZER(pending);
static struct wait_queue arrived;

static struct asynchronous *of_link(struct list *link)
{
    return container_of(link, struct asynchronous, link);
}

/* What the file has, made now if it has none yet. `sending` held. NULL: no memory. */
static struct asynchronous *get(struct file *file)
{
    struct asynchronous *state = file->asynchronous;

    if (state)
        return state;
    state = kmalloc_zeroed(sizeof(*state));
    if (state) {
        state->file = file;
        list_init(&state->link);
        file->asynchronous = state;
    }
    return state;
}

/* The owner and the signal */

/* process_tree_lock held. */
static bool owner_exists(const struct file_owner *owner)
{
    switch (owner->type) {
    case F_OWNER_TID:
        return process_find_thread(owner->id);
    case F_OWNER_PID:
        return process_find(owner->id);
    default:
        return process_is_group(owner->id);
    }
}

/* `sending` held. */
static void set_owner(struct asynchronous *state, const struct file_owner *owner)
{
    state->owner = *owner;
    state->uid = credentials_current()->uid;
    state->euid = credentials_current()->euid;
}

int file_set_owner(struct file *file, const struct file_owner *owner)
{
    struct asynchronous *state;
    bool exists = true;

    if (owner->type < F_OWNER_TID || owner->type > F_OWNER_PGRP)
        return -EINVAL;
    if (owner->id) {
        mutex_lock(&process_tree_lock);
        exists = owner->id > 0 && owner_exists(owner);
        mutex_unlock(&process_tree_lock);
    }
    if (!exists)
        return -ESRCH;
    mutex_lock(&sending);
    state = get(file);
    if (state)
        set_owner(state, owner);
    mutex_unlock(&sending);
    return state ? 0 : -ENOMEM;
}

struct file_owner file_get_owner(struct file *file)
{
    struct file_owner owner = {.type = F_OWNER_PID};

    mutex_lock(&sending);
    if (file->asynchronous)
        owner = file->asynchronous->owner;
    mutex_unlock(&sending);
    return owner;
}

void file_get_owner_users(struct file *file, uint32_t users[2])
{
    users[0] = users[1] = 0;
    mutex_lock(&sending);
    if (file->asynchronous) {
        users[0] = file->asynchronous->uid;
        users[1] = file->asynchronous->euid;
    }
    mutex_unlock(&sending);
}

int file_prepare_owner(struct file *file)
{
    mutex_lock(&sending);
    const struct asynchronous *state = get(file);
    mutex_unlock(&sending);
    return state ? 0 : -ENOMEM;
}

void file_own(struct file *file)
{
    struct file_owner owner = {F_OWNER_PID, current_process()->pid};

    mutex_lock(&sending);
    if (file->asynchronous->owner.id == 0)
        set_owner(file->asynchronous, &owner);
    mutex_unlock(&sending);
}

void file_disown(struct file *file)
{
    struct file_owner nobody = {.type = F_OWNER_PID};

    mutex_lock(&sending);
    file->asynchronous->owner = nobody;
    file->asynchronous->number = 0;
    mutex_unlock(&sending);
}

int file_set_signal(struct file *file, uint64_t number)
{
    if (number > SIGMAX)
        return -EINVAL;
    mutex_lock(&sending);
    struct asynchronous *state = get(file);
    if (state)
        state->number = (int)number;
    mutex_unlock(&sending);
    return state ? 0 : -ENOMEM;
}

int file_get_signal(struct file *file)
{
    mutex_lock(&sending);
    int number = file->asynchronous ? file->asynchronous->number : 0;
    mutex_unlock(&sending);
    return number;
}

/* Listening */

static bool note(struct waiter *waiter, unsigned events)
{
    struct asynchronous *state = container_of(waiter, struct asynchronous, listener);

    spin_lock(&pending_lock);
    state->events |= events;
    if (list_empty(&state->link))
        list_push_back(&pending, &state->link);
    spin_unlock(&pending_lock);
    wake_all(&arrived);
    return false;
}

/* `sending` held. */
static void stop_listening(struct asynchronous *state)
{
    if (!state->listening)
        return;
    wait_ignore(state->queue, &state->listener);
    state->listening = false;
    spin_lock(&pending_lock);
    if (!list_empty(&state->link)) {
        list_remove(&state->link);
        list_init(&state->link);
    }
    spin_unlock(&pending_lock);
}

int file_set_asynchronous(struct file *file, int descriptor, bool on)
{
    struct asynchronous *state;

    if (!file->operations->tells)
        return -ENOTTY;
    mutex_lock(&sending);
    state = on ? get(file) : file->asynchronous;
    if (on && state && !state->listening) {
        state->descriptor = descriptor;
        (void)file->operations->poll(file, &state->queue);
        wait_listen(state->queue, &state->listener, note, false);
        state->listening = true;
    } else if (!on && state) {
        stop_listening(state);
    }
    mutex_unlock(&sending);
    return on && !state ? -ENOMEM : 0;
}

void asynchronous_forget(struct file *file)
{
    mutex_lock(&sending);
    stop_listening(file->asynchronous);
    mutex_unlock(&sending);
    kfree(file->asynchronous);
}

/* Sending */

/* May a signal of who has set the owner reach the process (fcntl(2))? process_tree_lock held. */
static bool may_reach(const struct asynchronous *state, const struct process *process)
{
    const struct credentials *other = process->credentials;

    return state->euid == 0 || state->euid == other->suid || state->euid == other->uid ||
           state->uid == other->suid || state->uid == other->uid;
}

/* What the signal tells of the file; urgent: it is SIGURG, which tells nothing. */
struct report {
    int code, descriptor;
    int64_t band;
    bool urgent;
};

static void send_to(const struct asynchronous *state, struct process *process,
                    struct thread *thread, const struct report *report)
{
    struct signal_information information = {.number = state->number,
                                             .code = report->code,
                                             .band = report->band,
                                             .descriptor = report->descriptor};
    struct signal_information plain = {.number = report->urgent ? SIGURG : SIGIO,
                                       .code = SI_KERNEL};
    int error = -EAGAIN;

    if (!may_reach(state, process))
        return;
    if (state->number && !report->urgent)
        error = thread ? signal_send_thread(thread, state->number, &information)
                       : signal_send_information(process, state->number, &information);
    if (error && thread)
        (void)signal_send_thread(thread, plain.number, &plain);
    else if (error)
        (void)signal_send_information(process, plain.number, &plain);
}

static void send(const struct asynchronous *state, const struct report *report)
{
    int id = state->owner.id;

    mutex_lock(&process_tree_lock);
    struct thread *thread = id ? process_find_thread(id) : NULL;
    if (id && state->owner.type == F_OWNER_PGRP) {
        for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
            if (p->group == id)
                send_to(state, p, NULL, report);
        }
    } else if (thread && thread->process) {
        send_to(state, thread->process, state->owner.type == F_OWNER_TID ? thread : NULL, report);
    }
    mutex_unlock(&process_tree_lock);
}

void file_tell_owner(struct file *file, int descriptor)
{
    struct report report = {POLL_MSG, descriptor, POLLIN | POLLRDNORM | POLLMSG, false};

    mutex_lock(&sending);
    send(file->asynchronous, &report);
    mutex_unlock(&sending);
}

void file_urge_owner(struct file *file)
{
    struct report report = {.urgent = true};

    mutex_lock(&sending);
    if (file->asynchronous)
        send(file->asynchronous, &report);
    mutex_unlock(&sending);
}

/* Tell of the file, if what it was woken for is there. `sending` held. */
static void tell(struct asynchronous *state, unsigned events)
{
    struct wait_queue *queue;
    unsigned ready = state->file->operations->poll(state->file, &queue);

    struct report input = {POLL_IN, state->descriptor, POLLIN | POLLRDNORM, false};
    struct report output = {POLL_OUT, state->descriptor, POLLOUT | POLLWRNORM | POLLWRBAND, false};
    struct report priority = {POLL_PRI, state->descriptor, POLLPRI | POLLRDBAND, false};

    if (ready & events & (POLLIN | POLLOUT | POLLHUP | POLLERR))
        send(state, ready & events & (POLLIN | POLLHUP) ? &input : &output);
    if (ready & events & POLLPRI)
        send(state, &priority);
}

static bool tell_next(void)
{
    struct asynchronous *state = NULL;
    unsigned events = 0;

    mutex_lock(&sending);
    spin_lock(&pending_lock);
    if (!list_empty(&pending)) {
        state = of_link(pending.next);
        list_remove(&state->link);
        list_init(&state->link);
        events = state->events;
        state->events = 0;
    }
    spin_unlock(&pending_lock);
    if (state)
        tell(state, events);
    mutex_unlock(&sending);
    return state;
}

static void sender(void *argument)
{
    (void)argument;
    for (;;) {
        wait_event(&arrived, !list_empty(&pending));
        while (tell_next())
            ;
    }
}

void asynchronous_init(void)
{
    mutex_init(&sending, "asynchronous files", RANK_NONE);
    spin_init(&pending_lock, "asynchronous files", RANK_READY);
    wait_queue_init_chained(&arrived, "asynchronous files");
    if (kernel_thread_start("file-signals", sender, NULL))
        panic("no memory for the thread of file signals");
}
