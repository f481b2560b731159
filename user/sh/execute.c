/*
 * Running compound commands. Each looks at shell.unwind after what it runs: UNWIND_NONE means go
 * on, everything else means return at once, which loops and functions may absorb.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include "execute.h"
#include "expand.h"
#include "job.h"
#include "redirect.h"
#include "shell.h"
#include "variable.h"

void check_exit_on_error(void)
{
    if (shell.exit_on_error && shell.status != 0 && shell.condition_depth == 0 &&
        shell.unwind == UNWIND_NONE)
        shell.unwind = UNWIND_EXIT;
}

void execute_in_child(const struct node *node)
{
    if (node)
        execute(node, true);
    shell_exit();
}

static void execute_list(const struct node *node, bool last)
{
    for (const struct node *member = node->first; member; member = member->next) {
        execute(member, last && !member->next);
        if (shell.unwind)
            return;
    }
}

/* Run a command whose failure is looked at. */
static void execute_condition(const struct node *node)
{
    shell.condition_depth++;
    execute(node, false);
    shell.condition_depth--;
}

static void execute_and_or(const struct node *node, bool last)
{
    execute_condition(node->first);
    if (shell.unwind == UNWIND_NONE && (shell.status == 0) == (node->kind == NODE_AND))
        execute(node->second, last);
}

static void execute_not(const struct node *node)
{
    execute_condition(node->first);
    if (shell.unwind == UNWIND_NONE)
        shell.status = !shell.status;
}

static void execute_background(const struct node *node)
{
    struct job *job = job_new(node->text, true);
    pid_t pid = job_fork(job);

    if (pid == 0)
        execute_in_child(node->first);
    if (pid < 0)
        shell.status = job_wait(job);
    else
        job_announce(job);
    if (pid > 0)
        shell.status = EXIT_SUCCESS;
}

static void execute_subshell(const struct node *node, bool last)
{
    if (last) {
        execute(node->first, true);
        return;
    }
    struct job *job = job_new(node->text, false);
    if (job_fork(job) == 0)
        execute_in_child(node->first);
    shell.status = job_wait(job);
    check_exit_on_error();
}

/* In a pipeline's process: input and output become its ends of pipes, unless negative. */
static void connect(int input, int output)
{
    if ((input >= 0 && move_descriptor(input, STDIN_FILENO) < 0) ||
        (output >= 0 && move_descriptor(output, STDOUT_FILENO) < 0)) {
        shell_report("pipe");
        _exit(EXIT_FAILURE);
    }
}

/*
 * Start one member of a pipeline. *input is what it reads from and becomes what the next one does.
 * False after an error.
 */
static bool start_member(struct job *job, const struct node *member, int *input)
{
    int ends[2] = {-1, -1};

    if (member->next && pipe(ends) < 0) {
        shell_report("pipe");
        return false;
    }
    pid_t pid = job_fork(job);
    if (pid == 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        connect(*input, ends[1]);
        execute_in_child(member);
    }
    if (*input >= 0)
        close(*input);
    if (ends[1] >= 0)
        close(ends[1]);
    *input = ends[0];
    return pid > 0;
}

static void execute_pipeline(const struct node *node)
{
    struct job *job = job_new(node->text, false);
    int input = -1;
    bool started = true;

    for (const struct node *member = node->first; member && started; member = member->next)
        started = start_member(job, member, &input);
    if (input >= 0)
        close(input);
    shell.status = job_wait(job);
    if (!started)
        shell.status = EXIT_FAILURE;
    check_exit_on_error();
}

static void execute_if(const struct node *node, bool last)
{
    execute_condition(node->first);
    if (shell.unwind)
        return;
    if (shell.status == 0)
        execute(node->second, last);
    else if (node->third)
        execute(node->third, last);
    else
        shell.status = EXIT_SUCCESS;
}

/* After a loop's body: absorb a break or continue meant for this loop. True if it is to end. */
static bool ends_loop(void)
{
    if (shell.unwind == UNWIND_NONE)
        return false;
    if (shell.unwind != UNWIND_BREAK && shell.unwind != UNWIND_CONTINUE)
        return true;
    if (--shell.unwind_levels > 0)
        return true;
    bool ended = shell.unwind == UNWIND_BREAK;
    shell.unwind = UNWIND_NONE;
    return ended;
}

