#include "keeper/apps.h"
#include "keeper/attempt.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"
#include "keeper/place.h"
#include "keeper/session.h"

#include <inttypes.h>

/*
 * Steps 4 and 5 of an install.  The reply to the code is committed before
 * anything else is asked: whatever happens then, the grant is not lost.
 */

#define RESUME_PAGE 200

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
    if (d->outcome == OUTCOME_THROTTLED)
        return STR("HubSpot asks for patience (429).");
    if (d->outcome == OUTCOME_DROPPED)
        return STR("portkeep had no time to ask HubSpot.");
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
        return ERR_UNREACHABLE;
    case OUTCOME_DROPPED:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INVALID;
    }
}

/* Whose fault it is: the browser's status and words follow from it. */
static enum front_page
failed_page(enum err e)
{
    switch (e) {
    case ERR_UNREACHABLE:
        return PAGE_HUBSPOT_AWAY;
    case ERR_THROTTLED:
        return PAGE_HUBSPOT_PATIENCE;
    case ERR_UNAVAILABLE:
        return PAGE_BUSY;
    default:
        return PAGE_FAILED;
    }
}

/* Over before it became a grant.  w: nobody, where there was a crash. */
static void
settle_failed(struct turn *t, const struct errand_note *note, struct attempt *a,
              const struct attempt_context *c, const struct refusal_text *why,
              struct str status)
{
    struct waiter w = {note->peer, note->call};
    struct front_finished f = {.page = (uint32_t)failed_page(why->err),
                               .detail = why->detail};
    if (c->session_code.s.n > 0)
        f.retry_url = session_url(t, a->app, c->session_code.s);
    audit_add(t, &(struct audit_entry){.kind = STR("connect"),
                                       .app = a->app,
                                       .actor = place_actor(a->origin),
                                       .outcome = STR("refused"),
                                       .detail = status});
    turn_log(t, LOG_WARN, "connect.refused", "app=%.*s err=%s status=%s",
             STR_ARG(a->app), err_name(why->err), log_quote(status));
    attempt_settle(t, note->row, a, w, &f);
    if (a->origin == ORIGIN_IMPORT || a->origin == ORIGIN_STATIC)
        answer_refusal(t, w, why);
}

static void
settle_refused(struct turn *t, const struct errand_result *r, struct attempt *a,
               const struct attempt_context *c)
{
    struct refusal_text why = {.err = refused_err(r->done.outcome),
                               .detail = explain(t, &r->done),
                               .retry_after_s = r->done.retry_after_s};
    settle_failed(t, &r->note, a, c, &why, r->done.status);
}

/* What it wanted cannot be read any more, so nothing may come of it. */
static void
settle_unreadable(struct turn *t, const struct errand_note *note,
                  struct attempt *a)
{
    struct attempt_context none = {0};
    struct refusal_text why = {
        .err = ERR_CRYPTO,
        .detail = STR("This attempt does not open any more: its master key "
                      "was taken away meanwhile. Please start again.")};
    log_error("connect.does_not_open", "app=%.*s", STR_ARG(a->app));
    settle_failed(t, note, a, &none, &why, STR("does not open"));
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
                                .received_at =
                                    errand_came_at_s(&r->note, turn_now_s(t))};
}

/* Who installed it, and is it ours?  Where nobody can be asked (a static
 * token, an app that left the configuration), it goes on without. */
static void
ask_introspection(struct turn *t, const struct errand_note *note,
                  const struct attempt *a, struct hidden refresh_token)
{
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (a->origin == ORIGIN_STATIC || app == NULL) {
        turn_follow(t, do_placed, &errand_note_record, note);
        return;
    }
    struct errand_note next = *note;
    next.came_at_ms = 0;
    struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = refresh_token};
    errands_send(t, &errand, &next, do_introspected);
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

/* An exchange may be refused for a reason that refreshes do not share (the
 * redirect address), and an imported token may be another client's: neither
 * holds the refreshes of all portals back. */
static void
note_outcome(struct turn *t, const struct attempt *a,
             const struct courier_done *d)
{
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (app == NULL || a->origin == ORIGIN_STATIC)
        return;
    if (d->outcome != OUTCOME_OUR_FAULT)
        app_note_outcome(t, app, d);
    else
        turn_log(t, LOG_ERROR, "app.install_refused",
                 "app=%.*s status=%s do=\"check client_id, client_secret and "
                 "the redirect URL at HubSpot: portkeep urls\"",
                 STR_ARG(a->app), log_quote(d->status));
}

