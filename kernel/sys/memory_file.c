/*
 * memfd_create(2).
 */
#include "abi/errno.h"
#include "core/user.h"
#include "fs/memory_file.h"
#include "fs/seal.h"
#include "sys/table.h"

static int check_flags(unsigned flags)
{
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC) ||
        (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
        return -EINVAL;
    return flags & MFD_HUGETLB ? -ENOSYS : 0; /* as Linux without a file system of huge pages */
}

long sys_memfd_create(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];
    char name[MEMORY_FILE_NAME_MAX + 1];
    uint32_t mode = 0777, seals = F_SEAL_SEAL;
    struct file *file;
    int error = check_flags(flags);

    if (error)
        return error;
    long length = copy_string_from_user(name, argument[0], sizeof(name));
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    if (flags & MFD_NOEXEC_SEAL) {
        mode = 0666;
        seals = F_SEAL_EXEC;
    } else if (flags & MFD_ALLOW_SEALING) {
        seals = 0;
    }
    error = memory_file_create(name, mode, seals, &file);
    if (error)
        return error;
    int descriptor = file_install(file, 0, flags & MFD_CLOEXEC);
    if (descriptor < 0)
        file_release(file);
    return descriptor;
}
