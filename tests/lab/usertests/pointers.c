/* Usertests: bad pointers in every argument, and buffers that lead into nothing. */

#define BAD_PATH   0x7a7a0001L /* stands for each pointer that cannot be read, NULL included */
#define BAD_INPUT  0x7a7a0002L /* the same without NULL, where NULL has a meaning */
#define BAD_OUTPUT 0x7a7a0003L /* each pointer that cannot be written */
#define BAD_RESULT 0x7a7a0004L /* the same without NULL */
#define BAD_BUFFER 0x7a7a0005L /* each pointer to which not even a byte can be written */

static struct {
    char *hole;      /* nothing there */
    char *none;      /* a page without rights */
    char *read_only; /* a page that can be read */
    char *edge;      /* the end of a page, behind which there is nothing */
} places;

static void make_places(void)
{
    places.none = map_pages(1);
    expect_ok(mprotect(places.none, PAGE, PROT_NONE));
    places.read_only = map_pages(1);
    strcpy(places.read_only, "file");
    expect_ok(mprotect(places.read_only, PAGE, PROT_READ));
    char *two = map_pages(2);
    expect_ok(munmap(two + PAGE, PAGE));
    places.edge = places.hole = two + PAGE;
}

/* The bad pointers of a kind; how many. */
static size_t bad_pointers(uintptr_t *pointers, long kind)
{
    const uintptr_t list[] = {8,
                              (uintptr_t)places.hole,
                              (uintptr_t)places.none,
                              (uintptr_t)places.none + PAGE - 1,
                              0x8000000000,
                              0xffffffc000000000,
                              0xffffffff80200000,
                              0x8000000000000000,
                              (uintptr_t)-8,
                              (uintptr_t)-1};
    size_t count = COUNT_OF(list);

    memcpy(pointers, list, sizeof(list));
    if (kind != BAD_INPUT && kind != BAD_RESULT)
        pointers[count++] = 0;
    if (kind >= BAD_OUTPUT) {
        pointers[count++] = (uintptr_t)places.read_only;
        pointers[count++] = (uintptr_t)own_text;
    }
    if (kind == BAD_OUTPUT || kind == BAD_RESULT)
        pointers[count++] = (uintptr_t)places.edge - 1;
    return count;
}

/* Make the call with each bad pointer in the place that is marked: it must be EFAULT. */
static void refuse(const char *name, long number, long a, long b, long c, long d, long e)
{
    long arguments[5] = {a, b, c, d, e};
    uintptr_t pointers[16];

    for (size_t i = 0; i < 5; i++) {
        if (arguments[i] < BAD_PATH || arguments[i] > BAD_BUFFER)
            continue;
        long kind = arguments[i];
        size_t count = bad_pointers(pointers, kind);
        for (size_t p = 0; p < count; p++) {
            arguments[i] = (long)pointers[p];
            errno = 0;
            long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                                  arguments[4]);
            if (result != -1 || errno != EFAULT)
                fail("%s, argument %zu = %#lx: returned %ld, %s", name, i, arguments[i], result,
                     error_name(errno));
        }
        arguments[i] = kind;
    }
}

