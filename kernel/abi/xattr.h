/* setxattr(2): flags and limits. */
#ifndef MAPIX_ABI_XATTR_H
#define MAPIX_ABI_XATTR_H

#define XATTR_CREATE  1
#define XATTR_REPLACE 2

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536

#endif
