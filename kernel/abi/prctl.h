/* Options of prctl(2) and getrandom(2). */
#ifndef MAPIX_ABI_PRCTL_H
#define MAPIX_ABI_PRCTL_H

#define PR_GET_DUMPABLE     3
#define PR_SET_NAME         15
#define PR_GET_NAME         16
#define PR_GET_NO_NEW_PRIVS 39

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u

#endif
