/* Flags of eventfd2(2). */
#ifndef MAPIX_ABI_EVENTFD_H
#define MAPIX_ABI_EVENTFD_H

#define EFD_SEMAPHORE 1
#define EFD_NONBLOCK  04000
#define EFD_CLOEXEC   02000000

#endif
