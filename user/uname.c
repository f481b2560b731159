/*
 * uname: print what the system calls itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib.h"

int main(int argc, char **argv)
{
    static const char letters[] = "snrvm";
    struct utsname names;
    bool wanted[sizeof(letters)] = {false};
    bool any = false;
    int option;

    program_begin(argv[0], "uname [-amnrsv]");
    while ((option = getopt(argc, argv, "asnrvm")) != -1) {
        if (option == '?')
            usage_error();
        any = true;
        for (size_t i = 0; letters[i]; i++)
            wanted[i] |= option == 'a' || option == letters[i];
    }
    if (optind != argc)
        usage_error();
    if (!any)
        wanted[0] = true;
    if (uname(&names) < 0)
        fail("uname");
    const char *const texts[] = {names.sysname, names.nodename, names.release, names.version,
                                 names.machine};
    const char *separator = "";
    for (size_t i = 0; letters[i]; i++)
        if (wanted[i]) {
            printf("%s%s", separator, texts[i]);
            separator = " ";
        }
    putchar('\n');
    return finish(EXIT_SUCCESS);
}