#define REFUSE5(name, a, b, c, d, e)                                                               \
    refuse(#name, SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define REFUSE4(name, a, b, c, d) REFUSE5(name, a, b, c, d, 0)
#define REFUSE3(name, a, b, c)    REFUSE5(name, a, b, c, 0, 0)
#define REFUSE2(name, a, b)       REFUSE5(name, a, b, 0, 0, 0)
#define REFUSE1(name, a)          REFUSE5(name, a, 0, 0, 0, 0)

static void bad_paths(void)
{
    char buffer[256];

    make_places();
    write_file("file", "text", 0644);
    expect_ok(symlink("file", "link"));
    REFUSE4(openat, AT_FDCWD, BAD_PATH, O_RDONLY, 0);
    REFUSE4(openat, AT_FDCWD, BAD_PATH, O_RDWR | O_CREAT, 0644);
    REFUSE3(mkdirat, AT_FDCWD, BAD_PATH, 0755);
    REFUSE3(unlinkat, AT_FDCWD, BAD_PATH, 0);
    REFUSE3(unlinkat, AT_FDCWD, BAD_PATH, AT_REMOVEDIR);
    REFUSE5(renameat2, AT_FDCWD, BAD_PATH, AT_FDCWD, "new", 0);
    REFUSE5(renameat2, AT_FDCWD, "file", AT_FDCWD, BAD_PATH, 0);
    REFUSE5(linkat, AT_FDCWD, BAD_PATH, AT_FDCWD, "new", 0);
    REFUSE5(linkat, AT_FDCWD, "file", AT_FDCWD, BAD_PATH, 0);
    REFUSE3(symlinkat, BAD_PATH, AT_FDCWD, "new");
    REFUSE3(symlinkat, "target", AT_FDCWD, BAD_PATH);
    REFUSE4(readlinkat, AT_FDCWD, BAD_PATH, buffer, 16);
    REFUSE1(chdir, BAD_PATH);
    REFUSE4(newfstatat, AT_FDCWD, BAD_PATH, buffer, AT_SYMLINK_NOFOLLOW);
    REFUSE2(statfs, BAD_PATH, buffer);
    REFUSE2(truncate, BAD_PATH, 0);
    REFUSE3(faccessat, AT_FDCWD, BAD_PATH, F_OK);
    REFUSE3(fchmodat, AT_FDCWD, BAD_PATH, 0644);
    REFUSE5(fchownat, AT_FDCWD, BAD_PATH, 0, 0, 0);
    REFUSE4(utimensat, AT_FDCWD, BAD_INPUT, 0, 0);
    REFUSE3(execve, BAD_PATH, 0, 0);
    /* Nothing has happened. */
    CHECK_EQ(read_file("file", buffer, sizeof(buffer)), 4);
    expect_errno(access("new", F_OK), ENOENT);
}

static void bad_structures(void)
{
    int fd = pattern_file("file", 100), directory = expect_ok(open(".", O_RDONLY));

    make_places();
    expect_ok(symlink("file", "link"));
    REFUSE2(fstat, fd, BAD_OUTPUT);
    REFUSE4(newfstatat, AT_FDCWD, "file", BAD_OUTPUT, 0);
    REFUSE2(statfs, ".", BAD_OUTPUT);
    REFUSE2(fstatfs, fd, BAD_OUTPUT);
    REFUSE4(readlinkat, AT_FDCWD, "link", BAD_OUTPUT, 4);
    REFUSE2(getcwd, BAD_OUTPUT, 4096);
    REFUSE1(uname, BAD_OUTPUT);
    REFUSE1(times, BAD_RESULT);
    REFUSE2(clock_gettime, CLOCK_REALTIME, BAD_OUTPUT);
    REFUSE2(clock_gettime, CLOCK_MONOTONIC, BAD_OUTPUT);
    REFUSE2(nanosleep, BAD_PATH, 0);
    REFUSE4(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD_PATH, 0);
    REFUSE3(getrandom, BAD_BUFFER, 16, 0);
    REFUSE3(getdents64, directory, BAD_OUTPUT, 4096);
    REFUSE4(utimensat, AT_FDCWD, "file", BAD_INPUT, 0);
    REFUSE4(rt_sigaction, SIGUSR1, BAD_INPUT, 0, 8);
    REFUSE4(rt_sigaction, SIGUSR1, 0, BAD_RESULT, 8);
    REFUSE4(rt_sigprocmask, SIG_BLOCK, BAD_INPUT, 0, 8);
    REFUSE4(rt_sigprocmask, SIG_BLOCK, 0, BAD_RESULT, 8);
    REFUSE4(prlimit64, 0, RLIMIT_STACK, 0, BAD_RESULT);
}

/* A pipe whose descriptors cannot be told to the caller is not left open. */
static void bad_pipe_result(void)
{
    make_places();
    int next = expect_ok(dup(0));
    expect_ok(close(next));
    for (int round = 0; round < 100; round++)
        REFUSE2(pipe2, BAD_OUTPUT, 0);
    CHECK_EQ(expect_ok(dup(0)), next);
}

static void bad_buffers(void)
{
    int ends[2], fd = pattern_file("file", 8192), zero = expect_ok(open("/dev/zero", O_RDWR));
    struct stat status;

    make_places();
    expect_ok(pipe(ends));
    REFUSE3(read, fd, BAD_BUFFER, 100);
    REFUSE4(pread64, fd, BAD_BUFFER, 100, 0);
    REFUSE3(read, zero, BAD_BUFFER, 100);
    REFUSE3(write, fd, BAD_PATH, 100);
    REFUSE4(pwrite64, fd, BAD_PATH, 100, 8192);
    REFUSE3(write, ends[1], BAD_PATH, 100);
    write_all(ends[1], "pipe", 4);
    REFUSE3(read, ends[0], BAD_BUFFER, 100);
    /* What could not be taken is still there; nothing was written anywhere. */
    char found[5] = "";
    CHECK_EQ(read(ends[0], found, 5), 4);
    CHECK_STRING(found, "pipe");
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, 8192);
    /* No bytes, no fault. */
    CHECK_EQ(syscall(SYS_read, fd, places.hole, 0), 0);
    CHECK_EQ(syscall(SYS_write, fd, places.hole, 0), 0);
    CHECK_EQ(syscall(SYS_write, ends[1], places.hole, 0), 0);
}

