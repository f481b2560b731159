/*
 * What operations cost, in nanoseconds of the machine's clock, for comparing two systems that run
 * the same program on the same machine (bench/beside-linux). One line each: the name, a tab, the
 * best of a few rounds. With -l: what the names mean.
 */
#include "beside.h"
#include "../measure.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>

#define ROUNDS   5
#define ROUND_NS 10000000ul /* at the least, or one operation */

static const struct operation *const kinds[] = {
    memory_operations,  files_operations,     moving_operations,
    names_operations,   generated_operations, processes_operations,
    threads_operations, messages_operations,  events_operations,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The time of one of count operations, the best of some rounds. */
static uint64_t best(const struct operation *operation, uint64_t count)
{
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = read_nanoseconds();
        for (uint64_t i = 0; i < count; i++)
            operation->run();
        uint64_t taken = (read_nanoseconds() - begin) / count;
        least = taken < least ? taken : least;
    }
    return least;
}

/* How many last as long as a round should. */
static uint64_t find_count(const struct operation *operation)
{
    for (uint64_t count = 1;; count *= 4) {
        uint64_t begin = read_nanoseconds();
        for (uint64_t i = 0; i < count; i++)
            operation->run();
        uint64_t taken = read_nanoseconds() - begin;
        if (taken >= ROUND_NS / 4)
            return taken < ROUND_NS ? count * ROUND_NS / taken : count;
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Remove what the process has left. */
static void clean_up(pid_t pid)
{
    static const char *const parents[] = {"", "/tmp"};
    char name[64];
    kill(-pid, SIGKILL); /* who answered */
    for (int i = 0; i < 2; i++) {
        name_directory(name, parents[i], pid);
        (void)nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static bool run(const struct operation *operation)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        alarm(600);
        if (operation->prepare)
            operation->prepare();
        printf("%s\t%" PRIu64 "\n", operation->name, best(operation, find_count(operation)));
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    clean_up(pid);
    return status == 0;
}

static bool is_wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], name))
            return true;
    }
    return count == 0;
}

int main(int argc, char **argv)
{
    bool listed = argc == 2 && !strcmp(argv[1], "-l"), fine = true;
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (const struct operation *operation = kinds[kind]; operation->name; operation++) {
            if (listed)
                printf("%-16s %s\n", operation->name, operation->what);
            else if (is_wanted(operation->name, argc - 1, argv + 1))
                fine = run(operation) && fine;
        }
    }
    return fine ? 0 : 1;
}
