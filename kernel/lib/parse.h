/*
 * Reading numbers from text: boot arguments, paths in /proc.
 */
#ifndef MAPIX_LIB_PARSE_H
#define MAPIX_LIB_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read an unsigned number at the start of *text: decimal, or hexadecimal after 0x (parse_number),
 * always decimal or always hexadecimal (the others). *text is moved behind it. false: there is no
 * digit, or the number is above UINT64_MAX; nothing has changed.
 */
bool parse_number(const char **text, uint64_t *number);
bool parse_decimal(const char **text, uint64_t *number);
bool parse_hexadecimal(const char **text, uint64_t *number);

/* As parse_number, with a unit behind the number: K, M or G, for 2^10, 2^20 or 2^30. */
bool parse_size(const char **text, uint64_t *size);

/* Text behind the white space that it begins with. */
const char *skip_white_space(const char *text);

/* The whole text is one decimal number without leading zeros, as the names in /proc are. */
bool parse_whole_decimal(const char *text, size_t length, uint64_t *number);

/*
 * Boot arguments: words name=value or name, separated by blanks. Finds name in arguments; *value
 * and *length are its value, empty for a word without '='. false: not there. The last one counts.
 */
bool parse_argument(const char *arguments, const char *name, const char **value, size_t *length);

#endif