/*  | ... 100 bytes | nothing     what fits is done, and counted */
static void buffers_across_the_edge(void)
{
    int fd = pattern_file("file", 8192), copy = pattern_file("copy", 0);
    int zero = expect_ok(open("/dev/zero", O_RDONLY));
    struct stat status;

    make_places();
    CHECK_EQ(pread(fd, places.edge - 100, 4096, 1000), 100);
    CHECK_PATTERN(places.edge - 100, 1000, 100);
    CHECK_EQ(read(fd, places.edge - 3000, 8192), 3000);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3000);
    CHECK_PATTERN(places.edge - 3000, 0, 3000);
    CHECK_EQ(write(copy, places.edge - 100, 4096), 100);
    CHECK_EQ(lseek(copy, 0, SEEK_CUR), 100);
    CHECK_EQ(pwrite(copy, places.edge - 1, 2, 100), 1);
    CHECK_EQ(pwrite(copy, places.edge - PAGE, 2 * PAGE, 5000), PAGE);
    expect_ok(fstat(copy, &status));
    CHECK_EQ(status.st_size, 5000 + PAGE);
    CHECK_EQ(read(zero, places.edge - 50, 100), 50);
    CHECK(all_bytes(places.edge - 50, 0, 50));
}

/* A pipe takes and gives whole pieces or none. */
static void pipe_across_the_edge(void)
{
    int ends[2];
    char found[16];

    make_places();
    expect_ok(pipe(ends));
    expect_errno(write(ends[1], places.edge - 100, 200), EFAULT);
    write_all(ends[1], "0123456789", 10);
    expect_errno(read(ends[0], places.edge - 5, 10), EFAULT);
    CHECK_EQ(read(ends[0], places.edge - 5, 5), 5);
    CHECK(memcmp(places.edge - 5, "01234", 5) == 0);
    CHECK_EQ(read(ends[0], found, sizeof(found)), 5);
    CHECK(memcmp(found, "56789", 5) == 0);
}

