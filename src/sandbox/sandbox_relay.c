#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <netinet/in.h>
#include <sys/socket.h>

/*
 * The relay takes connections from the app's backend and makes some to
 * HubSpot's API: TCP to one port, and the resolver's questions over UDP or
 * TCP.  Sockets of other families (Unix, netlink, packet) do not exist here.
 */
#define TYPE_MASK 0xf /* the type without SOCK_NONBLOCK and SOCK_CLOEXEC */
#define SOCKET_OF(family, type)                       \
    ALLOW_IF(socket, 2, SCMP_A0(SCMP_CMP_EQ, family), \
             SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, type))

static const struct rule rules[] = {
    ALLOW(accept4),
    ALLOW(listen),
    SOCKET_OF(AF_INET, SOCK_STREAM),
    SOCKET_OF(AF_INET, SOCK_DGRAM),
    SOCKET_OF(AF_INET6, SOCK_STREAM),
    SOCKET_OF(AF_INET6, SOCK_DGRAM),
    ALLOW(connect),
    ALLOW(shutdown),
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW_IF(getsockopt, 1, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)),
    ALLOW_IF(getsockopt, 1, SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP)),
    ALLOW_IF(setsockopt, 1, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)),
    ALLOW_IF(setsockopt, 1, SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP)),
    ALLOW_IF(setsockopt, 1, SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6)),
};

enum err
sandbox_relay(uint16_t port, struct sandbox_result *out, struct buf *problem)
{
    const uint16_t ports[] = {port, PORT_DNS};
    const struct sandbox_plan plan = {.rules = rules,
                                      .n_rules = LENGTH_OF(rules),
                                      .ports = ports,
                                      .n_ports = LENGTH_OF(ports)};
    return sandbox_apply(&plan, out, problem);
}
