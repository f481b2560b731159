/*
 * What a signal handler learns of a bad access: SIGSEGV or SIGBUS, si_code, and si_addr to the
 * byte.
 */
#include "tap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf escape;
static volatile int number, code;
static void *volatile address;

static void caught(int signal, siginfo_t *information, void *context)
{
    (void)context;
    number = signal;
    code = information->si_code;
    address = information->si_addr;
    siglongjmp(escape, 1);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};

    expect_ok(sigaction(SIGSEGV, &action, NULL));
    expect_ok(sigaction(SIGBUS, &action, NULL));
}

/* The access must raise this signal with this code, at this very byte. */
static void expect_signal(char *at, char how, int signal, int si_code)
{
    volatile char *byte = at;

    number = 0;
    if (sigsetjmp(escape, 0) == 0) {
        if (how == 'r')
            (void)*byte;
        else
            *byte = 1;
    }
    CHECK_EQ(number, signal);
    CHECK_EQ(code, si_code);
    CHECK(address == at);
}

static void unmapped(void)
{
    char *hole = find_hole(4);

    catch_faults();
    expect_signal(hole + 5, 'r', SIGSEGV, SEGV_MAPERR);
    expect_signal(hole + PAGE + 4095, 'w', SIGSEGV, SEGV_MAPERR);
    expect_signal((char *)8, 'r', SIGSEGV, SEGV_MAPERR);
    char *base = map_pages(3);
    expect_ok(munmap(base + PAGE, PAGE));
    expect_signal(base + 2 * PAGE - 1, 'w', SIGSEGV, SEGV_MAPERR);
    base[0] = base[2 * PAGE] = 1;
}

static void protected(void)
{
    char *base = map_pages(4);

    catch_faults();
    base[0] = 1;
    expect_ok(mprotect(base, PAGE, PROT_READ));
    expect_ok(mprotect(base + PAGE, PAGE, PROT_NONE));
    CHECK_EQ(base[0], 1);
    expect_signal(base + 77, 'w', SIGSEGV, SEGV_ACCERR);
    expect_signal(base + PAGE + 3, 'r', SIGSEGV, SEGV_ACCERR);
    expect_signal(base + PAGE, 'w', SIGSEGV, SEGV_ACCERR);
    expect_ok(mprotect(base, 2 * PAGE, RW));
    base[77] = base[PAGE + 3] = 1;
}

/* A handler that repairs what was wrong: the access is done again. */
static char *guarded;

static void repair(int signal, siginfo_t *information, void *context)
{
    (void)signal;
    (void)context;
    char *page = (char *)((uintptr_t)information->si_addr & ~(PAGE - 1));
    if (page < guarded || page >= guarded + 64 * PAGE || mprotect(page, PAGE, RW) < 0)
        _exit(3);
    number++;
}

static void repaired_by_the_handler(void)
{
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};

    guarded = expect_ok((char *)mmap(NULL, 64 * PAGE, PROT_NONE, ANONYMOUS, -1, 0));
    expect_ok(sigaction(SIGSEGV, &action, NULL));
    number = 0;
    for (size_t i = 0; i < 64; i++)
        guarded[i * PAGE + i] = (char)i;
    CHECK_EQ(number, 64);
    for (size_t i = 0; i < 64; i++)
        CHECK_EQ(guarded[i * PAGE + i], (char)i);
}

static void behind_the_end(void)
{
    int fd = pattern_file("file", PAGE + 100);
    char *shared = expect_ok((char *)mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0));
    char *private = expect_ok((char *)mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));

    catch_faults();
    CHECK_EQ(shared[2 * PAGE - 1], 0);
    expect_signal(shared + 2 * PAGE, 'r', SIGBUS, BUS_ADRERR);
    expect_signal(shared + 2 * PAGE + 9, 'w', SIGBUS, BUS_ADRERR);
    expect_signal(private + 3 * PAGE + 4095, 'r', SIGBUS, BUS_ADRERR);
    expect_signal(private + 2 * PAGE, 'w', SIGBUS, BUS_ADRERR);
    expect_ok(ftruncate(fd, 4 * PAGE));
    shared[2 * PAGE + 9] = 5;
    CHECK_EQ(private[2 * PAGE + 9], 5);
    private[PAGE] = 7;
    expect_ok(ftruncate(fd, 10));
    expect_signal(shared + PAGE, 'r', SIGBUS, BUS_ADRERR);
    expect_signal(private + PAGE, 'r', SIGBUS, BUS_ADRERR); /* the copy has gone as well */
    CHECK_PATTERN(shared, 0, 10);
}

static void shared_memory_grown(void)
{
    char *hole = find_hole(8);

    catch_faults();
    expect_ok(mmap(hole, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CHECK(mremap(hole, PAGE, 3 * PAGE, 0) == hole);
    expect_signal(hole + PAGE + 1, 'w', SIGBUS, BUS_ADRERR);
    expect_signal(hole + 2 * PAGE, 'r', SIGBUS, BUS_ADRERR);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(unmapped),       TEST(protected),           TEST(repaired_by_the_handler),
        TEST(behind_the_end), TEST(shared_memory_grown),
    };
    return TAP_MAIN(argc, argv, tests);
}
