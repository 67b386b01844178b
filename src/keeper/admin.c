#include "keeper/admin.h"

#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/errands.h"
#include "keeper/event_status.h"
#include "keeper/grant.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/portals.h"
#include "keeper/refresh.h"
#include "keeper/revoke.h"
#include "keeper/seal.h"
#include "keeper/session.h"

#include <inttypes.h>
#include <unistd.h>

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

static struct str
uid_actor(struct turn *t)
{
    return arena_printf(turn_arena(t), "uid:%u",
                        peers_uid(turn_keeper(t)->peers, turn_peer(t)));
}

static void
add_counts(struct turn *t, struct doc *d, struct str app)
{
    struct grant_counts c;
    (void)grant_counts_load(t, app, &c); /* zero where there is no row */
    doc_open(d, '{');
    doc_field_str(d, "app", app);
    doc_field_u64(d, "active", c.n_active);
    doc_field_u64(d, "needs_reconnect", c.n_needs_reconnect);
    doc_field_u64(d, "erasing", c.n_erasing);
    doc_field_bool(d, "configured",
                   apps_find(turn_keeper(t)->apps, app) != NULL);
    doc_close(d, '}');
}

/* The counts of all apps that have, or had, grants. */
static const struct store_ask *
find_counts(struct turn *t)
{
    return turn_find(t, &(struct store_ask){.table = STORE_META,
                                            .by = STORE_BY_PREFIX,
                                            .key = STR(GRANT_COUNTS),
                                            .limit = 10 * LIMIT_APPS});
}

/* Their grants wait for them, unless there are none. */
static void
add_gone(struct turn *t, struct doc *d, const struct store_ask *found)
{
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str key = found->rows[i].key;
        struct str head = STR(GRANT_COUNTS);
        struct str app = str_of(key.p + head.n, key.n - head.n);
        struct grant_counts c;
        if (apps_find(turn_keeper(t)->apps, app) == NULL &&
            grant_counts_load(t, app, &c) &&
            c.n_active + c.n_needs_reconnect + c.n_erasing > 0)
            add_counts(t, d, app);
    }
}

/* [server] user, who they became; else who started them. */
static struct str
user_of(struct turn *t)
{
    const struct child *c = turn_keeper(t)->child;
    if (c != NULL && c->settings.user.n > 0)
        return c->settings.user;
    return arena_printf(turn_arena(t), "uid:%u", (unsigned)geteuid());
}

static void
add_processes(struct turn *t, struct doc *d)
{
    static const struct {
        const char *name;
        enum life_peer kind;
    } rows[] = {{"front", LIFE_PEER_FRONT},
                {"relay", LIFE_PEER_RELAY},
                {"courier", LIFE_PEER_COURIER},
                {"deliver", LIFE_PEER_DELIVER}};
    struct peers *peers = turn_keeper(t)->peers;
    const size_t n = sizeof(rows) / sizeof(rows[0]);
    doc_key(d, "processes");
    doc_open(d, '{');
    doc_field_u64(d, "keeper", 1);
    for (size_t i = 0; i < n; i++)
        doc_field_u64(d, rows[i].name, peers_count(peers, rows[i].kind));
    doc_close(d, '}');
    /* The keeper's own restart is that of everything: see started_at. */
    doc_key(d, "restarts");
    doc_open(d, '{');
    for (size_t i = 0; i < n; i++)
        doc_field_u64(d, rows[i].name, peers_deaths(peers, rows[i].kind));
    doc_close(d, '}');
}

static void
add_status(struct turn *t, struct doc *d)
{
    struct keeper *k = turn_keeper(t);
    struct buf auto_buf head = {0};
    buf_init(&head, 512);
    audit_add_head(k->audit, &head);
    doc_field_str(d, "node", k->node);
    doc_field_str(d, "public_url", k->public_url);
    doc_field_time(d, "started_at", k->started_at / 1000);
    doc_field_str(d, "user", user_of(t));
    add_processes(t, d);
    doc_field_bool(d, "sandboxed",
                   k->child != NULL && k->child->settings.is_sandboxed);
    doc_field_str(d, "master_key", vault_current(k->vault));
    doc_field_str(d, "audit_head", buf_str(&head));
    doc_field_u64(d, "errands_running", errands_n_running(k->errands));
}

