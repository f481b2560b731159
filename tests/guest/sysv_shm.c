/*
 * System V shared memory: shmget, shmat, shmdt, shmctl.
 */
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYS_MSEAL 462

#define SIZE (3 * PAGE + 100)

static int make(void)
{
    return expect_ok(shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600));
}

static struct shmid_ds status_of(int id)
{
    struct shmid_ds status;

    expect_ok(shmctl(id, IPC_STAT, &status));
    return status;
}

static char *attach(int id, int flags)
{
    return expect_ok((char *)shmat(id, NULL, flags));
}

static void get_by_key(void)
{
    key_t key = 0x6d617000 + getpid() % 4096;
    int id = expect_ok(shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640));

    CHECK_EQ(expect_ok(shmget(key, 0, 0)), id);
    CHECK_EQ(expect_ok(shmget(key, SIZE, IPC_CREAT)), id);
    expect_errno(shmget(key, SIZE, IPC_CREAT | IPC_EXCL), EEXIST);
    expect_errno(shmget(key, SIZE + 1, 0), EINVAL);
    expect_errno(shmget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
    expect_errno(shmget(key + 1, SIZE, 0), ENOENT);
    struct shmid_ds status = status_of(id);
    CHECK_EQ(status.shm_segsz, SIZE);
    CHECK_EQ(status.shm_perm.mode, 0640);
    CHECK_EQ(status.shm_perm.__key, key);
    CHECK_EQ(status.shm_cpid, getpid());
    CHECK_EQ(status.shm_nattch, 0);
    CHECK_EQ(status.shm_atime, 0);
    CHECK(status.shm_ctime >= time(NULL) - 5 && status.shm_ctime <= time(NULL) + 1);
    expect_ok(shmctl(id, IPC_RMID, NULL));
    expect_errno(shmctl(id, IPC_RMID, NULL), EINVAL);
    expect_errno(shmget(key, 0, 0), ENOENT);
    expect_errno((long)shmat(id, NULL, 0), EINVAL);
}

static void store_in(void *argument)
{
    char *other = attach(*(int *)argument, 0);

    CHECK(all_bytes(other, 1, PAGE));
    memset(other + PAGE, 2, PAGE);
    expect_ok(shmdt(other));
}

