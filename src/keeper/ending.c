#include "keeper/ending.h"

#include "base/text.h"
#include "keeper/apikeys.h"
#include "keeper/cascade.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/page.h"
#include "keeper/peers.h"
#include "keeper/receipt.h"
#include "keeper/refresh.h"
#include "keeper/remote.h"
#include "keeper/revoke.h"

#include <inttypes.h>

#define RESUME_MS 60000 /* ERASING without an answer: tried again */

/* Where HubSpot could not be asked, the refresh token waits to be used. */
static struct str
remote_of(struct turn *t, const struct ending *e)
{
    if (!str_equal(e->remote, STR("pending")) || remote_keep(t, e))
        return e->remote;
    return STR("given_up");
}

static uint32_t
tokens_of(const struct grant *g)
{
    return (g->sealed_refresh.n > 0 ? ERASED_REFRESH : 0u) |
           (g->sealed_access.n > 0 ? ERASED_ACCESS : 0u) |
           (g->sealed_ref.n > 0 ? ERASED_REF : 0u) |
           (g->sealed_user.n > 0 ? ERASED_USER : 0u);
}

/* From this commit on nothing of it can be served, or found, or read. */
static void
begin_erasure(struct turn *t, const struct ending *e)
{
    struct grant *g = e->grant;
    g->ending_remote = remote_of(t, e); /* takes the token that it needs */
    g->ending_word = e->word;
    g->ending_owner = keeper_owner(t);
    g->erase_since_ms = turn_now_ms(t);
    g->erased = (struct erased_parts){.tokens = tokens_of(g)};
    g->sealed_refresh = g->sealed_access = g->sealed_spare = STR_NONE;
    g->sealed_ref = g->sealed_user = g->sealed_events = STR_NONE;
    g->word_since_ms = 0; /* nothing more is asked about it */
    grant_count_move(t, e->app, g->state, GRANT_ERASING);
    g->state = GRANT_ERASING;
    grant_store_ref(t, e->app, e->portal, g, turn_now_ms(t) + RESUME_MS,
                    STR_NONE);
    revoke_leases(t, e->app, e->portal, 0);
}

void
ending_erase(struct turn *t, const struct ending *e)
{
    if (e->grant->erase_since_ms == 0)
        begin_erasure(t, e);
    cascade_go_on(t, &(struct cascade){.app = e->app,
                                       .portal = e->portal,
                                       .generation = e->grant->generation,
                                       .waiter = e->waiter});
}

/* Who said so travels in the note's row while HubSpot is asked. */
static struct errand_note
note_for(const struct ending *e)
{
    return (struct errand_note){.app = e->app,
                                .portal = e->portal,
                                .generation = e->grant->generation,
                                .version = e->grant->version,
                                .row = e->word,
                                .peer = e->waiter.peer,
                                .call = e->waiter.call};
}

/* The grant as the errand left it; its waiter hears of all else.  ERR_OK, or
 * what the handler returns: *out_goes_on is false. */
static enum err
load_ending(struct turn *t, const struct errand_result *r, struct grant *g,
            struct ending *out, bool *out_goes_on)
{
    struct data_key row;
    struct grant_counts counts;
    struct waiter w = {r->note.peer, r->note.call};
    bool is_there = grant_load(t, r->note.app, r->note.portal, g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    *out_goes_on = false;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there) {
        cascade_answer_gone(
            t, &(struct cascade){r->note.app, r->note.portal, 0, w});
        return ERR_OK;
    }
    if (g->state != GRANT_ERASING || g->generation != r->note.generation) {
        answer_refusal(
            t, w,
            &(struct refusal_text){
                .err = ERR_CONFLICT,
                .detail = STR("This portal was connected anew while it was "
                              "being disconnected, and it is connected now. "
                              "To let go of it, ask again.")});
        return ERR_OK;
    }
    *out = (struct ending){.app = r->note.app,
                           .portal = r->note.portal,
                           .grant = g,
                           .word = r->note.row,
                           .waiter = w};
    *out_goes_on = true;
    return ERR_OK;
}

static enum err
do_let_go_revoked(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct ending e;
    bool goes_on;
    enum err err = load_ending(t, r, &g, &e, &goes_on);
    if (!goes_on)
        return err;
    e.remote = errand_is_transient(&r->done) ? STR("pending") : STR("done");
    ending_erase(t, &e);
    return ERR_OK;
}

