#include "http/dns.h"

#include "http/deadline.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <stdlib.h>

#define FRESH_MS 30000
#define STALE_MS 600000
/* Names are the hosts of our own configuration: this is ample. */
#define NAMES_MAX 256
#define NAME_MAX_LEN 253

/* One name.  While it is asked for, all queries for it wait together. */
struct name {
    struct dns *dns; /* NULL: dns is gone, the resolver's callback frees */
    struct name *next;
    char text[NAME_MAX_LEN + 1];
    struct dns_addresses last; /* n is 0: none ever */
    int64_t good_at;           /* when `last` came */
    int64_t asked_at;          /* when the resolver spoke last */
    bool is_asking;
    struct evdns_getaddrinfo_request *request;
    struct dns_query *waiting;
    struct dns_query *answering; /* these are called one after the other */
};

struct dns_query {
    struct name *name;
    struct dns_query *next;
    uint16_t port;
    dns_done done;
    void *arg;
};

struct dns {
    struct evdns_base *resolver;
    struct name *names;
    size_t n_names;
};

struct dns *
dns_new(struct event_base *base)
{
    struct dns *d = calloc(1, sizeof(*d));
    if (d == NULL)
        abort();
    d->resolver = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (d->resolver == NULL) {
        free(d);
        return NULL;
    }
    /* Four seconds in all unless resolv.conf says otherwise: a caller waits
     * for twenty.  Without that file the resolver is the local host. */
    (void)evdns_base_set_option(d->resolver, "timeout:", "2");
    (void)evdns_base_set_option(d->resolver, "attempts:", "2");
    (void)evdns_base_resolv_conf_parse(d->resolver, DNS_OPTIONS_ALL,
                                       "/etc/resolv.conf");
    return d;
}

static void
free_all(struct dns_query *first)
{
    while (first != NULL) {
        struct dns_query *q = first;
        first = q->next;
        free(q);
    }
}

static void
name_free(struct name *name)
{
    free_all(name->waiting);
    free_all(name->answering);
    free(name);
}

void
dns_free(struct dns *d)
{
    if (d == NULL)
        return;
    while (d->names != NULL) {
        struct name *name = d->names;
        d->names = name->next;
        name->dns = NULL;
        if (name->is_asking)
            evdns_getaddrinfo_cancel(name->request);
        else
            name_free(name);
    }
    evdns_base_free(d->resolver, 1);
    free(d);
}

socklen_t
dns_address_len(const union dns_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4)
                                             : sizeof(address->v6);
}

static void
add_v4(struct dns_addresses *all, struct in_addr address)
{
    if (all->n < DNS_ADDRESSES)
        all->v[all->n++].v4 =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = address};
}

static void
add_v6(struct dns_addresses *all, struct in6_addr address)
{
    if (all->n < DNS_ADDRESSES)
        all->v[all->n++].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                                    .sin6_addr = address};
}

static void
set_port(struct dns_addresses *all, uint16_t port)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].any.sa_family == AF_INET)
            all->v[i].v4.sin_port = htons(port);
        else
            all->v[i].v6.sin6_port = htons(port);
    }
}

static void
answer(const struct dns_addresses *all, uint16_t port, dns_done done, void *arg)
{
    struct dns_addresses copy = *all;
    set_port(&copy, port);
    done(ERR_OK, &copy, arg);
}

/* IP addresses, localhost and what ends in .localhost (RFC 6761 6.3). */
static bool
is_known(const char *text, struct dns_addresses *out)
{
    struct str host = str_from(text);
    struct in_addr v4;
    struct in6_addr v6;
    out->n = 0;
    if (inet_pton(AF_INET, text, &v4) == 1)
        add_v4(out, v4);
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        add_v6(out, v6);
    if (str_equal(host, STR("localhost")) ||
        str_ends(host, STR(".localhost"))) {
        v4.s_addr = htonl(INADDR_LOOPBACK);
        add_v4(out, v4);
        add_v6(out, (struct in6_addr)IN6ADDR_LOOPBACK_INIT);
    }
    return out->n > 0;
}

/* IPv4 first: a host without IPv6 would lose time on the others. */
static void
note_found(struct name *name, const struct evutil_addrinfo *found)
{
    const struct evutil_addrinfo *i;
    name->last.n = 0;
    for (i = found; i != NULL; i = i->ai_next)
        if (i->ai_family == AF_INET)
            add_v4(&name->last,
                   ((const struct sockaddr_in *)(const void *)i->ai_addr)
                       ->sin_addr);
    for (i = found; i != NULL; i = i->ai_next)
        if (i->ai_family == AF_INET6)
            add_v6(&name->last,
                   ((const struct sockaddr_in6 *)(const void *)i->ai_addr)
                       ->sin6_addr);
    name->good_at = deadline_now();
}