/* The grants that are due soonest, which is what expires soonest. */
static const struct store_ask *
find_soonest(struct turn *t)
{
    return turn_find(t, &(struct store_ask){.table = STORE_GRANTS,
                                            .by = STORE_BY_DUE,
                                            .due = STORE_NEVER - 1,
                                            .limit = 1});
}

enum err
do_status(struct turn *t, const void *ask)
{
    struct keeper *k = turn_keeper(t);
    struct buf auto_buf json = {0};
    struct grant_counts c;
    const struct store_ask *soonest = find_soonest(t);
    const struct store_ask *counts = find_counts(t);
    (void)ask;
    for (size_t i = 0; i < apps_count(k->apps); i++)
        (void)grant_counts_load(t, apps_at(k->apps, i)->conf->name, &c);
    (void)event_status_name(t); /* named */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    buf_init(&json, LIMIT_API_BODY * 4);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    add_status(t, &d);
    doc_key(&d, "next_refresh");
    if (soonest->n_rows > 0)
        doc_time(&d, soonest->rows[0].due / 1000);
    else
        doc_null(&d);
    doc_key(&d, "grants");
    doc_open(&d, '[');
    for (size_t i = 0; i < apps_count(k->apps); i++)
        add_counts(t, &d, apps_at(k->apps, i)->conf->name);
    add_gone(t, &d, counts);
    doc_close(&d, ']');
    event_status_add(t, &d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
    return ERR_OK;
}

/* A grant that can be refreshed, or a refusal that says why not. */
static bool
find_active(struct turn *t, const struct admin_portal *a, struct app *app,
            bool is_there, const struct grant *g)
{
    if (app == NULL) {
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name in the configuration."));
    } else if (!is_there) {
        refuse(t, ERR_NOT_FOUND,
               STR("This portal is not connected to this app."));
    } else if (g->state == GRANT_NEEDS_RECONNECT) {
        struct refusal_text r = {
            .err = ERR_NEEDS_RECONNECT,
            .detail = STR("HubSpot ended this grant. Send the customer to "
                          "reconnect_url to connect again."),
            .reconnect_url =
                session_reconnect_url(t, a->app, a->portal, g->generation)};
        answer_refusal(t, answer_waiter(t), &r);
    } else if (g->state != GRANT_ACTIVE) {
        refuse(t, ERR_CONFLICT, STR("This portal is being disconnected."));
    } else {
        return true;
    }
    return false;
}

static void
refuse_refresh(struct turn *t, enum err e, const struct grant *g,
               const struct app *app)
{
    struct refresh_refusal why = refresh_why(t, e, g, app);
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = why.err,
                                          .detail = why.detail,
                                          .retry_after_s = why.retry_after_s});
}

/* note: see newest_known. */
static void
wait_for_refresh(struct turn *t, const struct admin_portal *a, struct app *app,
                 struct grant *g, uint64_t note)
{
    enum err e =
        turn_is_late(t) ? ERR_TIMEOUT : refresh_want(t, app, a->portal, g);
    if (e == ERR_OK)
        turn_park_noting(t, grant_key(turn_arena(t), a->app, a->portal), note);
    else
        refuse_refresh(t, e, g, app);
}

