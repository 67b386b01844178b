#include "keeper/revoke.h"

#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "proto/relay.h"

static void
act_revoke(struct keeper *k, void *arg)
{
    struct relay_revoked *r = arg;
    r->epoch = ++k->epoch;
    if (k->peers != NULL)
        peers_tell(k->peers, LIFE_PEER_RELAY, RELAY_REVOKED, r);
}

static void
tell_later(struct turn *t, struct relay_revoked what)
{
    struct relay_revoked *r = arena_alloc(turn_arena(t), sizeof(*r));
    *r = what;
    r->app = arena_copy(turn_arena(t), what.app);
    turn_after(t, act_revoke, r);
}

void
revoke_leases(struct turn *t, struct str app, uint64_t portal,
              uint64_t key_number)
{
    tell_later(t, (struct relay_revoked){
                      .app = app, .portal = portal, .key_number = key_number});
}

void
revoke_replaced(struct turn *t, struct str app, uint64_t portal)
{
    tell_later(t, (struct relay_revoked){
                      .app = app, .portal = portal, .is_replaced = true});
}

void
revoke_beat(struct keeper *k)
{
    struct relay_beat beat = {k->epoch};
    peers_tell(k->peers, LIFE_PEER_RELAY, RELAY_BEAT, &beat);
}

static enum err
do_revoked_away(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    (void)t;
    if (r->done.outcome != OUTCOME_OK)
        log_warn("revoke.failed", "app=%.*s outcome=%u", STR_ARG(r->note.app),
                 r->done.outcome);
    return ERR_OK;
}

void
revoke_later(struct turn *t, struct app *app, struct hidden refresh_token)
{
    struct errand_note note = {.app = app->conf->name};
    struct courier_errand errand = {.kind = ERRAND_REVOKE,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = refresh_token};
    errands_send(t, &errand, &note, do_revoked_away);
}
