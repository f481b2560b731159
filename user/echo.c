/*
 * echo: print the arguments. -n leaves the newline out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

int main(int argc, char **argv)
{
    bool newline = !(argc > 1 && strcmp(argv[1], "-n") == 0);
    int first = newline ? 1 : 2;

    program_begin(argv[0], "echo [-n] [ARGUMENT...]");
    for (int i = first; i < argc; i++) {
        if (i > first)
            putchar(' ');
        fputs(argv[i], stdout);
    }
    if (newline)
        putchar('\n');
    return finish(EXIT_SUCCESS);
}
