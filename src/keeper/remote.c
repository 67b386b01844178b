#include "keeper/remote.h"

#include "keeper/audit.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/receipt.h"

#include <inttypes.h>

/*
 *   WAITING --refresh--> (access token) --uninstall--> --revoke--> done
 *      ^---- transient: later ----/            72 h: given up
 */

#define REMOTE_LIFE_S (72 * 3600)
#define REMOTE_FIRST_MS 60000
#define REMOTE_EVERY_MS 900000
#define REMOTE_BATCH 16

struct remote {
    struct str app;
    uint64_t portal;
    uint64_t generation;
    int64_t erased_at;
    struct str word;
    struct str sealed_refresh;
};
static const struct field remote_fields[] = {
    FIELD(struct remote, app),        FIELD(struct remote, portal),
    FIELD(struct remote, generation), FIELD(struct remote, erased_at),
    FIELD(struct remote, word),       FIELD(struct remote, sealed_refresh),
};
static const struct record remote_record = RECORD(remote);

static struct seal_place
place_of(const struct remote *r, struct str key, const char *kind)
{
    return (struct seal_place){.app = r->app,
                               .portal = r->portal,
                               .generation = r->generation,
                               .kind = str_from(kind),
                               .row = key};
}

static struct str
remote_key(struct turn *t, struct str app, uint64_t portal, uint64_t generation)
{
    return arena_printf(turn_arena(t),
                        REMOTE_PREFIX "%.*s/%" PRIu64 "/%" PRIu64, STR_ARG(app),
                        portal, generation);
}

void
remote_keep(struct turn *t, const struct ending *e)
{
    struct keeper *k = turn_keeper(t);
    struct secret *old_key, *key;
    struct hidden token;
    struct buf auto_buf wrap = {0}, sealed = {0};
    struct remote r = {.app = e->app,
                       .portal = e->portal,
                       .generation = e->grant->generation,
                       .erased_at = turn_now_s(t),
                       .word = e->word};
    struct str row = remote_key(t, r.app, r.portal, r.generation);
    struct seal_place wrap_place = place_of(&r, row, "wrap");
    struct seal_place place = place_of(&r, row, "refresh");
    buf_init(&wrap, 256);
    buf_init(&sealed, LIMIT_API_BODY);
    if (grant_open_key(t, e->app, e->portal, &old_key) != ERR_OK ||
        grant_unseal(t, old_key, e->app, e->portal, e->grant->generation,
                     "refresh", e->grant->sealed_refresh, &token) != ERR_OK ||
        token.s.n == 0 ||
        vault_new_data_key(k->vault, &wrap_place, &key, &wrap) != ERR_OK)
        return;
    turn_own(t, key);
    if (vault_seal(key, &place, token, &sealed) != ERR_OK)
        return;
    r.sealed_refresh = buf_str(&sealed);
    turn_put(t, STORE_DATA_KEYS, row, &data_key_record,
             &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
             vault_current(k->vault));
    turn_put(t, STORE_ENDINGS, row, &remote_record, &r,
             turn_now_ms(t) + REMOTE_FIRST_MS, STR_NONE);
}

static bool
load(struct turn *t, struct str row, struct remote *r)
{
    struct data_key key;
    bool is_there = turn_get(t, STORE_ENDINGS, row, &remote_record, r);
    bool has_key = turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &key);
    return is_there && has_key;
}

static enum err
open_token(struct turn *t, struct str row, const struct remote *r,
           struct hidden *out)
{
    struct data_key wrap;
    struct secret *key;
    struct buf auto_buf text = {0};
    struct seal_place wrap_place = place_of(r, row, "wrap");
    struct seal_place place = place_of(r, row, "refresh");
    if (!turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &wrap))
        return ERR_NOT_FOUND;
    enum err e =
        vault_unwrap(turn_keeper(t)->vault, turn_tag(t, STORE_DATA_KEYS, row),
                     wrap.wrap, &wrap_place, &key);
    if (e != ERR_OK)
        return e;
    turn_own(t, key);
    buf_init_secret(&text, LIMIT_API_BODY);
    e = vault_unseal(key, &place, r->sealed_refresh, &text);
    if (e == ERR_OK)
        *out = HIDDEN(arena_copy(turn_arena(t), buf_str(&text)));
    return e;
}

