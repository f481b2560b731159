/* The first line of scripts: "#! interpreter [argument]" (execve(2)). */
#ifndef MAPIX_CORE_SCRIPT_H
#define MAPIX_CORE_SCRIPT_H

#define SCRIPT_LINE_MAX  256 /* bytes of a file that are looked at */
#define SCRIPT_DEPTH_MAX 5   /* scripts that are interpreters of scripts */

/*
 * Parse the beginning of a file, padded with zeros: *interpreter and *argument (NULL: none) point
 * into it, and are terminated there. -ENOEXEC: no script, or no interpreter that is all there.
 */
int script_parse(char line[SCRIPT_LINE_MAX], char **interpreter, char **argument);

#endif
