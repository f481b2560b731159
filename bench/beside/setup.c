/*
 * What operations prepare with.
 */
#include "beside.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

char buffer[MIB];

_Noreturn void give_up(const char *call)
{
    fprintf(stderr, "beside: %s: %s\n", call, strerror(errno));
    _exit(1);
}

void *map(size_t size)
{
    return MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void store_each(volatile char *start, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE)
        start[i] = 1;
}

void load_each(const volatile char *start, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE)
        (void)start[i];
}

int scratch(const char *directory, size_t size)
{
    char name[64];
    snprintf(name, sizeof(name), "%s/beside.XXXXXX", directory);
    int made = MUST(mkstemp(name));
    MUST(unlink(name));
    for (size_t i = 0; i < size; i += sizeof(buffer))
        MUST(write(made, buffer, sizeof(buffer)));
    MUST(fsync(made));
    return made;
}

void name_directory(char name[64], const char *parent, pid_t pid)
{
    snprintf(name, 64, "%s/beside-%d", parent, pid);
}

off_t next_place(size_t size)
{
    static size_t place;
    place = (place + size) % (8 * MIB);
    return (off_t)place;
}

void connect_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int on = 1, listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listener, (struct sockaddr *)&address, size));
    MUST(listen(listener, 1));
    MUST(getsockname(listener, (struct sockaddr *)&address, &size));
    pair[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(pair[0], (struct sockaddr *)&address, size));
    pair[1] = MUST(accept(listener, NULL, NULL));
    for (int i = 0; i < 2; i++)
        MUST(setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
    close(listener);
}
