/* Bounded copying of strings. */
#include "lib/string.h"

bool string_copy(char *destination, const char *source, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        destination[i] = source[i];
        if (!source[i])
            return true;
    }
    destination[size - 1] = '\0';
    return false;
}
