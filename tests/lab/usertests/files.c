/* Usertests: files, their contents and their descriptors, also by many processes at once. */

/* Written in pieces of many sizes, read back in others. */
static void pieces_of_all_sizes(void)
{
    static char buffer[20000];
    int fd = pattern_file("file", 0);
    size_t size = 0, at = 0;

    for (size_t piece = 1; piece < sizeof(buffer); piece = piece * 5 / 3 + 1) {
        pattern_fill(buffer, size, piece);
        CHECK_EQ(write(fd, buffer, piece), piece);
        size += piece;
    }
    expect_ok(lseek(fd, 0, SEEK_SET));
    for (size_t piece = 1; at < size; piece = piece * 3 / 2 + 1) {
        size_t length = piece < sizeof(buffer) ? piece : sizeof(buffer);
        ssize_t count = expect_ok(read(fd, buffer, length));
        CHECK_EQ(count, length < size - at ? length : size - at);
        CHECK_PATTERN(buffer, at, (size_t)count);
        at += (size_t)count;
    }
    CHECK_EQ(read(fd, buffer, 1), 0);
}

/* A file of 3 MiB, so that it needs double indirection with blocks of 1 KiB. */
static void large_file(void)
{
    enum { SIZE = 3 << 20 };
    static char buffer[1 << 16];
    int fd = pattern_file("file", SIZE);

    for (size_t at = 0; at < SIZE; at += sizeof(buffer)) {
        CHECK_EQ(read(fd, buffer, sizeof(buffer)), sizeof(buffer));
        CHECK_PATTERN(buffer, at, sizeof(buffer));
    }
    CHECK_EQ(read(fd, buffer, 1), 0);
    random_seed(21);
    for (int i = 0; i < 100; i++) {
        size_t at = random_below(SIZE - 100);
        CHECK_EQ(pread(fd, buffer, 100, (off_t)at), 100);
        CHECK_PATTERN(buffer, at, 100);
    }
}

static void create_and_unlink(void)
{
    char name[16];

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof(name), "f%d", i);
            expect_ok(close(expect_ok(open(name, O_CREAT | O_EXCL | O_RDWR, 0644))));
        }
        for (int i = 99; i >= 0; i--) {
            snprintf(name, sizeof(name), "f%d", i);
            expect_ok(unlink(name));
            expect_errno(open(name, O_RDONLY), ENOENT);
        }
    }
}

static void unlinked_while_open(void)
{
    char buffer[6];
    struct stat status;
    int fd = pattern_file("file", 5);

    expect_ok(unlink("file"));
    expect_errno(unlink("file"), ENOENT);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 0);
    CHECK_EQ(read(fd, buffer, 6), 5);
    CHECK_PATTERN(buffer, 0, 5);
    CHECK_EQ(write(fd, "more", 4), 4);
    int other = expect_ok(open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
    CHECK_EQ(read(other, buffer, 6), 0);
    CHECK_EQ(pread(fd, buffer, 4, 5), 4);
    CHECK(memcmp(buffer, "more", 4) == 0);
}

static void truncated_by_another(void)
{
    char buffer[16];
    int first = pattern_file("file", 10);

    CHECK_EQ(read(first, buffer, 4), 4);
    int second = expect_ok(open("file", O_WRONLY | O_TRUNC));
    CHECK_EQ(read(first, buffer, 4), 0);
    CHECK_EQ(write(second, "abcdef", 6), 6);
    CHECK_EQ(read(first, buffer, 16), 2); /* its offset is 4 still */
    CHECK(memcmp(buffer, "ef", 2) == 0);
    CHECK_EQ(write(first, "g", 1), 1);
    CHECK_EQ(pread(first, buffer, 16, 0), 7);
    CHECK(memcmp(buffer, "abcdefg", 7) == 0);
}

static void append_lines(void *argument)
{
    int fd = expect_ok(open("log", O_WRONLY | O_APPEND));
    char line[16];

    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "%02d %03d line\n", (int)(intptr_t)argument, i);
        CHECK_EQ(write(fd, line, 12), 12);
    }
}

/* Several processes append to one file, each by its own descriptor: no line is lost or torn. */
static void several_appenders(void)
{
    static char text[4 * 100 * 12 + 1];
    int next[4] = {0};
    pid_t pids[4];

    expect_ok(close(pattern_file("log", 0)));
    for (intptr_t i = 0; i < 4; i++)
        pids[i] = spawn(append_lines, (void *)i);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(read_file("log", text, sizeof(text)), sizeof(text) - 1);
    for (char *line = text; *line; line += 12) {
        int who = atoi(line), which = atoi(line + 3);
        CHECK(who >= 0 && who < 4);
        CHECK_EQ(which, next[who]);
        CHECK(memcmp(line + 6, " line\n", 6) == 0);
        next[who]++;
    }
}

