/*
 * init: the first program. It mounts what the tree needs, starts a shell on the console again and
 * again, and waits for every orphan.
 *
 * Run mode: with the variable "run" in the environment (a boot argument: percent-encoded words with
 * commas between them) it runs that one command instead and exits with its status; the kernel then
 * stops the machine. Then the second disk is mounted on /extra, and the disk that the variable
 * "swap" names is used to swap to.
 */
#include "lib.h"
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define EXTRA_DISK "/dev/vdb"
#define RUN_MARKER "\036mapix-run\n"

/* Where programs are: in /bin here; in the others on a disk that holds a larger system. */
#define SEARCH_PATH "/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"

static const char *shell = "/bin/sh";

/* Mount a file system unless it is there; a directory that is missing is no error. */
static void mount_on(const char *source, const char *directory, const char *type,
                     unsigned long flags, const char *options)
{
    if (mount(source, directory, type, flags, options) < 0 && errno != EBUSY && errno != ENOENT)
        report("cannot mount %s", directory);
}

/* The console becomes standard input, output and error, and this session's terminal. */
static void open_console(void)
{
    int console = open("/dev/console", O_RDWR);

    if (console < 0)
        _exit(1); /* nowhere to complain */
    dup2(console, STDIN_FILENO);
    dup2(console, STDOUT_FILENO);
    dup2(console, STDERR_FILENO);
    if (console > STDERR_FILENO)
        close(console);
}

/* In a child: a session of its own with the console as its terminal. */
static void own_session(void)
{
    setsid();
    ioctl(STDIN_FILENO, TIOCSCTTY, 1);
    tcsetpgrp(STDIN_FILENO, getpid());
}

/* Wait until child ends, reaping everybody else; its wait status. */
static int wait_for(pid_t child)
{
    int status;
    pid_t ended;

    do {
        ended = wait(&status);
        if (ended < 0 && errno == ECHILD)
            return 0;
    } while (ended != child);
    return status;
}

static int hexadecimal(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit | 0x20) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Decode %XX in place. */
static void decode(char *word)
{
    char *to = word;

    for (const char *from = word; *from; from++) {
        int high = *from == '%' ? hexadecimal(from[1]) : -1;
        int low = high >= 0 ? hexadecimal(from[2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high << 4 | low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* The words of a command line, an array that ends with NULL. */
static char **split(char *line)
{
    size_t count = 1;
    for (const char *c = line; *c; c++)
        count += *c == ',';
    char **words = allocate((count + 1) * sizeof(*words));

    for (size_t i = 0; i < count; i++) {
        words[i] = strsep(&line, ",");
        decode(words[i]);
    }
    words[count] = NULL;
    return words;
}

/* What the command prints goes out byte for byte. */
static void make_terminal_raw(void)
{
    struct termios modes;

    if (tcgetattr(STDOUT_FILENO, &modes) < 0)
        return;
    modes.c_oflag &= ~(tcflag_t)OPOST;
    modes.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDOUT_FILENO, TCSANOW, &modes);
}

/* Become the command. */
static void run_child(char **words)
{
    int nothing = open("/dev/null", O_RDONLY);

    own_session();
    unsetenv("run");
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    execvp(words[0], words);
    int status = errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    report("%s", words[0]);
    _exit(status);
}

/* Run one command and exit with its status. */
static void run_command(char *line)
{
    char **words = split(line);

    make_terminal_raw();
    const char *area = getenv("swap");
    if (area && swapon(area, 0) < 0)
        fail("cannot swap to %s", area);
    if (access(EXTRA_DISK, F_OK) == 0 && !(area && strcmp(area, EXTRA_DISK) == 0))
        mount_on(EXTRA_DISK, "/extra", "ext2", 0, NULL);
    if (write_all(STDOUT_FILENO, RUN_MARKER, sizeof(RUN_MARKER) - 1) < 0)
        fail("console");
    pid_t child = fork();
    if (child == 0)
        run_child(words);
    if (child < 0)
        fail("fork");
    int status = wait_for(child);
    sync();
    _exit(exit_status(status));
}

/* What /etc/passwd tells of root: the program that is root's shell, and its directory. */
static void read_account(void)
{
    FILE *file = fopen("/etc/passwd", "re");
    struct passwd *entry = NULL;

    while (file && (entry = fgetpwent(file)) && entry->pw_uid != 0)
        continue;
    if (entry && entry->pw_shell[0] == '/')
        shell = duplicate(entry->pw_shell);
    if (entry && chdir(entry->pw_dir) == 0)
        setenv("HOME", entry->pw_dir, 1);
    setenv("SHELL", shell, 1);
    setenv("USER", "root", 1);
    setenv("LOGNAME", "root", 1);
    if (file)
        fclose(file);
}

/* Start a login shell and wait for it; a pause keeps one that fails at once from filling the
 * console. */
static void run_shell(void)
{
    pid_t child = fork();

    if (child == 0) {
        own_session();
        char *name = last_part(shell);
        execl(shell, format_text("-%s", name), (char *)NULL);
        report("%s", shell);
        _exit(EXIT_NOT_FOUND);
    }
    if (child < 0)
        report("fork");
    else if (wait_for(child) != 0)
        sleep(1);
}

int main(int argc, char **argv)
{
    program_begin(argv[0], "init");
    (void)argc;
    mount_on("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_on("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (access("/dev/console", F_OK) < 0)
        mount_on("dev", "/dev", "devtmpfs", MS_NOSUID, NULL);
    mount_on("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
    mount_on("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    mount_on("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
    open_console();
    setenv("PATH", SEARCH_PATH, 0);
    setenv("TERM", "vt100", 0);
    if (getenv("run"))
        run_command(getenv("run"));
    read_account();
    for (;;)
        run_shell();
}
