/*
 * Requests of ioctl(2) about network interfaces, of which there is one: lo (netdevice(7)).
 */
#include "abi/inet.h"
#include "core/user.h"
#include "lib/string.h"
#include "net/inet.h"

static const uint8_t address[4] = {127, 0, 0, 1}, mask[4] = {255, 0, 0, 0};

static void put_address(struct ifreq *request, const uint8_t bytes[4])
{
    request->address.family = AF_INET;
    memcpy(request->address.address, bytes, 4);
}

/* SIOCGIFCONF: all interfaces with addresses of IPv4; without a buffer, how much it must have. */
static long list_interfaces(uint64_t argument)
{
    struct ifreq entry = {.name = INTERFACE_NAME};
    struct ifconf list;

    put_address(&entry, address);
    if (copy_from_user(&list, argument, sizeof(list)))
        return -EFAULT;
    if (list.requests && list.length < (int)sizeof(entry))
        list.length = 0;
    else if (list.requests && copy_to_user(list.requests, &entry, sizeof(entry)))
        return -EFAULT;
    else
        list.length = sizeof(entry);
    return copy_to_user(argument, &list, sizeof(list));
}

/* What the request asks for, of lo: 0, -ENOTTY. */
static int answer(unsigned number, struct ifreq *request)
{
    static const uint8_t none[4];

    memset((char *)request + INTERFACE_NAME_SIZE, 0, sizeof(*request) - INTERFACE_NAME_SIZE);
    switch (number) {
    case SIOCGIFFLAGS:
        request->flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        put_address(request, address);
        return 0;
    case SIOCGIFNETMASK:
        put_address(request, mask);
        return 0;
    case SIOCGIFBRDADDR:
        put_address(request, none);
        return 0;
    case SIOCGIFMTU:
        request->number = INTERFACE_MTU;
        return 0;
    case SIOCGIFHWADDR:
        request->address.family = ARPHRD_LOOPBACK;
        return 0;
    case SIOCGIFINDEX:
        request->number = INTERFACE_NUMBER;
        return 0;
    case SIOCGIFTXQLEN:
        request->number = INTERFACE_QUEUE;
        return 0;
    case SIOCGIFMETRIC:
        return 0;
    default:
        return -ENOTTY;
    }
}

/* SIOCGIFNAME: the name of the one with the number. */
static long name_interface(uint64_t argument)
{
    struct ifreq request;

    if (copy_from_user(&request, argument, sizeof(request)))
        return -EFAULT;
    if (request.number != INTERFACE_NUMBER)
        return -ENODEV;
    memset(request.name, 0, sizeof(request.name));
    memcpy(request.name, INTERFACE_NAME, sizeof(INTERFACE_NAME));
    return copy_to_user(argument, &request, sizeof(request));
}

long interface_control(unsigned number, uint64_t argument)
{
    struct ifreq request = {.name = ""};

    if (number == SIOCGIFCONF)
        return list_interfaces(argument);
    if (number == SIOCGIFNAME)
        return name_interface(argument);
    if (answer(number, &request)) /* also if there is no such interface */
        return -ENOTTY;
    if (copy_from_user(&request, argument, sizeof(request)))
        return -EFAULT;
    request.name[INTERFACE_NAME_SIZE - 1] = '\0';
    if (strcmp(request.name, INTERFACE_NAME))
        return -ENODEV;
    answer(number, &request);
    return copy_to_user(argument, &request, sizeof(request));
}
