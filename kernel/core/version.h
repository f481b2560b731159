/*
 * The kernel's name and version, for the banner and uname(2).
 */
#ifndef MAPIX_CORE_VERSION_H
#define MAPIX_CORE_VERSION_H

#define KERNEL_NAME    "mapix"
#define KERNEL_VERSION "0.1"

#endif
