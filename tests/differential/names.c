/*
 * Operations on the names of files.
 */
#include "stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(uint32_t number)
{
    static const char *const names[NAMES] = {"name0", "name1", "name2", "name3", "name4", "name5"};
    return names[number % NAMES];
}

static void log_links(void)
{
    struct stat status;

    for (unsigned file = 0; file < DISK_FILES; file++) {
        fstat(files[file], &status);
        log_line("    file %u has %lu links\n", file, (unsigned long)status.st_nlink);
    }
}

void link_name(const struct operation *operation)
{
    CALL("link %s %s", name_of(operation->a), name_of(operation->b));
    log_result(link(name_of(operation->a), name_of(operation->b)));
    log_links();
}

void unlink_name(const struct operation *operation)
{
    CALL("unlink %s", name_of(operation->a));
    log_result(unlink(name_of(operation->a)));
    log_links();
}

void rename_name(const struct operation *operation)
{
    CALL("rename %s %s", name_of(operation->a), name_of(operation->b));
    log_result(rename(name_of(operation->a), name_of(operation->b)));
    log_links();
}

/* Which file it is, and what it has. */
static void log_opened(int opened)
{
    struct stat status;
    unsigned file = 0;

    fstat(opened, &status);
    while (file < DISK_FILES && shared->inodes[file] != status.st_ino)
        file++;
    log_line("    is %u, size %ld, %lu links\n", file, (long)status.st_size,
             (unsigned long)status.st_nlink);
}

void open_name(const struct operation *operation)
{
    static const int all[] = {O_RDWR,           O_RDONLY,
                              O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
                              O_RDWR | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND};
    unsigned how = operation->b % (sizeof(all) / sizeof(all[0]));

    CALL("open %s how %u", name_of(operation->a), how);
    int opened = open(name_of(operation->a), all[how], 0600);
    log_result(opened < 0 ? -1 : 0);
    if (opened < 0)
        return;
    log_opened(opened);
    log_line("    write");
    log_result(write(opened, "some bytes", 10));
    log_opened(opened);
    close(opened);
    for (unsigned file = 0; file < DISK_FILES; file++)
        refresh_size(file);
}
