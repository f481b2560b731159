/*
 * userfaultfd(2).
 */
#include "abi/errno.h"
#include "abi/userfaultfd.h"
#include "core/credentials.h"
#include "fs/userfault_file.h"
#include "sys/table.h"

long sys_userfaultfd(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[0];

    if (!(flags & UFFD_USER_MODE_ONLY) &&
        !__atomic_load_n(&userfault_unprivileged, __ATOMIC_RELAXED) &&
        !credentials_capable(CAP_SYS_PTRACE))
        return -EPERM;
    if (flags & ~(uint32_t)(UFFD_USER_MODE_ONLY | UFFD_CLOEXEC | UFFD_NONBLOCK))
        return -EINVAL;
    return file_install_new(
        userfault_file_create(flags & UFFD_USER_MODE_ONLY, flags & UFFD_NONBLOCK),
        flags & UFFD_CLOEXEC);
}
