#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <netinet/in.h>
#include <sys/socket.h>

/*
 * A courier calls and is called by nobody: as the relay, but no connection
 * is accepted.  It may also make durable what it appends to the
 * spill file, a descriptor that it was born with.
 */
#define TYPE_MASK 0xf /* the type without SOCK_NONBLOCK and SOCK_CLOEXEC */
#define SOCKET_OF(family, type)                       \
    ALLOW_IF(socket, 2, SCMP_A0(SCMP_CMP_EQ, family), \
             SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, type))

static const struct rule rules[] = {
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
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(flock),
};

enum err
sandbox_courier(const struct sandbox_ports *to, struct sandbox_result *out,
                struct buf *problem)
{
    uint16_t ports[SANDBOX_PORTS + 1];
    struct sandbox_plan plan = {
        .rules = rules, .n_rules = LENGTH_OF(rules), .ports = ports};
    ports[plan.n_ports++] = PORT_DNS;
    for (size_t i = 0; i < to->n; i++)
        ports[plan.n_ports++] = to->v[i];
    return sandbox_apply(&plan, out, problem);
}
