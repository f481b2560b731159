/*
 * Names of sockets: paths of files, and abstract ones, which begin with a NUL and have nothing to
 * do with files (unix(7), "Address format").
 *
 * A socket with a path is found by the vnode of that file; one with an abstract name by the name
 * and its type.
 */
#include "abi/stat.h"
#include "fs/socket_internal.h"
#include "fs/path.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define BUCKETS     64u
#define FAMILY_SIZE offsetof(struct sockaddr_un, path)
#define AUTOBIND    0x100000u /* names that autobind chooses from: five hexadecimal digits */

static struct list buckets[BUCKETS]; /* (socket_lock) */
static uint32_t next_name;           /* (socket_lock) for autobind */

void socket_names_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
}

int socket_check_address(const struct sockaddr_un *address, size_t length)
{
    return length > FAMILY_SIZE && length <= sizeof(*address) && address->family == AF_UNIX
               ? 0
               : -EINVAL;
}

void socket_address_release(struct socket_address *address)
{
    if (__atomic_fetch_sub(&address->references, 1, __ATOMIC_ACQ_REL) == 1)
        kfree(address);
}

static struct socket_address *create_address(const struct sockaddr_un *address, size_t length)
{
    struct socket_address *result = kmalloc_zeroed(sizeof(*result));

    if (!result)
        return NULL;
    result->references = 1;
    result->length = (uint32_t)length;
    memcpy(&result->address, address, length);
    return result;
}

/* The table */

static struct list *bucket_of_vnode(const struct vnode *vnode)
{
    return &buckets[(uintptr_t)vnode / 64 % BUCKETS];
}

static struct list *bucket_of_name(const struct sockaddr_un *address, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length - FAMILY_SIZE; i++)
        hash = (hash ^ (uint8_t)address->path[i]) * 16777619u;
    return &buckets[hash % BUCKETS];
}

/* The socket with this abstract name and type, or NULL. socket_lock held. */
static struct socket *find_abstract(const struct sockaddr_un *address, size_t length, unsigned type)
{
    list_for_each (link, bucket_of_name(address, length)) {
        struct socket *socket = container_of(link, struct socket, bound_link);
        if (!socket->vnode && socket->type == type && socket->address->length == length &&
            !memcmp(&socket->address->address, address, length))
            return socket;
    }
    return NULL;
}

static struct socket *find_vnode(const struct vnode *vnode)
{
    list_for_each (link, bucket_of_vnode(vnode)) {
        struct socket *socket = container_of(link, struct socket, bound_link);
        if (socket->vnode == vnode)
            return socket;
    }
    return NULL;
}

struct vnode *socket_unbind_local(struct socket *socket)
{
    struct vnode *vnode = socket->vnode;

    list_remove(&socket->bound_link);
    socket->vnode = NULL;
    return vnode;
}

/* Binding */

/* Give it the name, if it has none: takes address over, and vnode. socket_lock held. */
static int enter(struct socket *socket, struct socket_address *address, struct vnode *vnode)
{
    if (socket->address)
        return -EINVAL;
    if (!vnode && find_abstract(&address->address, address->length, socket->type))
        return -EADDRINUSE;
    socket->address = address;
    socket->vnode = vnode;
    list_push_back(vnode ? bucket_of_vnode(vnode)
                         : bucket_of_name(&address->address, address->length),
                   &socket->bound_link);
    return 0;
}

static int enter_or_release(struct socket *socket, struct socket_address *address,
                            struct vnode *vnode)
{
    mutex_lock(&socket_lock);
    int error = enter(socket, address, vnode);
    mutex_unlock(&socket_lock);
    if (error) {
        socket_address_release(address);
        if (vnode)
            vnode_release(vnode);
    }
    return error;
}

/* A path, which may fill the address without a NUL. */
static void take_path(char path[SOCKET_PATH_SIZE + 1], const struct sockaddr_un *address,
                      size_t length)
{
    memcpy(path, address->path, length - FAMILY_SIZE);
    path[length - FAMILY_SIZE] = '\0';
}

/* Make the file that is the name. The vnode is found by its path: whoever could put another there
 * could as well have been first. */
