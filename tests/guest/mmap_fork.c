/*
 * Memory over fork: private memory is copied at the first store, shared memory is one, at any depth
 * of the family and whoever has died.
 */
#include "tap.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define RW (PROT_READ | PROT_WRITE)

static char *map_shared(size_t pages)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

/* ---- private memory ---- */

static void child_stores(void *argument)
{
    char *memory = argument;

    CHECK(all_bytes(memory, 'p', 4 * PAGE));
    memset(memory, 'c', 2 * PAGE);
    CHECK(all_bytes(memory, 'c', 2 * PAGE));
    CHECK(all_bytes(memory + 2 * PAGE, 'p', 2 * PAGE));
}

static void child_store_is_unseen(void)
{
    char *memory = map_pages(4);

    memset(memory, 'p', 4 * PAGE);
    expect_child_ok(child_stores, memory);
    CHECK(all_bytes(memory, 'p', 4 * PAGE));
    memset(memory, 'q', 4 * PAGE);
    CHECK(all_bytes(memory, 'q', 4 * PAGE));
}

struct signed_memory {
    char *memory;
    struct sign go, done;
};

static void child_looks(void *argument)
{
    struct signed_memory *shared = argument;

    sign_await(&shared->go);
    CHECK(all_bytes(shared->memory, 'o', 4 * PAGE));
    sign_send(&shared->done);
    sign_await(&shared->go);
    CHECK(all_bytes(shared->memory, 'o', 4 * PAGE));
}

/* The parent's stores after the fork, and its unmapping, are not seen by the child. */
static void parent_store_is_unseen(void)
{
    struct signed_memory shared = {.memory = map_pages(4)};

    sign_open(&shared.go);
    sign_open(&shared.done);
    memset(shared.memory, 'o', 4 * PAGE);
    pid_t pid = spawn(child_looks, &shared);
    memset(shared.memory, 'n', 4 * PAGE);
    sign_send(&shared.go);
    sign_await(&shared.done);
    expect_ok(munmap(shared.memory, 4 * PAGE));
    sign_send(&shared.go);
    expect_exited(reap(pid), 0);
}

/* Pages that nobody had touched before the fork are zero in both, and separate. */
static void touch_first_in_child(void *argument)
{
    char *memory = argument;

    CHECK(all_bytes(memory, 0, 8 * PAGE));
    memset(memory, 1, 8 * PAGE);
}

static void untouched_pages(void)
{
    char *memory = map_pages(8);

    expect_child_ok(touch_first_in_child, memory);
    CHECK(all_bytes(memory, 0, 8 * PAGE));
    expect_child_ok(touch_first_in_child, memory);
    memset(memory, 2, 8 * PAGE);
    CHECK(all_bytes(memory, 2, 8 * PAGE));
}

static void change_protections(void *argument)
{
    char *memory = argument;

    expect_ok(mprotect(memory, PAGE, RW));
    CHECK_EQ(memory[0], 'r');
    memory[0] = 'x';
    expect_ok(mprotect(memory + PAGE, PAGE, PROT_NONE));
    expect_ok(munmap(memory + 2 * PAGE, PAGE));
    expect_fault(memory + PAGE, 'r', SIGSEGV);
    expect_fault(memory + 2 * PAGE, 'r', SIGSEGV);
}

/*  parent   R W W      the child makes itself   W - .
 */
static void protections_are_separate(void)
{
    char *memory = map_pages(3);

    memset(memory, 'r', 3 * PAGE);
    expect_ok(mprotect(memory, PAGE, PROT_READ));
    expect_child_ok(change_protections, memory);
    CHECK(all_bytes(memory, 'r', 3 * PAGE));
    expect_fault(memory, 'w', SIGSEGV);
    expect_access(memory + PAGE, 'w');
    expect_access(memory + 2 * PAGE, 'w');
}

struct buffer_and_pipe {
    char *memory;
    int ends[2];
};

static void read_into_copy(void *argument)
{
    struct buffer_and_pipe *both = argument;

    read_all(both->ends[0], both->memory + PAGE - 4, 8);
    CHECK(memcmp(both->memory + PAGE - 4, "incoming", 8) == 0);
}

/* A system call that stores into a shared page copies it too. */
static void calls_copy_too(void)
{
    struct buffer_and_pipe both = {.memory = map_pages(2)};

    memset(both.memory, 'b', 2 * PAGE);
    expect_ok(pipe(both.ends));
    write_all(both.ends[1], "incoming", 8);
    expect_child_ok(read_into_copy, &both);
    CHECK(all_bytes(both.memory, 'b', 2 * PAGE));
}

/* A family line: each generation adds one to its copy, forks the next and dies. */
static void next_generation(char *memory, int generation, struct sign *end)
{
    for (int page = 0; page < 4; page++)
        CHECK_EQ(memory[page * PAGE], generation);
    for (int page = 0; page < 4; page++)
        memory[page * PAGE]++;
    if (generation == 100) {
        sign_send(end);
        return;
    }
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        next_generation(memory, generation + 1, end);
        _exit(0);
    }
}