static void
give_token(struct turn *t, const struct admin_portal *a, const struct grant *g)
{
    struct buf auto_buf json = {0};
    struct secret *auto_secret key = NULL;
    struct hidden token;
    if (grant_open_key(t, a->app, a->portal, &key) != ERR_OK ||
        grant_unseal(t, key, a->app, a->portal, g->generation, "access",
                     g->sealed_access, &token) != ERR_OK) {
        refuse(t, ERR_CRYPTO, GRANT_UNOPENED);
        return;
    }
    buf_init_secret(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_str(&d, "access_token", token.s);
    doc_field_str(&d, "token_type", STR("bearer"));
    doc_field_time(&d, "expires_at", g->expires_at);
    if (!g->is_static)
        doc_field_u64(&d, "expires_in",
                      (uint64_t)(g->expires_at - turn_now_s(t)));
    doc_field_u64(&d, "portal_id", a->portal);
    doc_field_strs(&d, "scopes", g->scopes);
    doc_close(&d, '}');
    audit_add(t, &(struct audit_entry){.kind = STR("token"),
                                       .app = a->app,
                                       .portal = a->portal,
                                       .generation = g->generation,
                                       .actor = uid_actor(t),
                                       .outcome = STR("ok")});
    answer_document(t, answer_waiter(t), buf_str(&json));
}

/* Refreshed first when under half of its life is left. */
enum err
do_admin_token(struct turn *t, const void *ask)
{
    const struct admin_portal *a = ask;
    struct grant g;
    struct data_key row;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (!find_active(t, a, app, is_there, &g))
        return ERR_OK;
    int64_t left = g.expires_at - turn_now_s(t);
    bool is_young = g.is_static || left * 2 >= (int64_t)g.expires_in;
    if (is_young || (turn_is_late(t) && grant_is_fresh(&g, turn_now_s(t))))
        give_token(t, a, &g);
    else
        wait_for_refresh(t, a, app, &g, 0);
    return ERR_OK;
}

/* The version that was there when a refresh was asked for.  What a refresh
 * brings that ran already then may be as old. */
static uint64_t
newest_known(struct turn *t, const struct grant *g)
{
    if (turn_was_parked(t))
        return turn_note(t);
    return g->version + refresh_is_running(t, g);
}

/* A spare in a refused token's place counts as a version, but has brought
 * nothing yet: its turn is still to come. */
static bool
has_come(const struct grant *g, uint64_t known)
{
    return g->version > known && g->retry_at_ms == 0;
}

/* Whoever asks by hand wants it in use, too. */
static void
give_refreshed(struct turn *t, const struct admin_portal *a,
               const struct grant *g)
{
    revoke_replaced(t, a->app, a->portal);
    portal_answer(t, answer_waiter(t), a->app, a->portal, g,
                  portal_ref(t, a->app, a->portal, g));
}

enum err
do_admin_refresh(struct turn *t, const void *ask)
{
    const struct admin_portal *a = ask;
    struct grant g;
    struct data_key row;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (!find_active(t, a, app, is_there, &g))
        return ERR_OK;
    if (g.is_static)
        refuse(t, ERR_INVALID,
               STR("A static token is not refreshed. Add a new one with "
                   "portkeep portals add --static."));
    else if (has_come(&g, newest_known(t, &g)))
        give_refreshed(t, a, &g);
    else
        wait_for_refresh(t, a, app, &g, newest_known(t, &g));
    return ERR_OK;
}

enum err
do_admin_import(struct turn *t, const void *ask)
{
    const struct admin_import *a = ask;
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    struct attempt_context context = {.ref = a->ref,
                                      .portal = a->portal,
                                      .is_take_over = true,
                                      .given_token = a->refresh_token};
    if (app == NULL || app->conf->is_static) {
        refuse(t, ERR_NOT_FOUND,
               STR("There is no OAuth app of that name in the "
                   "configuration."));
        return ERR_OK;
    }
    if (a->refresh_token.s.n == 0 || a->refresh_token.s.n > LIMIT_TOKEN ||
        a->ref.n > LIMIT_REF || !text_is_clean(a->refresh_token.s)) {
        refuse(t, ERR_INVALID,
               STR("A row needs a refresh token, and its ref is at most 255 "
                   "bytes."));
        return ERR_OK;
    }
    int64_t when;
    if (!app_may_send(app, turn_now_ms(t), &when)) {
        refuse_refresh(t, ERR_THROTTLED, &(struct grant){0}, app);
        return ERR_OK;
    }
    struct attempt_start start = {
        .origin = ORIGIN_IMPORT,
        .app = a->app,
        .id = seal_random(t, 32),
        .context = &context,
        .errand = {.kind = ERRAND_REFRESH, .token = a->refresh_token}};
    attempt_begin(t, &start);
    return ERR_OK;
}

enum err
do_admin_add_static(struct turn *t, const void *ask)
{
    const struct admin_add_static *a = ask;
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    struct attempt_context context = {
        .ref = a->ref, .is_take_over = true, .given_token = a->token};
    if (app == NULL || !app->conf->is_static) {
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name with type = static in the "
                   "configuration."));
        return ERR_OK;
    }
    if (a->token.s.n == 0 || a->token.s.n > LIMIT_TOKEN ||
        a->ref.n > LIMIT_REF || !text_is_clean(a->token.s) ||
        str_has(a->token.s, ' ')) {
        refuse(t, ERR_INVALID,
               STR("The token is empty, too long or holds spaces. It looks "
                   "like pat-na1-... and comes on standard input."));
        return ERR_OK;
    }
    struct attempt_start start = {
        .origin = ORIGIN_STATIC,
        .app = a->app,
        .id = seal_random(t, 32),
        .context = &context,
        .errand = {.kind = ERRAND_TOKEN_INFO, .token = a->token}};
    attempt_begin(t, &start);
    return ERR_OK;
}

