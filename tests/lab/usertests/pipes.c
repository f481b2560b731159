/* Usertests: pipes. */

static int pipe_ends[2];

static void send_sequence(void *argument)
{
    static unsigned char buffer[1033];
    uint64_t sent = 0;

    (void)argument;
    close(pipe_ends[0]);
    for (int i = 0; i < 200; i++) {
        size_t length = 1 + (size_t)i * 37 % sizeof(buffer);
        pattern_fill(buffer, sent, length);
        CHECK_EQ(write(pipe_ends[1], buffer, length), length);
        sent += length;
    }
}

static void sequence_through_a_pipe(void)
{
    unsigned char buffer[2000];
    uint64_t received = 0;
    ssize_t count;

    expect_ok(pipe(pipe_ends));
    pid_t pid = spawn(send_sequence, NULL);
    expect_ok(close(pipe_ends[1]));
    for (size_t length = 1; (count = read(pipe_ends[0], buffer, length)) > 0;
         length = length * 2 % 1999 + 1) {
        CHECK(count <= (ssize_t)length);
        CHECK_PATTERN(buffer, received, (size_t)count);
        received += (uint64_t)count;
    }
    CHECK_EQ(count, 0);
    CHECK(received > 100000);
    expect_exited(reap(pid), 0);
}

static void send_large(void *argument)
{
    size_t size = (size_t)argument;
    char *bytes = map_pages(size / PAGE);

    close(pipe_ends[0]);
    pattern_fill(bytes, 0, size);
    CHECK_EQ(write(pipe_ends[1], bytes, size), size); /* all of it, in one call */
}

static void large_write(void)
{
    enum { SIZE = 1 << 20 };
    static char buffer[100000];
    size_t received = 0;
    ssize_t count;

    expect_ok(pipe(pipe_ends));
    pid_t pid = spawn(send_large, (void *)SIZE);
    expect_ok(close(pipe_ends[1]));
    while ((count = expect_ok(read(pipe_ends[0], buffer, sizeof(buffer)))) > 0) {
        CHECK_PATTERN(buffer, received, (size_t)count);
        received += (size_t)count;
    }
    CHECK_EQ(received, SIZE);
    expect_exited(reap(pid), 0);
}

enum { RECORD = PIPE_BUF, RECORDS = 40 };

static void send_records(void *argument)
{
    static unsigned char record[RECORD];

    memset(record, (int)(intptr_t)argument, sizeof(record));
    for (int i = 0; i < RECORDS; i++)
        CHECK_EQ(write(pipe_ends[1], record, sizeof(record)), sizeof(record));
}

/* Writes of up to PIPE_BUF bytes are not mixed, however many write. */
static void records_are_whole(void)
{
    static unsigned char record[RECORD];
    int counts[256] = {0};
    pid_t pids[5];

    expect_ok(pipe(pipe_ends));
    for (intptr_t i = 0; i < 5; i++)
        pids[i] = spawn(send_records, (void *)(i + 65));
    for (int i = 0; i < 5 * RECORDS; i++) {
        read_all(pipe_ends[0], record, sizeof(record));
        CHECK(all_bytes(record, record[0], sizeof(record)));
        counts[record[0]]++;
    }
    for (int i = 0; i < 5; i++) {
        expect_exited(reap(pids[i]), 0);
        CHECK_EQ(counts[i + 65], RECORDS);
    }
}

static void write_to_nobody(void *argument)
{
    if (argument)
        signal(SIGPIPE, SIG_IGN);
    close(pipe_ends[0]);
    ssize_t result = write(pipe_ends[1], "x", 1);
    _exit(result < 0 && errno == EPIPE ? 32 : 1);
}

static void no_reader(void)
{
    expect_ok(pipe(pipe_ends));
    expect_ok(close(pipe_ends[0]));
    pipe_ends[0] = -1;
    expect_signaled(child_status(write_to_nobody, NULL), SIGPIPE);
    expect_exited(child_status(write_to_nobody, pipe_ends), 32);
}

static void fill_pipe(void *argument)
{
    static char block[PAGE];

    if (argument)
        signal(SIGPIPE, SIG_IGN);
    close(pipe_ends[0]);
    ssize_t count;
    while ((count = write(pipe_ends[1], block, sizeof(block))) > 0)
        ;
    _exit(count < 0 && errno == EPIPE ? 32 : 1);
}

/* A writer that sleeps because the pipe is full can be killed, and sees its reader go. */
static void sleeping_writer(void)
{
    expect_ok(pipe(pipe_ends));
    pid_t pid = spawn(fill_pipe, NULL);
    usleep(20000);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
    pid = spawn(fill_pipe, NULL);
    usleep(20000);
    expect_ok(close(pipe_ends[0]));
    expect_signaled(reap(pid), SIGPIPE);
    expect_ok(pipe(pipe_ends));
    pid = spawn(fill_pipe, pipe_ends);
    usleep(20000);
    expect_ok(close(pipe_ends[0]));
    expect_exited(reap(pid), 32);
}

static void read_for_ever(void *argument)
{
    char byte;

    (void)argument;
    (void)!read(pipe_ends[0], &byte, 1);
}

static void sleeping_reader(void)
{
    expect_ok(pipe(pipe_ends));
    for (int i = 0; i < 10; i++) {
        pid_t pid = spawn(read_for_ever, NULL);
        usleep((useconds_t)i * 1000);
        expect_ok(kill(pid, SIGKILL));
        expect_signaled(reap(pid), SIGKILL);
    }
    CHECK_EQ(write(pipe_ends[1], "left", 4), 4);
    char text[5] = "";
    CHECK_EQ(read(pipe_ends[0], text, 5), 4);
    CHECK_STRING(text, "left");
}

/* A chain of processes, each of which passes on what it reads. */
static void pass_on(int from, int length)
{
    unsigned char byte;

    if (length == 0) {
        for (int i = 0; i < 200; i++) {
            read_all(from, &byte, 1);
            CHECK_EQ(byte, i);
        }
        CHECK_EQ(read(from, &byte, 1), 0);
        return;
    }
    int ends[2];
    expect_ok(pipe(ends));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        close(ends[1]);
        close(from);
        pass_on(ends[0], length - 1);
        _exit(0);
    }
    close(ends[0]);
    while (read(from, &byte, 1) == 1)
        write_all(ends[1], &byte, 1);
    close(ends[1]);
    expect_exited(reap(pid), 0);
}

static void chain_of_pipes(void)
{
    int ends[2];

    expect_ok(pipe(ends));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        close(ends[1]);
        pass_on(ends[0], 10);
        _exit(0);
    }
    for (int i = 0; i < 200; i++) {
        unsigned char byte = (unsigned char)i;
        write_all(ends[1], &byte, 1);
    }
    expect_ok(close(ends[1]));
    expect_exited(reap(pid), 0);
}

static void many_pipes(void)
{
    int ends[50][2];
    char byte;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 50; i++) {
            expect_ok(pipe(ends[i]));
            byte = (char)i;
            CHECK_EQ(write(ends[i][1], &byte, 1), 1);
        }
        for (int i = 0; i < 50; i++) {
            CHECK_EQ(read(ends[i][0], &byte, 1), 1);
            CHECK_EQ(byte, i);
            expect_ok(close(ends[i][i % 2]));
            expect_ok(close(ends[i][1 - i % 2]));
        }
    }
}
