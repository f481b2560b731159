/*
 * The syntax tree. Words keep their parts apart until they are expanded:
 *
 *     a"b $x"${y:-z}      TEXT a | TEXT "b " quoted | PARAMETER x quoted | PARAMETER y, :-, word z
 *
 * A tree lives in the arena it was parsed into and is never changed afterwards.
 */
#ifndef MAPIX_SH_SYNTAX_H
#define MAPIX_SH_SYNTAX_H

#include <stdbool.h>

#include "memory.h"

enum part_kind {
    PART_TEXT,
    PART_PARAMETER,  /* $name or ${name...} */
    PART_COMMAND,    /* $(...) or `...` */
    PART_ARITHMETIC, /* $((...)) */
};

enum parameter_operator {
    PARAMETER_PLAIN,
    PARAMETER_LENGTH,          /* ${#name} */
    PARAMETER_DEFAULT,         /* ${name-word} */
    PARAMETER_ASSIGN,          /* ${name=word} */
    PARAMETER_ERROR,           /* ${name?word} */
    PARAMETER_ALTERNATIVE,     /* ${name+word} */
    PARAMETER_SHORTEST_PREFIX, /* ${name#word} */
    PARAMETER_LONGEST_PREFIX,  /* ${name##word} */
    PARAMETER_SHORTEST_SUFFIX, /* ${name%word} */
    PARAMETER_LONGEST_SUFFIX,  /* ${name%%word} */
};

struct part {
    enum part_kind kind;
    bool quoted;      /* no field splitting, no patterns */
    const char *text; /* TEXT: the characters; PARAMETER: the name */
    enum parameter_operator operation;
    bool colon;        /* the operator treats an empty value as an unset one */
    struct word *word; /* the operator's word, or the arithmetic expression */
    struct node *node; /* COMMAND: what to run, NULL if nothing */
    struct part *next;
};

struct word {
    struct part *parts;
    struct word *next;
};

struct assignment {
    const char *name;
    struct word *value;
    struct assignment *next;
};

enum redirection_kind {
    REDIRECT_READ,       /* n<word */
    REDIRECT_WRITE,      /* n>word, n>|word */
    REDIRECT_APPEND,     /* n>>word */
    REDIRECT_READ_WRITE, /* n<>word */
    REDIRECT_DUPLICATE,  /* n<&word, n>&word */
    REDIRECT_HERE,       /* n<<word, the text that followed */
};

struct redirection {
    enum redirection_kind kind;
    int descriptor;
    struct word *word;     /* HERE: the text */
    bool literal;          /* HERE: the delimiter was quoted */
    bool strip_tabs;       /* HERE: <<- */
    const char *delimiter; /* HERE */
    struct redirection *next;
    struct redirection *next_here; /* among those whose text is still to come */
};

enum node_kind {
    NODE_SIMPLE,     /* assignments, words, redirections */
    NODE_PIPELINE,   /* the list first, each reading what the one before writes */
    NODE_LIST,       /* the list first, one after another */
    NODE_AND,        /* first && second */
    NODE_OR,         /* first || second */
    NODE_NOT,        /* ! first */
    NODE_BACKGROUND, /* first & */
    NODE_SUBSHELL,   /* ( first ) */
    NODE_GROUP,      /* { first } */
    NODE_IF,         /* if first; then second; else third; fi */
    NODE_WHILE,      /* while first; do second; done */
    NODE_UNTIL,      /* until first; do second; done */
    NODE_FOR,        /* for name in words; do first; done */
    NODE_CASE,       /* case words in items esac */
    NODE_FUNCTION,   /* name() first */
};

struct case_item {
    struct word *patterns;
    struct node *body; /* NULL if there is none */
    struct case_item *next;
};

struct node {
    enum node_kind kind;
    int line;
    struct node *first, *second, *third;
    struct node *next; /* in the parent's list */
    struct assignment *assignments;
    struct word *words;
    struct redirection *redirections;
    struct case_item *items;
    const char *name;
    bool positional;     /* FOR: no "in", so the words are "$@" */
    const char *text;    /* BACKGROUND, PIPELINE, SIMPLE, SUBSHELL: the source, for jobs */
    struct arena *arena; /* FUNCTION: what the body lives in */
};

#endif
