/* Who a process is and what it may: identifiers, groups, set-id programs, capabilities. Needs root,
 * and skips without. */
#include "tap.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER  1234
#define OTHER 2345
#define GROUP 3456

static void need_root(void)
{
    if (geteuid() != 0)
        skip("not root");
}

static void expect_users(uid_t real, uid_t effective, uid_t saved)
{
    uid_t r, e, s;

    expect_ok(getresuid(&r, &e, &s));
    if (r != real || e != effective || s != saved)
        fail("users are %d %d %d, expected %d %d %d", (int)r, (int)e, (int)s, (int)real,
             (int)effective, (int)saved);
}

struct sets {
    uint64_t effective, permitted, inheritable;
};

static struct sets get_sets(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];

    expect_ok(syscall(SYS_capget, &header, data));
    return (struct sets){data[0].effective | (uint64_t)data[1].effective << 32,
                         data[0].permitted | (uint64_t)data[1].permitted << 32,
                         data[0].inheritable | (uint64_t)data[1].inheritable << 32};
}

static int set_sets(struct sets sets)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)sets.effective, (uint32_t)sets.permitted, (uint32_t)sets.inheritable},
        {(uint32_t)(sets.effective >> 32), (uint32_t)(sets.permitted >> 32),
         (uint32_t)(sets.inheritable >> 32)}};

    return (int)syscall(SYS_capset, &header, data);
}

/* ---- identifiers ---- */

static void dropping_root(void)
{
    need_root();
    expect_ok(setuid(USER));
    expect_users(USER, USER, USER);
    expect_errno(setuid(0), EPERM);
    expect_errno(seteuid(OTHER), EPERM);
    expect_errno(setresuid(-1, -1, 0), EPERM);
    expect_errno(setgid(GROUP), EPERM);
    expect_errno(setgroups(0, NULL), EPERM);
    expect_ok(setuid(USER));
}

static void effective_comes_back(void)
{
    need_root();
    expect_ok(seteuid(USER));
    expect_users(0, USER, 0);
    expect_errno(setuid(OTHER), EPERM);
    expect_ok(setuid(0));
    expect_users(0, 0, 0);
}

static void saved_follows(void)
{
    need_root();
    expect_ok(setreuid(USER, OTHER)); /* real set: saved is the new effective */
    expect_users(USER, OTHER, OTHER);
    expect_ok(setreuid(-1, USER)); /* effective is the real: saved stays */
    expect_users(USER, USER, OTHER);
    expect_ok(setreuid(-1, OTHER)); /* effective is another: saved follows */
    expect_users(USER, OTHER, OTHER);
    expect_ok(setreuid(OTHER, USER));
    expect_users(OTHER, USER, USER);
    expect_ok(setresuid(USER, -1, -1));
    expect_users(USER, USER, USER);
}

static void file_system_user(void)
{
    need_root();
    write_file("file", "x", 0600);
    expect_ok(chmod(".", 0755));
    CHECK_EQ(setfsuid(USER), 0);
    CHECK_EQ(setfsuid(-1), USER);
    expect_errno(open("file", O_RDONLY), EACCES); /* the capabilities over files went with it */
    CHECK_EQ(setfsuid(0), USER);
    close(expect_ok(open("file", O_RDONLY)));
    expect_ok(setuid(USER));
    CHECK_EQ(setfsuid(OTHER), USER);
    CHECK_EQ(setfsuid(-1), USER); /* refused */
}

static void groups(void)
{
    gid_t many[300], got[300];

    need_root();
    for (int i = 0; i < 300; i++)
        many[i] = (gid_t)(1000 + (i * 7919) % 300);
    expect_ok(setgroups(300, many));
    CHECK_EQ(getgroups(0, NULL), 300);
    expect_errno(getgroups(299, got), EINVAL);
    CHECK_EQ(getgroups(300, got), 300);
    for (int i = 0; i < 300; i++)
        CHECK_EQ(got[i], 1000 + i);
    expect_errno(syscall(SYS_setgroups, 65537, many), EINVAL);
    expect_errno(syscall(SYS_setgroups, 4, 8), EFAULT);
    expect_ok(chmod(".", 0755));
    write_file("file", "x", 0640);
    expect_ok(chown("file", 0, 1123));
    expect_ok(setuid(USER));
    close(expect_ok(open("file", O_RDONLY)));
    expect_errno(open("file", O_WRONLY), EACCES);
}

/* ---- set-id programs ---- */

/* Executed again: say who we are. */
static int report(void)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;

    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    printf("%d %d %d %d %d %d secure %lu dumpable %d\n", (int)r, (int)e, (int)s, (int)gr, (int)ge,
           (int)gs, getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
    return 0;
}

