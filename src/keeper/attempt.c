#include "keeper/attempt.h"

#include "keeper/apps.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/place.h"
#include "keeper/seal.h"

#include <stdlib.h>

static const struct field attempt_fields[] = {
    FIELD(struct attempt, origin),
    FIELD(struct attempt, status),
    FIELD(struct attempt, app),
    FIELD(struct attempt, started_at),
    FIELD(struct attempt, sealed_context),
    FIELD(struct attempt, sealed_reply),
    FIELD(struct attempt, sealed_outcome),
};
const struct record attempt_record = RECORD(attempt);

static const struct field attempt_context_fields[] = {
    FIELD(struct attempt_context, session_code),
    FIELD(struct attempt_context, ref),
    FIELD(struct attempt_context, return_to),
    FIELD(struct attempt_context, optional_scopes),
    FIELD(struct attempt_context, portal),
    FIELD(struct attempt_context, is_take_over),
    FIELD(struct attempt_context, return_url),
    FIELD(struct attempt_context, given_token),
};
static const struct record attempt_context_record = RECORD(attempt_context);

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
static const struct record token_reply_record = RECORD(token_reply);

#define PLACE_AGAIN_MS 60000 /* a reply without a place is tried again */

static const struct record *
page_record(void)
{
    return conversation_find(&front_conversation, FRONT_FINISHED)->record;
}

static struct seal_place
place_of(const struct attempt *a, struct str id, const char *kind)
{
    return (struct seal_place){
        .app = a->app, .kind = str_from(kind), .row = id};
}

static void
put(struct turn *t, struct str id, const struct attempt *a, int64_t life_ms)
{
    struct str sealed =
        a->sealed_context.n > 0 ? a->sealed_context : a->sealed_outcome;
    turn_put(t, STORE_ATTEMPTS, id, &attempt_record, a,
             turn_now_ms(t) + life_ms, seal_key_id(sealed));
}

static void
put_for_life(struct turn *t, struct str id, const struct attempt *a)
{
    put(t, id, a, (int64_t)ATTEMPT_LIFE_S * 1000);
}

static void
store_attempt(struct turn *t, const struct attempt_start *start)
{
    struct keeper *k = turn_keeper(t);
    struct secret *auto_secret key = NULL;
    struct buf auto_buf wrap = {0};
    struct attempt a = {.origin = (uint32_t)start->origin,
                        .status = ATTEMPT_ASKED,
                        .app = start->app,
                        .started_at = turn_now_s(t),
                        .sealed_context = seal_record(t, "attempt", start->id,
                                                      &attempt_context_record,
                                                      start->context)};
    struct seal_place place = place_of(&a, start->id, "wrap");
    buf_init(&wrap, 256);
    if (vault_new_data_key(k->vault, &place, &key, &wrap) != ERR_OK)
        abort(); /* the slab holds more keys than a turn has requests */
    struct data_key row = {buf_str(&wrap)};
    turn_put(t, STORE_DATA_KEYS, start->id, &data_key_record, &row, STORE_NEVER,
             vault_current(k->vault));
    put_for_life(t, start->id, &a);
}

void
attempt_begin(struct turn *t, const struct attempt_start *start)
{
    struct app *app = apps_find(turn_keeper(t)->apps, start->app);
    struct courier_errand errand = start->errand;
    struct errand_note note = {.app = start->app,
                               .row = start->id,
                               .peer = turn_peer(t),
                               .call = turn_call(t)};
    store_attempt(t, start);
    errand.client_id = app->conf->client_id;
    errand.client_secret = secret_view(app->client_secret);
    errands_send(t, &errand, &note, do_exchanged);
}

enum err
attempt_load(struct turn *t, struct str id, struct attempt *out,
             struct attempt_context *out_context)
{
    struct data_key key;
    bool is_there = turn_get(t, STORE_ATTEMPTS, id, &attempt_record, out);
    (void)turn_get(t, STORE_DATA_KEYS, id, &data_key_record,
                   &key); /* named here, opened later */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        return ERR_NOT_FOUND;
    if (out->sealed_context.n == 0)
        return ERR_OK;
    return seal_open(t, "attempt", id, &attempt_context_record,
                     out->sealed_context, out_context) == ERR_OK
               ? ERR_OK
               : ERR_CRYPTO;
}

static enum err
open_key(struct turn *t, struct str id, const struct attempt *a,
         struct secret **out)
{
    struct data_key row;
    struct seal_place place = place_of(a, id, "wrap");
    if (!turn_get(t, STORE_DATA_KEYS, id, &data_key_record, &row))
        return ERR_NOT_FOUND;
    enum err e =
        vault_unwrap(turn_keeper(t)->vault, turn_tag(t, STORE_DATA_KEYS, id),
                     row.wrap, &place, out);
    if (e == ERR_OK)
        turn_own(t, *out);
    return e;
}

