#define _GNU_SOURCE
#include "parent/place.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static bool
to_text(struct str s, char out[static INET6_ADDRSTRLEN])
{
    if (s.n == 0 || s.n >= INET6_ADDRSTRLEN)
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool
parse_v4(struct str host, struct in_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    if (str_equal(host, STR("localhost")))
        host = STR("127.0.0.1");
    return to_text(host, text) && inet_pton(AF_INET, text, out) == 1;
}

/* With its brackets. */
static bool
parse_v6(struct str host, struct in6_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']')
        return false;
    return to_text(str_of(host.p + 1, host.n - 2), text) &&
           inet_pton(AF_INET6, text, out) == 1;
}

enum err
place_parse(struct str text, struct config_address *out)
{
    struct config_address a = {.text = text};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    uint64_t port;
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0 ||
        !str_to_u64(str_of(text.p + colon, text.n - colon), &port) ||
        port > 65535)
        return ERR_SYNTAX;
    struct str host = str_of(text.p, colon - 1);
    v4.sin_port = v6.sin6_port = htons((uint16_t)port);
    if (parse_v4(host, &v4.sin_addr)) {
        a.len = sizeof(v4);
        memcpy(&a.address, &v4, sizeof(v4));
    } else if (parse_v6(host, &v6.sin6_addr)) {
        a.len = sizeof(v6);
        memcpy(&a.address, &v6, sizeof(v6));
    } else {
        return ERR_SYNTAX;
    }
    *out = a;
    return ERR_OK;
}

void
place_add_text(const struct sockaddr_storage *address, struct buf *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof(v4));
    memcpy(&v6, address, sizeof(v6));
    if (address->ss_family == AF_INET &&
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text)) != NULL)
        buf_addf(out, "%s:%u", text, ntohs(v4.sin_port));
    else if (address->ss_family == AF_INET6 &&
             inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text)) != NULL)
        buf_addf(out, "[%s]:%u", text, ntohs(v6.sin6_port));
}

static enum place_reach
reach_of_v4(const struct in_addr *address)
{
    uint32_t a = ntohl(address->s_addr);
    if (a >> 24 == 127)
        return PLACE_THIS_MACHINE;
    bool is_private = a >> 24 == 10 || a >> 20 == 0xac1 || /* 172.16/12 */
                      a >> 16 == 0xc0a8 ||                 /* 192.168/16 */
                      a >> 16 == 0xa9fe;                   /* 169.254/16 */
    return is_private ? PLACE_PRIVATE : PLACE_PUBLIC;
}

static enum place_reach
reach_of_v6(const struct in6_addr *a)
{
    if (IN6_IS_ADDR_LOOPBACK(a))
        return PLACE_THIS_MACHINE;
    bool is_private = (a->s6_addr[0] & 0xfe) == 0xfc || /* fc00::/7 */
                      IN6_IS_ADDR_LINKLOCAL(a);
    return is_private ? PLACE_PRIVATE : PLACE_PUBLIC;
}

enum place_reach
place_reach_of(struct str host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (parse_v4(host, &v4))
        return reach_of_v4(&v4);
    if (parse_v6(host, &v6))
        return reach_of_v6(&v6);
    return PLACE_NAME;
}

bool
place_is_loopback(const struct config_address *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &address->address, sizeof(v4));
    memcpy(&v6, &address->address, sizeof(v6));
    if (address->address.ss_family == AF_INET)
        return reach_of_v4(&v4.sin_addr) == PLACE_THIS_MACHINE;
    return reach_of_v6(&v6.sin6_addr) == PLACE_THIS_MACHINE;
}