static void generations(void)
{
    char *memory = map_pages(4);
    struct sign end;

    sign_open(&end);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        next_generation(memory, 0, &end);
        _exit(0);
    }
    expect_exited(reap(pid), 0);
    sign_await(&end);
    CHECK(all_bytes(memory, 0, 4 * PAGE));
}

/* Random stores at several levels, each process with a model of what it should see. */
enum { MODEL_PAGES = 32 };

static void check_model(const char *memory, const unsigned char *model)
{
    for (int page = 0; page < MODEL_PAGES; page++)
        CHECK_EQ((unsigned char)memory[page * PAGE + (size_t)page], model[page]);
}

static void store_randomly(char *memory, unsigned char *model, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t page = random_below(MODEL_PAGES);
        model[page] = (unsigned char)random_below(256);
        memory[page * PAGE + page] = (char)model[page];
    }
}

static void random_level(char *memory, unsigned char *model, int depth)
{
    pid_t children[2];

    random_seed((uint64_t)getpid());
    store_randomly(memory, model, 8);
    check_model(memory, model);
    for (int i = 0; depth > 0 && i < 2; i++) {
        children[i] = expect_ok(fork());
        if (children[i] == 0) {
            random_level(memory, model, depth - 1);
            _exit(0);
        }
        store_randomly(memory, model, 4);
    }
    check_model(memory, model);
    for (int i = 0; depth > 0 && i < 2; i++)
        expect_exited(reap(children[i]), 0);
    check_model(memory, model);
}

static void random_family(void)
{
    unsigned char model[MODEL_PAGES] = {0};
    char *memory = map_pages(MODEL_PAGES);

    random_level(memory, model, 4);
}

/* Several processes store into all of the inherited memory at the same time. */
static void fill_and_check(void *argument)
{
    char *memory = argument;
    unsigned char mine = (unsigned char)getpid();

    for (int round = 0; round < 3; round++) {
        memset(memory, mine, 128 * PAGE);
        CHECK(all_bytes(memory, mine, 128 * PAGE));
        mine++;
    }
}

static void copies_at_the_same_time(void)
{
    char *memory = map_pages(128);
    pid_t children[6];

    memset(memory, 0xee, 128 * PAGE);
    for (size_t i = 0; i < COUNT_OF(children); i++)
        children[i] = spawn(fill_and_check, memory);
    CHECK(all_bytes(memory, 0xee, 128 * PAGE));
    for (size_t i = 0; i < COUNT_OF(children); i++)
        expect_exited(reap(children[i]), 0);
    CHECK(all_bytes(memory, 0xee, 128 * PAGE));
}

/* ---- shared memory ---- */

