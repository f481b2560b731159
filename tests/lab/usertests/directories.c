/* Usertests: directories, links and names. */

static void deep_directories(void)
{
    enum { DEPTH = 100 };
    char path[4096];

    for (int i = 0; i < DEPTH; i++) {
        expect_ok(mkdir("d", 0755));
        expect_ok(chdir("d"));
        write_file("file", "deep", 0644);
    }
    CHECK(getcwd(path, sizeof(path)) != NULL);
    CHECK(strlen(path) > 2 * DEPTH);
    expect_ok(access(path, F_OK));
    for (int i = 0; i < DEPTH; i++) {
        expect_ok(unlink("file"));
        expect_ok(chdir(".."));
        expect_ok(rmdir("d"));
    }
}

/* Many entries, every third removed while the directory is being read. */
static void read_while_removing(void)
{
    enum { COUNT = 600 };
    static bool seen[COUNT];
    char name[16];

    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "e%d", i);
        expect_ok(close(expect_ok(open(name, O_CREAT | O_WRONLY, 0644))));
    }
    DIR *directory = opendir(".");
    CHECK(directory != NULL);
    struct dirent *entry;
    for (int read = 0; (entry = readdir(directory)) != NULL; read++) {
        if (entry->d_name[0] != 'e')
            continue;
        int number = atoi(entry->d_name + 1);
        CHECK(!seen[number]);
        seen[number] = true;
        if (number % 3 == 0)
            expect_ok(unlink(entry->d_name));
    }
    closedir(directory);
    for (int i = 0; i < COUNT; i++)
        CHECK(seen[i]); /* none of them was removed before it was read */
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "e%d", i);
        CHECK_EQ(access(name, F_OK), i % 3 ? 0 : -1);
    }
}

/* In a directory that has been removed nothing can be made or found, but itself. */
static void removed_directory(void)
{
    char path[256];
    struct stat status;

    write_file("outside", "text", 0644);
    expect_ok(mkdir("gone", 0755));
    int outside = expect_ok(open(".", O_RDONLY)), inside = expect_ok(open("gone", O_RDONLY));
    expect_ok(chdir("gone"));
    expect_ok(rmdir("../gone"));
    expect_errno(open("new", O_RDWR | O_CREAT, 0644), ENOENT);
    expect_errno(mkdir("new", 0755), ENOENT);
    expect_errno(symlink("a", "new"), ENOENT);
    expect_errno(linkat(outside, "outside", AT_FDCWD, "new", 0), ENOENT);
    expect_errno(linkat(outside, "outside", inside, "new", 0), ENOENT);
    expect_errno(renameat(outside, "outside", inside, "new"), ENOENT);
    expect_errno(access("new", F_OK), ENOENT);
    expect_errno(syscall(SYS_getcwd, path, sizeof(path)), ENOENT);
    expect_ok(stat(".", &status));
    CHECK_EQ(status.st_nlink, 0);
    expect_errno(getdents64(inside, path, sizeof(path)), ENOENT);
    /* ".." leads out still. */
    expect_ok(chdir(".."));
    expect_ok(access("outside", F_OK));
    expect_ok(fstatat(outside, "outside", &status, 0));
    CHECK_EQ(status.st_nlink, 1);
}

static void fill_and_remove(void *argument)
{
    char name[32];

    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "race/f%d-%d", (int)(intptr_t)argument, i);
        int made = mkdir("race", 0755);
        CHECK(made == 0 || errno == EEXIST);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        CHECK(fd >= 0 || errno == ENOENT);
        if (fd >= 0) {
            expect_ok(close(fd));
            expect_ok(unlink(name));
        }
        int removed = rmdir("race");
        CHECK(removed == 0 || errno == ENOTEMPTY || errno == ENOENT);
    }
}

/* A directory made, filled and removed by several at once: no file is lost in a removed one. */
static void directory_races(void)
{
    pid_t pids[3];

    for (intptr_t i = 0; i < 3; i++)
        pids[i] = spawn(fill_and_remove, (void *)i);
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK(rmdir("race") == 0 || errno == ENOENT);
}

