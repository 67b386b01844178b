#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/place.h"
#include "keeper/seal.h"

#include <inttypes.h>
#include <sodium.h>

/*
 * Steps 4 and 5 of an install.  The reply to the code is committed before
 * anything else is asked: whatever happens then, the grant is not lost.
 */

static const struct field token_reply_fields[] = {
    FIELD(struct token_reply, access_token),
    FIELD(struct token_reply, refresh_token),
    FIELD(struct token_reply, expires_in),
    FIELD(struct token_reply, hub_id),
    FIELD(struct token_reply, scopes),
    FIELD(struct token_reply, has_scopes),
    FIELD(struct token_reply, date),
    FIELD(struct token_reply, received_at),
};
const struct record token_reply_record = RECORD(token_reply);

static struct seal_place
attempt_place(const struct attempt *a, struct str id, const char *kind)
{
    return (struct seal_place){
        .app = a->app, .kind = str_from(kind), .row = id};
}

static enum err
attempt_open_key(struct turn *t, const struct attempt *a, struct str id,
                 struct secret **out)
{
    struct data_key row;
    struct seal_place place = attempt_place(a, id, "wrap");
    if (!turn_get(t, STORE_DATA_KEYS, id, &data_key_record, &row))
        return ERR_NOT_FOUND;
    enum err e =
        vault_unwrap(turn_keeper(t)->vault, turn_tag(t, STORE_DATA_KEYS, id),
                     row.wrap, &place, out);
    if (e == ERR_OK)
        turn_own(t, *out);
    return e;
}

/* The first outcome stands; it is what a second hit sees, too. */
void
attempt_settle(struct turn *t, struct str id, struct attempt *a,
               struct waiter w, const struct front_finished *f)
{
    const struct record *r =
        conversation_find(&front_conversation, FRONT_FINISHED)->record;
    a->status = ATTEMPT_SETTLED;
    a->sealed_reply = STR_NONE;
    a->sealed_context = STR_NONE;
    a->sealed_outcome = seal_record(t, "outcome", id, r, f);
    turn_put(t, STORE_ATTEMPTS, id, &attempt_record, a,
             turn_now_ms(t) + (int64_t)ATTEMPT_LIFE_S * 1000, STR_NONE);
    turn_delete(t, STORE_DATA_KEYS, id);
    if (a->origin == ORIGIN_BROWSER || a->origin == ORIGIN_MARKETPLACE)
        answer_finished(t, w, f);
    turn_wake(t, id);
}

/* What HubSpot said, as a sentence for a person. */
static struct str
explain(struct turn *t, const struct courier_done *d)
{
    if (d->outcome == OUTCOME_OUR_FAULT)
        return STR("HubSpot does not accept this app's own credentials or "
                   "its redirect address. The app's maker has to mend that.");
    if (d->outcome == OUTCOME_CODE_REFUSED)
        return STR("HubSpot says that the permission was already used or is "
                   "too old.");
    if (d->outcome == OUTCOME_OK || d->message.n == 0)
        return STR("HubSpot could not be reached, or gave no usable answer.");
    return arena_printf(turn_arena(t), "HubSpot said: %.*s",
                        STR_ARG(d->message));
}

static enum err
refused_err(uint32_t outcome)
{
    switch (outcome) {
    case OUTCOME_OUR_FAULT:
        return ERR_CONFIG;
    case OUTCOME_THROTTLED:
        return ERR_THROTTLED;
    case OUTCOME_TRANSIENT:
    case OUTCOME_DROPPED:
        return ERR_UNREACHABLE;
    default:
        return ERR_INVALID;
    }
}

/* Over before it began: nothing was granted. */
static void
settle_refused(struct turn *t, const struct errand_result *r, struct attempt *a,
               const struct attempt_context *c)
{
    struct waiter w = {r->note.peer, r->note.call};
    struct front_finished f = {.page = PAGE_FAILED,
                               .detail = explain(t, &r->done)};
    if (c->session_code.s.n > 0)
        f.retry_url = session_url(t, a->app, c->session_code.s);
    audit_add(t, &(struct audit_entry){.kind = STR("connect"),
                                       .app = a->app,
                                       .actor = place_actor(a->origin),
                                       .outcome = STR("refused"),
                                       .detail = r->done.status});
    log_warn("connect.refused", "app=%.*s outcome=%u status=%s",
             STR_ARG(a->app), r->done.outcome, log_quote(r->done.status));
    attempt_settle(t, r->note.row, a, w, &f);
    if (a->origin == ORIGIN_IMPORT || a->origin == ORIGIN_STATIC)
        answer_refusal(
            t, w,
            &(struct refusal_text){.err = refused_err(r->done.outcome),
                                   .detail = f.detail});
}

/* Sealed under the attempt's own data key, which becomes the grant's. */
static enum err
store_reply(struct turn *t, const struct errand_result *r, struct attempt *a,
            const struct token_reply *reply)
{
    struct secret *key;
    struct buf auto_buf plain = {0}, sealed = {0};
    struct seal_place place = attempt_place(a, r->note.row, "reply");
    enum err e = attempt_open_key(t, a, r->note.row, &key);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&plain, LIMIT_API_BODY);
    buf_init(&sealed, LIMIT_API_BODY + 64);
    record_encode(&token_reply_record, reply, &plain);
    if (buf_err(&plain) != ERR_OK)
        return ERR_LIMIT;
    e = vault_seal(key, &place, HIDDEN(buf_str(&plain)), &sealed);
    if (e != ERR_OK)
        return e;
    a->status = ATTEMPT_REPLIED;
    a->sealed_reply = arena_copy(turn_arena(t), buf_str(&sealed));
    turn_put(t, STORE_ATTEMPTS, r->note.row, &attempt_record, a,
             turn_now_ms(t) + (int64_t)ATTEMPT_LIFE_S * 1000, STR_NONE);
    return ERR_OK;
}