struct program {
    uid_t owner;
    gid_t group;
    mode_t mode;
    bool no_new_privileges;
};

static void execute(void *argument)
{
    struct program *program = argument;
    int out = expect_ok(open("out", O_CREAT | O_TRUNC | O_WRONLY, 0666));

    expect_ok(dup2(out, 1));
    expect_ok(setresgid(USER, USER, USER));
    expect_ok(setresuid(USER, USER, USER));
    if (program->no_new_privileges)
        expect_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    execl("./program", "program", "report", NULL);
    fail("exec: %s", error_name(errno));
}

static void copy_program(const struct program *program)
{
    static char buffer[65536];
    int from = expect_ok(open(self_path(), O_RDONLY)), to;
    ssize_t count;

    unlink("program");
    to = expect_ok(open("program", O_CREAT | O_WRONLY, 0700));
    while ((count = expect_ok(read(from, buffer, sizeof(buffer)))) > 0)
        write_all(to, buffer, (size_t)count);
    close(from);
    close(to);
    expect_ok(chown("program", program->owner, program->group));
    expect_ok(chmod("program", program->mode));
}

static void expect_report(struct program program, const char *expected)
{
    char text[128];

    copy_program(&program);
    expect_child_ok(execute, &program);
    read_file("out", text, sizeof(text));
    CHECK_STRING(text, expected);
}

static void set_id_programs(void)
{
    need_root();
    expect_ok(chmod(".", 0755));
    expect_report((struct program){OTHER, GROUP, 0755, false},
                  "1234 1234 1234 1234 1234 1234 secure 0 dumpable 1\n");
    expect_report((struct program){OTHER, GROUP, 04755, false},
                  "1234 2345 2345 1234 1234 1234 secure 1 dumpable 0\n");
    expect_report((struct program){OTHER, GROUP, 02755, false},
                  "1234 1234 1234 1234 3456 3456 secure 1 dumpable 0\n");
    expect_report((struct program){0, 0, 06755, false}, "1234 0 0 1234 0 0 secure 1 dumpable 0\n");
    expect_report((struct program){OTHER, GROUP, 02745, false}, /* not executable by the group */
                  "1234 1234 1234 1234 1234 1234 secure 0 dumpable 1\n");
    expect_report((struct program){OTHER, GROUP, 06755, true},
                  "1234 1234 1234 1234 1234 1234 secure 0 dumpable 1\n");
    expect_report((struct program){OTHER, GROUP, 0711, false}, /* not readable */
                  "1234 1234 1234 1234 1234 1234 secure 0 dumpable 0\n");
}

/* ---- capabilities ---- */

static void sets_follow_users(void)
{
    struct sets sets;

    need_root();
    sets = get_sets();
    CHECK(sets.permitted & 1u << CAP_SETUID);
    CHECK_EQ(sets.effective, sets.permitted);
    uint64_t all = sets.permitted;
    expect_ok(seteuid(USER));
    sets = get_sets();
    CHECK_EQ(sets.effective, 0);
    CHECK_EQ(sets.permitted, all);
    expect_ok(seteuid(0));
    CHECK_EQ(get_sets().effective, all);
    expect_ok(setuid(USER));
    sets = get_sets();
    CHECK_EQ(sets.effective, 0);
    CHECK_EQ(sets.permitted, 0);
    expect_errno(set_sets((struct sets){0, 1, 0}), EPERM);
}

