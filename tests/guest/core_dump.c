/*
 * Core dumps (core(5)): when one is written and where, and what is in it.
 */
#include "tap.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATTERN_FILE "/proc/sys/kernel/core_pattern"
#define MARK         "this text is in the memory of the process"

static void need_plain_pattern(void)
{
    char pattern[256], uses_pid[16];

    read_file(PATTERN_FILE, pattern, sizeof(pattern));
    read_file("/proc/sys/kernel/core_uses_pid", uses_pid, sizeof(uses_pid));
    if (strcmp(pattern, "core\n") || strcmp(uses_pid, "0\n"))
        skip("core dumps go elsewhere here: %s", pattern);
}

static void set_limit(rlim_t size)
{
    expect_ok(setrlimit(RLIMIT_CORE, &(struct rlimit){size, RLIM_INFINITY}));
}

/* A child is killed by a signal of its own with this limit: its status. */
struct death {
    rlim_t limit;
    int signal;
    void (*prepare)(void);
};

static void die(void *argument)
{
    const struct death *death = argument;

    set_limit(death->limit);
    signal(death->signal, SIG_DFL);
    if (death->prepare)
        death->prepare();
    raise(death->signal);
}

static int status_of(struct death death)
{
    int status = child_status(die, &death);

    expect_signaled(status, death.signal);
    return status;
}

static void expect_core(struct death death)
{
    need_plain_pattern();
    CHECK(WCOREDUMP(status_of(death)));
    expect_ok(access("core", F_OK));
    expect_ok(unlink("core"));
}

static void expect_no_core(struct death death)
{
    need_plain_pattern();
    CHECK(!WCOREDUMP(status_of(death)));
    expect_errno(access("core", F_OK), ENOENT);
}

static void which_signals(void)
{
    static const int dumping[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                  SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    static const int others[] = {SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGALRM};

    for (size_t i = 0; i < COUNT_OF(dumping); i++)
        expect_core((struct death){RLIM_INFINITY, dumping[i], NULL});
    for (size_t i = 0; i < COUNT_OF(others); i++)
        expect_no_core((struct death){RLIM_INFINITY, others[i], NULL});
}

static void limit_of_zero(void)
{
    expect_no_core((struct death){0, SIGSEGV, NULL});
    expect_no_core((struct death){PAGE - 1, SIGSEGV, NULL});
}

static void limit_cuts(void)
{
    struct stat status;

    need_plain_pattern();
    CHECK(WCOREDUMP(status_of((struct death){5 * PAGE, SIGSEGV, NULL})));
    expect_ok(stat("core", &status));
    CHECK(status.st_size <= (off_t)(5 * PAGE) && status.st_size > 0);
}

static void forbid(void)
{
    expect_ok(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static void not_dumpable(void)
{
    expect_no_core((struct death){RLIM_INFINITY, SIGSEGV, forbid});
}

static void waitid_tells(void)
{
    struct death death = {RLIM_INFINITY, SIGABRT, NULL};
    siginfo_t information;

    need_plain_pattern();
    pid_t pid = spawn(die, &death);
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED));
    CHECK_EQ(information.si_code, CLD_DUMPED);
    CHECK_EQ(information.si_status, SIGABRT);
}

/* Files that are there already */

static void replace_one(const char *other)
{
    struct stat status;
    char text[256];

    CHECK(WCOREDUMP(status_of((struct death){RLIM_INFINITY, SIGSEGV, NULL})));
    expect_ok(lstat("core", &status));
    CHECK(S_ISREG(status.st_mode));
    CHECK_EQ(status.st_mode & 07777, 0600);
    CHECK_EQ(status.st_nlink, 1);
    CHECK(status.st_size > (off_t)PAGE);
    expect_ok(unlink("core"));
    if (other) {
        read_file(other, text, sizeof(text));
        CHECK_STRING(text, MARK);
        expect_ok(unlink(other));
    }
}

/* A name that is there already becomes that of a new file: what it led to is not written to. */
static void existing_names(void)
{
    need_plain_pattern();
    write_file("core", MARK, 0644);
    replace_one(NULL);
    write_file("core", MARK, 0600);
    expect_ok(link("core", "second"));
    replace_one("second");
    write_file("second", MARK, 0600);
    expect_ok(symlink("second", "core"));
    replace_one("second");
    expect_ok(mkdir("core", 0700));
    CHECK(!WCOREDUMP(status_of((struct death){RLIM_INFINITY, SIGSEGV, NULL})));
}

/* Names by the pattern; the setting is the machine's, so it is put back at once. */
static void pattern(void)
{
    char name[128];
    struct death death = {RLIM_INFINITY, SIGQUIT, NULL};

    need_plain_pattern();
    int fd = open(PATTERN_FILE, O_WRONLY);
    if (fd < 0)
        skip("the pattern cannot be set");
    const char *text = "dump-%p-%s-%u-%g-%e-100%%-%q";
    expect_ok(write(fd, text, strlen(text)));
    pid_t pid = spawn(die, &death);
    int status = reap(pid);
    expect_ok(pwrite(fd, "core", 4, 0));
    close(fd);
    need_plain_pattern();
    CHECK(WCOREDUMP(status));
    const char *program = strrchr(self_path(), '/') + 1;
    snprintf(name, sizeof(name), "dump-%d-%d-%u-%u-%.15s-100%%-", (int)pid, SIGQUIT, getuid(),
             getgid(), program);
    expect_ok(access(name, F_OK));
}

/* What is in it */

struct core {
    char *bytes;
    size_t size;
    const Elf64_Ehdr *header;
    const Elf64_Phdr *programs;
};

static struct core map_core(void)
{
    struct core core;
    struct stat status;
    int fd = expect_ok(open("core", O_RDONLY));

    expect_ok(fstat(fd, &status));
    core.size = (size_t)status.st_size;
    core.bytes = expect_ok(mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0));
    core.header = (const Elf64_Ehdr *)core.bytes;
    core.programs = (const Elf64_Phdr *)(core.bytes + core.header->e_phoff);
    CHECK_EQ(memcmp(core.header->e_ident, ELFMAG, SELFMAG), 0);
    CHECK_EQ(core.header->e_type, ET_CORE);
    CHECK_EQ(core.programs[0].p_type, PT_NOTE);
    close(fd);
    return core;
}

