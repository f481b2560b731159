/*
 * Looking up function names (symbols.h).
 */
#include "core/symbols.h"

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    size_t low = 0, high = kernel_symbol_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kernel_symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = address - kernel_symbols[low - 1].address;
    return kernel_symbols[low - 1].name;
}