static void execute_while(const struct node *node)
{
    int status = EXIT_SUCCESS;

    shell.loop_depth++;
    for (;;) {
        execute_condition(node->first);
        if (shell.unwind ? ends_loop() : (shell.status == 0) != (node->kind == NODE_WHILE))
            break;
        if (shell.status == 0 || node->kind == NODE_UNTIL) {
            execute(node->second, false);
            status = shell.status;
            if (ends_loop())
                break;
        }
    }
    shell.loop_depth--;
    if (shell.unwind == UNWIND_NONE)
        shell.status = status;
}

/* The values a for loop goes through. */
static bool loop_values(const struct node *node, struct strings *values)
{
    if (!node->positional)
        return expand_words(node->words, values);
    for (size_t i = 0; i < shell.positional_count; i++)
        strings_add(values, duplicate(shell.positional[i]));
    return true;
}

static void execute_for(const struct node *node)
{
    struct strings values = {0};

    if (loop_values(node, &values)) {
        shell.status = EXIT_SUCCESS;
        shell.loop_depth++;
        for (size_t i = 0; i < values.count; i++) {
            if (!variable_set(node->name, values.items[i])) {
                shell_abort(SHELL_ERROR);
                break;
            }
            execute(node->first, false);
            if (ends_loop())
                break;
        }
        shell.loop_depth--;
    }
    strings_free(&values);
}

/* Whether value matches one of the item's patterns. */
static bool matches_item(const struct case_item *item, const char *value)
{
    for (const struct word *word = item->patterns; word; word = word->next) {
        char *pattern = expand_pattern(word);
        if (!pattern)
            return false;
        bool matches = fnmatch(pattern, value, 0) == 0;
        free(pattern);
        if (matches)
            return true;
    }
    return false;
}

static void execute_case(const struct node *node, bool last)
{
    char *value = expand_text(node->words);
    const struct case_item *item = value ? node->items : NULL;

    while (item && !matches_item(item, value)) {
        if (shell.unwind)
            break;
        item = item->next;
    }
    free(value);
    if (shell.unwind)
        return;
    if (item && item->body)
        execute(item->body, last);
    else
        shell.status = EXIT_SUCCESS;
}

static void execute_compound(const struct node *node, bool last)
{
    switch (node->kind) {
    case NODE_SUBSHELL:
        execute_subshell(node, last);
        break;
    case NODE_GROUP:
        execute(node->first, last);
        break;
    case NODE_IF:
        execute_if(node, last);
        break;
    case NODE_WHILE:
    case NODE_UNTIL:
        execute_while(node);
        break;
    case NODE_FOR:
        execute_for(node);
        break;
    default:
        execute_case(node, last);
        break;
    }
}

/* Run a compound command with its redirections around it. */
static void execute_redirected(const struct node *node, bool last)
{
    struct saved_descriptor *saved = NULL;

    if (!node->redirections) {
        execute_compound(node, last);
        return;
    }
    if (redirect(node->redirections, &saved)) {
        execute_compound(node, false);
    } else if (shell.unwind == UNWIND_NONE) {
        shell.status = EXIT_FAILURE;
        check_exit_on_error();
    }
    redirect_restore(saved);
}

void execute(const struct node *node, bool last)
{
    shell.line = node->line;
    switch (node->kind) {
    case NODE_SIMPLE:
        execute_simple(node, last);
        break;
    case NODE_PIPELINE:
        execute_pipeline(node);
        break;
    case NODE_LIST:
        execute_list(node, last);
        break;
    case NODE_AND:
    case NODE_OR:
        execute_and_or(node, last);
        break;
    case NODE_NOT:
        execute_not(node);
        break;
    case NODE_BACKGROUND:
        execute_background(node);
        break;
    case NODE_FUNCTION:
        function_define(node);
        shell.status = EXIT_SUCCESS;
        break;
    default:
        execute_redirected(node, last);
        break;
    }
}