/* The n-th note of a type, counted from 0; NULL: there are fewer. */
static const void *find_note(const struct core *core, Elf64_Word type, int n, size_t *size)
{
    const char *at = core->bytes + core->programs[0].p_offset;
    const char *end = at + core->programs[0].p_filesz;

    while (at < end) {
        const Elf64_Nhdr *note = (const Elf64_Nhdr *)at;
        const char *contents = at + sizeof(*note) + ((note->n_namesz + 3u) & ~3u);
        if (note->n_type == type && !strcmp(at + sizeof(*note), "CORE") && n-- == 0) {
            *size = note->n_descsz;
            return contents;
        }
        at = contents + ((note->n_descsz + 3u) & ~3u);
    }
    return NULL;
}

/* The dumped bytes at an address; NULL: they are not in the file. */
static const char *find_bytes(const struct core *core, const void *address)
{
    for (int i = 1; i < core->header->e_phnum; i++) {
        const Elf64_Phdr *program = &core->programs[i];
        Elf64_Addr at = (Elf64_Addr)address;
        CHECK_EQ(program->p_type, PT_LOAD);
        CHECK(program->p_filesz <= program->p_memsz);
        if (at >= program->p_vaddr && at < program->p_vaddr + program->p_filesz)
            return core->bytes + program->p_offset + (at - program->p_vaddr);
    }
    return NULL;
}

static struct {
    char *kept, *left_out, *shared, *untouched;
    volatile pid_t ids[3];
} memory;

static void *wait_in_thread(void *argument)
{
    *(volatile pid_t *)argument = (pid_t)syscall(SYS_gettid);
    pause();
    return NULL;
}

static volatile char *volatile nowhere = (volatile char *)8;

