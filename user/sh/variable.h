/*
 * Shell variables, and the form of names.
 */
#ifndef MAPIX_SH_VARIABLE_H
#define MAPIX_SH_VARIABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"

/* Names begin with a letter or "_" and go on with these or digits. */
bool is_name_start(int c);
bool is_name_character(int c);

/* The length of the name that text begins with, 0 if none; and whether text is one. */
size_t name_length(const char *text);
bool is_name(const char *text);

/* The value; NULL if the variable is not set. Valid until it is next changed. */
const char *variable_value(const char *name);

/* Change, remove, mark. False, with a message, if the variable is read-only. */
bool variable_set(const char *name, const char *value);
bool variable_unset(const char *name);
void variable_export(const char *name);
void variable_protect(const char *name);

/* A variable as it was, to be put back. */
struct saved_variable {
    char *name;
    char *value; /* NULL if it was not set */
    bool exported;
    struct saved_variable *next;
};

/* Note the variable in front of the list, and put back the whole list, freeing it. */
void variable_save(struct saved_variable **list, const char *name);
void variable_restore(struct saved_variable *list);

/* Take over an environment; build one from the exported variables (allocated, with its strings). */
void variable_import(char **environment);
char **variable_environment(void);

enum variable_selection { VARIABLE_ALL, VARIABLE_EXPORTED, VARIABLE_PROTECTED };

/* Add a line "prefixNAME='value'" for each selected variable, by name. */
void variable_list(struct buffer *out, const char *prefix, enum variable_selection selection);

#endif
