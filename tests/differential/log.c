/*
 * The log: text in shared memory. Formatted here, because a stream spends most of its time so.
 */
#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

static void put(char character)
{
    if (shared->log_length < LOG_SIZE)
        shared->log[shared->log_length++] = character;
}

static void put_number(unsigned long number, unsigned base, unsigned width)
{
    char digits[24];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    while (count < width)
        digits[count++] = '0';
    while (count)
        put(digits[--count]);
}

static void put_signed(long number)
{
    if (number < 0)
        put('-');
    put_number(number < 0 ? -(unsigned long)number : (unsigned long)number, 10, 0);
}

/* One conversion: width may be a digit; the format's next character is returned. */
static const char *put_argument(const char *format, va_list *arguments)
{
    unsigned width = 0;
    bool is_long = false;

    for (; *format >= '0' && *format <= '9'; format++)
        width = width * 10 + (unsigned)(*format - '0');
    if (*format == 'l' || *format == 'z')
        is_long = true, format++;
    switch (*format) {
    case 'c':
        put((char)va_arg(*arguments, int));
        break;
    case 's':
        for (const char *text = va_arg(*arguments, const char *); *text; text++)
            put(*text);
        break;
    case 'd':
        put_signed(is_long ? va_arg(*arguments, long) : va_arg(*arguments, int));
        break;
    default:
        put_number(is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   *format == 'x' ? 16 : 10, width);
    }
    return format + 1;
}

void log_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    while (*format) {
        if (*format != '%')
            put(*format++);
        else
            format = put_argument(format + 1, &arguments);
    }
    va_end(arguments);
}

void log_result(long result)
{
    if (result == -1)
        log_line(" = errno %d\n", errno);
    else
        log_line(" = %ld\n", result);
}

void log_address(const char *address)
{
    if (address >= BASE && address <= BASE + unit_bytes(WINDOW))
        log_line("+%ld", (long)(address - BASE));
    else if (address >= heap && address <= heap + unit_bytes(HEAP))
        log_line("heap+%ld", (long)(address - heap));
    else
        log_line("elsewhere");
}

void log_place(char *result, size_t size)
{
    if (result == MAP_FAILED) {
        log_line(" = errno %d\n", errno);
        return;
    }
    log_line(" = ");
    log_address(result);
    log_line("\n");
    if ((result < BASE || result >= BASE + unit_bytes(WINDOW)) &&
        (result < heap || result >= heap + unit_bytes(HEAP)))
        munmap(result, size);
}

/* Several sums side by side, so that the next word need not wait for the multiplication. */
uint64_t sum_words(const void *memory, size_t size)
{
    const uint64_t *words = memory;
    uint64_t a = 1469598103934665603ull, b = 2, c = 3, d = 4;
    size_t i = 0, count = size / sizeof(*words);

    for (; i + 4 <= count; i += 4) {
        a = a * 1099511628211ull + words[i];
        b = b * 1099511628211ull + words[i + 1];
        c = c * 1099511628211ull + words[i + 2];
        d = d * 1099511628211ull + words[i + 3];
    }
    for (; i < count; i++)
        a = a * 1099511628211ull + words[i];
    for (const unsigned char *byte = (const unsigned char *)&words[count];
         byte < (const unsigned char *)memory + size; byte++)
        b = b * 1099511628211ull + *byte;
    a = ((a * 31 + b) * 31 + c) * 31 + d;
    return a ^ a >> 29 ^ a >> 47;
}