static bool
revoke_next(struct turn *t, const struct ending *e)
{
    struct app *app = apps_find(turn_keeper(t)->apps, e->app);
    struct secret *auto_secret key = NULL;
    struct hidden token;
    if (app == NULL || grant_open_key(t, e->app, e->portal, &key) != ERR_OK ||
        grant_unseal(t, key, e->app, e->portal, e->grant->generation, "refresh",
                     e->grant->sealed_refresh, &token) != ERR_OK ||
        token.s.n == 0)
        return false;
    struct courier_errand errand = {.kind = ERRAND_REVOKE,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    struct errand_note note = note_for(e);
    errands_send(t, &errand, &note, do_let_go_revoked);
    grant_store(t, e->app, e->portal, e->grant, turn_now_ms(t) + RESUME_MS);
    return true;
}

static enum err
do_uninstalled(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct ending e;
    bool goes_on;
    enum err err = load_ending(t, r, &g, &e, &goes_on);
    if (!goes_on)
        return err;
    if (errand_is_transient(&r->done) && g.erase_since_ms == 0) {
        e.remote = STR("pending");
        ending_erase(t, &e);
    } else if (g.erase_since_ms != 0 || !revoke_next(t, &e)) {
        e.remote = STR("done");
        ending_erase(t, &e);
    }
    return ERR_OK;
}

/* The grant serves nobody from here on. */
static bool
start_uninstall(struct turn *t, struct app *app, const struct ending *e)
{
    struct secret *auto_secret key = NULL;
    struct hidden token;
    struct grant *g = e->grant;
    if (grant_open_key(t, e->app, e->portal, &key) != ERR_OK ||
        grant_unseal(t, key, e->app, e->portal, g->generation, "access",
                     g->sealed_access, &token) != ERR_OK ||
        token.s.n == 0)
        return false;
    struct courier_errand errand = {.kind = ERRAND_UNINSTALL,
                                    .client_id = app->conf->client_id,
                                    .token = token};
    struct errand_note note = note_for(e);
    errands_send(t, &errand, &note, do_uninstalled);
    grant_count_move(t, e->app, g->state, GRANT_ERASING);
    g->state = GRANT_ERASING;
    g->ending_word = e->word;
    g->ending_owner = keeper_owner(t);
    grant_store(t, e->app, e->portal, g, turn_now_ms(t) + RESUME_MS);
    revoke_leases(t, e->app, e->portal, 0);
    return true;
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

/* Another call is at it; one of a keeper that died is not. */
static bool
is_being_let_go(struct turn *t, const struct ending *e)
{
    struct str key = grant_key(turn_arena(t), e->app, e->portal);
    return e->grant->state == GRANT_ERASING &&
           turn_due(t, STORE_GRANTS, key) > turn_now_ms(t) &&
           keeper_owner_lives(t, e->grant->ending_owner);
}

/* What HubSpot need not be asked for.  NULL: it must be. */
static const char *
end_without_hubspot(const struct grant *g)
{
    if (g->is_static)
        return "none";
    return g->state == GRANT_NEEDS_RECONNECT ? "gone" : NULL;
}

/* An uninstall wants a living access token, and no refresh beside it. */
static bool
waits_for_refresh(struct turn *t, struct app *app, const struct ending *e)
{
    struct grant *g = e->grant;
    if (turn_is_late(t))
        return false;
    if (refresh_is_running(t, g))
        return true;
    return !grant_is_fresh(g, turn_now_s(t)) &&
           refresh_want(t, app, e->portal, g) == ERR_OK;
}

/* The next step of letting go, wherever the grant stands. */
static void
let_go(struct turn *t, struct app *app, struct ending *e)
{
    struct str key = grant_key(turn_arena(t), e->app, e->portal);
    const char *remote = end_without_hubspot(e->grant);
    if (e->grant->erase_since_ms != 0) {
        ending_erase(t, e);
    } else if (is_being_let_go(t, e)) {
        if (turn_is_late(t))
            refuse(t, ERR_UNAVAILABLE,
                   STR("This portal is being disconnected; HubSpot has not "
                       "answered yet. Ask again in a minute."));
        else
            turn_park(t, key);
    } else if (remote != NULL) {
        e->remote = str_from(remote);
        ending_erase(t, e);
    } else if (waits_for_refresh(t, app, e)) {
        turn_park(t, key);
    } else if (!grant_is_fresh(e->grant, turn_now_s(t)) ||
               !start_uninstall(t, app, e)) {
        e->remote = STR("pending");
        ending_erase(t, e);
    }
}

static enum err
let_go_of(struct turn *t, struct str app_name, uint64_t portal, struct str word)
{
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, app_name, portal, &g, &row);
    (void)grant_counts_load(t, app_name, &counts); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(turn_keeper(t)->apps, app_name);
    struct ending e = {.app = app_name,
                       .portal = portal,
                       .grant = &g,
                       .word = word,
                       .waiter = answer_waiter(t)};
    if (!is_there && turn_was_parked(t))
        return receipt_answer_last(t, app_name, portal, e.waiter);
    if (!is_there)
        refuse(t, ERR_NOT_FOUND,
               STR("This portal is not connected to this app. If it was "
                   "erased, portkeep portals erased lists the receipt."));
    else if (app == NULL)
        refuse(t, ERR_NOT_FOUND,
               STR("This app is not in the configuration, so HubSpot cannot "
                   "be told. portkeep portals erase erases what is here."));
    else
        let_go(t, app, &e);
    return ERR_OK;
}

enum err
do_portal_delete(struct turn *t, const void *ask)
{
    const struct relay_portal *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = VERB_DISCONNECT,
                            .address = a->address};
    struct api_key key;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    struct receipt r;
    struct str detail;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    (void)grant_counts_load(t, a->app, &counts); /* named here */
    enum err named = ERR_OK;
    if (!is_there && turn_was_parked(t))
        named = receipt_last(t, a->app, a->portal, &r);
    enum err e = apikey_authorize(t, &wish, &key, &detail);
    if (e == ERR_AGAIN || named == ERR_AGAIN)
        return ERR_AGAIN;
    if (e != ERR_OK) {
        refuse(t, e, detail);
        return ERR_OK;
    }
    return let_go_of(t, a->app, a->portal, apikey_actor(t, &key));
}