static void count_in_shared(void *argument)
{
    long *counter = argument;

    for (int i = 0; i < 1000; i++)
        __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static void shared_counter(void)
{
    long *counter = (long *)map_shared(1);
    pid_t children[8];

    for (size_t i = 0; i < COUNT_OF(children); i++)
        children[i] = spawn(count_in_shared, counter);
    for (size_t i = 0; i < COUNT_OF(children); i++)
        expect_exited(reap(children[i]), 0);
    CHECK_EQ(*counter, 8000);
}

/* A tree of processes, each of which counts itself in shared memory and keeps a private mark. */
static void grow_tree(long *shared, long *private, int depth)
{
    CHECK_EQ(*private, depth);
    __atomic_fetch_add(&shared[depth], 1, __ATOMIC_SEQ_CST);
    if (depth == 5)
        return;
    *private = depth + 1;
    pid_t left = expect_ok(fork());
    if (left == 0) {
        grow_tree(shared, private, depth + 1);
        _exit(0);
    }
    pid_t right = expect_ok(fork());
    if (right == 0) {
        grow_tree(shared, private, depth + 1);
        _exit(0);
    }
    *private = -1;
    expect_exited(reap(left), 0);
    expect_exited(reap(right), 0);
    CHECK_EQ(*private, -1);
}

static void big_tree(void)
{
    long *shared = (long *)map_shared(1), *private = (long *)map_pages(1);

    grow_tree(shared, private, 0);
    for (int depth = 0; depth <= 5; depth++)
        CHECK_EQ(shared[depth], 1 << depth);
}

/* parent - child - grandchild: the child is dead when the two others talk. */
struct orphan_talk {
    char *memory;
    struct sign child_gone, stored, seen;
};

static void orphan_stores(void *argument)
{
    struct orphan_talk *talk = argument;

    sign_await(&talk->child_gone);
    CHECK_EQ(talk->memory[0], 'P');
    talk->memory[PAGE] = 'G';
    talk->memory[2 * PAGE] = 'g'; /* never touched by anyone before */
    sign_send(&talk->stored);
    sign_await(&talk->seen);
    CHECK_EQ(talk->memory[3 * PAGE], 'Q');
}

static void leave_an_orphan(void *argument)
{
    spawn(orphan_stores, argument);
}

static void shared_with_an_orphan(void)
{
    struct orphan_talk talk = {.memory = map_shared(4)};

    sign_open(&talk.child_gone);
    sign_open(&talk.stored);
    sign_open(&talk.seen);
    expect_child_ok(leave_an_orphan, &talk);
    talk.memory[0] = 'P';
    sign_send(&talk.child_gone);
    sign_await(&talk.stored);
    CHECK_EQ(talk.memory[PAGE], 'G');
    CHECK_EQ(talk.memory[2 * PAGE], 'g');
    talk.memory[3 * PAGE] = 'Q';
    sign_send(&talk.seen);
}

/* Memory that a child shares with a grandchild is alive until the last of them has gone. */
struct shared_line {
    struct sign child_gone, finished;
    char *memory;
};

static void last_user(void *argument)
{
    struct shared_line *line = argument;

    sign_await(&line->child_gone);
    CHECK(all_bytes(line->memory, 's', 16 * PAGE));
    memset(line->memory, 't', 16 * PAGE);
    CHECK(all_bytes(line->memory, 't', 16 * PAGE));
    sign_send(&line->finished);
}

static void make_and_leave(void *argument)
{
    struct shared_line *line = argument;

    line->memory = map_shared(16);
    spawn(last_user, line);
    memset(line->memory, 's', 16 * PAGE);
}

static void shared_outlives_its_maker(void)
{
    struct shared_line line;

    sign_open(&line.child_gone);
    sign_open(&line.finished);
    expect_child_ok(make_and_leave, &line);
    sign_send(&line.child_gone);
    sign_await(&line.finished);
}

static void unmap_and_store(void *argument)
{
    char *memory = argument;

    expect_ok(munmap(memory, PAGE));
    expect_fault(memory, 'r', SIGSEGV);
    memory[PAGE] = 'c';
    expect_ok(mprotect(memory + 2 * PAGE, PAGE, PROT_READ));
}

static void unmapping_is_separate(void)
{
    char *memory = map_shared(3);

    memory[0] = 'p';
    expect_child_ok(unmap_and_store, memory);
    CHECK_EQ(memory[0], 'p');
    CHECK_EQ(memory[PAGE], 'c');
    memory[0] = 'q';
    expect_access(memory + 2 * PAGE, 'w');
}

/* Private memory and shared memory and a file's, side by side, over two forks. */
struct neighbours {
    char *private, *shared, *file, *file_private;
};

static void store_in_all(void *argument)
{
    struct neighbours *memory = argument;

    memory->private[0]++;
    memory->shared[0]++;
    memory->file[0]++;
    memory->file_private[0]++;
}

static void store_in_all_twice(void *argument)
{
    store_in_all(argument);
    expect_child_ok(store_in_all, argument);
}

static void all_kinds_together(void)
{
    int fd = pattern_file("file", PAGE);
    struct neighbours memory = {map_pages(1), map_shared(1), NULL, NULL};
    char byte;

    memory.file = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    memory.file_private = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
    char first = memory.file[0];
    store_in_all(&memory);
    expect_child_ok(store_in_all_twice, &memory);
    CHECK_EQ(memory.private[0], 1);
    CHECK_EQ(memory.shared[0], 3);
    CHECK_EQ(memory.file[0], (char)(first + 3));
    CHECK_EQ(pread(fd, &byte, 1, 0), 1);
    CHECK_EQ(byte, (char)(first + 3));
    CHECK_EQ(memory.file_private[0], (char)(first + 2)); /* the file's first + 1, and one more */
}

/* A child that is killed at any moment takes nothing of the others with it. */
static void store_for_ever(void *argument)
{
    char *memory = argument;

    for (unsigned char value = 0;; value++)
        memset(memory, value, 32 * PAGE);
}

static void killed_while_copying(void)
{
    char *memory = map_pages(32);

    memset(memory, 'k', 32 * PAGE);
    for (int round = 0; round < 20; round++) {
        pid_t pid = spawn(store_for_ever, memory);
        usleep((useconds_t)round * 100);
        expect_ok(kill(pid, SIGKILL));
        expect_signaled(reap(pid), SIGKILL);
        CHECK(all_bytes(memory, 'k', 32 * PAGE));
    }
}

static const struct test tests[] = {
    TEST(child_store_is_unseen), TEST(parent_store_is_unseen),
    TEST(untouched_pages),       TEST(protections_are_separate),
    TEST(calls_copy_too),        TEST(generations),
    TEST(random_family),         TEST(copies_at_the_same_time),
    TEST(shared_counter),        TEST(big_tree),
    TEST(shared_with_an_orphan), TEST(shared_outlives_its_maker),
    TEST(unmapping_is_separate), TEST(all_kinds_together),
    TEST(killed_while_copying),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