static void long_names(void)
{
    char name[300], path[5000];

    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    write_file(name, "long", 0644);
    CHECK_EQ(read_file(name, path, sizeof(path)), 4);
    name[254] = 'o';
    expect_errno(access(name, F_OK), ENOENT);
    name[255] = 'n';
    name[256] = '\0';
    expect_errno(open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
    expect_errno(mkdir(name, 0755), ENAMETOOLONG);
    expect_errno(access(name, F_OK), ENAMETOOLONG);
    expect_errno(symlink("a", name), ENAMETOOLONG);
    /* A path of 4095 bytes is the longest. */
    write_file("f", "short", 0644);
    for (size_t i = 0; i < 4094; i += 2)
        memcpy(path + i, "./", 2);
    strcpy(path + 4094, "f");
    expect_ok(access(path, F_OK));
    strcpy(path + 4094, "/f");
    expect_errno(access(path, F_OK), ENAMETOOLONG);
    memset(path + 4096, '/', 800);
    path[4900] = '\0';
    expect_errno(open(path, O_RDONLY), ENAMETOOLONG);
}

static void symbolic_link_loops(void)
{
    char name[16], target[16];

    expect_ok(symlink("self", "self"));
    expect_ok(symlink("b", "a"));
    expect_ok(symlink("a", "b"));
    expect_errno(open("self", O_RDONLY), ELOOP);
    expect_errno(open("a", O_RDWR | O_CREAT, 0644), ELOOP);
    expect_errno(access("a/file", F_OK), ELOOP);
    expect_errno(chdir("b"), ELOOP);
    expect_errno(truncate("self", 0), ELOOP);
    expect_errno(open("self", O_RDONLY | O_NOFOLLOW), ELOOP);
    /* Forty links are followed, the next is not. */
    write_file("link0", "end", 0644);
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "link%d", i);
        snprintf(target, sizeof(target), "link%d", i - 1);
        expect_ok(symlink(target, name));
    }
    expect_ok(access("link40", F_OK));
    expect_errno(access("link41", F_OK), ELOOP);
    expect_ok(unlink("self"));
    expect_ok(unlink("a"));
}

/* Links made and removed: the count is exact, and the file lives until it is 0. */
static void link_counts(void)
{
    char name[16];
    struct stat status;
    int fd = pattern_file("file", 100);

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        expect_ok(link("file", name));
        expect_ok(fstat(fd, &status));
        CHECK_EQ(status.st_nlink, i + 2);
    }
    expect_ok(unlink("file"));
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        expect_ok(stat(name, &status));
        CHECK_EQ(status.st_nlink, 200 - i);
        expect_ok(unlink(name));
    }
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 0);
    /* With no name left it cannot get one again. */
    expect_errno(linkat(fd, "", AT_FDCWD, "again", 0), ENOENT);
}

static void subdirectories_count(void)
{
    char name[16];
    struct stat status;

    expect_ok(stat(".", &status));
    nlink_t before = status.st_nlink;
    CHECK_EQ(before, 2);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        expect_ok(mkdir(name, 0755));
    }
    expect_ok(stat(".", &status));
    CHECK_EQ(status.st_nlink, before + 50);
    expect_ok(mkdir("other", 0755));
    expect_ok(rename("d0", "other/d0")); /* ".." goes with it */
    expect_ok(stat(".", &status));
    CHECK_EQ(status.st_nlink, before + 50);
    expect_ok(stat("other", &status));
    CHECK_EQ(status.st_nlink, 3);
    for (int i = 1; i < 50; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        expect_ok(rmdir(name));
    }
    expect_ok(stat(".", &status));
    CHECK_EQ(status.st_nlink, before + 1);
}

static void rename_rules(void)
{
    struct stat status, other;

    expect_ok(mkdir("dir", 0755));
    expect_ok(mkdir("dir/sub", 0755));
    expect_ok(mkdir("empty", 0755));
    write_file("file", "1", 0644);
    write_file("second", "22", 0644);
    expect_errno(rename("missing", "file"), ENOENT);
    expect_errno(rename("file", "missing/file"), ENOENT);
    expect_errno(rename("dir", "file"), ENOTDIR);
    expect_errno(rename("file", "dir"), EISDIR);
    expect_errno(rename("empty", "dir"), ENOTEMPTY);
    expect_errno(rename("dir", "dir/sub/in-itself"), EINVAL);
    expect_errno(rename("dir", "dir/in-itself"), EINVAL);
    expect_errno(rename("dir/sub", "dir"), ENOTEMPTY);
    expect_errno(rename(".", "x"), EBUSY);
    expect_errno(rename("dir/.", "x"), EBUSY);
    expect_errno(rename("dir", "empty/.."), EBUSY);
    expect_errno(rename("file", "second/x"), ENOTDIR);
    expect_ok(rename("dir", "empty")); /* an empty directory is replaced */
    expect_ok(access("empty/sub", F_OK));
    expect_errno(access("dir", F_OK), ENOENT);
    expect_ok(rename("second", "file"));
    expect_ok(stat("file", &status));
    CHECK_EQ(status.st_size, 2);
    expect_ok(link("file", "same"));
    expect_ok(rename("file", "same")); /* one file: nothing happens */
    expect_ok(stat("file", &status));
    expect_ok(stat("same", &other));
    CHECK_EQ(status.st_ino, other.st_ino);
    CHECK_EQ(status.st_nlink, 2);
}

