/*
 * free: how much memory there is, in KiB, from /proc/meminfo.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

static const char path[] = "/proc/meminfo";

/* The figure of a line "Name: figure kB", 0 if there is none. */
static uintmax_t find_figure(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return strtoumax(line + length + 1, NULL, 10);
    }
    return 0;
}

int main(int argc, char **argv)
{
    program_begin(argv[0], "free");
    if (no_options(argc, argv) != argc)
        usage_error();
    char *text = read_whole_file(path, NULL);
    if (!text)
        fail("%s", path);
    uintmax_t total = find_figure(text, "MemTotal");
    uintmax_t unused = find_figure(text, "MemFree");
    uintmax_t cached = find_figure(text, "Buffers") + find_figure(text, "Cached");
    uintmax_t swap = find_figure(text, "SwapTotal");
    uintmax_t swap_free = find_figure(text, "SwapFree");

    printf("%5s %12s %12s %12s %12s %12s\n", "", "total", "used", "free", "cached", "available");
    printf("%5s %12ju %12ju %12ju %12ju %12ju\n", "Mem:", total,
           total > unused + cached ? total - unused - cached : 0, unused, cached,
           find_figure(text, "MemAvailable"));
    printf("%5s %12ju %12ju %12ju\n", "Swap:", swap, swap - swap_free, swap_free);
    free(text);
    return finish(EXIT_SUCCESS);
}