static void
answer_waiting(struct name *name, enum err e)
{
    /* Those that come meanwhile wait for the next answer. */
    name->answering = name->waiting;
    name->waiting = NULL;
    while (name->answering != NULL) {
        struct dns_query *q = name->answering;
        name->answering = q->next;
        if (e == ERR_OK)
            answer(&name->last, q->port, q->done, q->arg);
        else
            q->done(e, NULL, q->arg);
        free(q);
    }
}

static bool
is_usable(const struct name *name, int64_t now)
{
    return name->last.n > 0 && now - name->good_at < STALE_MS;
}

static void
on_found(int result, struct evutil_addrinfo *found, void *arg)
{
    struct name *name = arg;
    enum err e = ERR_TIMEOUT;
    name->is_asking = false;
    name->request = NULL;
    if (name->dns == NULL) {
        if (found != NULL)
            evutil_freeaddrinfo(found);
        name_free(name);
        return;
    }
    name->asked_at = deadline_now();
    if (result == 0 && found != NULL)
        note_found(name, found);
    else if (result == EVUTIL_EAI_NONAME || result == EVUTIL_EAI_NODATA)
        e = ERR_NOT_FOUND;
    if (found != NULL)
        evutil_freeaddrinfo(found);
    if (is_usable(name, name->asked_at))
        e = ERR_OK;
    answer_waiting(name, e);
}

static void
ask(struct name *name)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP};
    name->is_asking = true;
    struct evdns_getaddrinfo_request *request = evdns_getaddrinfo(
        name->dns->resolver, name->text, NULL, &hints, on_found, name);
    if (name->is_asking)
        name->request = request;
}

static void
forget_oldest(struct dns *d)
{
    struct name **oldest = NULL;
    for (struct name **at = &d->names; *at != NULL; at = &(*at)->next)
        if (!(*at)->is_asking &&
            (oldest == NULL || (*at)->asked_at < (*oldest)->asked_at))
            oldest = at;
    if (oldest == NULL)
        return;
    struct name *name = *oldest;
    *oldest = name->next;
    d->n_names--;
    name_free(name);
}

static struct name *
find_name(struct dns *d, const char *text)
{
    for (struct name *name = d->names; name != NULL; name = name->next)
        if (strcmp(name->text, text) == 0)
            return name;
    if (d->n_names >= NAMES_MAX)
        forget_oldest(d);
    struct name *name = calloc(1, sizeof(*name));
    if (name == NULL)
        abort();
    name->dns = d;
    (void)memcpy(name->text, text, strlen(text) + 1);
    name->next = d->names;
    d->names = name;
    d->n_names++;
    return name;
}

/* Lower case, without the brackets of IPv6 and without a last dot. */
static bool
normalize(struct str host, char out[static NAME_MAX_LEN + 1])
{
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_of(host.p + 1, host.n - 2);
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0 || host.n > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[host.n] = '\0';
    return true;
}

struct dns_query *
dns_resolve(struct dns *d, struct str host, uint16_t port, dns_done done,
            void *arg)
{
    char text[NAME_MAX_LEN + 1];
    struct dns_addresses known;
    if (!normalize(host, text)) {
        done(ERR_NOT_FOUND, NULL, arg);
        return NULL;
    }
    if (is_known(text, &known)) {
        answer(&known, port, done, arg);
        return NULL;
    }
    struct name *name = find_name(d, text);
    int64_t now = deadline_now();
    /* A failure counts as an answer here, so that while the resolver is out
     * of order not every caller waits for it. */
    if (!name->is_asking && is_usable(name, now) &&
        now - name->asked_at < FRESH_MS) {
        answer(&name->last, port, done, arg);
        return NULL;
    }
    struct dns_query *q = calloc(1, sizeof(*q));
    if (q == NULL)
        abort();
    *q = (struct dns_query){.name = name,
                            .next = name->waiting,
                            .port = port,
                            .done = done,
                            .arg = arg};
    name->waiting = q;
    if (!name->is_asking)
        ask(name);
    /* Without a wait it is answered, and gone. */
    return name->is_asking ? q : NULL;
}

static bool
take_out(struct dns_query **at, struct dns_query *q)
{
    while (*at != NULL && *at != q)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = q->next;
    return true;
}

void
dns_cancel(struct dns_query *q)
{
    if (take_out(&q->name->waiting, q) || take_out(&q->name->answering, q))
        free(q);
}