/* Directories moved into each other by several processes: no loop, nothing lost. */
static void move_about(void *argument)
{
    static const char *const paths[] = {"a", "b", "c", "a/x", "b/x", "c/x", "a/x/y", "b/x/y"};

    random_seed((uint64_t)(uintptr_t)argument);
    for (int i = 0; i < 300; i++) {
        const char *from = paths[random_below(COUNT_OF(paths))];
        const char *to = paths[random_below(COUNT_OF(paths))];
        if (rename(from, to) < 0)
            CHECK(errno == ENOENT || errno == EINVAL || errno == ENOTEMPTY || errno == EEXIST ||
                  errno == EBUSY);
    }
}

static size_t count_tree(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    char name[512];
    size_t count = 1;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%.200s/%.200s", path, entry->d_name);
        count += count_tree(name);
    }
    closedir(directory);
    return count;
}

static void directories_moved_about(void)
{
    pid_t pids[3];

    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("b", 0755));
    expect_ok(mkdir("c", 0755));
    expect_ok(mkdir("a/x", 0755));
    for (uintptr_t i = 0; i < 3; i++)
        pids[i] = spawn(move_about, (void *)(i + 5));
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
    size_t left = count_tree(".");
    CHECK(left >= 2 && left <= 5); /* an empty one may have been replaced */
}

static void wrong_kinds(void)
{
    char buffer[16];

    write_file("file", "text", 0644);
    expect_ok(mkdir("dir", 0755));
    expect_errno(open("file/x", O_RDONLY), ENOTDIR);
    expect_errno(open("file/", O_RDONLY), ENOTDIR);
    expect_errno(mkdir("file/x", 0755), ENOTDIR);
    expect_errno(access("file/..", F_OK), ENOTDIR);
    expect_errno(chdir("file"), ENOTDIR);
    expect_errno(rmdir("file"), ENOTDIR);
    expect_errno(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_errno(open("dir", O_WRONLY), EISDIR);
    expect_errno(open("dir", O_RDWR), EISDIR);
    expect_errno(open("dir", O_RDONLY | O_CREAT, 0644), EISDIR);
    expect_errno(unlink("dir"), EISDIR);
    expect_errno(truncate("dir", 0), EISDIR);
    expect_errno(link("dir", "hard"), EPERM);
    expect_errno(mkdir("dir", 0755), EEXIST);
    expect_errno(mkdir("file", 0755), EEXIST);
    expect_errno(symlink("x", "file"), EEXIST);
    expect_errno(link("file", "dir"), EEXIST);
    expect_errno(rmdir("dir/."), EINVAL);
    expect_errno(rmdir("dir/.."), ENOTEMPTY);
    expect_errno(rmdir("."), EINVAL);
    expect_errno(unlink("."), EISDIR);
    expect_errno(open("", O_RDONLY), ENOENT);
    expect_errno(mkdir("", 0755), ENOENT);
    int fd = expect_ok(open("dir", O_RDONLY));
    expect_errno(read(fd, buffer, 16), EISDIR);
    expect_errno(write(fd, buffer, 16), EBADF);
    expect_errno(ftruncate(fd, 0), EINVAL);
    expect_errno(readlink("file", buffer, 16), EINVAL);
    int file = expect_ok(open("file", O_RDONLY));
    expect_errno(syscall(SYS_getdents64, file, buffer, 16), ENOTDIR);
    expect_errno(syscall(SYS_getdents64, fd, buffer, 16), EINVAL); /* too small for an entry */
    expect_errno(openat(file, "x", O_RDONLY), ENOTDIR);
    expect_errno(fchdir(file), ENOTDIR);
}
