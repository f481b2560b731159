/*
 * What leads from a process in /proc to files: exe, cwd, root, fd, fdinfo; and its namespaces
 * (proc(5)), of which there is one of each kind but mounts, for all processes.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/mount_namespace.h"
#include "fs/namespace.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* A process that may be looked into, referenced: 0, -ENOENT, -EACCES. */
static int get_process(uint64_t key, struct process **result)
{
    int error = -ENOENT;

    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    if (process)
        error = credentials_may_inspect(process, false) ? 0 : -EACCES;
    if (!error)
        process_reference(process);
    mutex_unlock(&process_tree_lock);
    *result = process;
    return error;
}

/* What of the process's a link leads to: its place, referenced; or of NULLs. */
typedef struct place get_target(struct process *process, uint64_t key);

static int find_target(uint64_t key, get_target *get, struct place *target)
{
    struct process *process;
    int error = get_process(key, &process);

    if (error)
        return error;
    *target = get(process, key);
    process_release(process);
    return target->vnode ? 0 : -ENOENT;
}

static struct place get_executable(struct process *process, uint64_t key)
{
    (void)key;
    mutex_lock(&process->executable_lock);
    struct place executable = process->executable;
    place_reference(&executable);
    mutex_unlock(&process->executable_lock);
    return executable;
}

static struct place get_directory(struct process *process, uint64_t key)
{
    (void)key;
    struct path_context *context = process_path_context(process);
    struct place directory = context ? path_context_directory(context) : (struct place){0};
    if (context)
        path_context_release(context);
    return directory;
}

static struct place get_root(struct process *process, uint64_t key)
{
    (void)key;
    struct path_context *context = process_path_context(process);
    struct place root = context ? path_context_root(context) : (struct place){0};
    if (context)
        path_context_release(context);
    return root;
}

int procfs_find_root(uint64_t key, struct place *root)
{
    struct process *process;

    mutex_lock(&process_tree_lock);
    process = procfs_find_process(key);
    if (process)
        process_reference(process);
    mutex_unlock(&process_tree_lock);
    if (!process)
        return -ENOENT;
    *root = get_root(process, key);
    process_release(process);
    return root->vnode ? 0 : -EINVAL;
}

/* The file of a descriptor, referenced; or NULL. */
static struct file *get_file(struct process *process, uint64_t key)
{
    struct file_table *files = process_files(process);
    struct file *file = files ? file_table_get(files, (int)procfs_index(key)) : NULL;

    if (files)
        file_table_release(files);
    return file;
}

static struct place get_descriptor(struct process *process, uint64_t key)
{
    struct file *file = get_file(process, key);
    struct place place = {0};

    if (file) {
        place = file_place(file);
        place_reference(&place);
        file_release(file);
    }
    return place;
}

/* The text of a link to a place, whose references are taken over. */
static long write_target(const struct place *place, char *buffer, size_t size)
{
    struct vnode *vnode = place->vnode;
    char *path = kmalloc(PATH_MAX);
    long length = -ENOMEM;

    if (path && place->mount)
        length = place_path(place, path, PATH_MAX);
    else if (path)
        length = (long)format(path, PATH_MAX, vnode->operations->label, vnode->number);
    if (length > (long)size)
        length = (long)size;
    if (length > 0)
        memcpy(buffer, path, (size_t)length);
    kfree(path);
    place_release(place);
    return length;
}

static long read_target(uint64_t key, get_target *get, char *buffer, size_t size)
{
    struct place place;
    int error = find_target(key, get, &place);

    return error ? error : write_target(&place, buffer, size);
}

