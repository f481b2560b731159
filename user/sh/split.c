/*
 * Field splitting. Characters of IFS in the results of expansions separate fields: a run of blanks
 * with at most one other separator in it is one separation, and blanks at either end are none.
 */
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "shell.h"
#include "variable.h"

struct splitter {
    struct buffer text; /* of the field at hand */
    struct buffer marks;
    bool in_field;
    bool after_blank; /* the last field was ended by a blank, so a separator may still belong to it
                       */
    struct strings *fields;
};

/* Add the finished field, or the paths it matches. */
static void end_field(struct splitter *splitter)
{
    const char *text = buffer_text(&splitter->text);
    bool expanded = false;

    if (!shell.no_patterns && strpbrk(text, "*?[")) {
        char *pattern = make_pattern(text, buffer_text(&splitter->marks), splitter->text.length);
        expanded = has_pattern(pattern) && match_paths(pattern, splitter->fields);
        free(pattern);
    }
    if (!expanded)
        strings_add(splitter->fields, duplicate(text));
    buffer_free(&splitter->text);
    buffer_free(&splitter->marks);
    splitter->in_field = false;
}

static void separate(struct splitter *splitter, char c)
{
    bool blank = c == ' ' || c == '\t' || c == '\n';

    if (splitter->in_field) {
        end_field(splitter);
        splitter->after_blank = blank;
    } else if (!blank && splitter->after_blank) {
        splitter->after_blank = false;
    } else if (!blank) {
        end_field(splitter);
    }
}

static void add_to_field(struct splitter *splitter, char c, char mark)
{
    splitter->in_field = true;
    splitter->after_blank = false;
    if (mark != MARK_EMPTY) {
        buffer_add(&splitter->text, c);
        buffer_add(&splitter->marks, mark);
    }
}

void split_fields(const struct expansion *expansion, struct strings *fields)
{
    struct splitter splitter = {.fields = fields};
    const char *separators = variable_value("IFS");

    if (!separators)
        separators = " \t\n";
    for (size_t i = 0; i < expansion->text.length; i++) {
        char c = expansion->text.text[i];
        char mark = expansion->marks.text[i];
        if (mark == MARK_BREAK) {
            if (splitter.in_field)
                end_field(&splitter);
            splitter.after_blank = false;
        } else if (mark == MARK_RESULT && strchr(separators, c)) {
            separate(&splitter, c);
        } else {
            add_to_field(&splitter, c, mark);
        }
    }
    if (splitter.in_field)
        end_field(&splitter);
}
