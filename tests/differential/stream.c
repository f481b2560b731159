/*
 * Usage: stream [OPTION...] LENGTH FIRST [LAST]           streams of these seeds
 *        stream [OPTION...] LENGTH SEED -o NUMBER...      these operations of one stream only
 *
 *     -v       print the log as well
 *     -u N     for each page of a stream take N: windows of N times the size
 *     -s MIB   begin with using a swap file of this size
 *     -p       have all memory paged out after every sixteenth operation
 *
 * Prints a line for each seed: the seed and a sum of its log.
 */
#include "stream.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT   120
#define LOCKED_LIMIT 24u /* units that a user without privileges may lock */
#define USER         1000

struct shared *shared;
unsigned unit = 1;
bool pages_out;
char *heap;

static unsigned length;
static const unsigned char *chosen; /* which operations to perform; NULL: all */

/* The C library takes from the heap's end no more than it has now. */
static void take_heap(void)
{
    unsigned long end = (unsigned long)syscall(SYS_brk, 0);

    heap = (char *)((end + PAGE - 1) & ~(PAGE - 1));
    syscall(SYS_brk, heap);
}

/* One stream of four is played by a user who may lock little memory. */
static void give_up_privileges(void)
{
    struct rlimit limit = {unit_bytes(LOCKED_LIMIT), unit_bytes(LOCKED_LIMIT)};

    if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || setresgid(USER, USER, USER) < 0 ||
        setresuid(USER, USER, USER) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        _exit(2);
}

/* The first player of a stream. */
static void lead(uint64_t seed)
{
    signal(SIGCHLD, SIG_IGN);
    setpgid(0, 0);
    alarm(TIME_LIMIT);
    shared->limited = seed % 4 == 0;
    shared->seals = seed % 8 == 5;
    shared->grows = seed % 8 == 6;
    if (shared->limited)
        give_up_privileges();
    make_files();
    make_segments();
    take_heap();
    catch_faults();
    map_note(BASE, unit_bytes(WINDOW), NOTHING, 0);
    map_note(heap, unit_bytes(HEAP), NOTHING, 0);
    start_players();
    play(seed, length, chosen);
    end_players();
    for (unsigned i = 0; i < FILES; i++) {
        struct operation last = {.number = length, .c = i};
        log_line("at the end: ");
        check_file(&last);
    }
    _exit(0);
}

static void remove_names(void)
{
    char name[] = "name0";

    for (; name[4] < '0' + NAMES; name[4]++)
        unlink(name);
}

/* Run one stream; how its first process ended is part of the log. */
static void run(uint64_t seed, bool verbose)
{
    int status;

    memset(shared, 0, offsetof(struct shared, log));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        lead(seed);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        exit(2);
    if (status) {
        kill(-pid, SIGKILL);
        log_line("wait status %x\n", (unsigned)status);
    }
    remove_segments();
    remove_names();
    printf("%lu %016lx\n", (unsigned long)seed,
           (unsigned long)sum_words(shared->log, shared->log_length));
    if (verbose)
        fwrite(shared->log, 1, shared->log_length, stdout);
}

/* Use a swap file, new: its first page says so. */
static void use_swap(size_t size)
{
    static char page[PAGE];
    uint32_t *numbers = (uint32_t *)(page + 1024);
    int file = open("swap", O_RDWR | O_CREAT | O_TRUNC, 0600);

    for (size_t at = 0; at < size; at += PAGE) {
        if (pwrite(file, page, PAGE, (off_t)at) != (ssize_t)PAGE)
            exit(2);
    }
    numbers[0] = 1;
    numbers[1] = (uint32_t)(size / PAGE - 1);
    memcpy(page + 4086, "SWAPSPACE2", 10);
    if (pwrite(file, page, PAGE, 0) != (ssize_t)PAGE || fsync(file) < 0 || close(file) < 0 ||
        swapon("swap", 0) < 0) {
        perror("swap");
        exit(2);
    }
}

static bool parse_options(int argc, char **argv)
{
    bool verbose = false;
    int option;

    while ((option = getopt(argc, argv, "+vpu:s:")) != -1) {
        switch (option) {
        case 'v':
            verbose = true;
            break;
        case 'p':
            pages_out = true;
            break;
        case 'u':
            unit = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            use_swap(strtoul(optarg, NULL, 10) << 20);
            break;
        default:
            exit(2);
        }
    }
    if (argc < optind + 2 || unit == 0 || unit > UNIT_MAX) {
        fprintf(stderr, "usage: stream [-vp] [-u N] [-s MIB] LENGTH FIRST [LAST | -o NUMBER...]\n");
        exit(2);
    }
    return verbose;
}

/* After -o: the numbers of the operations to perform. */
static void choose(char **words)
{
    unsigned char *wanted = calloc(length + 1, 1);

    for (; wanted && *words; words++) {
        unsigned long number = strtoul(*words, NULL, 10);
        if (number < length)
            wanted[number] = 1;
    }
    chosen = wanted;
}

int main(int argc, char **argv)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    bool verbose = parse_options(argc, argv);
    length = (unsigned)strtoul(argv[optind], NULL, 10);
    uint64_t first = strtoul(argv[optind + 1], NULL, 10), last = first;
    if (argc > optind + 2 && strcmp(argv[optind + 2], "-o") == 0)
        choose(argv + optind + 3);
    else if (argc > optind + 2)
        last = strtoul(argv[optind + 2], NULL, 10);
    shared = mmap((void *)0x2000000000, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (shared == MAP_FAILED || chmod(".", 0777) < 0)
        return 2;
    for (uint64_t i = first; i <= last; i++)
        run(i, verbose);
    return 0;
}
