/*
 * Giving up what the current thread shares with others.
 */
#ifndef MAPIX_SYS_UNSHARE_H
#define MAPIX_SYS_UNSHARE_H

/* Let the current thread have a table of descriptors of its own: 0 or -ENOMEM. */
int unshare_files(void);

#endif
