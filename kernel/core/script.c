/*
 * The first line of scripts (script.h). The argument is all that follows the interpreter, without
 * the blanks around it. A path that reaches the end of what was read may be cut off and is refused;
 * an argument is just cut.
 */
#include "core/script.h"
#include "abi/errno.h"
#include "lib/string.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int script_parse(char line[SCRIPT_LINE_MAX], char **interpreter, char **argument)
{
    char *end, *path, *path_end, *rest;
    bool whole;
    if (line[0] != '#' || line[1] != '!')
        return -ENOEXEC;
    end = memchr(line, '\n', SCRIPT_LINE_MAX);
    whole = end != NULL;
    if (!end)
        end = line + strnlen(line, SCRIPT_LINE_MAX - 1);
    for (path = line + 2; path < end && is_blank(*path); path++)
        ;
    for (path_end = path; path_end < end && *path_end && !is_blank(*path_end); path_end++)
        ;
    if (path == path_end || (!whole && path_end == line + SCRIPT_LINE_MAX - 1))
        return -ENOEXEC;
    for (rest = path_end; rest < end && is_blank(*rest); rest++)
        ;
    while (end > rest && is_blank(end[-1]))
        end--;
    *argument = rest < end && *rest ? rest : NULL;
    *end = '\0';
    *path_end = '\0';
    *interpreter = path;
    return 0;
}
