#include "keeper/journal.h"

#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/refresh.h"

#include <inttypes.h>

/*
 * What is subscribed, and to what end: an app's life cycle for all portals at
 * once, privacy deletions portal by portal, and objects where the app's
 * events come from the journal.  HubSpot answers 409 to what is there
 * already, which is as good.  Once a day all portals are gone through, and
 * those that nothing was heard of for a day are asked about: a sign, no word.
 */
#define DAY_MS INT64_C(86400000)
#define DAY_S 86400
#define PAGE 20
#define FRESH_MAX 1000
#define AGAIN_MS 600000 /* when the life cycle could not be subscribed */
#define FRESH_PAGE 20   /* portals that connected, in one go */
#define RUNNING_MAX 64  /* errands; then the rest waits */

static const char *const life_cycle[] = {"4-1909196", "4-1916193"};

/* Which objects, for apps with that scope (hubspot.md 4.1, object types). */
static const struct watched {
    const char *scope, *type;
} watched[] = {
    {"crm.objects.contacts.read", "0-1"},
    {"crm.objects.companies.read", "0-2"},
    {"crm.objects.deals.read", "0-3"},
    {"tickets", "0-5"},
};

static void
add_fresh(struct turn *t, struct journal *j, uint64_t portal)
{
    struct arena *a = turn_arena(t);
    if (j->fresh.n >= FRESH_MAX) { /* the pass comes to all of them */
        j->pass_at_ms = 0;
        j->fresh.n = 0;
    }
    struct str *fresh = arena_alloc(a, (j->fresh.n + 1) * sizeof(*fresh));
    for (size_t i = 0; i < j->fresh.n; i++)
        fresh[i] = j->fresh.v[i];
    fresh[j->fresh.n] = arena_printf(a, "%" PRIu64, portal);
    j->fresh = (struct strs){fresh, j->fresh.n + 1};
}

void
journal_note_connect(struct turn *t, struct str app, uint64_t portal)
{
    struct journal j;
    if (!turn_get(t, STORE_JOURNALS, app, &journal_record, &j))
        return; /* a static app's */
    add_fresh(t, &j, portal);
    /* A reading that runs is not doubled; its end sees to this. */
    journal_store(t, app, &j,
                  j.lease_until_ms > turn_now_ms(t) ? j.lease_until_ms
                                                    : turn_now_ms(t));
}

/* HubSpot could not be asked: with the next reading once more. */
static void
subscribe_again(struct turn *t, const struct errand_note *note,
                struct journal *j)
{
    if (note->portal != 0)
        add_fresh(t, j, note->portal);
    else if (j->pass_at_ms > turn_now_ms(t) - DAY_MS + AGAIN_MS)
        j->pass_at_ms = turn_now_ms(t) - DAY_MS + AGAIN_MS;
    journal_store(t, note->app, j, turn_due(t, STORE_JOURNALS, note->app));
}

static enum err
do_subscribed(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct journal j;
    bool is_again = errand_is_transient(&r->done);
    bool is_there =
        turn_get(t, STORE_JOURNALS, r->note.app, &journal_record, &j);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (r->done.outcome != OUTCOME_OK)
        turn_log(t, is_again ? LOG_INFO : LOG_WARN, "journal.not_subscribed",
                 "app=%.*s portal=%" PRIu64 " status=%s http=%u",
                 STR_ARG(r->note.app), r->note.portal,
                 log_quote(r->done.status), r->done.http_status);
    if (is_again && is_there)
        subscribe_again(t, &r->note, &j);
    return ERR_OK;
}

static void
subscribe(struct turn *t, const struct app *app, uint64_t portal,
          struct str body)
{
    struct errand_note note = {.app = app->conf->name, .portal = portal};
    struct courier_errand errand = {.kind = ERRAND_SUBSCRIBE,
                                    .app = app->conf->name,
                                    .portal = portal,
                                    .token = secret_view(app->journal_token),
                                    .text = body};
    errands_send(t, &errand, &note, do_subscribed);
}

static void
subscribe_life_cycle(struct turn *t, const struct app *app)
{
    for (size_t i = 0; i < sizeof(life_cycle) / sizeof(life_cycle[0]); i++)
        subscribe(t, app, 0,
                  arena_printf(turn_arena(t),
                               "{\"subscriptionType\":\"APP_LIFECYCLE_EVENT\","
                               "\"eventTypeId\":\"%s\",\"properties\":[]}",
                               life_cycle[i]));
}

static void
subscribe_portal(struct turn *t, const struct app *app, uint64_t portal,
                 struct strs granted)
{
    struct arena *a = turn_arena(t);
    subscribe(t, app, portal,
              arena_printf(a,
                           "{\"subscriptionType\":\"GDPR_PRIVACY_DELETION\","
                           "\"portalId\":%" PRIu64 ",\"objectTypeId\":\"0-1\","
                           "\"actions\":[\"GDPR_DELETE\"]}",
                           portal));
    if (!app->conf->is_journal)
        return;
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
        if (strs_have(granted, str_from(watched[i].scope)))
            subscribe(
                t, app, portal,
                arena_printf(
                    a,
                    "{\"subscriptionType\":\"OBJECT\",\"portalId\":%" PRIu64
                    ",\"objectTypeId\":\"%s\",\"actions\":["
                    "\"CREATE\",\"UPDATE\",\"DELETE\",\"MERGE\","
                    "\"RESTORE\"],\"properties\":[],\"objectIds\":[]}",
                    portal, watched[i].type));
}

