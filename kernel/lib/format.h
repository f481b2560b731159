/*
 * Formatting of text, as printf(3) does it, with these conversions:
 *
 *   %s %.Ns %.*s   string (NULL: "(null)")      %c   character      %%   a percent sign
 *   %d %i %u %x %X   int, with l, ll, z, h, hh: long, size_t, short, char
 *   %o               octal                      %p   pointer, as 0x and 16 digits
 *
 * The flags '-' (to the left), '0' (zeros in front), '+' (a sign always), '#' (0x, 0 in front of
 * hexadecimal, octal) and a width (number or '*') apply to all but %%; a precision to strings and
 * to integers (the least number of digits). Anything else is printed as it stands.
 */
#ifndef MAPIX_LIB_FORMAT_H
#define MAPIX_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Format into buffer, cut off to size - 1 characters and terminated (size 0: nothing is written).
 * Returns the length that the whole text has, without the terminator. Reentrant, never sleeps.
 */
size_t format(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_arguments(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* Put value at a place: its hexadecimal digits, width of them at the least. What is behind them. */
char *format_hexadecimal(char *place, uint64_t value, unsigned width);

#endif