enum err
do_note_start(struct turn *t, const void *ask)
{
    struct vault *v = turn_keeper(t)->vault;
    (void)ask;
    audit_add(t, &(struct audit_entry){
                     .kind = STR("start"),
                     .actor = STR("keeper"),
                     .outcome = STR("ok"),
                     .detail = arena_printf(turn_arena(t), "master key %.*s",
                                            STR_ARG(vault_current(v)))});
    return ERR_OK;
}

static void
add_metric(struct buf *out, const char *name, const char *help,
           const char *kind, uint64_t value)
{
    buf_addf(out, "# HELP portkeep_%s %s\n# TYPE portkeep_%s %s\n", name, help,
             name, kind);
    buf_addf(out, "portkeep_%s %" PRIu64 "\n", name, value);
}

static void
add_grant_metrics(struct turn *t, struct buf *out)
{
    struct keeper *k = turn_keeper(t);
    buf_add_text(out, "# HELP portkeep_grants Grants by app and state.\n"
                      "# TYPE portkeep_grants gauge\n");
    for (size_t i = 0; i < apps_count(k->apps); i++) {
        struct grant_counts c;
        struct str app = apps_at(k->apps, i)->conf->name;
        (void)grant_counts_load(t, app, &c); /* zero without a row */
        buf_addf(out,
                 "portkeep_grants{app=\"%.*s\",state=\"active\"} %" PRIu64
                 "\nportkeep_grants{app=\"%.*s\",state=\"needs_reconnect\"} "
                 "%" PRIu64 "\n",
                 STR_ARG(app), c.n_active, STR_ARG(app), c.n_needs_reconnect);
    }
}

enum err
do_metrics(struct turn *t, const void *ask)
{
    struct keeper *k = turn_keeper(t);
    struct buf auto_buf text = {0};
    struct grant_counts c;
    (void)ask;
    for (size_t i = 0; i < apps_count(k->apps); i++)
        (void)grant_counts_load(t, apps_at(k->apps, i)->conf->name, &c);
    (void)event_status_name(t); /* named */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    buf_init(&text, LIMIT_API_BODY * 4);
    add_metric(&text, "leases_total", "Tokens leased to relays.", "counter",
               k->n_leases);
    add_metric(&text, "refreshes_total", "Refreshes that gave a token.",
               "counter", k->n_refreshes);
    add_metric(&text, "refresh_failures_total", "Refreshes that did not.",
               "counter", k->n_refresh_failures);
    add_metric(&text, "connects_total", "Installs that became a grant.",
               "counter", k->n_connects);
    add_metric(&text, "erasures_total", "Grants erased.", "counter",
               k->n_erased);
    add_metric(&text, "store_commits_total", "Commits of the store.", "counter",
               turns_n_commits(k->turns));
    add_metric(&text, "audit_entries_total",
               "Entries of this node's audit log.", "counter",
               audit_number(k->audit));
    add_grant_metrics(t, &text);
    event_status_add_metrics(t, &text);
    answer_document(t, answer_waiter(t), buf_str(&text));
    return ERR_OK;
}