static struct token_reply
reply_of(struct turn *t, const struct errand_result *r)
{
    const struct courier_done *d = &r->done;
    return (struct token_reply){.access_token = d->access_token,
                                .refresh_token = d->refresh_token,
                                .expires_in = d->expires_in,
                                .hub_id = d->hub_id,
                                .scopes = d->scopes,
                                .has_scopes = d->has_scopes,
                                .date = d->date,
                                .received_at = turn_now_s(t)};
}

static void
ask_introspection(struct turn *t, const struct errand_note *note,
                  struct hidden refresh_token)
{
    struct app *app = apps_find(turn_keeper(t)->apps, note->app);
    if (app == NULL)
        return;
    struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = refresh_token};
    errands_send(t, &errand, note, do_introspected);
}

static bool
load_attempt(struct turn *t, struct str id, struct attempt *a,
             struct attempt_context *c)
{
    struct data_key key;
    bool is_there = turn_get(t, STORE_ATTEMPTS, id, &attempt_record, a);
    (void)turn_get(t, STORE_DATA_KEYS, id, &data_key_record,
                   &key); /* named here, opened later */
    if (!is_there)
        return false;
    return a->sealed_context.n == 0 ||
           seal_open(t, "attempt", id, &attempt_context_record,
                     a->sealed_context, c) == ERR_OK;
}

static bool
has_tokens(const struct attempt *a, const struct courier_done *d)
{
    if (d->outcome != OUTCOME_OK)
        return false;
    if (a->origin == ORIGIN_STATIC)
        return true;
    return d->access_token.s.n > 0 &&
           (d->refresh_token.s.n > 0 || a->origin == ORIGIN_IMPORT);
}

enum err
do_exchanged(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct attempt a;
    struct attempt_context c = {0};
    struct keeper *k = turn_keeper(t);
    bool is_there = load_attempt(t, r->note.row, &a, &c);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there || a.status != ATTEMPT_ASKED)
        return ERR_OK; /* a spilled reply that was stored before */
    struct app *app = apps_find(k->apps, a.app);
    if (app != NULL && a.origin != ORIGIN_STATIC)
        app_note_outcome(app, k, r->done.outcome, r->done.retry_after_s);
    if (!has_tokens(&a, &r->done)) {
        settle_refused(t, r, &a, &c);
        return ERR_OK;
    }
    struct token_reply reply = reply_of(t, r);
    if (a.origin == ORIGIN_STATIC)
        reply.access_token = c.given_token;
    else if (reply.refresh_token.s.n == 0)
        reply.refresh_token = c.given_token; /* RFC 6749 6: it stays */
    if (store_reply(t, r, &a, &reply) != ERR_OK) {
        settle_refused(t, r, &a, &c);
        return ERR_OK;
    }
    if (a.origin == ORIGIN_STATIC)
        turn_follow(t, do_placed, &errand_note_record, &r->note);
    else
        ask_introspection(t, &r->note, reply.refresh_token);
    return ERR_OK;
}

static enum err
open_reply(struct turn *t, const struct attempt *a, struct str id,
           struct token_reply *out, struct secret **out_key)
{
    struct buf auto_buf plain = {0};
    struct seal_place place = attempt_place(a, id, "reply");
    enum err e = attempt_open_key(t, a, id, out_key);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&plain, LIMIT_API_BODY);
    e = vault_unseal(*out_key, &place, a->sealed_reply, &plain);
    if (e != ERR_OK)
        return e;
    struct str kept = arena_copy(turn_arena(t), buf_str(&plain));
    return record_decode_old(&token_reply_record, kept, turn_arena(t), out);
}

static enum err
take_place(struct turn *t, const struct errand_note *note,
           const struct courier_done *seen)
{
    struct attempt a;
    struct place p = {.id = note->row,
                      .attempt = &a,
                      .seen = seen,
                      .waiter = {note->peer, note->call}};
    bool is_there = load_attempt(t, note->row, &a, &p.context);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there || a.status != ATTEMPT_REPLIED)
        return ERR_OK;
    enum err e = open_reply(t, &a, note->row, &p.reply, &p.data_key);
    if (e != ERR_OK) {
        log_error("connect.reply_does_not_open", "app=%.*s err=%s",
                  STR_ARG(a.app), err_name(e));
        return ERR_OK;
    }
    return place_grant(t, &p);
}

enum err
do_introspected(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    return take_place(t, &r->note, &r->done);
}

enum err
do_placed(struct turn *t, const void *ask)
{
    static const struct courier_done nothing = {.outcome = OUTCOME_TRANSIENT};
    return take_place(t, ask, &nothing);
}

/* At birth: the reply is here, the browser is gone, HubSpot is asked again. */
enum err
do_resume_attempts(struct turn *t, const void *ask)
{
    struct store_ask find = {
        .table = STORE_ATTEMPTS, .by = STORE_BY_PREFIX, .limit = 1000};
    const struct store_ask *found = turn_find(t, &find);
    (void)ask;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct attempt a;
        struct errand_note note = {.row = found->rows[i].key};
        if (!turn_get(t, STORE_ATTEMPTS, note.row, &attempt_record, &a) ||
            a.status != ATTEMPT_REPLIED)
            continue;
        note.app = a.app;
        turn_follow(t, do_placed, &errand_note_record, &note);
    }
    return ERR_OK;
}
