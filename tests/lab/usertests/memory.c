/* Usertests: memory and disk, until there is no more. */

static void heap_grows_and_shrinks(void)
{
    char *start = expect_ok((char *)sbrk(0));

    for (int round = 0; round < 3; round++) {
        const size_t size = 6 << 20;
        CHECK(sbrk((intptr_t)size) == start);
        for (size_t at = 0; at < size; at += PAGE) {
            CHECK_EQ(start[at], 0);
            start[at] = 1;
        }
        CHECK(sbrk(-(intptr_t)size) == start + size);
        CHECK(sbrk(0) == start);
    }
}

static void heap_limits(void)
{
    char *start = expect_ok((char *)sbrk(0));

    expect_errno(sbrk(1l << 46), ENOMEM);
    expect_errno(brk((void *)0xffffffc000000000), ENOMEM);
    CHECK(sbrk(0) == start);
    char *page = expect_ok((char *)sbrk(PAGE));
    page[0] = 1;
}

static __attribute__((noinline)) char recurse(unsigned long depth)
{
    volatile char frame[4096];

    frame[depth % sizeof(frame)] = (char)depth;
    if (depth == 0)
        return frame[0];
    return (char)(recurse(depth - 1) + frame[depth % sizeof(frame)]);
}

static void recurse_for_ever(void *argument)
{
    (void)argument;
    recurse(ULONG_MAX);
}

static void endless_recursion(void)
{
    struct rlimit limit;

    expect_ok(getrlimit(RLIMIT_STACK, &limit));
    if (limit.rlim_cur > 64 << 20)
        skip("no limit of the stack");
    for (int i = 0; i < 3; i++)
        expect_signaled(child_status(recurse_for_ever, NULL), SIGSEGV);
}

/* Free memory after everything was written back, in KiB. */
static long free_memory(void)
{
    sync();
    long kib = memory_kib("MemFree");
    CHECK(kib > 0);
    return kib;
}

/*
 * Fail if less memory is free than before. Some pages may rightly have changed hands: what the
 * harts' caches and the slabs keep, and cached file pages that were read in between; 1 MiB, or,
 * where other programs run as well, a 64th of the memory. They get five seconds to calm down.
 */
static void expect_memory_back(long before)
{
    long slack = memory_kib("MemTotal") / 64, after = 0;

    if (slack < 1024)
        slack = 1024;
    for (int i = 0; i < 50; i++) {
        after = free_memory();
        if (after + slack >= before)
            return;
        usleep(100000);
    }
    fail("%ld KiB free, %ld KiB before", after, before);
}

/* Twice what there is, but not more than 512 MiB, so that a large machine is not brought down. */
static size_t greed(void)
{
    size_t total = (size_t)memory_kib("MemTotal") * 1024;

    return total * 2 < 512ul << 20 ? total * 2 : 512ul << 20;
}

enum { EATERS = 8 };

struct eater {
    pid_t pid;
    int done; /* gives 'd' when the memory is eaten; its end when the process is dead */
};

/* Take memory until there is no more or the share is reached, keep it until told to go. */
static void eat(size_t share, int done, int go, bool heap)
{
    char byte = 'd';

    for (size_t eaten = 0; eaten < share; eaten += 1 << 20) {
        char *chunk =
            heap ? sbrk(1 << 20) : mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED) {
            CHECK_EQ(errno, ENOMEM);
            break;
        }
        for (size_t at = 0; at < 1 << 20; at += PAGE)
            chunk[at] = 1;
    }
    CHECK_EQ(write(done, &byte, 1), 1);
    CHECK_EQ(read(go, &byte, 1), 0);
}

static struct eater start_eater(size_t share, int go[2], bool heap)
{
    struct eater eater;
    int done[2];

    expect_ok(pipe(done));
    eater.pid = expect_ok(fork());
    if (eater.pid == 0) {
        close(done[0]);
        close(go[1]);
        eat(share, done[1], go[0], heap);
        _exit(0);
    }
    expect_ok(close(done[1]));
    eater.done = done[0];
    return eater;
}

static void eat_all_memory(void)
{
    struct eater eaters[EATERS];
    size_t share = greed() / EATERS;
    int go[2];
    char byte;

    expect_ok(pipe(go));
    for (int i = 0; i < EATERS; i++)
        eaters[i] = start_eater(share, go, i % 2);
    for (int i = 0; i < EATERS; i++)
        expect_ok(read(eaters[i].done, &byte, 1));
    expect_ok(close(go[1]));
    for (int i = 0; i < EATERS; i++) {
        int status = reap(eaters[i].pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) /* the chosen victims */
            expect_exited(status, 0);
        expect_ok(close(eaters[i].done));
    }
}

/* Memory exhausted by many processes is all free again; others go on. The first round makes the
 * kernel drop its caches, so that the second starts as it should end. */
static void memory_exhausted(void)
{
    eat_all_memory();
    long before = free_memory();
    eat_all_memory();
    expect_memory_back(before);
}

static void copy_all(char *memory, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE)
        memory[at] = 2;
}

/* A process with much memory forks, and its children copy it, until there is no more. */
static void fork_and_copy(void *argument)
{
    size_t size = (size_t)argument & -PAGE;
    char *memory = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pids[6];

    if (memory == MAP_FAILED)
        _exit(0);
    memset(memory, 1, size);
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            copy_all(memory, size);
            usleep(20000);
            _exit(0);
        }
    }
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
        int status;
        if (pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i])
            CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    }
    CHECK(memory[0] == 1 && memory[size - PAGE] == 1);
}