static void
take_reply(struct turn *t, const struct errand_result *r, struct attempt *a,
           const struct attempt_context *c)
{
    struct token_reply reply = reply_of(t, r);
    if (a->origin == ORIGIN_STATIC)
        reply.access_token = c->given_token;
    else if (reply.refresh_token.s.n == 0)
        reply.refresh_token = c->given_token; /* RFC 6749 6: it stays */
    if (attempt_put_reply(t, r->note.row, a, &reply) != ERR_OK)
        settle_unreadable(t, &r->note, a);
    else
        ask_introspection(t, &r->note, a, reply.refresh_token);
}

enum err
do_exchanged(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct attempt a;
    struct attempt_context c = {0};
    enum err e = attempt_load(t, r->note.row, &a, &c);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_NOT_FOUND || a.status != ATTEMPT_ASKED)
        return ERR_OK; /* a spilled reply that was stored before */
    note_outcome(t, &a, &r->done);
    if (e != ERR_OK)
        settle_unreadable(t, &r->note, &a);
    else if (!has_tokens(&a, &r->done))
        settle_refused(t, r, &a, &c);
    else
        take_reply(t, r, &a, &c);
    return ERR_OK;
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
    enum err e = attempt_load(t, note->row, &a, &p.context);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_NOT_FOUND || a.status != ATTEMPT_REPLIED)
        return ERR_OK;
    if (e == ERR_OK)
        e = attempt_open_reply(t, note->row, &a, &p.reply, &p.data_key);
    if (e == ERR_OK)
        return place_grant(t, &p);
    settle_unreadable(t, note, &a);
    return ERR_OK;
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

/* One attempt of the keeper before: where its reply is here, HubSpot is asked
 * once more; where it is not, it was lost, and the browser may try again. */
static enum err
do_resumed(struct turn *t, const void *ask)
{
    const struct errand_note *note = ask;
    struct attempt a;
    struct attempt_context c = {0};
    struct token_reply reply;
    struct secret *key;
    struct refusal_text lost = {
        .err = ERR_UNAVAILABLE,
        .detail = STR("portkeep was restarted before HubSpot's answer came.")};
    enum err e = attempt_load(t, note->row, &a, &c);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_NOT_FOUND || a.status == ATTEMPT_SETTLED)
        return ERR_OK;
    if (e != ERR_OK)
        settle_unreadable(t, note, &a);
    else if (a.status == ATTEMPT_ASKED)
        settle_failed(t, note, &a, &c, &lost, STR("lost"));
    else if (attempt_open_reply(t, note->row, &a, &reply, &key) != ERR_OK)
        settle_unreadable(t, note, &a);
    else
        ask_introspection(t, note, &a, reply.refresh_token);
    return ERR_OK;
}

/* This keeper's own errands run, and come back. */
static bool
is_of_before(struct turn *t, const struct attempt *a)
{
    return a->status == ATTEMPT_REPLIED ||
           a->started_at < turn_keeper(t)->started_at / 1000;
}

enum err
do_resume_attempts(struct turn *t, const void *ask)
{
    const struct errand_note *after = ask;
    struct store_ask find = {.table = STORE_ATTEMPTS,
                             .by = STORE_BY_PREFIX,
                             .after = after != NULL ? after->row : STR_NONE,
                             .limit = RESUME_PAGE};
    const struct store_ask *found = turn_find(t, &find);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct attempt a;
        struct errand_note note = {.row = found->rows[i].key};
        if (!turn_get(t, STORE_ATTEMPTS, note.row, &attempt_record, &a) ||
            a.status == ATTEMPT_SETTLED || !is_of_before(t, &a))
            continue;
        note.app = a.app;
        turn_follow(t, do_resumed, &errand_note_record, &note);
    }
    if (found->n_rows == RESUME_PAGE)
        turn_follow(
            t, do_resume_attempts, &errand_note_record,
            &(struct errand_note){.row = found->rows[found->n_rows - 1].key});
    return ERR_OK;
}
