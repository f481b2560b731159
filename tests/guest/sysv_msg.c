/*
 * System V message queues: msgget, msgsnd, msgrcv, msgctl.
 */
#include "tap.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct letter {
    long type;
    char text[8192];
};

static int make(void)
{
    return expect_ok(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
}

static int send(int id, long type, const char *text, int flags)
{
    struct letter letter = {.type = type};

    strcpy(letter.text, text);
    return msgsnd(id, &letter, strlen(text) + 1, flags);
}

static void expect_letter(int id, long wanted, int flags, long type, const char *text)
{
    struct letter letter;

    CHECK_EQ(expect_ok(msgrcv(id, &letter, sizeof(letter.text), wanted, flags)), strlen(text) + 1);
    CHECK_EQ(letter.type, type);
    CHECK_STRING(letter.text, text);
}

static struct msqid_ds status_of(int id)
{
    struct msqid_ds status;

    expect_ok(msgctl(id, IPC_STAT, &status));
    return status;
}

static void get_by_key(void)
{
    key_t key = 0x6d619000 + getpid() % 4096;
    int id = expect_ok(msgget(key, IPC_CREAT | IPC_EXCL | 0640));

    CHECK_EQ(expect_ok(msgget(key, 0)), id);
    expect_errno(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
    expect_errno(msgget(key + 1, 0), ENOENT);
    CHECK_EQ(status_of(id).msg_perm.mode, 0640);
    CHECK_EQ(status_of(id).msg_qnum, 0);
    expect_ok(msgctl(id, IPC_RMID, NULL));
    expect_errno(msgctl(id, IPC_RMID, NULL), EINVAL);
}

static void types(void)
{
    int id = make();

    expect_ok(send(id, 3, "three", 0));
    expect_ok(send(id, 1, "one", 0));
    expect_ok(send(id, 2, "two", 0));
    expect_ok(send(id, 1, "one again", 0));
    CHECK_EQ(status_of(id).msg_qnum, 4);
    CHECK_EQ(status_of(id).msg_lspid, getpid());
    expect_letter(id, 2, 0, 2, "two");
    expect_letter(id, -3, 0, 1, "one");
    expect_letter(id, 1, MSG_EXCEPT, 3, "three");
    expect_letter(id, 0, 0, 1, "one again");
    struct letter letter;
    expect_errno(msgrcv(id, &letter, sizeof(letter.text), 0, IPC_NOWAIT), ENOMSG);
    CHECK_EQ(status_of(id).msg_qnum, 0);
    CHECK_EQ(status_of(id).msg_lrpid, getpid());
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

/* With MSG_COPY the type is a place in the queue, and the message stays. */
static void copies(void)
{
    int id = make();
    struct letter letter;

    expect_ok(send(id, 3, "first", 0));
    expect_ok(send(id, 2, "second", 0));
    if (msgrcv(id, &letter, sizeof(letter.text), 0, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOSYS)
        skip("no MSG_COPY");
    expect_letter(id, 1, MSG_COPY | IPC_NOWAIT, 2, "second");
    expect_letter(id, 0, MSG_COPY | IPC_NOWAIT, 3, "first");
    static const long none[] = {2, -1, -2, LONG_MIN, LONG_MIN + 1, LONG_MAX};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        expect_errno(msgrcv(id, &letter, sizeof(letter.text), none[i], MSG_COPY | IPC_NOWAIT),
                     ENOMSG);
    expect_errno(msgrcv(id, &letter, 3, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
    expect_errno(msgrcv(id, &letter, 3, 0, MSG_COPY), EINVAL);
    CHECK_EQ(status_of(id).msg_qnum, 2);
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

static void sizes(void)
{
    int id = make();
    struct letter letter = {.type = 1};

    expect_errno(msgsnd(id, &letter, 8193, 0), EINVAL);
    expect_errno(send(id, 0, "", 0), EINVAL);
    expect_errno(send(-1, 1, "", 0), EINVAL);
    expect_errno(msgsnd(id, (void *)8, 1, 0), EFAULT);
    expect_ok(send(id, 7, "abcdefg", 0));
    expect_errno(msgrcv(id, &letter, 3, 0, 0), E2BIG);
    CHECK_EQ(expect_ok(msgrcv(id, &letter, 3, 0, MSG_NOERROR)), 3);
    CHECK(memcmp(letter.text, "abc", 3) == 0);
    letter.type = 1;
    expect_ok(msgsnd(id, &letter, 8192, 0));
    expect_ok(msgsnd(id, &letter, 8192, 0));
    CHECK_EQ(status_of(id).__msg_cbytes, 16384);
    expect_errno(msgsnd(id, &letter, 1, IPC_NOWAIT), EAGAIN);
    expect_ok(msgsnd(id, &letter, 0, IPC_NOWAIT));
    CHECK_EQ(expect_ok(msgrcv(id, &letter, 8192, 0, 0)), 8192);
    expect_errno(msgrcv(id, &letter, (size_t)-1, 0, 0), EINVAL);
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

static void answer(void *argument)
{
    int id = *(int *)argument;

    for (int i = 0; i < 100; i++) {
        expect_letter(id, 1, 0, 1, "question");
        expect_ok(send(id, 2, "answer", 0));
    }
}

static void waiting(void)
{
    int id = make();
    pid_t pid = spawn(answer, &id);

    for (int i = 0; i < 100; i++) {
        expect_ok(send(id, 1, "question", 0));
        expect_letter(id, 2, 0, 2, "answer");
    }
    expect_exited(reap(pid), 0);
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

static void fill(void *argument)
{
    struct letter letter = {.type = 5};

    for (int i = 0; i < 20; i++)
        expect_ok(msgsnd(*(int *)argument, &letter, 4096, 0));
}

/* A sender waits until there is room. */
static void full(void)
{
    int id = make();
    struct letter letter;
    pid_t pid = spawn(fill, &id);

    for (int i = 0; i < 20; i++)
        CHECK_EQ(expect_ok(msgrcv(id, &letter, sizeof(letter.text), 0, 0)), 4096);
    expect_exited(reap(pid), 0);
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

/* EINVAL: the queue went before this process could wait for it. */
static void receive_from_removed(void *argument)
{
    struct letter letter;

    CHECK_EQ(msgrcv(*(int *)argument, &letter, sizeof(letter.text), 9, 0), -1);
    CHECK(errno == EIDRM || errno == EINVAL);
}

static void removed(void)
{
    for (int i = 0; i < 20; i++) {
        int id = make();
        pid_t pid = spawn(receive_from_removed, &id);
        expect_ok(send(id, 8, "for nobody", 0));
        if (i % 2)
            usleep(2000);
        expect_ok(msgctl(id, IPC_RMID, NULL));
        expect_exited(reap(pid), 0);
    }
}

static void change(void)
{
    int id = make();
    struct msqid_ds status = status_of(id);

    status.msg_perm.mode = 0644;
    status.msg_qbytes = 10;
    expect_ok(msgctl(id, IPC_SET, &status));
    CHECK_EQ(status_of(id).msg_perm.mode, 0644);
    expect_ok(send(id, 1, "123456789", 0));
    expect_errno(send(id, 1, "1", IPC_NOWAIT), EAGAIN);
    expect_errno(msgctl(id, 99, &status), EINVAL);
    expect_ok(msgctl(id, IPC_RMID, NULL));
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(get_by_key), TEST(types), TEST(copies),  TEST(sizes),
        TEST(waiting),    TEST(full),  TEST(removed), TEST(change),
    };
    return TAP_MAIN(argc, argv, tests);
}