static int shared_fd;

static void write_many(void *argument)
{
    char bytes[10];

    memset(bytes, (int)(intptr_t)argument, sizeof(bytes));
    for (int i = 0; i < 200; i++)
        CHECK_EQ(write(shared_fd, bytes, sizeof(bytes)), sizeof(bytes));
}

/* Processes with one inherited descriptor share its offset: everything is there, once. */
static void shared_offset(void)
{
    static char text[8001];
    int counts[256] = {0};
    pid_t pids[4];

    shared_fd = pattern_file("file", 0);
    for (intptr_t i = 0; i < 4; i++)
        pids[i] = spawn(write_many, (void *)(i + 'a'));
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(lseek(shared_fd, 0, SEEK_CUR), 8000);
    CHECK_EQ(read_file("file", text, sizeof(text)), 8000);
    for (int i = 0; i < 8000; i++)
        counts[(unsigned char)text[i]]++;
    for (int i = 'a'; i < 'a' + 4; i++)
        CHECK_EQ(counts[i], 2000);
}

static void write_own_file(void *argument)
{
    char name[2] = {(char)(intptr_t)argument, 0};
    static char buffer[500];
    int fd = expect_ok(open(name, O_CREAT | O_RDWR, 0644));

    memset(buffer, name[0], sizeof(buffer));
    for (int i = 0; i < 100; i++)
        write_all(fd, buffer, sizeof(buffer));
}

static void several_files_at_once(void)
{
    static char text[50002];
    pid_t pids[4];

    for (intptr_t i = 0; i < 4; i++)
        pids[i] = spawn(write_own_file, (void *)(i + 'p'));
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)(i + 'p'), 0};
        CHECK_EQ(read_file(name, text, sizeof(text)), 50000);
        CHECK(all_bytes(text, (unsigned char)name[0], 50000));
    }
}

static void create_and_unlink_randomly(void *argument)
{
    char name[8];

    random_seed((uint64_t)(uintptr_t)argument);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "n%u", random_below(8));
        switch (random_below(4)) {
        case 0: {
            int fd = open(name, O_RDWR | O_CREAT, 0644);
            CHECK(fd >= 0 || errno == EISDIR);
            if (fd >= 0) {
                CHECK_EQ(write(fd, name, 3), 3);
                expect_ok(close(fd));
            }
            break;
        }
        case 1:
            CHECK(unlink(name) == 0 || errno == ENOENT);
            break;
        case 2:
            CHECK(rename(name, "n0") == 0 || errno == ENOENT);
            break;
        case 3:
            CHECK(link("n1", name) == 0 || errno == ENOENT || errno == EEXIST);
            break;
        }
    }
}

/* Processes that create, rename, link and unlink the same few names. */
static void names_fought_over(void)
{
    pid_t pids[4];

    for (uintptr_t i = 0; i < 4; i++)
        pids[i] = spawn(create_and_unlink_randomly, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    /* Each name that is left is a file with as many links as it has names. */
    struct stat status[8];
    bool there[8];
    char name[8];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        there[i] = stat(name, &status[i]) == 0;
    }
    for (int i = 0; i < 8; i++) {
        nlink_t names = 0;
        for (int j = 0; there[i] && j < 8; j++)
            names += there[j] && status[j].st_ino == status[i].st_ino;
        CHECK(!there[i] || status[i].st_nlink == names);
    }
}

static void create_exclusively(void *argument)
{
    (void)argument;
    for (int i = 0; i < 50; i++) {
        char name[16], mark = 'x';
        snprintf(name, sizeof(name), "lock%d", i);
        int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        if (fd < 0)
            continue;
        expect_ok(close(fd));
        int log = expect_ok(open("winners", O_WRONLY | O_APPEND));
        CHECK_EQ(write(log, &mark, 1), 1);
        expect_ok(close(log));
    }
}

/* Of several that create one file with O_EXCL, one succeeds. */
static void exclusive_creation(void)
{
    struct stat status;
    pid_t pids[4];

    expect_ok(close(pattern_file("winners", 0)));
    for (int i = 0; i < 4; i++)
        pids[i] = spawn(create_exclusively, NULL);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    expect_ok(stat("winners", &status));
    CHECK_EQ(status.st_size, 50);
}

