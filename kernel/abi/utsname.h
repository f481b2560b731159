/* uname(2). */
#ifndef MAPIX_ABI_UTSNAME_H
#define MAPIX_ABI_UTSNAME_H

#define UTSNAME_SIZE 65

struct utsname {
    char system[UTSNAME_SIZE], node[UTSNAME_SIZE], release[UTSNAME_SIZE], version[UTSNAME_SIZE];
    char machine[UTSNAME_SIZE], domain[UTSNAME_SIZE];
};

#endif