#define LINK_OPERATIONS(what)                                                                      \
    int procfs_follow_##what(uint64_t key, struct place *target)                                   \
    {                                                                                              \
        return find_target(key, get_##what, target);                                               \
    }                                                                                              \
    long procfs_read_##what(uint64_t key, char *buffer, size_t size)                               \
    {                                                                                              \
        return read_target(key, get_##what, buffer, size);                                         \
    }
LINK_OPERATIONS(executable)
LINK_OPERATIONS(directory)
LINK_OPERATIONS(root)
LINK_OPERATIONS(descriptor)

/* Descriptors */

/* A descriptor that is taken, but whose file is still to come, is not there yet. */
static bool is_open(struct file_table *files, int descriptor)
{
    struct file *file = file_table_get(files, descriptor);
    if (file)
        file_release(file);
    return file;
}

bool procfs_next_descriptor(uint64_t key, uint64_t *number, uint64_t *other_key, char *name)
{
    struct process *process;
    int descriptor = -1;

    if (*number > INT32_MAX || get_process(key, &process))
        return false;
    struct file_table *files = process_files(process);
    process_release(process);
    if (!files)
        return false;
    descriptor = file_table_next(files, (int)*number);
    while (descriptor >= 0 && !is_open(files, descriptor))
        descriptor = file_table_next(files, descriptor + 1);
    file_table_release(files);
    *number = (uint64_t)descriptor;
    *other_key = key | (uint32_t)descriptor;
    format(name, PSEUDO_NAME_MAX + 1, "%d", descriptor);
    return descriptor >= 0;
}

int procfs_find_descriptor(uint64_t key, const struct name *name, uint64_t *other_key)
{
    struct process *process;
    uint64_t number;

    if (!pseudo_parse_name(name, "", &number) || number >= FILES_MOST || get_process(key, &process))
        return -ENOENT;
    struct file_table *files = process_files(process);
    process_release(process);
    bool found = files && is_open(files, (int)number);
    if (files)
        file_table_release(files);
    *other_key = key | number;
    return found ? 0 : -ENOENT;
}

/* Of the link: what the file was opened for. */
uint32_t procfs_descriptor_mode(uint64_t key)
{
    struct process *process;
    uint32_t mode = 0;

    if (get_process(key, &process))
        return 0;
    struct file *file = get_file(process, key);
    if (file) {
        unsigned access = file->flags & O_ACCMODE;
        if (!(file->flags & O_PATH))
            mode = (access != O_WRONLY ? S_IRUSR : 0) | (access != O_RDONLY ? S_IWUSR : 0);
        mode |= S_IXUSR;
        file_release(file);
    }
    process_release(process);
    return mode;
}

static int describe_file(struct file *file, const struct file_table *files, struct text *text)
{
    text_format(text, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", file->offset, file->flags,
                file->mount ? file->mount->id : 0, file->vnode->number);
    int error = procfs_write_file_locks(file, files, text);
    if (!error && file->operations->describe)
        file->operations->describe(file, text);
    return error;
}

int procfs_write_descriptor(uint64_t key, struct text *text)
{
    struct process *process;
    int error = get_process(key, &process);

    if (error)
        return error;
    struct file_table *files = process_files(process);
    process_release(process);
    struct file *file = files ? file_table_get(files, (int)procfs_index(key)) : NULL;
    error = file ? describe_file(file, files, text) : -ENOENT;
    if (file)
        file_release(file);
    if (files)
        file_table_release(files);
    return error;
}

/* Namespaces: files without a name, one for each kind, that can be opened and compared. */

#define NAMESPACES 8
#define MOUNTS     2 /* of which there are others */

#define NAMESPACE(name, number)                                                                    \
    {                                                                                              \
        {.label = name ":[%lu]", .open = namespace_open}, number                                   \
    }

/* With the numbers that the first ones have on Linux. */
static const struct {
    struct vnode_operations operations;
    uint64_t number;
} namespaces[NAMESPACES] = {
    [0] = NAMESPACE("cgroup", 0xeffffffb), [1] = NAMESPACE("ipc", 0xefffffff),
    [3] = NAMESPACE("net", 0xeffffff9),    [4] = NAMESPACE("pid", 0xeffffffc),
    [5] = NAMESPACE("time", 0xeffffffa),   [6] = NAMESPACE("user", 0xeffffffd),
    [7] = NAMESPACE("uts", 0xeffffffe),
};

static struct vnode namespace_vnodes[NAMESPACES]; /* the first reference is never released */

void procfs_namespaces_init(void)
{
    for (unsigned i = 0; i < NAMESPACES; i++)
        vnode_init(&namespace_vnodes[i], NULL, &namespaces[i].operations, namespaces[i].number,
                   S_IFREG | 0444);
}

/* That of the process, where there are several; or of NULLs. */
static struct place get_mounts(struct process *process, uint64_t key)
{
    (void)key;
    struct path_context *context = process_path_context(process);
    struct place place = {0};
    if (context) {
        place.vnode = path_context_namespace(context);
        path_context_release(context);
    }
    return place;
}

static int follow_namespace(uint64_t key, struct place *target)
{
    unsigned kind = procfs_index(key) % NAMESPACES;

    if (kind == MOUNTS)
        return find_target(key, get_mounts, target);
    int error = procfs_check_inspect(key);
    if (error)
        return error;
    *target = (struct place){NULL, &namespace_vnodes[kind]};
    place_reference(target);
    return 0;
}

static long read_namespace(uint64_t key, char *buffer, size_t size)
{
    struct place place;
    int error = follow_namespace(key, &place);

    return error ? error : write_target(&place, buffer, size);
}

static const struct pseudo_type namespace_type = {.number = PROCFS_NAMESPACE_TYPE,
                                                  .mode = S_IFLNK | 0777,
                                                  .keyed = true,
                                                  .owner = procfs_owner,
                                                  .read_link = read_namespace,
                                                  .follow = follow_namespace};

/* Keys are indexes of namespaces. */
const struct pseudo_entry procfs_namespaces[] = {
    {"cgroup", &namespace_type, 0},
    {"ipc", &namespace_type, 1},
    {"mnt", &namespace_type, MOUNTS},
    {"net", &namespace_type, 3},
    {"pid", &namespace_type, 4},
    {"pid_for_children", &namespace_type, 4},
    {"time", &namespace_type, 5},
    {"time_for_children", &namespace_type, 5},
    {"user", &namespace_type, 6},
    {"uts", &namespace_type, 7},
    {NULL, NULL, 0},
};
