/*
 * Players: processes and threads that take turns.
 *
 * The next player's futex is set and woken, then the player waits for its own. A process that ends
 * tells the first player, who waits until it is gone before the stream goes on; so the end of a
 * process is the operation's, not something that happens meanwhile.
 */
#include "stream.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE (32ul << 10)
#define STACKS     PLAYERS
#define GROUP      4 /* operations in a row that one player performs */

static uint64_t seed;
static unsigned length;
static const unsigned char *chosen; /* which operations to perform; NULL: all */

__thread unsigned self;

/* Of this process: the threads that it has started, each on a stack. One that ends stays until the
 * stack is wanted again. */
static char stacks[STACKS][STACK_SIZE] __attribute__((aligned(4096)));
static pthread_t threads[STACKS];
static enum { UNUSED, IN_USE, ENDED } stack_states[STACKS];
static __thread int own_stack = -1;

static void give_turn(unsigned player)
{
    __atomic_store_n(&shared->turns[player], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &shared->turns[player], FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Wait until a process has left all it had. */
static void await_end(pid_t process)
{
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};

    if (descriptor < 0)
        return;
    poll(&wanted, 1, -1);
    close(descriptor);
}

/* Whose turn an operation is: that of the group that it is in. */
static unsigned player_of(unsigned number)
{
    if (number >= length)
        return 0;
    unsigned player = operation_make(seed, number / GROUP * GROUP).who % (PLAYERS + 2);
    return player < PLAYERS && shared->alive[player] ? player : 0;
}

static void await_turn(void)
{
    for (;;) {
        while (!__atomic_exchange_n(&shared->turns[self], 0, __ATOMIC_SEQ_CST))
            syscall(SYS_futex, &shared->turns[self], FUTEX_WAIT, 0, NULL, NULL, 0);
        if (!shared->ended)
            return;
        await_end(shared->ended);
        shared->ended = 0;
        if (player_of(shared->current) == self)
            return;
        give_turn(player_of(shared->current));
    }
}

/* Perform operations as long as it is this player's turn; return at the end of the stream. */
static void take_turns(void)
{
    while (!shared->done) {
        unsigned number = shared->current++;
        if (number >= length)
            return;
        struct operation operation = operation_make(seed, number);
        if (!chosen || chosen[number])
            operation_perform(&operation);
        if (!shared->alive[self])
            return;
        unsigned next = player_of(number + 1);
        if (next != self) {
            give_turn(next);
            await_turn();
        }
    }
}

void play(uint64_t this_seed, unsigned this_length, const unsigned char *these)
{
    seed = this_seed;
    length = this_length;
    chosen = these;
    take_turns();
}

/* A place for another player, or PLAYERS. */
static unsigned choose_place(void)
{
    unsigned place = 0;

    while (place < PLAYERS && shared->alive[place])
        place++;
    return place;
}

static void enter(unsigned place)
{
    shared->alive[place] = true;
    shared->process[place] = getpid();
    shared->turns[place] = 0;
}

void start_players(void)
{
    memset(shared->alive, 0, sizeof(shared->alive));
    shared->ended = 0;
    self = 0;
    enter(0);
}

/* The new process has one thread, this one, on a copy of its stack. */
static void begin_process(unsigned place)
{
    for (int i = 0; i < STACKS; i++)
        stack_states[i] = i == own_stack ? IN_USE : UNUSED;
    self = place;
    await_turn();
    take_turns();
    _exit(0);
}

void start_process(const struct operation *operation)
{
    unsigned place = choose_place();

    if (place == PLAYERS)
        return;
    CALL("fork %u\n", place);
    enter(place);
    pid_t child = fork();
    if (child == 0)
        begin_process(place);
    if (child < 0)
        _exit(3);
    shared->process[place] = child;
}

static void *run_thread(void *argument)
{
    int stack = (int)((unsigned long)argument / PLAYERS);

    own_stack = stack;
    self = (unsigned)((unsigned long)argument % PLAYERS);
    await_turn();
    take_turns();
    if (shared->done)
        _exit(0);
    stack_states[stack] = ENDED;
    give_turn(player_of(shared->current));
    return NULL;
}

/* A stack that no thread is on; they are enough. */
static int choose_stack(void)
{
    int stack = 0;

    while (stack_states[stack] == IN_USE)
        stack++;
    if (stack_states[stack] == ENDED)
        pthread_join(threads[stack], NULL);
    stack_states[stack] = IN_USE;
    return stack;
}

void start_thread(const struct operation *operation)
{
    unsigned place = choose_place();
    pthread_attr_t attributes;

    if (place == PLAYERS)
        return;
    CALL("thread %u\n", place);
    enter(place);
    int stack = choose_stack();
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stacks[stack], STACK_SIZE);
    if (pthread_create(&threads[stack], &attributes, run_thread,
                       (void *)((unsigned long)stack * PLAYERS + place)))
        _exit(3);
    pthread_attr_destroy(&attributes);
}

/* This process ends, with all of its threads. */
static void end_process(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        if (shared->process[i] == shared->process[self])
            shared->alive[i] = false;
    }
    shared->ended = shared->process[self];
    give_turn(0);
    _exit(0);
}

/* The player ends: a process, half of the time that the player is in one of its own or a thread of
 * one; else a thread. The first player's process stays. */
void end(const struct operation *operation)
{
    bool of_first = shared->process[self] == shared->process[0];
    bool is_thread = own_stack >= 0 && stack_states[own_stack] == IN_USE &&
                     shared->process[self] == getpid() && gettid() != getpid();

    if (self == 0)
        return;
    if (is_thread && (of_first || operation->c % 2)) {
        CALL("thread ends\n");
        shared->alive[self] = false; /* take_turns returns */
    } else {
        CALL("process ends\n");
        end_process();
    }
}

/* At the end of the stream: the first player makes all other processes end. */
void end_players(void)
{
    shared->done = true;
    for (unsigned i = 1; i < PLAYERS; i++) {
        if (shared->alive[i] && shared->process[i] != shared->process[0]) {
            give_turn(i);
            await_end(shared->process[i]);
        }
    }
}