/* The seed's bug: a write from the last bytes of the heap, whose rest is not there. */
static void write_from_the_heaps_end(void)
{
    struct stat status;
    char buffer[128];

    for (int round = 0; round < 20; round++) {
        int fd = pattern_file("file", 0);
        char *start = expect_ok((char *)sbrk(0));
        expect_ok(brk((void *)(((uintptr_t)start + 2 * PAGE) & -PAGE)));
        char *end = sbrk(0);
        memset(end - 64, 'h', 64);
        CHECK_EQ(write(fd, end - 64, 4096), 64);
        expect_ok(fstat(fd, &status));
        CHECK_EQ(status.st_size, 64);
        CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 64);
        CHECK(all_bytes(buffer, 'h', 64));
        expect_ok(ftruncate(fd, 4096));
        CHECK_EQ(pread(fd, buffer, sizeof(buffer), 64), 128);
        CHECK(all_bytes(buffer, 0, 128)); /* no stale bytes */
        expect_ok(brk(start));
        expect_ok(close(fd));
    }
}

/* Strings: the byte before the edge ends one, or does not. */
static void strings_across_the_edge(void)
{
    make_places();
    char *good = places.edge - 5, *bad = places.edge - 4;

    strcpy(good, "file");
    expect_ok(close(expect_ok(open(good, O_RDWR | O_CREAT, 0644))));
    expect_ok(access(good, F_OK));
    memcpy(bad, "file", 4);
    expect_errno(open(bad, O_RDONLY), EFAULT);
    expect_errno(unlink(bad), EFAULT);
    expect_errno(rename("file", bad), EFAULT);
    expect_errno(symlink(bad, "link"), EFAULT);
    /* A string over two pages. */
    char *pages = map_pages(2);
    strcpy(pages + PAGE - 3, "./file");
    expect_ok(access(pages + PAGE - 3, F_OK));
}

static void structures_across_the_edge(void)
{
    make_places();
    int fd = pattern_file("file", 10);
    struct stat *status = (struct stat *)(places.edge - sizeof(*status));

    expect_ok(fstat(fd, status));
    CHECK_EQ(status->st_size, 10);
    expect_errno(syscall(SYS_fstat, fd, (char *)status + 8), EFAULT);
    expect_errno(syscall(SYS_pipe2, places.edge - 4, 0), EFAULT);
    expect_errno(syscall(SYS_clock_gettime, CLOCK_REALTIME, places.edge - 8), EFAULT);
    expect_errno(syscall(SYS_uname, places.edge - 64), EFAULT);
    expect_errno(syscall(SYS_getrandom, places.hole, 8, 0), EFAULT);
    CHECK_EQ(syscall(SYS_getrandom, places.edge - 8, 8, 0), 8);
}

static void exit_with_7(void *argument)
{
    (void)argument;
    _exit(7);
}

/* The child is gone all the same when its status cannot be stored. */
static void bad_wait_results(void)
{
    make_places();
    pid_t pid = spawn(exit_with_7, NULL);
    expect_errno(syscall(SYS_wait4, pid, places.hole, 0, NULL), EFAULT);
    expect_errno(syscall(SYS_wait4, pid, NULL, 0, NULL), ECHILD);
    pid = spawn(exit_with_7, NULL);
    expect_errno(syscall(SYS_waitid, P_PID, pid, places.read_only, WEXITED, NULL), EFAULT);
    pid = spawn(exit_with_7, NULL);
    CHECK_EQ(syscall(SYS_wait4, pid, NULL, 0, NULL), pid);
}

static void bad_vectors(void)
{
    int fd = pattern_file("file", 4096), ends[2];
    char a[8] = "aaaaaaa", b[8];

    make_places();
    expect_ok(pipe(ends));
    REFUSE3(readv, fd, BAD_PATH, 1);
    REFUSE3(writev, fd, BAD_PATH, 2);
    struct iovec vector[3] = {{a, 8}, {places.hole, 8}, {b, 8}};
    CHECK_EQ(writev(fd, vector, 3), 8);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8);
    CHECK_EQ(readv(fd, vector, 3), 8);
    CHECK_PATTERN(a, 8, 8);
    expect_errno(writev(fd, vector + 1, 2), EFAULT);
    expect_errno(readv(fd, vector + 1, 2), EFAULT);
    expect_errno(syscall(SYS_writev, fd, vector, -1), EINVAL);
    expect_errno(syscall(SYS_writev, fd, vector, 1025), EINVAL);
    CHECK_EQ(writev(fd, vector, 0), 0);
    struct iovec negative = {a, (size_t)-1}, half[2] = {{a, 8}, {b, 1ul << 63}};
    expect_errno(writev(fd, &negative, 1), EINVAL);
    expect_errno(readv(fd, half, 2), EINVAL);
    struct iovec empty[3] = {{NULL, 0}, {a, 8}, {NULL, 0}};
    CHECK_EQ(pread(fd, b, 8, 100), 8);
    expect_ok(lseek(fd, 100, SEEK_SET));
    CHECK_EQ(readv(fd, empty, 3), 8);
    CHECK(memcmp(a, b, 8) == 0);
    CHECK_EQ(writev(ends[1], empty, 3), 8);
    CHECK_EQ(readv(ends[0], empty, 3), 8);
}

