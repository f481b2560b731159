/* Reading numbers and boot arguments. */
#include "lib/parse.h"

/* The value of a digit; 16 for what is none. */
static unsigned digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0');
    if (character >= 'a' && character <= 'f')
        return (unsigned)(character - 'a' + 10);
    if (character >= 'A' && character <= 'F')
        return (unsigned)(character - 'A' + 10);
    return 16;
}

static bool parse_base(const char **text, unsigned base, uint64_t *number)
{
    const char *next = *text;
    uint64_t value = 0;
    if (digit_value(*next) >= base)
        return false;
    for (; digit_value(*next) < base; next++) {
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_value(*next), &value))
            return false;
    }
    *text = next;
    *number = value;
    return true;
}

bool parse_decimal(const char **text, uint64_t *number)
{
    return parse_base(text, 10, number);
}

bool parse_hexadecimal(const char **text, uint64_t *number)
{
    return parse_base(text, 16, number);
}

bool parse_number(const char **text, uint64_t *number)
{
    const char *digits = *text + 2;
    if ((*text)[0] != '0' || ((*text)[1] != 'x' && (*text)[1] != 'X'))
        return parse_decimal(text, number);
    if (!parse_hexadecimal(&digits, number))
        return false;
    *text = digits;
    return true;
}

bool parse_size(const char **text, uint64_t *size)
{
    const char *next = *text;
    uint64_t number;
    unsigned shift = 0;
    if (!parse_number(&next, &number))
        return false;
    if (*next == 'K' || *next == 'k')
        shift = 10;
    else if (*next == 'M' || *next == 'm')
        shift = 20;
    else if (*next == 'G' || *next == 'g')
        shift = 30;
    if (number > UINT64_MAX >> shift)
        return false;
    *size = number << shift;
    *text = shift ? next + 1 : next;
    return true;
}

bool parse_whole_decimal(const char *text, size_t length, uint64_t *number)
{
    uint64_t value = 0;
    if (length == 0 || (text[0] == '0' && length > 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (digit_value(text[i]) >= 10 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_value(text[i]), &value))
            return false;
    }
    *number = value;
    return true;
}

static bool blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n';
}

const char *skip_white_space(const char *text)
{
    while (blank(*text))
        text++;
    return text;
}

bool parse_argument(const char *arguments, const char *name, const char **value, size_t *length)
{
    bool found = false;
    while (*arguments) {
        const char *word, *rest = name;
        arguments = skip_white_space(arguments);
        word = arguments;
        while (*arguments && !blank(*arguments))
            arguments++;
        while (*rest && word < arguments && *word == *rest) {
            word++;
            rest++;
        }
        if (*rest || (word < arguments && *word != '='))
            continue;
        *value = word < arguments ? word + 1 : word;
        *length = (size_t)(arguments - *value);
        found = true;
    }
    return found;
}