static struct str
uid_word(struct turn *t)
{
    return arena_printf(turn_arena(t), "uid:%u",
                        peers_uid(turn_keeper(t)->peers, turn_peer(t)));
}

enum err
do_admin_disconnect(struct turn *t, const void *ask)
{
    const struct admin_portal *a = ask;
    return let_go_of(t, a->app, a->portal, uid_word(t));
}

enum err
do_admin_erase(struct turn *t, const void *ask)
{
    const struct admin_portal *a = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    (void)grant_counts_load(t, a->app, &counts); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        refuse(t, ERR_NOT_FOUND,
               STR("This portal is not connected to this app."));
    else
        ending_erase(t, &(struct ending){.app = a->app,
                                         .portal = a->portal,
                                         .grant = &g,
                                         .word = uid_word(t),
                                         .remote = STR("none"),
                                         .waiter = answer_waiter(t)});
    return ERR_OK;
}

void
ending_go_on(struct turn *t, struct str app, uint64_t portal, struct grant *g)
{
    ending_erase(t, &(struct ending){.app = app, .portal = portal, .grant = g});
}

void
ending_resume(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct ending e = {.app = app->conf->name,
                       .portal = portal,
                       .grant = g,
                       .word = g->ending_word};
    if (!grant_is_fresh(g, turn_now_s(t)) || !start_uninstall(t, app, &e)) {
        e.remote = STR("pending");
        ending_erase(t, &e);
    }
}

enum err
do_receipts_list(struct turn *t, const void *ask)
{
    const struct admin_page *a = ask;
    struct page auto_page page = {0};
    struct store_ask find = {.table = STORE_RECEIPTS,
                             .by = STORE_BY_PREFIX,
                             .after = a->cursor,
                             .limit = a->limit > 0 && a->limit < 500 ? a->limit
                                                                     : 500};
    if (a->app.n > 0)
        find.key = arena_printf(turn_arena(t), "%.*s/", STR_ARG(a->app));
    const struct store_ask *found = turn_find(t, &find);
    if (found == NULL)
        return ERR_AGAIN;
    page_open(&page, "receipts");
    for (size_t i = 0; i < found->n_rows; i++) {
        struct receipt r;
        if (!turn_get(t, STORE_RECEIPTS, found->rows[i].key, &receipt_record,
                      &r))
            continue;
        receipt_add(&page.doc, &r);
        if (!page_keep(&page, found->rows[i].key))
            break;
    }
    page_close(t, &page, found->n_rows == find.limit);
    return ERR_OK;
}
