#include "relay/upstream.h"

#include "base/arena.h"
#include "child/child.h"
#include "http/tls.h"

enum err
upstream_set(struct upstream *u, const struct child *c, struct buf *problem)
{
    struct destination d;
    if (destination_parse(&d, c->settings.api_url) != ERR_OK) {
        buf_add_text(problem, "[hubspot] api_url is not a URL like "
                              "https://api.hubapi.com");
        return ERR_CONFIG;
    }
    if (str_equal(d.url.scheme, STR("https")) && u->tls == NULL) {
        buf_add_text(problem, "no certificates to check api_url with: "
                              "install ca-certificates");
        return ERR_CONFIG;
    }
    u->destination = d;
    return ERR_OK;
}

enum err
upstream_open(struct upstream *u, const struct child *c, struct buf *problem)
{
    struct str ca = arena_copy(c->arena, c->settings.ca_file);
    u->dns = dns_new(c->base);
    if (u->dns == NULL) {
        buf_add_text(problem, "cannot read /etc/resolv.conf");
        return ERR_SYSTEM;
    }
    if (tls_client_new(ca.n > 0 ? ca.p : NULL, &u->tls) != ERR_OK)
        u->tls = NULL;
    return upstream_set(u, c, problem);
}

void
upstream_run(struct upstream *u, struct event_base *base)
{
    struct http_client_setup setup = {.base = base,
                                      .dns = u->dns,
                                      .tls = u->tls,
                                      .filter = destination_filter,
                                      .filter_arg = &u->destination};
    u->client = http_client_new(&setup);
}

void
upstream_close(struct upstream *u)
{
    http_client_free(u->client);
    dns_free(u->dns);
    tls_free(u->tls);
    u->client = NULL;
    u->dns = NULL;
    u->tls = NULL;
}
