#include "http/destination.h"

#include <netinet/in.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Blocks that are not of the public internet: RFC 6890 and its registries. */
struct block {
    uint8_t bytes[16];
    unsigned bits;
};

static const struct block blocks4[] = {
    {{0}, 8},          /* this network */
    {{10}, 8},         /* private */
    {{100, 64}, 10},   /* behind a carrier's NAT */
    {{127}, 8},        /* loopback */
    {{169, 254}, 16},  /* link-local; clouds keep their metadata there */
    {{172, 16}, 12},   /* private */
    {{192, 0, 0}, 24}, /* protocol assignments */
    {{192, 0, 2}, 24}, /* documentation */
    {{192, 168}, 16},  /* private */
    {{198, 18}, 15},   /* benchmarks */
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24}, /* documentation */
    {{224}, 3},          /* multicast, reserved, broadcast */
};

static const struct block blocks6[] = {
    {{0}, 96},                      /* unspecified, loopback, IPv4 of old */
    {{0x01, 0x00}, 64},             /* discard */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0xfc}, 7},                    /* unique local */
    {{0xfe, 0x80}, 10},             /* link-local */
    {{0xfe, 0xc0}, 10},             /* site-local of old */
    {{0xff}, 8},                    /* multicast */
};

/* Where a call without TLS may go: as parent/place.h has it. */
static const struct block private4[] = {
    {{10}, 8}, {{127}, 8}, {{169, 254}, 16}, {{172, 16}, 12}, {{192, 168}, 16},
};

static const struct block private6[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128}, /* loopback */
    {{0xfc}, 7},                                             /* unique local */
    {{0xfe, 0x80}, 10},                                      /* link-local */
};

static const struct block loopback4 = {{127}, 8};
static const struct block loopback6 = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};

/* IPv6 blocks with an IPv4 address inside, and where in it. */
static const struct {
    struct block block;
    size_t at;
} embeddings[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                   /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 6to4 */
};

static bool
is_in(const uint8_t *address, const struct block *b)
{
    unsigned whole = b->bits / 8, rest = b->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(address, b->bytes, whole) == 0 &&
           (rest == 0 || (address[whole] & mask) == (b->bytes[whole] & mask));
}

static bool
is_in_any(const uint8_t *address, const struct block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(address, &blocks[i]))
            return true;
    return false;
}

static bool
is_good4(const uint8_t *address, bool is_local)
{
    if (is_local)
        return is_in(address, &loopback4);
    return !is_in_any(address, blocks4, N(blocks4));
}

static bool
is_good6(const uint8_t *address, bool is_local)
{
    for (size_t i = 0; i < N(embeddings); i++)
        if (is_in(address, &embeddings[i].block))
            return is_good4(address + embeddings[i].at, is_local);
    if (is_local)
        return is_in(address, &loopback6);
    return !is_in_any(address, blocks6, N(blocks6));
}

static bool
is_private6(const uint8_t *address)
{
    const struct block *mapped = &embeddings[0].block;
    if (is_in(address, mapped))
        return is_in_any(address + embeddings[0].at, private4, N(private4));
    return is_in_any(address, private6, N(private6));
}

bool
destination_private_filter(const struct sockaddr *address, void *unused)
{
    (void)unused;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_in_any((const uint8_t *)&in.sin_addr, private4, N(private4));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return is_private6((const uint8_t *)&in6.sin6_addr);
    }
    return false;
}

bool
destination_filter(const struct sockaddr *address, void *destination)
{
    const struct destination *d = destination;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_good4((const uint8_t *)&in.sin_addr, d->is_local);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return is_good6((const uint8_t *)&in6.sin6_addr, d->is_local);
    }
    return false;
}

static bool
is_local_host(struct str host)
{
    return str_equal_nocase(host, STR("localhost")) ||
           str_equal(host, STR("::1")) || str_equal(host, STR("[::1]")) ||
           str_starts(host, STR("127."));
}

enum err
destination_parse(struct destination *out, struct str api_url)
{
    struct destination d = {0};
    enum err e = url_parse(api_url, &d.url);
    if (e != ERR_OK)
        return e;
    if (d.url.query.n > 0)
        return ERR_INVALID;
    d.prefix = d.url.path;
    while (d.prefix.n > 0 && d.prefix.p[d.prefix.n - 1] == '/')
        d.prefix.n--;
    d.is_local = is_local_host(d.url.host);
    *out = d;
    return ERR_OK;
}