static void *fault_in_thread(void *argument)
{
    *(volatile pid_t *)argument = (pid_t)syscall(SYS_gettid);
    while (!memory.ids[0] || !memory.ids[1])
        usleep(100);
    *nowhere = 1;
    return NULL;
}

static void fill_memory(void)
{
    memory.kept = map_pages(3);
    memory.left_out = map_pages(2);
    memory.untouched = map_pages(3) + PAGE;
    expect_ok(mprotect(memory.untouched - PAGE, PAGE, PROT_READ));
    expect_ok(mprotect(memory.untouched + PAGE, PAGE, PROT_READ));
    memory.shared =
        expect_ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(memory.kept + 2 * PAGE, MARK);
    strcpy(memory.left_out, MARK);
    strcpy(memory.shared, MARK);
    expect_ok(mprotect(memory.kept, 3 * PAGE, PROT_NONE));
    expect_ok(madvise(memory.left_out, 2 * PAGE, MADV_DONTDUMP));
}

static void *report; /* shared with the child */

static void crash_with_threads(void *unused)
{
    pthread_t thread;

    (void)unused;
    set_limit(RLIM_INFINITY);
    signal(SIGSEGV, SIG_DFL);
    fill_memory();
    memory.ids[0] = getpid();
    CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, (void *)&memory.ids[1]), 0);
    while (!memory.ids[1])
        usleep(100);
    memcpy(report, (void *)&memory, sizeof(memory));
    CHECK_EQ(pthread_create(&thread, NULL, fault_in_thread, (void *)&memory.ids[2]), 0);
    for (;;)
        pause();
}

static struct core crash(void)
{
    need_plain_pattern();
    report = expect_ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    int status = child_status(crash_with_threads, NULL);
    expect_signaled(status, SIGSEGV);
    CHECK(WCOREDUMP(status));
    memcpy((void *)&memory, report, sizeof(memory));
    return map_core();
}

static void threads(void)
{
    struct core core = crash();
    const struct elf_prstatus *first, *status;
    size_t size;
    int count = 0, known = 0;

    first = find_note(&core, NT_PRSTATUS, 0, &size);
    CHECK(first);
    CHECK_EQ(size, sizeof(*first));
    CHECK_EQ(first->pr_cursig, SIGSEGV);
    CHECK(first->pr_pid != memory.ids[0] && first->pr_pid != memory.ids[1]);
    CHECK_EQ(first->pr_ppid, getpid());
    for (; (status = find_note(&core, NT_PRSTATUS, count, &size)); count++)
        known += status->pr_pid == memory.ids[0] || status->pr_pid == memory.ids[1];
    CHECK_EQ(count, 3);
    CHECK_EQ(known, 2);
    CHECK(find_note(&core, NT_FPREGSET, 2, &size));
    CHECK(!find_note(&core, NT_FPREGSET, 3, &size));
}

static void about_the_process(void)
{
    struct core core = crash();
    size_t size;
    const struct elf_prpsinfo *info = find_note(&core, NT_PRPSINFO, 0, &size);

    CHECK(info);
    CHECK_EQ(size, sizeof(*info));
    CHECK_EQ(info->pr_pid, memory.ids[0]);
    CHECK_EQ(info->pr_uid, getuid());
    CHECK(!strncmp(info->pr_fname, strrchr(self_path(), '/') + 1, 15));
    const siginfo_t *information = find_note(&core, NT_SIGINFO, 0, &size);
    CHECK(information);
    CHECK_EQ(information->si_signo, SIGSEGV);
    CHECK_EQ(information->si_code, SEGV_MAPERR);
    CHECK_EQ((unsigned long)information->si_addr, 8);
    const Elf64_auxv_t *vector = find_note(&core, NT_AUXV, 0, &size);
    CHECK(vector);
    while (vector->a_type != AT_PAGESZ)
        vector++;
    CHECK_EQ(vector->a_un.a_val, PAGE);
}

