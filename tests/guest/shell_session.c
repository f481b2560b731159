/* A shell at a terminal, as a person uses it: jobs, the signals of the keyboard, the end of
 * file. The shell is the system's own. */
#include "terminals.h"

#include <utmp.h>

#include <sys/wait.h>

static void run_shell(void *argument)
{
    (void)argument;
    login_tty(slave);
    close(master);
    setenv("PATH", "/bin:/usr/bin:/tests", 1);
    setenv("TERM", "dumb", 1);
    setenv("PS1", "ready> ", 1);
    execl("/bin/sh", "sh", "-i", NULL);
    _exit(127);
}

static char seen[65536];        /* what the shell and its programs have shown */
static size_t seen_size, known; /* bytes of it, and of those up to the last that was expected */

/* Read until text appears behind what was expected before. */
static void await_text(const char *text)
{
    char *found;

    while (!(found = strstr(seen + known, text))) {
        if (!wait_readable(master))
            fail("\"%s\" did not come, but \"%s\"", text, seen + known);
        ssize_t count = read(master, seen + seen_size, sizeof(seen) - 1 - seen_size);
        if (count <= 0)
            fail("the shell has ended: \"%s\"", seen + known);
        seen_size += (size_t)count;
        seen[seen_size] = '\0';
    }
    known = (size_t)(found - seen) + strlen(text);
}

/* The prompt comes; then a line is typed. */
static void command(const char *line)
{
    await_text("ready> ");
    type(line);
}

/* Is the shell well? The words are put together by the shell, so that the echo of
 * what is typed is no answer. */
static void expect_answer(void)
{
    command("echo he're: '$((6*7))\n");
    await_text("here: 42");
}

static pid_t start_shell(void)
{
    open_pair();
    pid_t shell = spawn(run_shell, NULL);
    expect_ok(close(slave));
    expect_answer();
    return shell;
}

static void end_shell(pid_t shell)
{
    command("\004"); /* with no job left, it ends */
    int status = reap(shell);
    CHECK(WIFEXITED(status));
}

static void commands(void)
{
    pid_t shell = start_shell();

    command("echo one tw''o | cat; (exit 3); echo status $?\n");
    await_text("one two");
    await_text("status 3");
    command("echo wro\177\177ong\025echo rig'ht'\n"); /* edited by the terminal */
    await_text("right");
    end_shell(shell);
}

static void interrupt(void)
{
    pid_t shell = start_shell();

    command("sh -c 'echo \"star\"ted; exec sleep 1000'\n");
    await_text("started");
    type("\003");
    expect_answer();
    command("echo not this\003");
    expect_answer();
    end_shell(shell);
}

static void stop_and_resume(void)
{
    pid_t shell = start_shell();

    command("cat\n");
    type("x\n");
    await_text("x\r\nx\r\n"); /* cat runs: what is typed comes twice */
    type("\032");
    expect_answer();
    command("jobs\n");
    await_text("topped"); /* Stopped, or stopped */
    command("fg\n");
    await_text("cat");
    type("back\n");
    await_text("back\r\n");
    await_text("back\r\n");
    type("\032");
    expect_answer();
    command("bg\n"); /* it reads, and so is stopped again */
    expect_answer();
    command("fg\n");
    await_text("cat");
    type("again\n");
    await_text("again\r\n");
    await_text("again\r\n");
    type("\004");
    expect_answer();
    end_shell(shell);
}

static void background(void)
{
    pid_t shell = start_shell();

    command("sleep 1000 &\n");
    command("jobs\n");
    await_text("sleep 1000");
    command("\003"); /* not for the background */
    command("jobs; kill $!; wait $!; echo gone $?\n");
    await_text("sleep 1000");
    await_text("gone 143");
    end_shell(shell);
}

static const struct test tests[] = {
    TEST(commands),
    TEST(interrupt),
    TEST(stop_and_resume),
    TEST(background),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
