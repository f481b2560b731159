/*
 * Command substitution: the output of commands run in a process of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "execute.h"
#include "expand.h"
#include "job.h"
#include "redirect.h"
#include "shell.h"

/* Read to the end; NUL bytes are left out. */
static void read_output(int descriptor, struct buffer *output)
{
    char block[4096];
    ssize_t count;

    while ((count = read(descriptor, block, sizeof(block))) != 0) {
        if (count < 0 && errno != EINTR) {
            shell_report("command substitution");
            return;
        }
        for (ssize_t i = 0; i < count; i++)
            if (block[i])
                buffer_add(output, block[i]);
    }
}

/* Start the commands with their output on a pipe: its reading end, or -1. */
static int start(const struct node *node, pid_t *pid)
{
    int ends[2];

    if (pipe(ends) < 0) {
        shell_report("pipe");
        return -1;
    }
    *pid = job_fork(NULL);
    if (*pid == 0) {
        close(ends[0]);
        if (move_descriptor(ends[1], STDOUT_FILENO) < 0)
            _exit(EXIT_FAILURE);
        execute_in_child(node);
    }
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

bool expand_command(const struct part *part, bool quoted, struct expansion *out)
{
    struct buffer output = {0};
    pid_t pid;

    if (!part->node) {
        shell.substitution_status = EXIT_SUCCESS;
        expansion_add_result(out, "", quoted);
        return true;
    }
    int descriptor = start(part->node, &pid);
    if (descriptor < 0) {
        shell_abort(SHELL_ERROR);
        return false;
    }
    read_output(descriptor, &output);
    close(descriptor);
    shell.substitution_status = wait_for_process(pid);
    while (output.length > 0 && output.text[output.length - 1] == '\n')
        output.text[--output.length] = '\0';
    expansion_add_result(out, buffer_text(&output), quoted);
    buffer_free(&output);
    return shell.unwind == UNWIND_NONE;
}
