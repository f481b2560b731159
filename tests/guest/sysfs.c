/* /sys: harts, disks and memory as libraries look for them. */
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SYSFS_MAGIC 0x62656572
#define CPU         "/sys/devices/system/cpu"

static char text[4096];

static void need_sysfs(void)
{
    struct statfs status;

    if (statfs("/sys", &status) < 0 || status.f_type != SYSFS_MAGIC)
        skip("no sysfs on /sys");
}

/* How many harts a list as "0-3" or "0,2-5" has. */
static int count_list(const char *list)
{
    int count = 0, first, last, length;

    while (sscanf(list, "%d%n", &first, &length) == 1) {
        list += length;
        last = first;
        if (*list == '-' && sscanf(list, "-%d%n", &last, &length) == 1)
            list += length;
        count += last - first + 1;
        if (*list++ != ',')
            break;
    }
    return count;
}

static void harts(void)
{
    char name[128];
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    need_sysfs();
    read_file(CPU "/online", text, sizeof(text));
    CHECK_EQ(count_list(text), online);
    CHECK_EQ(text[strlen(text) - 1], '\n');
    read_file(CPU "/possible", text, sizeof(text));
    CHECK(count_list(text) >= online);
    read_file(CPU "/present", text, sizeof(text));
    CHECK(count_list(text) >= online);
    read_file(CPU "/kernel_max", text, sizeof(text));
    CHECK(atoi(text) + 1 >= online);
    for (long i = 0; i < online; i++) {
        struct stat status;
        snprintf(name, sizeof(name), CPU "/cpu%ld", i);
        expect_ok(stat(name, &status));
        CHECK(S_ISDIR(status.st_mode));
        snprintf(name, sizeof(name), CPU "/cpu%ld/topology/core_id", i);
        CHECK(read_file(name, text, sizeof(text)) >= 2);
        snprintf(name, sizeof(name), CPU "/cpu%ld/topology/thread_siblings", i);
        read_file(name, text, sizeof(text));
        CHECK(strspn(text, "0123456789abcdef,") + 1 == strlen(text));
    }
    snprintf(name, sizeof(name), CPU "/cpu%ld", 4096l);
    expect_errno(access(name, F_OK), ENOENT);
    expect_errno(access(CPU "/cpu01", F_OK), ENOENT);
    expect_errno(access(CPU "/cpu", F_OK), ENOENT);
}

static void disks(void)
{
    char name[300], path[PATH_MAX];
    unsigned major, minor;
    struct dirent *entry;
    int found = 0;

    need_sysfs();
    DIR *directory = opendir("/sys/block");
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "/sys/block/%s/dev", entry->d_name);
        read_file(name, text, sizeof(text));
        CHECK_EQ(sscanf(text, "%u:%u", &major, &minor), 2);
        snprintf(name, sizeof(name), "/sys/block/%s/size", entry->d_name);
        read_file(name, text, sizeof(text));
        CHECK(strtoull(text, NULL, 10) < 1ull << 50);
        snprintf(name, sizeof(name), "/sys/block/%s/queue/logical_block_size", entry->d_name);
        read_file(name, text, sizeof(text));
        CHECK(atoi(text) >= 512);
        snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/size", major, minor);
        CHECK(read_file(name, text, sizeof(text)) >= 2);
        snprintf(name, sizeof(name), "/sys/class/block/%s", entry->d_name);
        CHECK(realpath(name, path) != NULL);
        CHECK_STRING(strrchr(path, '/') + 1, entry->d_name);
        found++;
    }
    closedir(directory);
    CHECK(found > 0);
}

/* One word of several is in brackets: the one that holds. */
static void huge_pages(void)
{
    const char *name = "/sys/kernel/mm/transparent_hugepage/enabled";

    need_sysfs();
    if (access(name, F_OK) < 0)
        skip("no transparent huge pages");
    read_file(name, text, sizeof(text));
    CHECK(strstr(text, "always") && strstr(text, "madvise") && strstr(text, "never"));
    CHECK(strchr(text, '[') != NULL && strchr(text, ']') != NULL);
}

static void nothing_is_written(void)
{
    need_sysfs();
    expect_errno(open(CPU "/online", O_WRONLY), EACCES);
    expect_errno(open(CPU "/online", O_RDWR | O_TRUNC), EACCES);
    expect_errno(open(CPU "/new", O_CREAT | O_RDWR, 0666), EACCES);
    expect_errno(unlink(CPU "/online"), EPERM);
}

static void nodes(void)
{
    need_sysfs();
    if (access("/sys/devices/system/node", F_OK) < 0)
        skip("no nodes of memory");
    read_file("/sys/devices/system/node/online", text, sizeof(text));
    CHECK(count_list(text) >= 1);
    read_file("/sys/devices/system/node/node0/cpulist", text, sizeof(text));
    CHECK(count_list(text) >= 1);
    read_file("/sys/devices/system/node/node0/meminfo", text, sizeof(text));
    CHECK(strncmp(text, "Node 0 MemTotal:", 16) == 0);
}

static const struct test tests[] = {
    TEST(harts), TEST(disks), TEST(huge_pages), TEST(nothing_is_written), TEST(nodes),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
