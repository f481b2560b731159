/*
 * Tracing system calls (strace.h). A line for each call, when it returns:
 *
 *   [12] openat(-100, "/etc/passwd", 0x80000, 0) = 3
 *   [12] read(3, 0x7fffffffe5c0, 4096) = -9 EBADF
 */
#include "core/strace.h"
#include "abi/errno.h"
#include "abi/syscall.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/user.h"
#include "dev/fdt.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sys/table.h"

#define LINE_SIZE   256
#define STRING_SHOW 48 /* bytes of a string that are shown */
#define UNKNOWN_MAX 512

bool strace_on;
static char traced[THREAD_NAME_SIZE];
static uint32_t unknown[UNKNOWN_MAX + 1]; /* atomic; the last for all higher numbers */

static const char *const names[SYS_LIMIT] = {
#define NAME_ENTRY(number, name) [number] = #name,
    SYSTEM_CALLS(NAME_ENTRY)
#undef NAME_ENTRY
};

/*
 * How the arguments of a call are shown: d decimal, o octal, x hexadecimal, s string. Those that
 * are not here: six, in hexadecimal.
 */
static const struct {
    uint16_t number;
    char arguments[7];
} shapes[] = {
    {SYS_openat, "dsxo"},
    {SYS_close, "d"},
    {SYS_read, "dxd"},
    {SYS_write, "dxd"},
    {SYS_readv, "dxd"},
    {SYS_writev, "dxd"},
    {SYS_pread64, "dxdd"},
    {SYS_pwrite64, "dxdd"},
    {SYS_lseek, "ddd"},
    {SYS_dup, "d"},
    {SYS_dup3, "ddx"},
    {SYS_fcntl, "ddx"},
    {SYS_ioctl, "dxx"},
    {SYS_mkdirat, "dso"},
    {SYS_unlinkat, "dsx"},
    {SYS_symlinkat, "sds"},
    {SYS_linkat, "dsdsx"},
    {SYS_renameat2, "dsdsx"},
    {SYS_mount, "sssxx"},
    {SYS_umount2, "sx"},
    {SYS_pivot_root, "ss"},
    {SYS_setns, "dx"},
    {SYS_statfs, "sx"},
    {SYS_fstatfs, "dx"},
    {SYS_truncate, "sd"},
    {SYS_ftruncate, "dd"},
    {SYS_faccessat, "dso"},
    {SYS_faccessat2, "dsox"},
    {SYS_chdir, "s"},
    {SYS_fchmodat, "dso"},
    {SYS_fchownat, "dsddx"},
    {SYS_fstat, "dx"},
    {SYS_newfstatat, "dsxx"},
    {SYS_statx, "dsxxx"},
    {SYS_readlinkat, "dsxd"},
    {SYS_utimensat, "dsxx"},
    {SYS_pipe2, "xx"},
    {SYS_getdents64, "dxd"},
    {SYS_execve, "sxx"},
    {SYS_execveat, "dsxxx"},
    {SYS_exit, "d"},
    {SYS_exit_group, "d"},
    {SYS_kill, "dd"},
    {SYS_tgkill, "ddd"},
    {SYS_rt_sigaction, "dxxd"},
    {SYS_wait4, "dxxx"},
    {SYS_mmap, "xdxxdx"},
    {SYS_munmap, "xd"},
    {SYS_mprotect, "xdx"},
    {SYS_brk, "x"},
    {SYS_getcwd, "xd"},
    {SYS_prlimit64, "ddxx"},
    {SYS_getpid, ""},
    {SYS_getppid, ""},
    {SYS_getuid, ""},
    {SYS_geteuid, ""},
    {SYS_getgid, ""},
    {SYS_getegid, ""},
    {SYS_gettid, ""},
    {SYS_uname, "x"},
    {SYS_set_tid_address, "x"},
    {SYS_set_robust_list, "xd"},
    {SYS_rseq, "xdxx"},
    {SYS_getrandom, "xdx"},
    {SYS_clock_gettime, "dx"},
};