/* The second receipt, and nothing is left. */
static void
finish(struct turn *t, struct str row, const struct remote *r,
       struct str outcome)
{
    struct buf auto_buf head = {0};
    buf_init(&head, 512);
    audit_add_head(turn_keeper(t)->audit, &head);
    struct receipt receipt = {.app = r->app,
                              .portal = r->portal,
                              .generation = r->generation,
                              .erased_at = turn_now_s(t),
                              .word = r->word,
                              .remote = outcome,
                              .master_key = turn_tag(t, STORE_DATA_KEYS, row),
                              .had_refresh = true,
                              .audit_head = buf_str(&head)};
    receipt_store(t, &receipt);
    turn_delete(t, STORE_ENDINGS, row);
    turn_delete(t, STORE_DATA_KEYS, row);
    turn_scrub(t);
    log_info("grant.remote_end", "app=%.*s portal=%" PRIu64 " remote=%.*s",
             STR_ARG(r->app), r->portal, STR_ARG(outcome));
}

static bool
is_transient(const struct courier_done *d)
{
    return d->outcome == OUTCOME_TRANSIENT || d->outcome == OUTCOME_DROPPED ||
           d->outcome == OUTCOME_THROTTLED || d->outcome == OUTCOME_OUR_FAULT;
}

/* Steps: 1 refreshed, 2 uninstalled, 3 revoked. */
static void
send_step(struct turn *t, struct str row, const struct remote *r,
          enum errand_kind kind, struct hidden token, uint32_t step)
{
    struct app *app = apps_find(turn_keeper(t)->apps, r->app);
    if (app == NULL)
        return;
    struct courier_errand errand = {.kind = kind,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    struct errand_note note = {.app = r->app,
                               .portal = r->portal,
                               .generation = r->generation,
                               .row = row,
                               .step = step};
    errands_send(t, &errand, &note, do_remote_step);
}

static void
keep_new_token(struct turn *t, struct str row, struct remote *r,
               struct hidden token)
{
    struct data_key wrap;
    struct secret *key;
    struct buf auto_buf sealed = {0};
    struct seal_place wrap_place = place_of(r, row, "wrap");
    struct seal_place place = place_of(r, row, "refresh");
    if (token.s.n == 0 ||
        !turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &wrap) ||
        vault_unwrap(turn_keeper(t)->vault, turn_tag(t, STORE_DATA_KEYS, row),
                     wrap.wrap, &wrap_place, &key) != ERR_OK)
        return;
    turn_own(t, key);
    buf_init(&sealed, LIMIT_API_BODY);
    if (vault_seal(key, &place, token, &sealed) != ERR_OK)
        return;
    r->sealed_refresh = arena_copy(turn_arena(t), buf_str(&sealed));
    turn_put(t, STORE_ENDINGS, row, &remote_record, r,
             turn_now_ms(t) + REMOTE_EVERY_MS, STR_NONE);
}

enum err
do_remote_step(struct turn *t, const void *ask)
{
    const struct errand_result *res = ask;
    struct remote r;
    struct hidden token;
    struct str row = res->note.row;
    bool is_there = load(t, row, &r);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there || is_transient(&res->done))
        return ERR_OK; /* due again later */
    if (res->note.step == 1 && res->done.outcome == OUTCOME_OK) {
        keep_new_token(t, row, &r, res->done.refresh_token);
        send_step(t, row, &r, ERRAND_UNINSTALL, res->done.access_token, 2);
    } else if (res->note.step == 2 &&
               open_token(t, row, &r, &token) == ERR_OK) {
        send_step(t, row, &r, ERRAND_REVOKE, token, 3);
    } else {
        finish(t, row, &r, res->note.step == 1 ? STR("gone") : STR("done"));
    }
    return ERR_OK;
}

static void
retry(struct turn *t, struct str row, const struct remote *r)
{
    struct hidden token;
    if (turn_now_s(t) - r->erased_at >= REMOTE_LIFE_S ||
        open_token(t, row, r, &token) != ERR_OK) {
        finish(t, row, r, STR("given_up"));
        return;
    }
    turn_put(t, STORE_ENDINGS, row, &remote_record, r,
             turn_now_ms(t) + REMOTE_EVERY_MS, STR_NONE);
    send_step(t, row, r, ERRAND_REFRESH, token, 1);
}

enum err
do_remote_retry(struct turn *t, const void *ask)
{
    struct store_ask find = {.table = STORE_ENDINGS,
                             .by = STORE_BY_DUE,
                             .due = turn_now_ms(t),
                             .limit = REMOTE_BATCH};
    const struct store_ask *found = turn_find(t, &find);
    struct remote r;
    (void)ask;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)load(t, found->rows[i].key, &r); /* names the rows */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++)
        if (load(t, found->rows[i].key, &r))
            retry(t, found->rows[i].key, &r);
    return ERR_OK;
}
