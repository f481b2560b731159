/*
 * Shell variables, in a hash table.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib.h"
#include "shell.h"
#include "variable.h"

struct variable {
    char *name;
    char *value; /* NULL: not set, only marked */
    bool exported;
    bool protected;
    struct variable *next;
};

enum { BUCKETS = 256 };

static struct variable *table[BUCKETS];

bool is_name_start(int c)
{
    return c == '_' || (c >= 0 && isalpha(c));
}

bool is_name_character(int c)
{
    return is_name_start(c) || (c >= 0 && isdigit(c));
}

size_t name_length(const char *text)
{
    size_t length = 0;

    if (!is_name_start((unsigned char)*text))
        return 0;
    while (is_name_character((unsigned char)text[length]))
        length++;
    return length;
}

bool is_name(const char *text)
{
    size_t length = name_length(text);

    return length > 0 && text[length] == '\0';
}

/* The place in the table that points to the variable, or to NULL where it would be added. */
static struct variable **find(const char *name)
{
    uint32_t hash = 0;

    for (const char *c = name; *c; c++)
        hash = 31 * hash + (unsigned char)*c;
    struct variable **place = &table[hash % BUCKETS];
    while (*place && strcmp((*place)->name, name) != 0)
        place = &(*place)->next;
    return place;
}

static struct variable *find_or_add(const char *name)
{
    struct variable **place = find(name);

    if (!*place) {
        *place = allocate(sizeof(**place));
        **place = (struct variable){.name = duplicate(name)};
    }
    return *place;
}

const char *variable_value(const char *name)
{
    const struct variable *variable = *find(name);

    return variable ? variable->value : NULL;
}

bool variable_set(const char *name, const char *value)
{
    struct variable *variable = find_or_add(name);

    if (variable->protected) {
        shell_complain("%s: read-only variable", name);
        return false;
    }
    char *copy = duplicate(value);
    free(variable->value);
    variable->value = copy;
    return true;
}

bool variable_unset(const char *name)
{
    struct variable **place = find(name);
    struct variable *variable = *place;

    if (!variable)
        return true;
    if (variable->protected) {
        shell_complain("%s: read-only variable", name);
        return false;
    }
    *place = variable->next;
    free(variable->name);
    free(variable->value);
    free(variable);
    return true;
}

void variable_export(const char *name)
{
    find_or_add(name)->exported = true;
}

void variable_protect(const char *name)
{
    find_or_add(name)->protected = true;
}

void variable_save(struct saved_variable **list, const char *name)
{
    const struct variable *variable = *find(name);
    struct saved_variable *saved = allocate(sizeof(*saved));

    *saved = (struct saved_variable){.name = duplicate(name), .next = *list};
    if (variable) {
        saved->value = variable->value ? duplicate(variable->value) : NULL;
        saved->exported = variable->exported;
    }
    *list = saved;
}

void variable_restore(struct saved_variable *list)
{
    while (list) {
        struct saved_variable *next = list->next;
        struct variable *variable = find_or_add(list->name);
        if (!variable->protected) {
            free(variable->value);
            variable->value = list->value;
            list->value = NULL;
            variable->exported = list->exported;
        }
        free(list->name);
        free(list->value);
        free(list);
        list = next;
    }
}

void variable_import(char **environment)
{
    for (; *environment; environment++) {
        size_t length = name_length(*environment);
        if (length == 0 || (*environment)[length] != '=')
            continue;
        char *name = duplicate(*environment);
        name[length] = '\0';
        if (variable_set(name, *environment + length + 1))
            variable_export(name);
        free(name);
    }
}

char **variable_environment(void)
{
    struct strings list = {0};

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct variable *variable = table[i]; variable; variable = variable->next)
            if (variable->exported && variable->value)
                strings_add(&list, format_text("%s=%s", variable->name, variable->value));
    if (!list.items) {
        list.items = allocate(sizeof(*list.items));
        list.items[0] = NULL;
    }
    return list.items;
}

static bool is_selected(const struct variable *variable, enum variable_selection selection)
{
    if (selection == VARIABLE_EXPORTED)
        return variable->exported;
    if (selection == VARIABLE_PROTECTED)
        return variable->protected;
    return variable->value;
}

/* Add value in single quotes, so that the shell reads it as it is. */
static void add_quoted(struct buffer *out, const char *value)
{
    buffer_add(out, '\'');
    for (; *value; value++) {
        if (*value == '\'')
            buffer_add_text(out, "'\\''");
        else
            buffer_add(out, *value);
    }
    buffer_add(out, '\'');
}

void variable_list(struct buffer *out, const char *prefix, enum variable_selection selection)
{
    struct strings names = {0};

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct variable *variable = table[i]; variable; variable = variable->next)
            if (is_selected(variable, selection))
                strings_add(&names, duplicate(variable->name));
    strings_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        const char *value = variable_value(names.items[i]);
        buffer_add_text(out, prefix);
        buffer_add_text(out, names.items[i]);
        if (value) {
            buffer_add(out, '=');
            add_quoted(out, value);
        }
        buffer_add(out, '\n');
    }
    strings_free(&names);
}
