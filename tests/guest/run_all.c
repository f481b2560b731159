/*
 * run_all [-l SECONDS] [-r SECONDS] DIRECTORY [NAME...]: runs test programs of a directory one
 * after the other (without names: those in DIRECTORY/list), each for SECONDS (-l) at the longest.
 * With -r all of them are run again and again until so many seconds are over.
 *
 * What a program prints stands between two lines, "## program NAME" and "## status NAME N", for the
 * side that reads the console. N is an exit status, 128 + n for a signal. Processes that a program
 * leaves behind in its process group are killed. Ends with 1 if any status was not 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 1000

static long limit = 300;
static long repeat;
static const char *directory;
static char *names[NAMES_MAX];
static size_t name_count;

static void die(const char *what)
{
    fprintf(stderr, "run_all: %s: %s\n", what, strerror(errno));
    exit(2);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void become(const char *name)
{
    char path[512];
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    if (null >= 0) {
        dup2(null, 0);
        close(null);
    }
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    execl(path, path, (char *)NULL);
    fprintf(stderr, "run_all: %s: %s\n", path, strerror(errno));
    _exit(127);
}

/* Wait for the program, and kill it when its time is up. */
static int wait_limited(pid_t pid)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    double end = seconds() + limit;
    int status;
    pid_t ended;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && seconds() < end)
        nanosleep(&pause, NULL);
    if (ended == 0) {
        printf("\n# killed after %ld seconds\n", limit);
        kill(-pid, SIGKILL);
        ended = waitpid(pid, &status, 0);
    }
    if (ended < 0)
        die("waitpid");
    kill(-pid, SIGKILL);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const char *name)
{
    pid_t pid;
    int status;

    printf("## program %s\n", name);
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        become(name);
    setpgid(pid, pid);
    status = wait_limited(pid);
    printf("\n## status %s %d\n", name, status);
    fflush(stdout);
    return status;
}

static void read_names(void)
{
    static char text[65536];
    char path[512];
    FILE *file;
    size_t size;

    snprintf(path, sizeof(path), "%s/list", directory);
    file = fopen(path, "r");
    if (file == NULL)
        die(path);
    size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    for (char *name = strtok(text, " \n"); name && name_count < NAMES_MAX;
         name = strtok(NULL, " \n"))
        names[name_count++] = name;
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "l:r:")) != -1) {
        if (option == 'l')
            limit = atol(optarg);
        else if (option == 'r')
            repeat = atol(optarg);
        else
            exit(2);
    }
    if (optind == argc) {
        fprintf(stderr, "usage: run_all [-l SECONDS] [-r SECONDS] DIRECTORY [NAME...]\n");
        exit(2);
    }
    directory = argv[optind++];
    while (optind < argc && name_count < NAMES_MAX)
        names[name_count++] = argv[optind++];
    if (name_count == 0)
        read_names();
}

int main(int argc, char **argv)
{
    double end;
    bool failed = false;

    read_arguments(argc, argv);
    end = seconds() + repeat;
    do {
        for (size_t i = 0; i < name_count; i++)
            failed |= run(names[i]) != 0;
    } while (seconds() < end && !failed);
    return failed;
}
