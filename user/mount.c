/*
 * mount: show what is mounted, or mount a file system.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib.h"

static int show(void)
{
    static const char path[] = "/proc/mounts";
    size_t length;
    char *text = read_whole_file(path, &length);

    if (!text)
        fail("%s", path);
    fwrite(text, 1, length, stdout);
    free(text);
    return finish(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
    const char *type = NULL;
    int option;

    program_begin(argv[0], "mount [-t TYPE DEVICE DIRECTORY]");
    while ((option = getopt(argc, argv, "t:")) != -1) {
        if (option != 't')
            usage_error();
        type = optarg;
    }
    if (!type && optind == argc)
        return show();
    if (!type || argc - optind != 2)
        usage_error();
    if (mount(argv[optind], argv[optind + 1], type, 0, NULL) < 0)
        fail("%s on %s", argv[optind], argv[optind + 1]);
    return EXIT_SUCCESS;
}