static void shared(void)
{
    int id = make();
    char *base = attach(id, 0), *again = attach(id, 0);

    CHECK(base != again);
    CHECK(all_bytes(base, 0, 4 * PAGE));
    memset(base, 1, PAGE);
    expect_child_ok(store_in, &id);
    CHECK(all_bytes(again + PAGE, 2, PAGE));
    CHECK_EQ(status_of(id).shm_nattch, 2);
    expect_ok(shmdt(again));
    expect_fault(again, 'r', SIGSEGV);
    expect_ok(shmdt(base));
    expect_errno(shmdt(base), EINVAL);
    CHECK_EQ(status_of(id).shm_nattch, 0);
    CHECK_EQ(status_of(id).shm_lpid, getpid());
    CHECK(status_of(id).shm_dtime >= time(NULL) - 5);
    CHECK(all_bytes(attach(id, SHM_RDONLY), 1, PAGE)); /* it stays without attachments */
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

static void count_in_child(void *argument)
{
    CHECK_EQ(status_of(*(int *)argument).shm_nattch, 2);
}

/* A removed segment lives on while it is attached, and can be attached still. */
static void removed(void)
{
    int id = make();
    char *base = attach(id, 0);

    base[0] = 1;
    expect_child_ok(count_in_child, &id);
    expect_ok(shmctl(id, IPC_RMID, NULL));
    CHECK_EQ(status_of(id).shm_perm.mode, 01600);
    CHECK_EQ(status_of(id).shm_perm.__key, 0);
    char *again = attach(id, 0);
    CHECK_EQ(again[0], 1);
    expect_ok(shmdt(base));
    again[PAGE] = 1;
    expect_ok(shmdt(again));
    expect_errno(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
}

static void addresses(void)
{
    int id = make();
    char *hole = find_hole(16);

    CHECK(shmat(id, hole + PAGE, 0) == hole + PAGE);
    expect_picture(hole, 6, ".wwww.");
    expect_errno((long)shmat(id, hole + 3 * PAGE, 0), EINVAL);
    CHECK(shmat(id, hole + 3 * PAGE, SHM_REMAP) == hole + 3 * PAGE);
    expect_picture(hole, 8, ".ww|wwww.");
    expect_errno((long)shmat(id, hole + 9 * PAGE + 1, 0), EINVAL);
    CHECK(shmat(id, hole + 9 * PAGE + 1, SHM_RND | SHM_RDONLY) == hole + 9 * PAGE);
    expect_picture(hole, 14, ".ww|wwww..rrrr.");
    expect_errno(mprotect(hole + 9 * PAGE, PAGE, PROT_READ | PROT_WRITE), EACCES);
    expect_errno((long)shmat(id, NULL, SHM_REMAP), EINVAL);
    expect_errno((long)shmat(-1, NULL, 0), EINVAL);
    /* What is left of the first attachment goes; the second one stays. */
    expect_ok(shmdt(hole + PAGE));
    expect_picture(hole, 14, "...wwww..rrrr.");
    expect_ok(munmap(hole + 4 * PAGE, PAGE));
    expect_ok(shmdt(hole + 3 * PAGE));
    expect_picture(hole, 14, ".........rrrr.");
    expect_errno(shmdt(hole + 10 * PAGE), EINVAL);
    expect_errno(shmdt(hole + 9 * PAGE + 1), EINVAL);
    expect_ok(shmdt(hole + 9 * PAGE));
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

static void as_somebody_else(void *argument)
{
    int id = *(int *)argument;
    struct shmid_ds status;

    expect_ok(setgid(65534));
    expect_ok(setuid(65534));
    expect_errno((long)shmat(id, NULL, 0), EACCES);
    CHECK_EQ(attach(id, SHM_RDONLY)[0], 1);
    expect_ok(shmctl(id, IPC_STAT, &status));
    expect_errno(shmctl(id, IPC_SET, &status), EPERM);
    expect_errno(shmctl(id, IPC_RMID, NULL), EPERM);
}

static void permissions(void)
{
    int id = make();
    struct shmid_ds status = status_of(id);

    if (geteuid() != 0)
        skip("needs root to become somebody else");
    attach(id, 0)[0] = 1;
    status.shm_perm.mode = 0604;
    expect_ok(shmctl(id, IPC_SET, &status));
    CHECK_EQ(status_of(id).shm_perm.mode, 0604);
    expect_child_ok(as_somebody_else, &id);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

static void totals(void)
{
    struct shminfo limits;
    struct shm_info before, after;

    expect_ok(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits));
    CHECK_EQ(limits.shmmin, 1);
    CHECK(limits.shmmni >= 4096);
    expect_ok(shmctl(0, SHM_INFO, (struct shmid_ds *)&before));
    int id = make();
    attach(id, 0)[PAGE] = 1;
    int highest = expect_ok(shmctl(0, SHM_INFO, (struct shmid_ds *)&after));
    CHECK_EQ(after.used_ids, before.used_ids + 1);
    CHECK_EQ(after.shm_tot, before.shm_tot + 4);
    CHECK_EQ(after.shm_rss, before.shm_rss + 1);
    char text[8192], line[64];
    read_file("/proc/sysvipc/shm", text, sizeof(text));
    snprintf(line, sizeof(line), "%10d %10d  %4o %21lu ", 0, id, 0600, SIZE);
    CHECK(strstr(text, line));
    bool found = false;
    for (int i = 0; i <= highest; i++) {
        struct shmid_ds status;
        found |= shmctl(i, SHM_STAT, &status) == id;
    }
    CHECK(found);
    expect_errno(shmctl(id, 99, NULL), EINVAL);
    expect_errno(shmctl(id, IPC_STAT, (void *)8), EFAULT);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/*  S S S S       4 pages, attached once
 *  S|s|S S       each region counts, and they do not merge again
 */
static void regions_count(void)
{
    int id = make();
    char *map = attach(id, 0);

    expect_ok(mprotect(map + PAGE, PAGE, PROT_READ));
    CHECK_EQ(status_of(id).shm_nattch, 3);
    expect_ok(mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE));
    CHECK_EQ(status_of(id).shm_nattch, 3);
    /* A part that is cut from one region goes to the other: the bound between them moves. */
    expect_ok(mprotect(map, 2 * PAGE, PROT_READ));
    expect_picture(map, 4, "r|r|ww");
    expect_ok(mprotect(map + PAGE, 2 * PAGE, PROT_READ));
    expect_picture(map, 4, "r|rr|w");
    expect_ok(mprotect(map + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));
    expect_picture(map, 4, "r|r|ww");
    CHECK_EQ(status_of(id).shm_nattch, 3);
    expect_ok(mprotect(map, 2 * PAGE, PROT_READ | PROT_WRITE));
    char *hole = find_hole(4);
    map[3 * PAGE] = 'd';
    CHECK(mremap(map + 3 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                 hole) == hole);
    CHECK_EQ(status_of(id).shm_nattch, 4);
    CHECK(hole[0] == 'd' && map[3 * PAGE] == 'd');
    expect_ok(shmdt(map)); /* not what is at another place */
    CHECK_EQ(status_of(id).shm_nattch, 1);
    expect_ok(munmap(hole, PAGE));
    CHECK_EQ(status_of(id).shm_nattch, 0);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/* mremap of several mappings does not move one of a segment. */
static void moves_alone(void)
{
    int id = make();
    char *base = find_hole(10);

    CHECK(shmat(id, base, 0) == base);
    CHECK(mmap(base + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          base + 4 * PAGE);
    expect_errno((long)mremap(base + 3 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                              base + 6 * PAGE),
                 EFAULT);
    expect_ok(
        (long)mremap(base + 3 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 6 * PAGE));
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/* shmdt leaves what mremap made longer than the segment. */
static void longer_parts_stay(void)
{
    int id = make();
    char *base = find_hole(10);

    CHECK(shmat(id, base, 0) == base);
    CHECK(mremap(base + 2 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == base + 2 * PAGE);
    expect_ok(madvise(base + 2 * PAGE, 4 * PAGE, MADV_DONTFORK));
    expect_picture(base, 8, "ww|wwww..");
    expect_ok(shmdt(base));
    expect_picture(base, 8, "..wwww..");
    CHECK_EQ(status_of(id).shm_nattch, 1);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/*  A B A A       page 1 is another attachment's, as far into the segment as the one it replaces
 *  . B . .       shmdt takes the parts of one attachment only
 */
static void two_attachments(void)
{
    int id = make();
    char *base = find_hole(12), *other = base + 6 * PAGE;

    CHECK(shmat(id, base, 0) == base && shmat(id, other, 0) == other);
    expect_ok((long)mremap(other + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + PAGE));
    expect_picture(base, 4, "w|w|ww");
    CHECK_EQ(status_of(id).shm_nattch, 5);
    expect_errno(syscall(SYS_remap_file_pages, base, 2 * PAGE, 0, 0, 0), EINVAL);
    expect_errno(mremap(base, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0, EFAULT);
    expect_ok(shmdt(base));
    expect_picture(base, 4, ".w..");
    expect_ok(shmdt(other));
    expect_picture(other, 4, "....");
    CHECK_EQ(status_of(id).shm_nattch, 1);
    expect_ok(shmdt(base));
    CHECK_EQ(status_of(id).shm_nattch, 0);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/*  S S S S       another order of pages: each is an attachment still, and moves alone
 *  S 3 . S
 */
static void another_order(void)
{
    int id = make();
    char *base = find_hole(10);

    CHECK(shmat(id, base, 0) == base);
    base[3 * PAGE] = 3;
    expect_ok(syscall(SYS_remap_file_pages, base + PAGE, 2 * PAGE, 0, 3, 0));
    CHECK_EQ(base[PAGE], 3);
    CHECK_EQ(status_of(id).shm_nattch, 3);
    expect_fault(base + 2 * PAGE, 'r', SIGBUS);
    expect_errno(mremap(base + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                        base + 5 * PAGE) == MAP_FAILED
                     ? -1
                     : 0,
                 EFAULT);
    expect_picture(base, 8, "w|ww|w....");
    expect_ok(shmctl(id, IPC_RMID, NULL));
    expect_ok(shmdt(base));
    expect_picture(base, 4, ".ww.");
    /* The last attachment of what was removed: nothing can take its place. */
    expect_ok(syscall(SYS_remap_file_pages, base + PAGE, PAGE, 0, 3, 0));
    expect_ok(munmap(base + 2 * PAGE, PAGE));
    CHECK_EQ(base[PAGE], 3);
    expect_errno(syscall(SYS_remap_file_pages, base + PAGE, PAGE, 0, 3, 0), EINVAL);
    expect_picture(base, 4, "....");
}

/* Pages that are put back in order join a neighbour, the lower one if both continue them; and the
 * attachment counts as one less. */
static void order_restored(void)
{
    static const struct {
        unsigned first, count, page, attached;
    } steps[] = {{1, 3, 1, 1}, {2, 2, 0, 2}, {2, 2, 2, 1}, {0, 2, 2, 2},
                 {0, 2, 0, 1}, {1, 2, 0, 3}, {1, 2, 1, 2}};
    int id = make();
    char *base = attach(id, 0);

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        expect_ok(syscall(SYS_remap_file_pages, base + steps[i].first * PAGE, steps[i].count * PAGE,
                          0, steps[i].page, 0));
        CHECK_EQ(status_of(id).shm_nattch, steps[i].attached);
    }
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/* What is to be locked is counted before what it replaces goes. */
static void too_much_locked(void *argument)
{
    char *base = attach(*(int *)argument, 0);
    struct rlimit limit = {3 * PAGE, 3 * PAGE};

    expect_ok(mlock(base, 3 * PAGE));
    expect_ok(setrlimit(RLIMIT_MEMLOCK, &limit));
    expect_ok(setresuid(65534, 65534, 65534));
    expect_errno(syscall(SYS_remap_file_pages, base + PAGE, PAGE, 0, 2, 0), EAGAIN);
    expect_picture(base, 4, "www|w");
}

static void locked_segment(void)
{
    int id = make();

    expect_child_ok(too_much_locked, &id);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

/* shmdt says nothing of a part that is sealed, and leaves it. */
static void detach_sealed(void *argument)
{
    char *map = attach(*(int *)argument, 0);

    expect_ok(mprotect(map + PAGE, PAGE, PROT_READ));
    expect_ok(syscall(SYS_MSEAL, map + PAGE, PAGE, 0));
    expect_ok(shmdt(map));
    expect_picture(map, 4, ".r..");
}

static void sealed_parts_stay(void)
{
    if (syscall(SYS_MSEAL, 0, 0, 0) < 0 && errno == ENOSYS)
        skip("mseal came with Linux 6.10");
    int id = make();
    expect_child_ok(detach_sealed, &id);
    expect_ok(shmctl(id, IPC_RMID, NULL));
}

static void leave_attached(void *argument)
{
    attach(*(int *)argument, 0)[0] = 1;
}

/* Many segments, made and left to the end of their processes. */
static void many(void)
{
    for (int i = 0; i < 200; i++) {
        int id = make();
        expect_child_ok(leave_attached, &id);
        CHECK_EQ(status_of(id).shm_nattch, 0);
        expect_ok(shmctl(id, IPC_RMID, NULL));
        expect_errno(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(get_by_key),
        TEST(shared),
        TEST(removed),
        TEST(addresses),
        TEST(permissions),
        TEST(totals),
        TEST(many),
        TEST(regions_count),
        TEST(moves_alone),
        TEST(longer_parts_stay),
        TEST(two_attachments),
        TEST(another_order),
        TEST(order_restored),
        TEST(locked_segment),
        TEST(sealed_parts_stay),
    };
    return TAP_MAIN(argc, argv, tests);
}