static int bind_path(struct socket *socket, const char *path)
{
    struct sockaddr_un address = {.family = AF_UNIX};
    size_t length = FAMILY_SIZE + strlen(path) + 1;
    struct vnode *vnode;

    memcpy(address.path, path, length <= sizeof(address) ? strlen(path) + 1 : SOCKET_PATH_SIZE);
    struct socket_address *name =
        create_address(&address, length <= sizeof(address) ? length : sizeof(address));
    if (!name)
        return -ENOMEM;
    int error = path_create(NULL, path, S_IFSOCK | 0777, 0);
    if (!error)
        error = path_lookup(NULL, path, 0, &vnode);
    if (error) {
        socket_address_release(name);
        return error == -EEXIST ? -EADDRINUSE : error;
    }
    error = enter_or_release(socket, name, vnode);
    if (error)
        path_unlink(NULL, path, false);
    return error;
}

int socket_bind_local(struct socket *socket, const union sockaddr_any *address, size_t length)
{
    char path[SOCKET_PATH_SIZE + 1];

    if (length == FAMILY_SIZE && address->family == AF_UNIX)
        return socket_autobind(socket);
    int error = socket_check_address(&address->local, length);
    if (error)
        return error;
    if (address->local.path[0]) {
        take_path(path, &address->local, length);
        return bind_path(socket, path);
    }
    struct socket_address *name = create_address(&address->local, length);
    return name ? enter_or_release(socket, name, NULL) : -ENOMEM;
}

/* Try names until one is free. socket_lock held. */
static int choose_name(struct socket *socket, struct socket_address *name)
{
    int error = -EADDRINUSE;

    for (uint32_t tries = 0; tries < AUTOBIND && error == -EADDRINUSE; tries++) {
        next_name = (next_name + 1) % AUTOBIND;
        format(name->address.path + 1, sizeof(name->address.path) - 1, "%05x", next_name);
        error = enter(socket, name, NULL);
    }
    return error == -EADDRINUSE ? -ENOSPC : error;
}

int socket_autobind(struct socket *socket)
{
    struct sockaddr_un address = {.family = AF_UNIX};
    struct socket_address *name = create_address(&address, FAMILY_SIZE + 6);

    if (!name)
        return -ENOMEM;
    mutex_lock(&socket_lock);
    int error = socket->address ? -EALREADY : choose_name(socket, name);
    mutex_unlock(&socket_lock);
    if (error)
        socket_address_release(name);
    return error == -EALREADY ? 0 : error;
}

/* Finding */

static int find_path(const char *path, unsigned type, struct socket **result)
{
    struct vnode *vnode;
    int error = path_lookup(NULL, path, PATH_FOLLOW, &vnode);

    if (error)
        return error;
    error = vnode_permission(vnode, 2);
    if (!error && vnode_type(vnode) != S_IFSOCK)
        error = -ECONNREFUSED;
    if (!error) {
        mutex_lock(&socket_lock);
        *result = find_vnode(vnode);
        if (*result)
            socket_reference(*result);
        mutex_unlock(&socket_lock);
        error = *result ? 0 : -ECONNREFUSED;
    }
    vnode_release(vnode);
    if (!error && (*result)->type != type) {
        socket_put(*result);
        error = -EPROTOTYPE;
    }
    return error;
}

int socket_find(const struct sockaddr_un *address, size_t length, unsigned type,
                struct socket **result)
{
    char path[SOCKET_PATH_SIZE + 1];

    if (address->path[0]) {
        take_path(path, address, length);
        return find_path(path, type, result);
    }
    mutex_lock(&socket_lock);
    *result = find_abstract(address, length, type);
    if (*result)
        socket_reference(*result);
    mutex_unlock(&socket_lock);
    return *result ? 0 : -ECONNREFUSED;
}

/* Asking */

size_t socket_local_name(struct socket *socket, enum socket_name which, union sockaddr_any *address)
{
    const struct socket *named = which == NAME_OWN ? socket : socket->peer;

    if (!named && which == NAME_PEER)
        return 0;
    *address = (union sockaddr_any){.family = AF_UNIX};
    if (!named || !named->address)
        return FAMILY_SIZE;
    memcpy(address, &named->address->address, named->address->length);
    return named->address->length;
}