static void replace_repeatedly(void *argument)
{
    (void)argument;
    for (int i = 0; i < 80; i++) {
        write_file("new", i % 2 ? "odd" : "evn", 0644);
        expect_ok(rename("new", "current"));
    }
}

/* A file that is replaced by rename is there at every moment, and whole. */
static void replaced_while_read(void)
{
    char text[8];
    int status;

    write_file("current", "odd", 0644);
    pid_t pid = spawn(replace_repeatedly, NULL);
    while (expect_ok(waitpid(pid, &status, WNOHANG)) == 0) {
        CHECK_EQ(read_file("current", text, sizeof(text)), 3);
        CHECK(strcmp(text, "odd") == 0 || strcmp(text, "evn") == 0);
    }
    expect_exited(status, 0);
    expect_errno(access("new", F_OK), ENOENT);
}

/* As many descriptors as there may be; each works; then EMFILE. */
static void all_descriptors(void)
{
    struct rlimit limit;
    int last = -1, ends[2], count = 0;
    char byte;

    expect_ok(getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_cur > 5000) {
        limit.rlim_cur = 1024;
        expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    }
    int fd = pattern_file("file", 100);
    for (int next; (next = dup(fd)) >= 0; last = next)
        count++;
    CHECK_EQ(errno, EMFILE);
    CHECK_EQ(last, (int)limit.rlim_cur - 1);
    expect_errno(open("file", O_RDONLY), EMFILE);
    expect_errno(open("new", O_RDWR | O_CREAT, 0644), EMFILE);
    expect_errno(access("new", F_OK), ENOENT);
    expect_errno(pipe(ends), EMFILE);
    expect_errno(fcntl(fd, F_DUPFD, 0), EMFILE);
    expect_errno(fcntl(fd, F_DUPFD, limit.rlim_cur), EINVAL);
    expect_errno(dup2(fd, (int)limit.rlim_cur), EBADF);
    CHECK_EQ(pread(last, &byte, 1, 50), 1);
    expect_ok(close(last));
    expect_errno(pipe(ends), EMFILE); /* one is not enough */
    CHECK_EQ(expect_ok(open("file", O_RDONLY)), last);
    CHECK(count > 10);
}

static void descriptors_are_lowest(void)
{
    int first = expect_ok(dup(0)), second = expect_ok(dup(0)), third = expect_ok(dup(0));

    CHECK(first < second && second < third);
    expect_ok(close(second));
    expect_ok(close(first));
    CHECK_EQ(expect_ok(dup(0)), first);
    int ends[2];
    expect_ok(pipe(ends));
    CHECK_EQ(ends[0], second);
    CHECK(ends[1] > third);
    CHECK_EQ(expect_ok(dup2(0, first)), first);
    CHECK_EQ(expect_ok(fcntl(0, F_DUPFD, 50)), 50);
    CHECK_EQ(expect_ok(fcntl(0, F_DUPFD, 50)), 51);
}

/* A file that is dup'ed and inherited is closed when the last of them is. */
static void close_and_wait(void *argument)
{
    close(shared_fd);
    sign_await(argument);
}

static void inherited_descriptors(void)
{
    struct sign go;
    char byte;
    int ends[2];

    sign_open(&go);
    expect_ok(pipe(ends));
    shared_fd = ends[1];
    int copy = expect_ok(dup(ends[1]));
    pid_t pid = spawn(close_and_wait, &go);
    expect_ok(close(ends[1]));
    CHECK_EQ(write(copy, "a", 1), 1);
    expect_ok(close(copy)); /* the child closed one, but has the copy still */
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    sign_send(&go);
    CHECK_EQ(read(ends[0], &byte, 1), 0); /* at its end, the pipe's end */
    expect_exited(reap(pid), 0);
}

/* Many small files, so many that inode and block bitmaps are walked; all can be read. */
static void many_small_files(void)
{
    char name[16], text[16];

    for (int i = 0; i < 250; i++) {
        snprintf(name, sizeof(name), "small%d", i);
        write_file(name, name, 0644);
    }
    for (int i = 0; i < 250; i += 3) {
        snprintf(name, sizeof(name), "small%d", i);
        CHECK_EQ(read_file(name, text, sizeof(text)), strlen(name));
        CHECK_STRING(text, name);
        expect_ok(unlink(name));
    }
    for (int i = 1; i < 250; i += 3) {
        snprintf(name, sizeof(name), "small%d", i);
        read_file(name, text, sizeof(text));
        CHECK_STRING(text, name);
    }
}
