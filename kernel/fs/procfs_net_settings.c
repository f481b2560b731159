/*
 * /proc/sys/net: settings of sockets. Keys are indexes of the table of settings; all but the range
 * of ports are constant.
 */
#include "fs/procfs.h"
#include "abi/errno.h"
#include "lib/parse.h"
#include "net/inet.h"

enum setting {
    SOMAXCONN,
    BUFFER,
    DATAGRAMS,
    NO,
    HOPS,
    UNPRIVILEGED,
    TCP_RECEIVE,
    TCP_SEND,
    KEEP_TIME,
    KEEP_INTERVAL,
    KEEP_PROBES,
    FIN_TIME,
    SYN_TRIES,
    CONGESTION,
    PING_GROUPS
};

static const char *const settings[] = {
    [SOMAXCONN] = "4096",
    [BUFFER] = "212992",
    [DATAGRAMS] = "10",
    [NO] = "0",
    [HOPS] = "64",
    [UNPRIVILEGED] = "1024",
    [TCP_RECEIVE] = "4096\t131072\t131072",
    [TCP_SEND] = "4096\t16384\t524288",
    [KEEP_TIME] = "7200",
    [KEEP_INTERVAL] = "75",
    [KEEP_PROBES] = "9",
    [FIN_TIME] = "60",
    [SYN_TRIES] = "6",
    [CONGESTION] = "reno",
    [PING_GROUPS] = "1\t0",
};

static int write_setting(uint64_t key, struct text *text)
{
    text_format(text, "%s\n", settings[key]);
    return 0;
}

static int write_range(uint64_t key, struct text *text)
{
    unsigned first, last;

    (void)key;
    inet_get_range(&first, &last);
    text_format(text, "%u\t%u\n", first, last);
    return 0;
}

static const char *skip_space(const char *text)
{
    while (*text == ' ' || *text == '\t' || *text == '\n')
        text++;
    return text;
}

static int take_range(uint64_t key, char *words, size_t length)
{
    const char *text = skip_space(words);
    uint64_t first, last;

    (void)key, (void)length;
    if (!parse_decimal(&text, &first))
        return -EINVAL;
    text = skip_space(text);
    if (!parse_decimal(&text, &last) || *skip_space(text))
        return -EINVAL;
    return inet_set_range(first, last);
}

enum type_number {
    NET_TYPE = PROCFS_NET_SETTINGS_TYPES,
    CORE_TYPE,
    V4_TYPE,
    V6_TYPE,
    UNIX_TYPE,
    SETTING_TYPE,
    RANGE_TYPE
};

static const struct pseudo_type readable = {.number = SETTING_TYPE,
                                            .mode = S_IFREG | 0444,
                                            .keyed = true,
                                            .strict = true,
                                            .write_text = write_setting};
static const struct pseudo_type range = {.number = RANGE_TYPE,
                                         .mode = S_IFREG | 0644,
                                         .strict = true,
                                         .write_text = write_range,
                                         .take_text = take_range};

static const struct pseudo_entry core_entries[] = {
    {"rmem_default", &readable, BUFFER}, {"rmem_max", &readable, BUFFER},
    {"somaxconn", &readable, SOMAXCONN}, {"wmem_default", &readable, BUFFER},
    {"wmem_max", &readable, BUFFER},     {NULL, NULL, 0},
};

static const struct pseudo_entry v4_entries[] = {
    {"ip_default_ttl", &readable, HOPS},
    {"ip_forward", &readable, NO},
    {"ip_local_port_range", &range, 0},
    {"ip_nonlocal_bind", &readable, NO},
    {"ip_unprivileged_port_start", &readable, UNPRIVILEGED},
    {"ping_group_range", &readable, PING_GROUPS},
    {"tcp_available_congestion_control", &readable, CONGESTION},
    {"tcp_congestion_control", &readable, CONGESTION},
    {"tcp_fastopen", &readable, NO},
    {"tcp_fin_timeout", &readable, FIN_TIME},
    {"tcp_keepalive_intvl", &readable, KEEP_INTERVAL},
    {"tcp_keepalive_probes", &readable, KEEP_PROBES},
    {"tcp_keepalive_time", &readable, KEEP_TIME},
    {"tcp_rmem", &readable, TCP_RECEIVE},
    {"tcp_syn_retries", &readable, SYN_TRIES},
    {"tcp_wmem", &readable, TCP_SEND},
    {NULL, NULL, 0},
};

static const struct pseudo_entry v6_entries[] = {{"bindv6only", &readable, NO}, {NULL, NULL, 0}};
static const struct pseudo_entry unix_entries[] = {{"max_dgram_qlen", &readable, DATAGRAMS},
                                                   {NULL, NULL, 0}};

#define DIRECTORY(name, type, table)                                                               \
    static const struct pseudo_type name = {.number = (type),                                      \
                                            .mode = S_IFDIR | 0555,                                \
                                            .parent = &procfs_net_settings,                        \
                                            .entries = (table)}

DIRECTORY(core_directory, CORE_TYPE, core_entries);
DIRECTORY(v4_directory, V4_TYPE, v4_entries);
DIRECTORY(v6_directory, V6_TYPE, v6_entries);
DIRECTORY(unix_directory, UNIX_TYPE, unix_entries);

static const struct pseudo_entry entries[] = {
    {"core", &core_directory, 0},
    {"ipv4", &v4_directory, 0},
    {"ipv6", &v6_directory, 0},
    {"unix", &unix_directory, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type procfs_net_settings = {
    .number = NET_TYPE, .mode = S_IFDIR | 0555, .parent = &procfs_settings, .entries = entries};
