/*
 * Patterns, and the path names that match them. fnmatch(3) compares; the walk through the
 * directories is here.
 */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "expand.h"

char *make_pattern(const char *text, const char *marks, size_t count)
{
    struct buffer pattern = {0};

    for (size_t i = 0; i < count; i++) {
        if (marks[i] == MARK_BREAK) {
            buffer_add(&pattern, ' ');
        } else if (marks[i] != MARK_EMPTY) {
            if (marks[i] == MARK_QUOTED && strchr("*?[]\\-!^", text[i]))
                buffer_add(&pattern, '\\');
            buffer_add(&pattern, text[i]);
        }
    }
    return buffer_take(&pattern);
}

bool has_pattern(const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == '\\' && pattern[1])
            pattern++;
        else if (*pattern == '*' || *pattern == '?' || (*pattern == '[' && strchr(pattern, ']')))
            return true;
    }
    return false;
}

/* The text that a pattern without special characters matches. */
static char *plain_text(const char *pattern)
{
    struct buffer text = {0};

    for (; *pattern; pattern++) {
        if (*pattern == '\\' && pattern[1])
            pattern++;
        buffer_add(&text, *pattern);
    }
    return buffer_take(&text);
}

static void walk(const char *directory, const char *pattern, struct strings *paths);

/* Go on behind a matched component: path is what has been matched, rest begins with a slash. */
static void walk_on(const char *path, const char *rest, struct strings *paths)
{
    struct stat status;
    size_t slashes = strspn(rest, "/");

    if (!*rest) {
        if (lstat(path, &status) == 0)
            strings_add(paths, duplicate(path));
        return;
    }
    char *directory = format_text("%s%.*s", path, (int)slashes, rest);
    walk(directory, rest + slashes, paths);
    free(directory);
}

/* Try the component against each name in directory. */
static void walk_names(const char *directory, const char *component, const char *rest,
                       struct strings *paths)
{
    DIR *stream = opendir(*directory ? directory : ".");
    struct strings names = {0};

    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));)
        if (fnmatch(component, entry->d_name, FNM_PERIOD) == 0)
            strings_add(&names, duplicate(entry->d_name));
    closedir(stream);
    for (size_t i = 0; i < names.count; i++) {
        char *path = format_text("%s%s", directory, names.items[i]);
        walk_on(path, rest, paths);
        free(path);
    }
    strings_free(&names);
}

/* Match pattern in directory, which is empty or ends with a slash. */
static void walk(const char *directory, const char *pattern, struct strings *paths)
{
    struct stat status;
    size_t length = strcspn(pattern, "/");

    if (!*pattern) {
        if (stat(directory, &status) == 0 && S_ISDIR(status.st_mode))
            strings_add(paths, duplicate(directory));
        return;
    }
    char *component = format_text("%.*s", (int)length, pattern);
    if (has_pattern(component)) {
        walk_names(directory, component, pattern + length, paths);
    } else {
        char *name = plain_text(component);
        char *path = format_text("%s%s", directory, name);
        walk_on(path, pattern + length, paths);
        free(path);
        free(name);
    }
    free(component);
}

bool match_paths(const char *pattern, struct strings *paths)
{
    struct strings found = {0};
    size_t root = strspn(pattern, "/");

    char *directory = format_text("%.*s", (int)root, pattern);
    walk(directory, pattern + root, &found);
    free(directory);
    strings_sort(&found);
    bool any = found.count > 0;
    for (size_t i = 0; i < found.count; i++) {
        strings_add(paths, found.items[i]);
        found.items[i] = NULL;
    }
    strings_free(&found);
    return any;
}
