/* What a process does about each signal (signal_action.h). */
#include "core/signal_action.h"
#include "core/lock.h"
#include "core/process.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct signal_actions {
    uint64_t references;              /* atomic: processes */
    struct spinlock lock;             /* of the following: */
    struct sigaction actions[SIGMAX]; /* handlers: atomic as well */
};

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = kmalloc_zeroed(sizeof(*actions));
    if (actions) {
        actions->references = 1;
        spin_init(&actions->lock, "signal actions", RANK_SIGNAL_ACTIONS);
    }
    return actions;
}

struct signal_actions *signal_actions_copy(struct signal_actions *model)
{
    struct signal_actions *copy = signal_actions_create();
    if (copy) {
        spin_lock(&model->lock);
        memcpy(copy->actions, model->actions, sizeof(copy->actions));
        spin_unlock(&model->lock);
    }
    return copy;
}

void signal_actions_reference(struct signal_actions *actions)
{
    __atomic_fetch_add(&actions->references, 1, __ATOMIC_RELAXED);
}

void signal_actions_release(struct signal_actions *actions)
{
    if (!__atomic_sub_fetch(&actions->references, 1, __ATOMIC_ACQ_REL))
        kfree(actions);
}

bool signal_actions_are_shared(const struct signal_actions *actions)
{
    return __atomic_load_n(&actions->references, __ATOMIC_ACQUIRE) > 1;
}

static void set_handler(struct sigaction *action, uint64_t handler)
{
    __atomic_store_n(&action->handler, handler, __ATOMIC_RELAXED);
}

void signal_actions_clear(struct signal_actions *actions)
{
    spin_lock(&actions->lock);
    for (unsigned i = 0; i < SIGMAX; i++) {
        struct sigaction *action = &actions->actions[i];
        set_handler(action, action->handler == SIG_IGN ? SIG_IGN : SIG_DFL);
        action->flags = action->mask = 0;
    }
    spin_unlock(&actions->lock);
}

uint64_t signal_handler(const struct process *process, int number)
{
    return __atomic_load_n(&process->actions->actions[number - 1].handler, __ATOMIC_RELAXED);
}

void signal_get_action(const struct process *process, int number, struct sigaction *action)
{
    spin_lock(&process->actions->lock);
    *action = process->actions->actions[number - 1];
    spin_unlock(&process->actions->lock);
}

void signal_set_action(struct process *process, int number, const struct sigaction *action)
{
    struct sigaction *slot = &process->actions->actions[number - 1];
    spin_lock(&process->actions->lock);
    set_handler(slot, action->handler);
    slot->flags = action->flags;
    slot->mask = action->mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    spin_unlock(&process->actions->lock);
}

void signal_set_default(struct process *process, int number)
{
    spin_lock(&process->actions->lock);
    set_handler(&process->actions->actions[number - 1], SIG_DFL);
    spin_unlock(&process->actions->lock);
}
