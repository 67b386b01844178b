#include "keeper/remote.h"

#include "keeper/audit.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/receipt.h"

#include <inttypes.h>
#include <stdlib.h>

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

static struct str
seal_token(struct turn *t, const struct remote *r, struct str row,
           const struct secret *key, struct hidden token)
{
    struct buf auto_buf sealed = {0};
    struct seal_place place = place_of(r, row, "refresh");
    buf_init(&sealed, LIMIT_API_BODY);
    if (vault_seal(key, &place, token, &sealed) != ERR_OK)
        abort(); /* fails only beyond the buffer's limit */
    return arena_copy(turn_arena(t), buf_str(&sealed));
}

static void
put(struct turn *t, struct str row, const struct remote *r, int64_t wait_ms)
{
    turn_put(t, STORE_ENDINGS, row, &remote_record, r, turn_now_ms(t) + wait_ms,
             STR_NONE);
}

bool
remote_keep(struct turn *t, const struct ending *e)
{
    struct keeper *k = turn_keeper(t);
    struct secret *auto_secret old_key = NULL, *auto_secret key = NULL;
    struct hidden token;
    struct buf auto_buf wrap = {0};
    struct remote r = {.app = e->app,
                       .portal = e->portal,
                       .generation = e->grant->generation,
                       .erased_at = turn_now_s(t),
                       .word = e->word};
    struct str row = remote_key(t, r.app, r.portal, r.generation);
    struct seal_place wrap_place = place_of(&r, row, "wrap");
    buf_init(&wrap, 256);
    if (grant_open_key(t, e->app, e->portal, &old_key) != ERR_OK ||
        grant_unseal(t, old_key, e->app, e->portal, e->grant->generation,
                     "refresh", e->grant->sealed_refresh, &token) != ERR_OK ||
        token.s.n == 0 ||
        vault_new_data_key(k->vault, &wrap_place, &key, &wrap) != ERR_OK)
        return false;
    r.sealed_refresh = seal_token(t, &r, row, key, token);
    turn_put(t, STORE_DATA_KEYS, row, &data_key_record,
             &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
             vault_current(k->vault));
    put(t, row, &r, REMOTE_FIRST_MS);
    return true;
}

/* Both rows. */
static bool
load(struct turn *t, struct str row, struct remote *r)
{
    struct data_key key;
    bool is_there = turn_get(t, STORE_ENDINGS, row, &remote_record, r);
    bool has_key = turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &key);
    return is_there && has_key;
}

void
remote_name(struct turn *t, struct str row)
{
    struct remote r;
    (void)load(t, row, &r); /* whether it is there is asked later */
}

const struct store_ask *
remote_find(struct turn *t, struct str app, uint64_t portal)
{
    struct remote r;
    const struct store_ask *found =
        turn_find(t, &(struct store_ask){
                         .table = STORE_ENDINGS,
                         .by = STORE_BY_PREFIX,
                         .key = arena_printf(turn_arena(t),
                                             REMOTE_PREFIX "%.*s/%" PRIu64 "/",
                                             STR_ARG(app), portal),
                         .limit = REMOTE_BATCH});
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)load(t, found->rows[i].key, &r); /* names the rows */
    return found;
}

static enum err
open_key(struct turn *t, struct str row, const struct remote *r,
         struct secret **out)
{
    struct data_key wrap;
    struct seal_place place = place_of(r, row, "wrap");
    if (!turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &wrap))
        return ERR_NOT_FOUND;
    return vault_unwrap(turn_keeper(t)->vault,
                        turn_tag(t, STORE_DATA_KEYS, row), wrap.wrap, &place,
                        out);
}

static enum err
unseal(struct turn *t, struct str row, const struct remote *r,
       const struct secret *key, struct hidden *out)
{
    struct buf auto_buf text = {0};
    struct seal_place place = place_of(r, row, "refresh");
    buf_init_secret(&text, LIMIT_API_BODY);
    enum err e = vault_unseal(key, &place, r->sealed_refresh, &text);
    if (e == ERR_OK)
        *out = HIDDEN(arena_copy(turn_arena(t), buf_str(&text)));
    return e;
}

static enum err
open_token(struct turn *t, struct str row, const struct remote *r,
           struct hidden *out)
{
    struct secret *auto_secret key = NULL;
    enum err e = open_key(t, row, r, &key);
    return e == ERR_OK ? unseal(t, row, r, key, out) : e;
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
    (void)receipt_store(t, &receipt, STORE_NEVER); /* listed by the first */
    turn_delete(t, STORE_ENDINGS, row);
    turn_delete(t, STORE_DATA_KEYS, row);
    turn_scrub(t);
    turn_log(t, LOG_INFO, "grant.remote_end",
             "app=%.*s portal=%" PRIu64 " remote=%.*s", STR_ARG(r->app),
             r->portal, STR_ARG(outcome));
}

void
remote_cancel(struct turn *t, const struct store_ask *found)
{
    struct remote r;
    for (size_t i = 0; i < found->n_rows; i++)
        if (load(t, found->rows[i].key, &r))
            finish(t, found->rows[i].key, &r, STR("reconnected"));
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
               struct hidden token, int64_t wait_ms)
{
    struct secret *auto_secret key = NULL;
    if (token.s.n == 0 || open_key(t, row, r, &key) != ERR_OK)
        return;
    r->sealed_refresh = seal_token(t, r, row, key, token);
    put(t, row, r, wait_ms);
}

enum err
remote_take_token(struct turn *t, const struct errand_note *note,
                  struct hidden token)
{
    struct remote r;
    struct str row = remote_key(t, note->app, note->portal, note->generation);
    bool is_there = load(t, row, &r);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        return ERR_NOT_FOUND;
    keep_new_token(t, row, &r, token, REMOTE_FIRST_MS);
    return ERR_OK;
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
    if (!is_there || errand_is_transient(&res->done))
        return ERR_OK; /* due again later */
    if (res->note.step == 1 && res->done.outcome == OUTCOME_OK) {
        keep_new_token(t, row, &r, res->done.refresh_token, REMOTE_EVERY_MS);
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
    put(t, row, r, REMOTE_EVERY_MS);
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
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str row = found->rows[i].key;
        if (turn_due(t, STORE_ENDINGS, row) <= turn_now_ms(t) &&
            load(t, row, &r))
            retry(t, row, &r);
    }
    return ERR_OK;
}

enum err
remote_rekey(struct turn *t, struct str row, const struct secret *old,
             const struct secret *new)
{
    struct remote r;
    struct hidden token;
    if (!load(t, row, &r))
        return ERR_NOT_FOUND;
    enum err e = unseal(t, row, &r, old, &token);
    if (e != ERR_OK)
        return e;
    r.sealed_refresh = seal_token(t, &r, row, new, token);
    turn_put(t, STORE_ENDINGS, row, &remote_record, &r,
             turn_due(t, STORE_ENDINGS, row), STR_NONE);
    return ERR_OK;
}
