/*
 * The first process: the kernel makes it, with the console as its files, and it becomes the program
 * that the boot arguments name. All others are its descendants.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "arch/riscv/hart.h"
#include "core/exec.h"
#include "core/printk.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "dev/fdt.h"
#include "fs/file.h"
#include "fs/mount_namespace.h"
#include "fs/path.h"
#include "fs/path_context.h"

#define INIT_PATH_MAX 256

static void open_console(void)
{
    for (int i = 0; i < 3; i++) {
        struct file *file;
        int result = path_open(NULL, "/dev/console", O_RDWR | O_NOCTTY, 0, &file);
        if (result == 0 && file_install(file, 0, false) < 0)
            file_release(file);
        if (result)
            printk("cannot open /dev/console for the first process: error %d\n", -result);
    }
}

/* Become the program that the boot argument init=PATH names, or the first there is of the usual. */
static void exec_init(void)
{
    static const char *const usual[] = {"/sbin/init", "/bin/init"};
    char chosen[INIT_PATH_MAX];
    int result = -ENOENT;
    if (boot_argument("init", chosen, sizeof(chosen))) {
        result = exec_first(chosen);
        if (result)
            panic("cannot execute %s: error %d", chosen, -result);
        return;
    }
    for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]) && result == -ENOENT; i++) {
        result = exec_first(usual[i]);
        if (result && result != -ENOENT)
            panic("cannot execute %s: error %d", usual[i], -result);
    }
    if (result)
        panic("there is no first program: neither %s nor %s", usual[0], usual[1]);
}

/* The first thread of the first process: load the program and become it. */
static void run_init(void *unused)
{
    (void)unused;
    open_console();
    exec_init();
    return_to_user(current_thread()->frame);
}

void process_start_init(void)
{
    struct thread *thread = thread_create(NULL, run_init, NULL);
    struct signal_actions *actions = signal_actions_create();
    struct place root;
    int error;
    mutex_lock(&process_tree_lock);
    init_process = actions ? process_create(NULL, actions, &error) : NULL;
    if (!thread || !init_process)
        panic("no memory for the first process");
    thread->files = file_table_create();
    if (!thread->files || path_lookup_place(NULL, "/", PATH_FOLLOW, &root))
        panic("the first process has no files or no root directory");
    place_reference(&root);
    thread->path_context = path_context_create(root, root, &mount_namespace_first);
    thread->id = init_process->pid;
    if (!thread->path_context || process_add_thread(init_process, thread))
        panic("no memory for the first process");
    credentials_inherit(thread);
    mutex_unlock(&process_tree_lock);
    scheduler_add(thread);
}