static void keeping_them(void)
{
    need_root();
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
    expect_errno(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    expect_ok(chmod(".", 0777));
    expect_ok(prctl(PR_SET_KEEPCAPS, 1));
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
    expect_ok(setuid(USER));
    struct sets sets = get_sets();
    CHECK(sets.permitted != 0);
    CHECK_EQ(sets.effective, 0);
    write_file("own", "x", 0600);
    expect_errno(chown("own", OTHER, -1), EPERM);
    sets.effective = 1u << CAP_CHOWN;
    sets.permitted = sets.effective | 1u << CAP_KILL;
    expect_ok(set_sets(sets));
    expect_ok(chown("own", OTHER, -1));
    sets.permitted |= 1u << CAP_SETUID;
    expect_errno(set_sets(sets), EPERM);
    expect_errno(setuid(0), EPERM);
}

static void one_capability_each(void)
{
    need_root();
    write_file("file", "x", 0600);
    expect_ok(chown("file", OTHER, OTHER));
    struct sets sets = get_sets(), none = {0, sets.permitted, 0};
    expect_ok(set_sets(none));
    expect_errno(open("file", O_RDONLY), EACCES);
    none.effective = 1u << CAP_DAC_READ_SEARCH;
    expect_ok(set_sets(none));
    close(expect_ok(open("file", O_RDONLY)));
    expect_errno(open("file", O_WRONLY), EACCES);
    expect_errno(chmod("file", 0640), EPERM);
    none.effective = 1u << CAP_DAC_OVERRIDE;
    expect_ok(set_sets(none));
    close(expect_ok(open("file", O_RDWR)));
    none.effective = 1u << CAP_FOWNER;
    expect_ok(set_sets(none));
    expect_ok(chmod("file", 0640));
    expect_errno(setgroups(0, NULL), EPERM);
    expect_errno(sethostname("x", 1), EPERM);
    expect_errno(setuid(USER), EPERM);
}

static void bounding_and_ambient(void)
{
    need_root();
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
    expect_errno(prctl(PR_CAPBSET_READ, 64), EINVAL);
    expect_ok(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    expect_errno(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
    struct sets sets = get_sets();
    sets.inheritable |= 1u << CAP_KILL;
    expect_ok(set_sets(sets));
    expect_ok(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
    expect_ok(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    expect_errno(prctl(PR_CAP_AMBIENT, 9, 0, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
    expect_ok(prctl(PR_SET_SECUREBITS, 1 | 2)); /* no root, locked */
    expect_errno(prctl(PR_SET_SECUREBITS, 0), EPERM);
}

static void versions(void)
{
    struct __user_cap_header_struct header = {0, 0};
    struct __user_cap_data_struct data[2];

    expect_ok(syscall(SYS_capget, &header, NULL));
    CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    header.version = 1;
    expect_errno(syscall(SYS_capget, &header, data), EINVAL);
    CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    header.pid = -1;
    expect_errno(syscall(SYS_capget, &header, data), EINVAL);
    header.pid = 4000000;
    expect_errno(syscall(SYS_capget, &header, data), ESRCH);
    header.pid = 1;
    expect_errno(syscall(SYS_capset, &header, data), EPERM);
    expect_errno(syscall(SYS_capget, 8, data), EFAULT);
}

/* ---- what others may do ---- */

static void wait_for_signal(void *argument)
{
    struct sign *ready = argument;

    expect_ok(setresuid(OTHER, OTHER, OTHER));
    sign_send(ready);
    for (;;)
        pause();
}

static void sending_signals(void)
{
    struct sign ready;

    need_root();
    sign_open(&ready);
    pid_t pid = spawn(wait_for_signal, &ready);
    sign_await(&ready);
    expect_ok(setresuid(USER, USER, 0));
    expect_errno(kill(pid, 0), EPERM);
    expect_errno(kill(pid, SIGKILL), EPERM);
    expect_errno(kill(1, 0), EPERM);
    expect_ok(kill(pid, SIGCONT)); /* within the session */
    expect_ok(setresuid(-1, 0, -1));
    expect_ok(setresuid(USER, OTHER, 0));
    expect_ok(kill(pid, SIGTERM)); /* our effective user is its real one */
    expect_signaled(reap(pid), SIGTERM);
}

static void limits_of_others(void)
{
    struct rlimit limit;
    struct sign ready;

    need_root();
    sign_open(&ready);
    pid_t pid = spawn(wait_for_signal, &ready);
    sign_await(&ready);
    expect_ok(setresuid(OTHER, -1, 0)); /* our real user is all of its */
    expect_ok(prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
    limit.rlim_cur = 100;
    expect_ok(prlimit(pid, RLIMIT_NOFILE, &limit, NULL));
    expect_ok(setresuid(USER, USER, 0));
    expect_errno(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), EPERM);
    expect_ok(setresuid(-1, 0, -1));
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void number_of_processes(void)
{
    struct rlimit limit = {2, 2};
    struct sign go;
    pid_t pid;

    need_root();
    sign_open(&go);
    expect_ok(setrlimit(RLIMIT_NPROC, &limit));
    expect_ok(setresuid(54321, 54321, 54321));
    pid = expect_ok(fork());
    if (pid == 0) {
        sign_await(&go);
        _exit(0);
    }
    expect_errno(fork(), EAGAIN);
    sign_send(&go);
    expect_exited(reap(pid), 0);
    pid = expect_ok(fork());
    if (pid == 0)
        _exit(0);
    expect_exited(reap(pid), 0);
}

static const struct test tests[] = {
    TEST(dropping_root),
    TEST(effective_comes_back),
    TEST(saved_follows),
    TEST(file_system_user),
    TEST(groups),
    TEST(set_id_programs),
    TEST(sets_follow_users),
    TEST(keeping_them),
    TEST(one_capability_each),
    TEST(bounding_and_ambient),
    TEST(versions),
    TEST(sending_signals),
    TEST(limits_of_others),
    TEST(number_of_processes),
};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "report") == 0)
        return report();
    return TAP_MAIN(argc, argv, tests);
}