static void bad_arguments_of_exec(void)
{
    char *argv[] = {"usertests", NULL, NULL}, *envp[] = {NULL, NULL};
    const char *program = self_path();

    make_places();
    REFUSE3(execve, program, BAD_INPUT, envp);
    REFUSE3(execve, program, argv, BAD_INPUT);
    argv[1] = places.hole;
    expect_errno(execve(program, argv, envp), EFAULT);
    argv[1] = (char *)0xffffffc000000000;
    expect_errno(execve(program, argv, envp), EFAULT);
    argv[1] = places.edge - 1; /* a string without an end */
    places.edge[-1] = 'x';
    expect_errno(execve(program, argv, envp), EFAULT);
    argv[1] = NULL;
    envp[0] = places.hole;
    expect_errno(execve(program, argv, envp), EFAULT);
    char **list = (char **)(places.edge - sizeof(*list)); /* a list without an end */
    list[0] = "argument";
    expect_errno(execve(program, list, argv + 1), EFAULT);
    expect_errno(execve(program, argv, list), EFAULT);
}

/* Every call that takes a descriptor, with one that is none. */
static void bad_descriptors(void)
{
    static const int bad[] = {-1, -2, 999999, INT_MAX, INT_MIN};
    char buffer[256];
    struct iovec vector = {buffer, 8};
    const struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = bad[i];
        expect_errno(read(fd, buffer, 8), EBADF);
        expect_errno(write(fd, buffer, 8), EBADF);
        expect_errno(pread(fd, buffer, 8, 0), EBADF);
        expect_errno(pwrite(fd, buffer, 8, 0), EBADF);
        expect_errno(readv(fd, &vector, 1), EBADF);
        expect_errno(writev(fd, &vector, 1), EBADF);
        expect_errno(lseek(fd, 0, SEEK_SET), EBADF);
        expect_errno(close(fd), EBADF);
        expect_errno(dup(fd), EBADF);
        expect_errno(dup2(fd, 5), EBADF);
        expect_errno(fcntl(fd, F_GETFD), EBADF);
        expect_errno(ftruncate(fd, 0), EBADF);
        expect_errno(fsync(fd), EBADF);
        expect_errno(fchmod(fd, 0644), EBADF);
        expect_errno(fchdir(fd), EBADF);
        expect_errno(futimens(fd, times), EBADF);
        expect_errno(syscall(SYS_fstat, fd, buffer), EBADF);
        expect_errno(syscall(SYS_getdents64, fd, buffer, 256), EBADF);
        expect_errno(openat(fd == AT_FDCWD ? -1 : fd, "name", O_RDONLY), EBADF);
        expect_errno(mkdirat(fd, "name", 0755), EBADF);
        expect_errno(unlinkat(fd, "name", 0), EBADF);
        expect_errno(ioctl(fd, 0x5401, buffer), EBADF);
    }
}

/* Calls that there are not, and the largest numbers there can be. */
static void unknown_calls(void)
{
    static const long numbers[] = {1000, 4095, 65536, INT_MAX, -2};

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        expect_errno(syscall(numbers[i], 0, 0, 0, 0, 0, 0), ENOSYS);
}
