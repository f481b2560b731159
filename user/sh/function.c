/*
 * Functions. Each keeps the arena its body was parsed in; a call keeps it too, because a function
 * may redefine itself.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib.h"
#include "execute.h"
#include "shell.h"

struct function {
    char *name;
    const struct node *body;
    struct arena *arena;
    struct function *next;
};

static struct function *functions;

static struct function **find(const char *name)
{
    struct function **place = &functions;

    while (*place && strcmp((*place)->name, name) != 0)
        place = &(*place)->next;
    return place;
}

const struct node *function_find(const char *name)
{
    const struct function *function = *find(name);

    return function ? function->body : NULL;
}

void function_remove(const char *name)
{
    struct function **place = find(name);
    struct function *function = *place;

    if (!function)
        return;
    *place = function->next;
    arena_unreference(function->arena);
    free(function->name);
    free(function);
}

void function_define(const struct node *node)
{
    struct function *function = allocate(sizeof(*function));

    arena_reference(node->arena);
    *function =
        (struct function){.name = duplicate(node->name), .body = node->first, .arena = node->arena};
    function_remove(node->name);
    function->next = functions;
    functions = function;
}

void set_positional(size_t count, char *const *values)
{
    struct strings list = {0};

    for (size_t i = 0; i < count; i++)
        strings_add(&list, duplicate(values[i]));
    struct strings old = {.items = shell.positional, .count = shell.positional_count};
    strings_free(&old);
    shell.positional = list.items;
    shell.positional_count = list.count;
}

int function_call(const struct node *body, int argc, char **argv)
{
    struct arena *arena = (*find(argv[0]))->arena;
    char **positional = shell.positional;
    size_t positional_count = shell.positional_count;
    int loop_depth = shell.loop_depth;

    if (shell.call_depth >= DEEPEST_NESTING) {
        shell_complain("%s: functions are nested too deeply", argv[0]);
        shell_abort(SHELL_ERROR);
        return SHELL_ERROR;
    }
    arena_reference(arena);
    shell.positional = NULL;
    shell.positional_count = 0;
    set_positional((size_t)argc - 1, argv + 1);
    shell.loop_depth = 0;
    shell.call_depth++;
    shell.function_depth++;
    execute(body, false);
    shell.function_depth--;
    shell.call_depth--;
    shell.loop_depth = loop_depth;
    set_positional(0, NULL);
    shell.positional = positional;
    shell.positional_count = positional_count;
    if (shell.unwind == UNWIND_RETURN)
        shell.unwind = UNWIND_NONE;
    arena_unreference(arena);
    return shell.status;
}