static void files(void)
{
    struct core core = crash();
    size_t size;
    const unsigned long *words = find_note(&core, NT_FILE, 0, &size);

    CHECK(words);
    CHECK_EQ(words[1], PAGE);
    const char *name = (const char *)(words + 2 + 3 * words[0]);
    char program[PATH_MAX];
    CHECK(realpath(self_path(), program));
    bool found = false;
    for (unsigned long i = 0; i < words[0]; i++) {
        const unsigned long *place = words + 2 + 3 * i;
        unsigned long here = (unsigned long)files;
        CHECK(place[0] < place[1]);
        if (here >= place[0] && here < place[1]) {
            CHECK_STRING(name, program);
            found = true;
        }
        name += strlen(name) + 1;
    }
    CHECK(found);
    CHECK_EQ(name - (const char *)words, size);
}

static void contents(void)
{
    struct core core = crash();

    const char *kept = find_bytes(&core, memory.kept);
    CHECK(kept && all_bytes(kept, 0, 2 * PAGE));
    CHECK_STRING(kept + 2 * PAGE, MARK);
    CHECK(!find_bytes(&core, memory.left_out));
    CHECK_STRING(find_bytes(&core, memory.shared), MARK);
    CHECK(!find_bytes(&core, memory.untouched));
}

/* Without private memory, with that of files. */
static void filter(void)
{
    char text[32];

    need_plain_pattern();
    read_file("/proc/self/coredump_filter", text, sizeof(text));
    CHECK_STRING(text, "00000033\n");
    int fd = expect_ok(open("/proc/self/coredump_filter", O_RDWR));
    expect_ok(write(fd, "0x4\n", 4));
    close(fd);
    read_file("/proc/self/coredump_filter", text, sizeof(text));
    CHECK_STRING(text, "00000004\n");
    struct core core = crash(); /* the child inherits it */
    CHECK(!find_bytes(&core, memory.kept));
    CHECK(!find_bytes(&core, memory.shared));
    const char *code = find_bytes(&core, (void *)files);
    CHECK(code && !memcmp(code, (void *)files, 64));
}

/* Races */

static void *fault_at_once(void *barrier)
{
    pthread_barrier_wait(barrier);
    *nowhere = 1;
    return NULL;
}

static void fault_together(void *unused)
{
    pthread_barrier_t barrier;
    pthread_t thread;

    (void)unused;
    set_limit(RLIM_INFINITY);
    signal(SIGSEGV, SIG_DFL);
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&thread, NULL, fault_at_once, &barrier), 0);
    fault_at_once(&barrier);
}

/* One of the threads writes a core that all of them are in. */
static void threads_that_fault_together(void)
{
    size_t size;

    need_plain_pattern();
    for (int i = 0; i < 10; i++) {
        int status = child_status(fault_together, NULL);
        expect_signaled(status, SIGSEGV);
        CHECK(WCOREDUMP(status));
        struct core core = map_core();
        CHECK(find_note(&core, NT_PRSTATUS, 3, &size));
        CHECK(!find_note(&core, NT_PRSTATUS, 4, &size));
        munmap(core.bytes, core.size);
        expect_ok(unlink("core"));
    }
}

static void fill_much(void)
{
    memset(map_pages(2000), 1, 2000 * PAGE);
}

/* Killed at any moment of it, the process ends, by one of the two signals. */
static void killed_while_dumping(void)
{
    struct death death = {RLIM_INFINITY, SIGSEGV, fill_much};

    need_plain_pattern();
    for (useconds_t delay = 1000; delay < 200000; delay *= 2) {
        pid_t pid = spawn(die, &death);
        usleep(delay);
        kill(pid, SIGKILL);
        int status = reap(pid);
        CHECK(WIFSIGNALED(status));
        CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV);
        unlink("core");
    }
}

static const struct test tests[] = {
    TEST(which_signals),
    TEST(limit_of_zero),
    TEST(limit_cuts),
    TEST(not_dumpable),
    TEST(waitid_tells),
    TEST(existing_names),
    TEST(pattern),
    TEST(threads),
    TEST(about_the_process),
    TEST(files),
    TEST(contents),
    TEST(filter),
    TEST(threads_that_fault_together),
    TEST(killed_while_dumping),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