enum err
attempt_put_reply(struct turn *t, struct str id, struct attempt *a,
                  const struct token_reply *reply)
{
    struct secret *key;
    struct buf auto_buf plain = {0}, sealed = {0};
    struct seal_place place = place_of(a, id, "reply");
    enum err e = open_key(t, id, a, &key);
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
    put_for_life(t, id, a);
    return ERR_OK;
}

enum err
attempt_open_reply(struct turn *t, struct str id, const struct attempt *a,
                   struct token_reply *out, struct secret **out_key)
{
    struct buf auto_buf plain = {0};
    struct seal_place place = place_of(a, id, "reply");
    enum err e = open_key(t, id, a, out_key);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&plain, LIMIT_API_BODY);
    e = vault_unseal(*out_key, &place, a->sealed_reply, &plain);
    if (e != ERR_OK)
        return e;
    struct str kept = arena_copy(turn_arena(t), buf_str(&plain));
    return record_decode_old(&token_reply_record, kept, turn_arena(t), out);
}

void
attempt_settle(struct turn *t, struct str id, struct attempt *a,
               struct waiter w, const struct front_finished *f)
{
    a->status = ATTEMPT_SETTLED;
    a->sealed_reply = STR_NONE;
    a->sealed_context = STR_NONE;
    a->sealed_outcome = seal_record(t, "outcome", id, page_record(), f);
    put_for_life(t, id, a);
    turn_delete(t, STORE_DATA_KEYS, id);
    if (a->origin == ORIGIN_BROWSER || a->origin == ORIGIN_MARKETPLACE)
        answer_finished(t, w, f);
    turn_wake(t, id);
}

void
attempt_put_refusal(struct turn *t, struct str app, struct str id,
                    const struct front_finished *f)
{
    struct attempt a = {.origin = ORIGIN_BROWSER,
                        .status = ATTEMPT_SETTLED,
                        .app = app,
                        .started_at = turn_now_s(t),
                        .sealed_outcome =
                            seal_record(t, "outcome", id, page_record(), f)};
    put_for_life(t, id, &a);
}

enum err
attempt_outcome(struct turn *t, struct str id, const struct attempt *a,
                struct front_finished *out)
{
    if (a->status != ATTEMPT_SETTLED)
        return ERR_AGAIN;
    return seal_open(t, "outcome", id, page_record(), a->sealed_outcome, out);
}

void
attempt_end(struct turn *t, struct str id)
{
    struct attempt a;
    struct errand_note note = {.row = id};
    bool is_there = turn_get(t, STORE_ATTEMPTS, id, &attempt_record, &a);
    if (is_there && a.status == ATTEMPT_REPLIED) {
        note.app = a.app;
        put(t, id, &a, PLACE_AGAIN_MS);
        turn_follow(t, do_placed, &errand_note_record, &note);
        return;
    }
    turn_delete(t, STORE_ATTEMPTS, id);
    turn_delete(t, STORE_DATA_KEYS, id);
}

enum err
attempt_reseal(struct turn *t, struct str id)
{
    struct attempt a;
    struct attempt_context c;
    struct front_finished f;
    if (!turn_get(t, STORE_ATTEMPTS, id, &attempt_record, &a))
        return ERR_NOT_FOUND;
    bool has_context = a.sealed_context.n > 0;
    enum err e = has_context
                     ? seal_open(t, "attempt", id, &attempt_context_record,
                                 a.sealed_context, &c)
                     : attempt_outcome(t, id, &a, &f);
    if (e != ERR_OK)
        return e;
    if (has_context)
        a.sealed_context =
            seal_record(t, "attempt", id, &attempt_context_record, &c);
    else
        a.sealed_outcome = seal_record(t, "outcome", id, page_record(), &f);
    put(t, id, &a, turn_due(t, STORE_ATTEMPTS, id) - turn_now_ms(t));
    return ERR_OK;
}

enum err
attempt_rekey(struct turn *t, struct str id, const struct secret *old,
              const struct secret *new)
{
    struct attempt a;
    struct buf auto_buf plain = {0}, sealed = {0};
    if (!turn_get(t, STORE_ATTEMPTS, id, &attempt_record, &a))
        return ERR_NOT_FOUND;
    if (a.sealed_reply.n == 0)
        return ERR_OK;
    struct seal_place place = place_of(&a, id, "reply");
    buf_init_secret(&plain, LIMIT_API_BODY);
    buf_init(&sealed, LIMIT_API_BODY + 64);
    enum err e = vault_unseal(old, &place, a.sealed_reply, &plain);
    if (e == ERR_OK)
        e = vault_seal(new, &place, HIDDEN(buf_str(&plain)), &sealed);
    if (e != ERR_OK)
        return e;
    a.sealed_reply = arena_copy(turn_arena(t), buf_str(&sealed));
    put(t, id, &a, turn_due(t, STORE_ATTEMPTS, id) - turn_now_ms(t));
    return ERR_OK;
}
