/*
 * vmmap: print the regions of an address space, one a line, with how many pages of each are
 * resident, and of those how many only this process has mapped, how many others have, too, and how
 * many differ from what is on disk. It is taken from /proc/PID/smaps, whose parts each begin with
 * the line that the region has in /proc/PID/maps.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

/* Pages, of a region or of all. */
struct pages {
    uintmax_t size, resident, private, shared, dirty;
};

struct region {
    uintmax_t start, end, offset;
    char permissions[5];
    const char *name;
    struct pages pages;
};

struct regions {
    struct region *items;
    size_t count;
    struct pages total;
};

/* Parse a line of the form that maps has. */
static bool parse_region(const char *line, struct region *region)
{
    int name = 0;

    *region = (struct region){0};
    if (sscanf(line, "%jx-%jx %4s %jx %*s %*s %n", &region->start, &region->end,
               region->permissions, &region->offset, &name) != 4 ||
        name == 0)
        return false;
    region->name = line + name;
    return true;
}

static void add_region(struct regions *regions, const struct region *region)
{
    if ((regions->count & (regions->count - 1)) == 0) {
        size_t capacity = regions->count ? 2 * regions->count : 1;
        regions->items = reallocate(regions->items, capacity * sizeof(*regions->items));
    }
    regions->items[regions->count++] = *region;
}

/* Add the figure of a line "Name: figure kB" to the pages it belongs to. */
static void add_figure(const char *line, uintmax_t page_size, struct pages *pages)
{
    const char *colon = strchr(line, ':');
    uintmax_t count = colon ? strtoumax(colon + 1, NULL, 10) * 1024 / page_size : 0;

    if (strncmp(line, "Size:", 5) == 0)
        pages->size += count;
    else if (strncmp(line, "Rss:", 4) == 0)
        pages->resident += count;
    else if (strncmp(line, "Private_", 8) == 0 && strncmp(line, "Private_Hugetlb:", 16) != 0)
        pages->private += count;
    else if (strncmp(line, "Shared_", 7) == 0 && strncmp(line, "Shared_Hugetlb:", 15) != 0)
        pages->shared += count;
    if (strncmp(line, "Private_Dirty:", 14) == 0 || strncmp(line, "Shared_Dirty:", 13) == 0)
        pages->dirty += count;
}

static void add_total(struct regions *regions)
{
    struct pages *total = &regions->total;

    for (size_t i = 0; i < regions->count; i++) {
        const struct pages *pages = &regions->items[i].pages;
        total->size += pages->size;
        total->resident += pages->resident;
        total->private += pages->private;
        total->shared += pages->shared;
        total->dirty += pages->dirty;
    }
}

/* Take the text of smaps apart; the names stay in it. */
static void parse_regions(char *text, uintmax_t page_size, struct regions *regions)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        struct region region;
        if (parse_region(line, &region))
            add_region(regions, &region);
        else if (regions->count > 0)
            add_figure(line, page_size, &regions->items[regions->count - 1].pages);
    }
    add_total(regions);
}

static int address_width(const struct regions *regions)
{
    uintmax_t highest = regions->count ? regions->items[regions->count - 1].end : 0;

    return snprintf(NULL, 0, "%jx", highest);
}

static void print_pages(const struct pages *pages)
{
    printf(" %8ju %8ju %8ju %8ju", pages->resident, pages->private, pages->shared, pages->dirty);
}

static void print_regions(const struct regions *regions)
{
    int width = address_width(regions);

    printf("%-*s %10s perm %10s %8s %8s %8s %8s name\n", 2 * width + 1, "region", "size", "offset",
           "resident", "private", "shared", "dirty");
    for (size_t i = 0; i < regions->count; i++) {
        const struct region *region = &regions->items[i];
        printf("%0*jx-%0*jx %10ju %s %10jx", width, region->start, width, region->end,
               region->pages.size, region->permissions, region->offset);
        print_pages(&region->pages);
        printf("%s%s\n", *region->name ? " " : "", region->name);
    }
    printf("%-*s %10ju %4s %10s", 2 * width + 1, "total", regions->total.size, "", "");
    print_pages(&regions->total);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct regions regions = {0};
    uintmax_t pid;

    program_begin(argv[0], "vmmap [PID]");
    int first = no_options(argc, argv);
    if (argc - first > 1)
        usage_error();
    const char *process = first < argc ? argv[first] : "self";
    if (first < argc && !parse_number(process, INT32_MAX, &pid)) {
        complain("%s: not a process number", process);
        return EXIT_USAGE;
    }
    char *path = format_text("/proc/%s/smaps", process);
    char *text = read_whole_file(path, NULL);
    if (!text)
        fail("%s", path);
    uintmax_t page_size = (uintmax_t)sysconf(_SC_PAGESIZE);
    parse_regions(text, page_size, &regions);
    printf("process %s, in pages of %ju bytes\n", process, page_size);
    print_regions(&regions);
    free(regions.items);
    free(text);
    free(path);
    return finish(EXIT_SUCCESS);
}