static void copies_exhausted(void)
{
    size_t size = greed() / 10;

    for (int round = 0; round < 2; round++) {
        long before = free_memory();
        int status = child_status(fork_and_copy, (void *)size);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            expect_exited(status, 0);
        if (round > 0)
            expect_memory_back(before);
    }
}

static void use_everything(void *argument)
{
    (void)argument;
    int fd = pattern_file("file", 20 * PAGE), ends[2];
    char *shared = expect_ok((char *)mmap(NULL, 20 * PAGE, RW, MAP_SHARED, fd, 0));
    char *private = expect_ok((char *)mmap(NULL, 20 * PAGE, RW, MAP_PRIVATE, fd, 0));
    memset(shared, 1, 20 * PAGE);
    memset(private, 2, 20 * PAGE);
    memset(map_pages(50), 3, 50 * PAGE);
    memset(sbrk(10 * PAGE), 4, 10 * PAGE);
    expect_ok(pipe(ends));
    CHECK_EQ(write(ends[1], private, 10 * PAGE), 10 * PAGE);
    expect_ok(mprotect(private + 3 * PAGE, PAGE, PROT_NONE));
    expect_ok(munmap(shared + 5 * PAGE, PAGE));
    spawn(exit_with, NULL);
    expect_ok(unlink("file"));
    if (getpid() % 2)
        kill(getpid(), SIGKILL);
}

/* What a process leaves open, mapped, full and unwaited for when it ends is freed. */
static void nothing_leaks(void)
{
    for (int i = 0; i < 20; i++)
        child_status(use_everything, NULL);
    long before = free_memory();
    for (int i = 0; i < 70; i++)
        child_status(use_everything, NULL);
    expect_memory_back(before);
}

/* ---- the disk ---- */

static uint64_t free_blocks(uint64_t *bytes)
{
    struct statfs status;

    sync();
    expect_ok(statfs(".", &status));
    *bytes = status.f_bfree * (uint64_t)status.f_bsize;
    return status.f_bfree;
}

static void skip_on_large_disk(void)
{
    uint64_t bytes;

    free_blocks(&bytes);
    if (bytes >= 1ul << 30)
        skip("the file system has 1 GiB free or more");
    skip_on_tmpfs();
}

/* Write until the disk is full; how many bytes the file has then. */
static off_t fill_disk(const char *name)
{
    static char block[1 << 16];
    struct stat status;
    ssize_t count;
    int fd = expect_ok(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

    memset(block, 'D', sizeof(block));
    while ((count = write(fd, block, sizeof(block))) > 0)
        ;
    CHECK_EQ(count, -1);
    CHECK_EQ(errno, ENOSPC);
    expect_ok(fstat(fd, &status));
    expect_ok(close(fd));
    return status.st_size;
}

static void disk_exhausted(void)
{
    static char block[1 << 16];
    uint64_t bytes, before;

    skip_on_large_disk();
    before = free_blocks(&bytes);
    for (int round = 0; round < 2; round++) {
        off_t size = fill_disk("full");
        CHECK(size > 0 && (uint64_t)size <= bytes);
        /* What was there, and what was written, is still right. */
        int fd = expect_ok(open("full", O_RDONLY));
        for (off_t at = 0; at < size; at += 1 << 20) {
            ssize_t count = expect_ok(pread(fd, block, sizeof(block), at));
            CHECK(count > 0 && all_bytes(block, 'D', (size_t)count));
        }
        expect_ok(close(fd));
        expect_ok(unlink("full"));
        uint64_t after = free_blocks(&bytes);
        CHECK_EQ(after, before);
    }
}

/* With the disk full, everything that needs a block fails cleanly, and works again afterwards. */
static void nothing_fits(void)
{
    char name[32];
    int made = 0;

    skip_on_large_disk();
    off_t size = fill_disk("full");
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "dir%d", i);
        if (mkdir(name, 0755) == 0)
            made++;
        else
            CHECK_EQ(errno, ENOSPC);
    }
    CHECK(made < 50);
    int fd = open("small", O_WRONLY | O_CREAT, 0644);
    if (fd >= 0) {
        ssize_t count = write(fd, name, sizeof(name));
        CHECK(count == (ssize_t)sizeof(name) || (count == -1 && errno == ENOSPC));
        expect_ok(close(fd));
        expect_ok(unlink("small"));
    }
    expect_ok(truncate("full", size / 2));
    sync();
    expect_ok(mkdir("fits", 0755));
    write_file("fits/file", "text", 0644);
    expect_ok(unlink("full"));
}

/* Blocks and inodes of files of all shapes come back. */
static void disk_leaks_nothing(void)
{
    struct statfs before, after;
    char name[32];

    skip_on_large_disk();
    for (int round = 0; round < 3; round++) {
        uint64_t bytes;
        free_blocks(&bytes);
        expect_ok(statfs(".", &before));
        for (int i = 0; i < 30; i++) {
            snprintf(name, sizeof(name), "file%d", i);
            int fd = pattern_file(name, (size_t)i * 3000);
            CHECK_EQ(pwrite(fd, "far", 3, i * 10000000l), 3);
            if (i % 3 == 0)
                expect_ok(ftruncate(fd, i * 100));
            expect_ok(close(fd));
        }
        expect_ok(symlink("a target", "short"));
        expect_ok(mkdir("dir", 0755));
        expect_ok(rmdir("dir"));
        expect_ok(unlink("short"));
        for (int i = 0; i < 30; i++) {
            snprintf(name, sizeof(name), "file%d", i);
            expect_ok(unlink(name));
        }
        free_blocks(&bytes);
        expect_ok(statfs(".", &after));
        if (round == 0)
            continue; /* the directory itself may have grown */
        CHECK_EQ(after.f_bfree, before.f_bfree);
        CHECK_EQ(after.f_ffree, before.f_ffree);
    }
}