static const char *const error_names[] = {
    "",        "EPERM",        "ENOENT", "ESRCH",  "EINTR",     "EIO",     "ENXIO",
    "E2BIG",   "ENOEXEC",      "EBADF",  "ECHILD", "EAGAIN",    "ENOMEM",  "EACCES",
    "EFAULT",  "ENOTBLK",      "EBUSY",  "EEXIST", "EXDEV",     "ENODEV",  "ENOTDIR",
    "EISDIR",  "EINVAL",       "ENFILE", "EMFILE", "ENOTTY",    "ETXTBSY", "EFBIG",
    "ENOSPC",  "ESPIPE",       "EROFS",  "EMLINK", "EPIPE",     "EDOM",    "ERANGE",
    "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP",
};

void strace_init(void)
{
    strace_on = boot_argument("strace", traced, sizeof(traced));
    if (strace_on)
        __atomic_fetch_add(&calls_watched, 1, __ATOMIC_RELAXED);
}

static const char *shape_of(uint64_t number)
{
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (shapes[i].number == number)
            return shapes[i].arguments;
    }
    return "xxxxxx";
}

/* The beginning of a user's string, in quotes; or its address, if it cannot be read. */
static size_t show_string(char *line, size_t size, uint64_t address)
{
    char text[STRING_SHOW + 1];
    size_t length = copy_from_user_partly(text, address, STRING_SHOW);
    if (length == 0)
        return format(line, size, "%#lx", address);
    text[length] = '\0';
    return format(line, size, "\"%s\"%s", text, strlen(text) == STRING_SHOW ? "..." : "");
}

static size_t show_argument(char *line, size_t size, char kind, uint64_t argument)
{
    switch (kind) {
    case 's':
        return show_string(line, size, argument);
    case 'd':
        return format(line, size, "%ld", (long)argument);
    case 'o':
        return format(line, size, "%#lo", argument);
    default:
        return format(line, size, "%#lx", argument);
    }
}

/* The call as text: name(arguments). */
static void show_call(char line[LINE_SIZE], uint64_t number, const uint64_t argument[6])
{
    const char *shape = shape_of(number);
    size_t used;
    if (number < SYS_LIMIT && names[number])
        used = format(line, LINE_SIZE, "%s(", names[number]);
    else
        used = format(line, LINE_SIZE, "call_%lu(", number);
    for (unsigned i = 0; shape[i] && used < LINE_SIZE; i++) {
        if (i > 0)
            used += format(line + used, LINE_SIZE - used, ", ");
        if (used < LINE_SIZE)
            used += show_argument(line + used, LINE_SIZE - used, shape[i], argument[i]);
    }
    if (used < LINE_SIZE)
        format(line + used, LINE_SIZE - used, ")");
}

static const char *error_name(long result)
{
    long count = (long)(sizeof(error_names) / sizeof(error_names[0]));
    return result < 0 && result > -count ? error_names[-result] : "";
}

/* Small results are numbers, others addresses. */
static void show_result(int id, const char *line, long result)
{
    const char *name = error_name(result);
    if (result > INT32_MAX)
        printk("[%d] %s = %#lx\n", id, line, result);
    else
        printk("[%d] %s = %ld%s%s\n", id, line, result, *name ? " " : "", name);
}

static bool is_traced(void)
{
    return strace_on && (!traced[0] || !strcmp(current_thread()->name, traced));
}

long strace_call(uint64_t number, system_call *function, const uint64_t argument[6])
{
    char line[LINE_SIZE];
    long result = -ENOSYS;
    int id = current_thread()->id;
    bool show = is_traced();
    if (show)
        show_call(line, number, argument);
    if (show && (number == SYS_exit || number == SYS_exit_group))
        printk("[%d] %s\n", id, line); /* it does not return */
    if (function)
        result = function(argument);
    if (show)
        show_result(id, line, result);
    return result;
}

void strace_unknown(uint64_t number)
{
    if (number > UNKNOWN_MAX)
        number = UNKNOWN_MAX;
    __atomic_fetch_add(&unknown[number], 1, __ATOMIC_RELAXED);
}

void strace_report_unknown(void)
{
    for (unsigned i = 0; i <= UNKNOWN_MAX; i++) {
        uint32_t count = __atomic_load_n(&unknown[i], __ATOMIC_RELAXED);
        if (count)
            printk("system call %u%s: not there, called %u time%s\n", i,
                   i == UNKNOWN_MAX ? " or higher" : "", count, count == 1 ? "" : "s");
    }
}
