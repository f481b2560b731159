/*
 * Addresses of stack, heap, mappings and vDSO differ from run to run, unless personality(2) says
 * not.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS   8
#define PLACES 4

struct run {
    unsigned long places[PLACES];
};

/* What this program, started again, tells of itself. */
static int show_places(void)
{
    char local;

    printf("%lx %lx %lx %lx\n", (unsigned long)&local, (unsigned long)sbrk(0),
           (unsigned long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           getauxval(AT_SYSINFO_EHDR));
    return 0;
}

static struct run start(bool randomised)
{
    struct run run;
    char text[256] = "";
    int ends[2];

    expect_ok(pipe(ends));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        expect_ok(personality(randomised ? 0 : ADDR_NO_RANDOMIZE));
        expect_ok(dup2(ends[1], 1));
        execl(self_path(), "randomisation", "--places", NULL);
        _exit(9);
    }
    close(ends[1]);
    for (size_t size = 0; size < sizeof(text) - 1;) {
        ssize_t count = read(ends[0], text + size, sizeof(text) - 1 - size);
        if (count <= 0)
            break;
        size += (size_t)count;
    }
    close(ends[0]);
    expect_exited(reap(pid), 0);
    CHECK_EQ(sscanf(text, "%lx %lx %lx %lx", &run.places[0], &run.places[1], &run.places[2],
                    &run.places[3]),
             PLACES);
    return run;
}

static void differ(void)
{
    char text[16];
    struct run first = start(true);
    bool moved[PLACES] = {false};

    read_file("/proc/sys/kernel/randomize_va_space", text, sizeof(text));
    if (atoi(text) != 2)
        skip("this machine does not randomise all addresses");
    for (int i = 1; i < RUNS; i++) {
        struct run run = start(true);
        for (int place = 0; place < PLACES; place++)
            moved[place] |= run.places[place] != first.places[place];
    }
    for (int place = 0; place < PLACES; place++)
        CHECK(moved[place]);
}

static void are_the_same(void)
{
    struct run first = start(false);

    for (int i = 1; i < RUNS; i++) {
        struct run run = start(false);
        CHECK(memcmp(&run, &first, sizeof(run)) == 0);
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(differ),
        TEST(are_the_same),
    };
    if (argc == 2 && strcmp(argv[1], "--places") == 0)
        return show_places();
    return TAP_MAIN(argc, argv, tests);
}
