#include "emulator/target.h"

#include "http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

bool
target_filter(const struct sockaddr *address, void *unused)
{
    (void)unused;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

bool
target_is_good(struct str url)
{
    struct url u;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    if (url_parse(url, &u) != ERR_OK)
        return false;
    if (str_equal_nocase(u.host, STR("localhost")) ||
        str_equal(u.host, STR("[::1]")))
        return true;
    if (u.host.n >= sizeof(host))
        return false;
    memcpy(host, u.host.p, u.host.n);
    return inet_pton(AF_INET, host, &v4.sin_addr) == 1 &&
           target_filter((const struct sockaddr *)&v4, NULL);
}
