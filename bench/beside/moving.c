/*
 * Moving bytes between files without a buffer of the program's.
 */
#include "beside.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int file, out, pair[2];

static void take_all(int from)
{
    while (read(from, buffer, 16 * PAGE) > 0)
        continue;
    _exit(0);
}

static void prepare_file(void)
{
    file = scratch("/", 16 * MIB);
}

static void prepare_sending(void)
{
    prepare_file();
    out = MUST(open("/dev/null", O_WRONLY));
    MUST(pipe(pair));
}

static void prepare_local(void)
{
    int ends[2];
    prepare_file();
    MUST(pipe(pair));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    if (MUST(fork()) == 0) {
        close(ends[0]);
        take_all(ends[1]);
    }
    out = ends[0];
}

static void prepare_tcp(void)
{
    int ends[2];
    prepare_file();
    connect_pair(ends);
    if (MUST(fork()) == 0) {
        close(ends[0]);
        take_all(ends[1]);
    }
    out = ends[0];
}

static void send_file(void)
{
    off_t from = next_place(16 * PAGE);
    MUST(sendfile(out, file, &from, 16 * PAGE));
}

static void splice_file(void)
{
    off_t from = next_place(16 * PAGE);
    long count = MUST(splice(file, &from, pair[1], NULL, 16 * PAGE, 0));
    MUST(splice(pair[0], NULL, out, NULL, (size_t)count, 0));
}

static void prepare_disk_file(void)
{
    prepare_file();
    MUST(pipe(pair));
    out = scratch("/", 16 * MIB);
}

static void splice_to_file(void)
{
    off_t from = next_place(16 * PAGE), to = from;
    long count = MUST(splice(file, &from, pair[1], NULL, 16 * PAGE, 0));
    MUST(splice(pair[0], NULL, out, &to, (size_t)count, 0));
}

static void copy_range(void)
{
    off_t from = next_place(16 * PAGE), to = from;
    MUST(copy_file_range(file, &from, out, &to, 16 * PAGE, 0));
}

static void splice_and_read(void)
{
    off_t from = next_place(16 * PAGE);
    MUST(splice(file, &from, pair[1], NULL, 16 * PAGE, 0));
    MUST(read(pair[0], buffer, 16 * PAGE));
}

static int second[2];

static void prepare_pipes(void)
{
    prepare_sending();
    MUST(pipe(second));
}

static void splice_pipes(void)
{
    MUST(write(pair[1], buffer, 16 * PAGE));
    MUST(splice(pair[0], NULL, second[1], NULL, 16 * PAGE, 0));
    MUST(splice(second[0], NULL, out, NULL, 16 * PAGE, 0));
}

static void tee_pipes(void)
{
    MUST(write(pair[1], buffer, 16 * PAGE));
    MUST(tee(pair[0], second[1], 16 * PAGE, 0));
    MUST(splice(second[0], NULL, out, NULL, 16 * PAGE, 0));
    MUST(splice(pair[0], NULL, out, NULL, 16 * PAGE, 0));
}

static void give_memory(void)
{
    struct iovec piece = {buffer, 16 * PAGE};
    MUST(vmsplice(pair[1], &piece, 1, 0));
    MUST(splice(pair[0], NULL, out, NULL, 16 * PAGE, 0));
}

const struct operation moving_operations[] = {
    {"sendfile", prepare_sending, send_file, "sendfile 64 KiB to /dev/null"},
    {"splice", prepare_sending, splice_file, "splice 64 KiB through a pipe to /dev/null"},
    {"sendfile-unix", prepare_local, send_file,
     "sendfile 64 KiB to a local socket that a process reads"},
    {"sendfile-tcp", prepare_tcp, send_file, "the same by TCP"},
    {"sendfile-pipe", prepare_sending, splice_and_read, "splice 64 KiB to a pipe, read them"},
    {"splice-file", prepare_disk_file, splice_to_file, "splice 64 KiB from file to file"},
    {"splice-pipes", prepare_pipes, splice_pipes,
     "write 64 KiB to a pipe, splice them to another, to /dev/null"},
    {"tee", prepare_pipes, tee_pipes,
     "write 64 KiB to a pipe, tee them to another, both to /dev/null"},
    {"vmsplice", prepare_sending, give_memory, "vmsplice 64 KiB, splice them to /dev/null"},
    {"copy-range", prepare_disk_file, copy_range, "copy_file_range of 64 KiB"},
    {0},
};
