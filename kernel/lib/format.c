/* Formatting of text. */
#include "lib/format.h"
#include <stdbool.h>
#include <stdint.h>

struct output {
    char *buffer;
    size_t size, length; /* length: of all that was put, whether it fits or not */
};

enum length_modifier { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG };

/* One conversion: between % and the letter. */
struct directive {
    bool plain; /* none of the following: nothing is said of the layout */
    bool left, zeros, plus, alternate;
    int width;     /* 0: none */
    int precision; /* -1: none */
    enum length_modifier length;
};

/* How much fits before the terminator. */
static inline size_t room_left(const struct output *output)
{
    return output->length + 1 < output->size ? output->size - 1 - output->length : 0;
}

/* The place for what comes next, and how much of count fits there; all of it counts as put. */
static inline char *advance(struct output *output, size_t count, size_t *fits)
{
    size_t room = room_left(output);
    char *place = output->buffer + output->length;
    *fits = count < room ? count : room;
    output->length += count;
    return place;
}

static void put(struct output *output, const char *bytes, size_t count)
{
    char *place = advance(output, count, &count);
    for (size_t i = 0; i < count; i++)
        place[i] = bytes[i];
}

/* Put what comes before the next '%' or the end; returns where that is. */
static const char *put_literal(struct output *output, const char *format)
{
    const char *start = format;
    char *place = output->buffer + output->length, *end = place + room_left(output);
    for (; *format && *format != '%'; format++) {
        if (place < end)
            *place++ = *format;
    }
    output->length += (size_t)(format - start);
    return format;
}

static void put_repeated(struct output *output, char character, int times)
{
    size_t count;
    if (times <= 0)
        return;
    char *place = advance(output, (size_t)times, &count);
    for (size_t i = 0; i < count; i++)
        place[i] = character;
}

static void put_text(struct output *output, const struct directive *directive, const char *text,
                     int length)
{
    int padding = directive->width - length;
    if (!directive->left)
        put_repeated(output, ' ', padding);
    put(output, text, (size_t)length);
    if (directive->left)
        put_repeated(output, ' ', padding);
}

static void put_string(struct output *output, const struct directive *directive, const char *text)
{
    int length = 0;
    if (!text)
        text = "(null)";
    while (length != directive->precision && text[length])
        length++;
    put_text(output, directive, text, length);
}

/* Digits of value, backwards from end; returns where they start. No digits for 0. */
static char *digits_of(uint64_t value, unsigned base, bool upper, char *end)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value; value /= base)
        *--end = digits[value % base];
    return end;
}

/* prefix: a sign, "0x", or "". */
static void put_number(struct output *output, const struct directive *directive, const char *prefix,
                       const char *digits, int count)
{
    int prefix_length = 0, padding;
    int zeros = (directive->precision < 0 ? 1 : directive->precision) - count;
    while (prefix[prefix_length])
        prefix_length++;
    if (zeros < 0)
        zeros = 0;
    padding = directive->width - prefix_length - zeros - count;
    if (directive->zeros && !directive->left && directive->precision < 0 && padding > 0) {
        zeros += padding;
        padding = 0;
    }
    if (!directive->left)
        put_repeated(output, ' ', padding);
    put(output, prefix, (size_t)prefix_length);
    put_repeated(output, '0', zeros);
    put(output, digits, (size_t)count);
    if (directive->left)
        put_repeated(output, ' ', padding);
}

/* A number without a layout, as most are. */
static void put_plain(struct output *output, uint64_t magnitude, bool negative, unsigned base,
                      bool upper)
{
    char storage[24], *end = storage + sizeof(storage);
    char *digits = digits_of(magnitude, base, upper, end);
    if (digits == end)
        *--digits = '0';
    if (negative)
        *--digits = '-';
    put(output, digits, (size_t)(end - digits));
}

static void put_signed(struct output *output, const struct directive *directive, int64_t value)
{
    char storage[24], *end = storage + sizeof(storage);
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (directive->plain) {
        put_plain(output, magnitude, value < 0, 10, false);
        return;
    }
    char *digits = digits_of(magnitude, 10, false, end);
    const char *sign = value < 0 ? "-" : directive->plus ? "+" : "";
    put_number(output, directive, sign, digits, (int)(end - digits));
}

static void put_unsigned(struct output *output, const struct directive *directive, uint64_t value,
                         char letter)
{
    char storage[24], *end = storage + sizeof(storage);
    unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : 16;
    if (directive->plain) {
        put_plain(output, value, false, base, letter == 'X');
        return;
    }
    char *digits = digits_of(value, base, letter == 'X', end);
    const char *prefix = "";
    if (directive->alternate && letter == 'o')
        *--digits = '0';
    else if (directive->alternate && base == 16 && value)
        prefix = letter == 'X' ? "0X" : "0x";
    put_number(output, directive, prefix, digits, (int)(end - digits));
}

