#include "emulator/door.h"

#include "base/secret.h"
#include "emulator/crm_types.h"
#include "emulator/own.h"
#include "emulator/refusals.h"
#include "emulator/tokens.h"

#include <arpa/inet.h>
#include <inttypes.h>

/* "localhost:8790", "127.0.0.1", "[::1]:8790": a page on another site that
 * has its name point here does not pass. */
static bool
is_loopback_host(struct str host)
{
    struct str rest = host, name = STR_NONE;
    struct in_addr address;
    char text[INET_ADDRSTRLEN] = "";
    if (str_equal(host, STR("[::1]")) || str_starts(host, STR("[::1]:")))
        return true;
    (void)str_cut(&rest, ':', &name); /* an empty host is no loopback */
    if (str_equal_nocase(name, STR("localhost")))
        return true;
    if (name.n == 0 || name.n >= sizeof(text))
        return false;
    memcpy(text, name.p, name.n);
    return inet_pton(AF_INET, text, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == 127;
}

static bool
admit_control(struct call *c)
{
    if (is_loopback_host(c->host))
        return true;
    refuse(c, 403, STR("EMULATOR_HOST"),
           STR("The emulator's own pages and API answer on loopback names "
               "only."));
    return false;
}

static struct token *
find_bearer(struct call *c)
{
    struct str rest = c->authorization, scheme;
    if (!str_cut(&rest, ' ', &scheme) ||
        !str_equal_nocase(scheme, STR("Bearer")))
        return NULL;
    struct token *t = token_find(&c->world->grants, str_trim(rest));
    return t != NULL && t->kind != TOKEN_REFRESH ? t : NULL;
}

/* hubspot.md 3.1 */
static size_t
burst_limit(const struct call *c)
{
    const struct grant *g = c->grant;
    if (c->world->settings.rate_limit >= 0)
        return (size_t)c->world->settings.rate_limit;
    const struct app *app = apps_find(&c->world->apps, g->client_id);
    bool is_private =
        g->kind == GRANT_PRIVATE || (app != NULL && app->is_private);
    if (!is_private)
        return 110;
    return g->account->edition < EDITION_PROFESSIONAL ? 100 : 190;
}

uint64_t
door_daily_limit(const struct call *c)
{
    static const uint64_t by_edition[] = {250000, 250000, 625000, 1000000};
    if (c->world->settings.daily_limit >= 0)
        return (uint64_t)c->world->settings.daily_limit;
    return by_edition[c->grant->account->edition];
}

static bool
take_search(struct call *c)
{
    size_t limit = (size_t)c->world->settings.search_limit;
    if (limit == 0 || throttle_take(&c->grant->account->searches, limit, 1000,
                                    world_now_ms(c->world)))
        return true;
    refuse_rate(c, STR("SECONDLY"));
    return false;
}

static void
add_number(struct call *c, const char *name, uint64_t value)
{
    call_header(c, name, arena_printf(c->arena, "%" PRIu64, value));
}

static bool
take_daily(struct call *c)
{
    struct account *a = c->grant->account;
    int64_t day = world_now_ms(c->world) / 86400000;
    uint64_t limit = door_daily_limit(c);
    if (a->day != day) {
        a->day = day;
        a->n_today = 0;
    }
    if (limit == 0)
        return true;
    bool is_over = a->n_today >= limit;
    a->n_today += !is_over;
    add_number(c, "X-HubSpot-RateLimit-Daily", limit);
    add_number(c, "X-HubSpot-RateLimit-Daily-Remaining", limit - a->n_today);
    if (is_over)
        refuse_rate(c, STR("DAILY"));
    return !is_over;
}

static bool
take_burst(struct call *c)
{
    size_t limit = burst_limit(c);
    int64_t window_ms = c->world->settings.rate_window_ms;
    int64_t now_ms = world_now_ms(c->world);
    if (limit == 0)
        return true;
    bool is_taken = throttle_take(&c->grant->calls, limit, window_ms, now_ms);
    add_number(c, "X-HubSpot-RateLimit-Max", limit);
    add_number(c, "X-HubSpot-RateLimit-Remaining",
               throttle_left(&c->grant->calls, window_ms, now_ms));
    add_number(c, "X-HubSpot-RateLimit-Interval-Milliseconds",
               (uint64_t)window_ms);
    if (!is_taken)
        refuse_rate(c, STR("TEN_SECONDLY_ROLLING"));
    return is_taken;
}

bool
door_has_scope(struct call *c, const struct crm_type *type, bool is_writing)
{
    struct str wanted =
        str_from(is_writing ? type->write_scope : type->read_scope);
    /* The umbrella from before 2021 still opens most of the CRM. */
    if (grant_has_scope(c->grant, wanted) ||
        grant_has_scope(c->grant, STR("contacts")))
        return true;
    refuse_missing_scopes(c, (struct strs){&wanted, 1});
    return false;
}

static bool
has_scope(struct call *c)
{
    if (c->route->access < ACCESS_READ)
        return true;
    const struct crm_type *type = crm_type_find(c->params[0]);
    if (type != NULL)
        return door_has_scope(c, type, c->route->access == ACCESS_WRITE);
    refuse_unknown_path(c);
    return false;
}

static bool
admit_bearer(struct call *c)
{
    struct token *t = find_bearer(c);
    if (t == NULL || t->grant->account == NULL) {
        refuse_unknown_token(c);
        return false;
    }
    c->grant = t->grant;
    c->portal = t->grant->account->portal;
    c->client_id = t->grant->client_id;
    if (token_is_expired(t, world_now_ms(c->world))) {
        refuse_expired_token(c, t->expires_at_ms);
        return false;
    }
    if (c->route->access == ACCESS_SEARCH)
        return take_search(c) && has_scope(c);
    if (t->grant->kind == GRANT_PRIVATE && !take_daily(c))
        return false;
    return take_burst(c) && has_scope(c);
}

/* An app's own token, of no account; exempt from rate limits. */
static bool
admit_app(struct call *c)
{
    struct token *t = find_bearer(c);
    if (t == NULL || t->grant->kind != GRANT_APP_LEVEL) {
        refuse_unknown_token(c);
        return false;
    }
    c->grant = t->grant;
    c->client_id = t->grant->client_id;
    if (!token_is_expired(t, world_now_ms(c->world)))
        return true;
    refuse_expired_token(c, t->expires_at_ms);
    return false;
}

bool
door_admit(struct call *c)
{
    switch (c->route->access) {
    case ACCESS_OPEN:
        return true;
    case ACCESS_CONTROL:
        return admit_control(c);
    case ACCESS_APP:
        return admit_app(c);
    default:
        return admit_bearer(c);
    }
}

struct app *
door_client(struct call *c, struct str id, struct str secret)
{
    struct app *app = apps_meet(&c->world->apps, id);
    if (app == NULL) {
        refuse_oauth(c, STR("BAD_CLIENT_ID"));
        return NULL;
    }
    c->client_id = app->client_id;
    bool is_right =
        c->world->secret.p == NULL
            ? secret.n > 0
            : hidden_equal(HIDDEN(secret), HIDDEN(c->world->secret));
    if (!is_right) {
        refuse_oauth(c, STR("BAD_CLIENT_SECRET"));
        return NULL;
    }
    own_replace(&app->secret, secret); /* webhooks are signed with it */
    return app;
}
