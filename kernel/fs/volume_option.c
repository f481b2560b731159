/*
 * The options of mount(2): a text of names, some with a value, with commas between them.
 */
#include "abi/errno.h"
#include "fs/volume.h"
#include "lib/parse.h"
#include "lib/string.h"

bool volume_next_option(const char **options, char buffer[VOLUME_OPTION_SIZE], const char **value,
                        int *error)
{
    const char *start = *options, *end;

    while (*start == ',')
        start++;
    if (*start == '\0' || *error)
        return false;
    end = strchr(start, ',');
    size_t length = end ? (size_t)(end - start) : strlen(start);
    *options = start + length;
    if (length >= VOLUME_OPTION_SIZE) {
        *error = -EINVAL;
        return false;
    }
    memcpy(buffer, start, length);
    buffer[length] = '\0';
    char *equals = strchr(buffer, '=');
    if (equals)
        *equals = '\0';
    *value = equals ? equals + 1 : NULL;
    return true;
}

bool volume_option_identifier(const char *value, uint64_t *number)
{
    return parse_decimal(&value, number) && *value == '\0' && *number < UINT32_MAX;
}

bool volume_option_mode(const char *value, uint64_t *mode)
{
    if (!*value)
        return false;
    for (*mode = 0; *value >= '0' && *value <= '7' && *mode <= 07777; value++)
        *mode = *mode * 8 + (uint64_t)(*value - '0');
    return *value == '\0' && *mode <= 07777;
}
