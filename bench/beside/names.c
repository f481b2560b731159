/*
 * Names: finding, making, listing and removing them.
 */
#include "beside.h"

#include <dirent.h>
#include <sys/stat.h>

/* Names are made in a directory of the process's own. */
static void prepare_names(const char *parent)
{
    char name[64];
    name_directory(name, parent, getpid());
    MUST(mkdir(name, 0700));
    MUST(chdir(name));
}

static void prepare_disk_names(void)
{
    prepare_names("");
}

static void prepare_memory_names(void)
{
    prepare_names("/tmp");
}

static void create_100(void)
{
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "%d", i % 100);
        if (i >= 100) {
            MUST(unlink(name));
            continue;
        }
        int made = MUST(open(name, O_CREAT | O_EXCL | O_WRONLY, 0600));
        MUST(write(made, buffer, 100));
        close(made);
    }
}

static void make_many(void)
{
    char name[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "a_name_of_many_%d", i);
        close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
    }
}

static void prepare_many_names(void)
{
    prepare_disk_names();
    make_many();
}

static void find_names(void)
{
    struct stat status;
    char name[32];
    for (int i = 0; i < 3000; i += 30) {
        snprintf(name, sizeof(name), "a_name_of_many_%d", i);
        MUST(stat(name, &status));
    }
}

static void list_names(void)
{
    DIR *directory = opendir(".");
    while (directory && readdir(directory))
        continue;
    closedir(directory);
}

static void add_name(void)
{
    close(MUST(open("another", O_CREAT | O_EXCL | O_WRONLY, 0600)));
    MUST(unlink("another"));
}

static void prepare_deep(void)
{
    prepare_disk_names();
    for (int i = 0; i < 8; i++) {
        MUST(mkdir("directory", 0700));
        MUST(chdir("directory"));
    }
    MUST(getcwd(buffer, sizeof(buffer)) ? 0 : -1);
}

static void open_deep(void)
{
    close(MUST(open(buffer, O_RDONLY)));
}

static void find_one(void)
{
    struct stat status;
    MUST(stat("/bin/sh", &status));
}

static void find_none(void)
{
    if (access("/bin/no-such-program", F_OK) == 0)
        give_up("access");
}

static void open_one(void)
{
    close(MUST(open("/bin/sh", O_RDONLY)));
}

static void make_directory(void)
{
    MUST(mkdir("one", 0700));
    MUST(rmdir("one"));
}

static void prepare_name(const char *parent)
{
    prepare_names(parent);
    close(MUST(open("first", O_CREAT | O_WRONLY, 0600)));
    MUST(symlink("first", "link"));
}

static void prepare_disk_name(void)
{
    prepare_name("");
}

static void prepare_memory_name(void)
{
    prepare_name("/tmp");
}

static void rename_twice(void)
{
    MUST(rename("first", "second"));
    MUST(rename("second", "first"));
}

static void read_link(void)
{
    MUST(readlink("link", buffer, sizeof(buffer)));
}

static void link_unlink(void)
{
    MUST(link("first", "other"));
    MUST(unlink("other"));
}

static void change_mode(void)
{
    MUST(chmod("first", 0600));
}

static void working_directory(void)
{
    MUST(getcwd(buffer, sizeof(buffer)) ? 0 : -1);
}

static void prepare_many_memory_names(void)
{
    prepare_memory_names();
    make_many();
}

const struct operation names_operations[] = {
    {"create", prepare_disk_names, create_100, "create, write and unlink 100 files on the disk"},
    {"create-tmpfs", prepare_memory_names, create_100, "the same in memory"},
    {"stat", prepare_many_names, find_names, "stat 100 of 3,000 names of a directory"},
    {"list", prepare_many_names, list_names, "list them"},
    {"add-name", prepare_many_names, add_name, "create and unlink one more"},
    {"open", prepare_deep, open_deep, "open and close through 10 directories"},
    {"stat-1", NULL, find_one, "stat /bin/sh"},
    {"access-none", NULL, find_none, "look for a file that is not there"},
    {"open-1", NULL, open_one, "open and close /bin/sh"},
    {"mkdir", prepare_disk_names, make_directory, "mkdir, rmdir on the disk"},
    {"mkdir-tmpfs", prepare_memory_names, make_directory, "the same in memory"},
    {"rename", prepare_disk_name, rename_twice, "rename a file on the disk, and back"},
    {"rename-tmpfs", prepare_memory_name, rename_twice, "the same in memory"},
    {"link", prepare_disk_name, link_unlink, "link a file, unlink the link"},
    {"readlink", prepare_disk_name, read_link, "readlink"},
    {"chmod", prepare_disk_name, change_mode, "chmod"},
    {"getcwd", prepare_deep, working_directory, "getcwd, 9 directories deep"},
    {"list-tmpfs", prepare_many_memory_names, list_names, "list 3,000 names in memory"},
    {0},
};