/* Introspection says inactive: a sign, as a refused refresh is. */
static enum err
do_reconciled(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    (void)notice_load(t, r->note.app);                /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(turn_keeper(t)->apps, r->note.app);
    if (!is_there || app == NULL || g.state != GRANT_ACTIVE ||
        g.generation != r->note.generation ||
        r->done.outcome != OUTCOME_INACTIVE)
        return ERR_OK;
    uint64_t n = counts.n_active + counts.n_needs_reconnect;
    if (app_trusts_refusal(app, r->note.portal, n, turn_now_ms(t)))
        refresh_need_reconnect(t, r, &g, turn_now_ms(t) + DAY_MS);
    return ERR_OK;
}

static void
reconcile(struct turn *t, const struct app *app, uint64_t portal,
          const struct grant *g)
{
    struct str name = app->conf->name;
    struct errand_note note = {.app = name,
                               .portal = portal,
                               .generation = g->generation,
                               .version = g->version};
    struct secret *auto_secret key = NULL;
    struct hidden token;
    if (grant_open_key(t, name, portal, &key) != ERR_OK ||
        grant_unseal(t, key, name, portal, g->generation, "refresh",
                     g->sealed_refresh, &token) != ERR_OK ||
        token.s.n == 0)
        return;
    struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    errands_send(t, &errand, &note, do_reconciled);
}

static bool
is_running(const struct journal *j)
{
    return j->pass_from.n > 0;
}

static const struct store_ask *
find_page(struct turn *t, const struct app *app, const struct journal *j)
{
    return turn_find(
        t, &(struct store_ask){.table = STORE_GRANTS,
                               .by = STORE_BY_PREFIX,
                               .key = arena_printf(turn_arena(t), "%.*s/",
                                                   STR_ARG(app->conf->name)),
                               .after = j->pass_from,
                               .limit = PAGE});
}

static struct strs
fresh_now(const struct journal *j)
{
    struct strs some = j->fresh;
    if (some.n > FRESH_PAGE)
        some.n = FRESH_PAGE;
    return some;
}

void
journal_pass_name(struct turn *t, const struct app *app,
                  const struct journal *j)
{
    struct str name = app->conf->name;
    struct strs fresh = fresh_now(j);
    struct grant g;
    struct data_key row;
    uint64_t portal;
    for (size_t i = 0; i < fresh.n; i++)
        if (str_to_u64(fresh.v[i], &portal))
            (void)grant_load(t, name, portal, &g, &row); /* named */
    const struct store_ask *found = is_running(j) ? find_page(t, app, j) : NULL;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct str app_name;
        if (grant_key_parse(found->rows[i].key, &app_name, &portal))
            (void)grant_load(t, name, portal, &g, &row); /* named */
    }
}

static void
go_through(struct turn *t, struct app *app, struct journal *j)
{
    const struct store_ask *found = find_page(t, app, j);
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct str name;
        struct grant g;
        struct data_key row;
        uint64_t portal;
        if (!grant_key_parse(found->rows[i].key, &name, &portal) ||
            !grant_load(t, name, portal, &g, &row) || g.state != GRANT_ACTIVE ||
            g.is_static)
            continue;
        subscribe_portal(t, app, portal, g.scopes);
        if (j->is_gap || turn_now_s(t) - g.refreshed_at > DAY_S)
            reconcile(t, app, portal, &g);
    }
    if (found != NULL && found->n_rows == PAGE) {
        j->pass_from = found->rows[PAGE - 1].key;
        return;
    }
    j->pass_from = STR_NONE;
    j->is_gap = false;
}

static void
take_fresh(struct turn *t, struct app *app, struct journal *j)
{
    struct strs fresh = fresh_now(j);
    for (size_t i = 0; i < fresh.n; i++) {
        struct grant g;
        struct data_key row;
        uint64_t portal;
        if (str_to_u64(fresh.v[i], &portal) &&
            grant_load(t, app->conf->name, portal, &g, &row))
            subscribe_portal(t, app, portal, g.scopes);
    }
    j->fresh.v += fresh.n;
    j->fresh.n -= fresh.n;
}

void
journal_pass(struct turn *t, struct app *app, struct journal *j)
{
    if (errands_n_running(turn_keeper(t)->errands) >= RUNNING_MAX)
        return;
    take_fresh(t, app, j);
    if (is_running(j)) {
        go_through(t, app, j);
    } else if (j->pass_at_ms == 0 || turn_now_ms(t) - j->pass_at_ms >= DAY_MS) {
        subscribe_life_cycle(t, app);
        j->pass_at_ms = turn_now_ms(t);
        /* Just before the first of its grants. */
        j->pass_from =
            arena_printf(turn_arena(t), "%.*s/", STR_ARG(app->conf->name));
    }
}