static int64_t signed_argument(enum length_modifier length, va_list *arguments)
{
    switch (length) {
    case LENGTH_CHAR:
        return (signed char)va_arg(*arguments, int);
    case LENGTH_SHORT:
        return (short)va_arg(*arguments, int);
    case LENGTH_INT:
        return va_arg(*arguments, int);
    default:
        return va_arg(*arguments, long);
    }
}

static uint64_t unsigned_argument(enum length_modifier length, va_list *arguments)
{
    switch (length) {
    case LENGTH_CHAR:
        return (unsigned char)va_arg(*arguments, unsigned);
    case LENGTH_SHORT:
        return (unsigned short)va_arg(*arguments, unsigned);
    case LENGTH_INT:
        return va_arg(*arguments, unsigned);
    default:
        return va_arg(*arguments, unsigned long);
    }
}

/* A number, or '*': the next argument. */
static int parse_number(const char **format, va_list *arguments)
{
    int number = 0;
    if (**format == '*') {
        ++*format;
        return va_arg(*arguments, int);
    }
    for (; **format >= '0' && **format <= '9'; ++*format) {
        if (number < 100000)
            number = number * 10 + (**format - '0');
    }
    return number;
}

static const char *parse_flags(const char *format, struct directive *directive)
{
    for (;; format++) {
        if (*format == '-')
            directive->left = true;
        else if (*format == '0')
            directive->zeros = true;
        else if (*format == '+')
            directive->plus = true;
        else if (*format == '#')
            directive->alternate = true;
        else
            return format;
    }
}

/* Read flags, width and precision; returns what is behind them. */
static const char *parse_layout(const char *format, struct directive *directive, va_list *arguments)
{
    format = parse_flags(format, directive);
    directive->width = parse_number(&format, arguments);
    if (directive->width < 0) {
        directive->left = true;
        directive->width = -directive->width;
    }
    if (*format == '.') {
        format++;
        directive->precision = parse_number(&format, arguments);
        if (directive->precision < 0)
            directive->precision = -1;
    }
    return format;
}

/* Read what stands between % and the letter; returns where the letter is. Most have nothing but a
 * letter or two: all else begins with a character up to '9'. */
static const char *parse_directive(const char *format, struct directive *directive,
                                   va_list *arguments)
{
    *directive = (struct directive){.plain = *format > '9', .precision = -1, .length = LENGTH_INT};
    if (!directive->plain)
        format = parse_layout(format, directive, arguments);
    for (;; format++) {
        if (*format == 'l' || *format == 'z')
            directive->length = LENGTH_LONG;
        else if (*format == 'h')
            directive->length = directive->length == LENGTH_SHORT ? LENGTH_CHAR : LENGTH_SHORT;
        else
            return format;
    }
}

/* Print one argument as letter says; false: there is no such conversion. */
static bool convert(struct output *output, struct directive *directive, char letter,
                    va_list *arguments)
{
    char character;
    switch (letter) {
    case 's':
        put_string(output, directive, va_arg(*arguments, const char *));
        return true;
    case 'c':
        character = (char)va_arg(*arguments, int);
        put_text(output, directive, &character, 1);
        return true;
    case 'd':
    case 'i':
        put_signed(output, directive, signed_argument(directive->length, arguments));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(output, directive, unsigned_argument(directive->length, arguments), letter);
        return true;
    case 'p':
        directive->plain = false;
        directive->precision = 16;
        directive->alternate = true;
        put_unsigned(output, directive, (uintptr_t)va_arg(*arguments, void *), 'x');
        return true;
    case '%':
        put(output, "%", 1);
        return true;
    default:
        return false;
    }
}

size_t format_arguments(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output output = {buffer, size, 0};
    va_list rest;
    va_copy(rest, arguments);
    while (*(format = put_literal(&output, format))) {
        struct directive directive;
        const char *letter = parse_directive(++format, &directive, &rest);
        if (*letter && convert(&output, &directive, *letter, &rest))
            format = letter + 1;
        else
            put(&output, "%", 1);
    }
    va_end(rest);
    if (size)
        buffer[output.length < size ? output.length : size - 1] = '\0';
    return output.length;
}

size_t format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t length;
    va_start(arguments, format);
    length = format_arguments(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

char *format_hexadecimal(char *place, uint64_t value, unsigned width)
{
    while (width < 16 && value >> (4 * width))
        width++;
    for (unsigned shift = 4 * width; shift;) {
        shift -= 4;
        *place++ = "0123456789abcdef"[value >> shift & 15];
    }
    return place;
}
