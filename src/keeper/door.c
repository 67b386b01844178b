#include "keeper/door.h"

#include "keeper/admin.h"
#include "keeper/answer.h"
#include "keeper/apikeys.h"
#include "keeper/backup.h"
#include "keeper/ending.h"
#include "keeper/event_list.h"
#include "keeper/inbox.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/lease.h"
#include "keeper/masterkey.h"
#include "keeper/peers.h"
#include "keeper/portals.h"
#include "keeper/replay.h"
#include "keeper/settings.h"
#include "keeper/verify.h"
#include "proto/courier.h"

/* Who may ask what.  The one table: read it to know all of it. */
static const struct door_row {
    enum life_peer peer;
    uint16_t message;
    turn_handler handler;
} table[] = {
    {LIFE_PEER_FRONT, FRONT_BEGIN, do_begin},
    {LIFE_PEER_FRONT, FRONT_FINISH, do_finish},
    {LIFE_PEER_FRONT, FRONT_WEBHOOK, do_webhook},

    {LIFE_PEER_RELAY, RELAY_LEASE_ASK, do_lease},
    {LIFE_PEER_RELAY, RELAY_USED, do_used},
    {LIFE_PEER_RELAY, RELAY_SESSION_CREATE, do_session_create},
    {LIFE_PEER_RELAY, RELAY_RESULT_REDEEM, do_result_redeem},
    {LIFE_PEER_RELAY, RELAY_REF_BIND, do_ref_bind},
    {LIFE_PEER_RELAY, RELAY_PORTALS_LIST, do_portals_list},
    {LIFE_PEER_RELAY, RELAY_PORTAL_SHOW, do_portal_show},
    {LIFE_PEER_RELAY, RELAY_PORTAL_DELETE, do_portal_delete},
    {LIFE_PEER_RELAY, RELAY_METRICS, do_metrics},
    {LIFE_PEER_RELAY, RELAY_VERIFY, do_verify},
    {LIFE_PEER_RELAY, RELAY_EVENTS_LIST, do_events_list},
    {LIFE_PEER_RELAY, RELAY_EVENT_REPLAY, do_event_replay},

    {LIFE_PEER_ADMIN, ADMIN_STATUS, do_status},
    {LIFE_PEER_ADMIN, ADMIN_CONNECT, do_admin_connect},
    {LIFE_PEER_ADMIN, ADMIN_TOKEN, do_admin_token},
    {LIFE_PEER_ADMIN, ADMIN_PORTALS_LIST, do_admin_list},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_SHOW, do_admin_show},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_REFRESH, do_admin_refresh},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_DISCONNECT, do_admin_disconnect},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_ERASE, do_admin_erase},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_EXPORT, do_admin_export},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_IMPORT, do_admin_import},
    {LIFE_PEER_ADMIN, ADMIN_PORTAL_ADD_STATIC, do_admin_add_static},
    {LIFE_PEER_ADMIN, ADMIN_RECEIPTS_LIST, do_receipts_list},
    {LIFE_PEER_ADMIN, ADMIN_KEY_CREATE, do_key_create},
    {LIFE_PEER_ADMIN, ADMIN_KEYS_LIST, do_keys_list},
    {LIFE_PEER_ADMIN, ADMIN_KEY_REVOKE, do_key_revoke},
    {LIFE_PEER_ADMIN, ADMIN_MASTERKEY_LIST, do_masterkey_list},
    {LIFE_PEER_ADMIN, ADMIN_MASTERKEY_REWRAP, do_masterkey_rewrap},
    {LIFE_PEER_ADMIN, ADMIN_MASTERKEY_VERIFY, do_masterkey_verify},
    {LIFE_PEER_ADMIN, ADMIN_MASTERKEY_RETIRE, do_masterkey_retire},
    {LIFE_PEER_ADMIN, ADMIN_AUDIT_LIST, do_audit_list},
    {LIFE_PEER_ADMIN, ADMIN_AUDIT_VERIFY, do_audit_verify},
    {LIFE_PEER_ADMIN, ADMIN_BACKUP, do_backup},
    {LIFE_PEER_ADMIN, ADMIN_RELOAD, do_reload},
    {LIFE_PEER_ADMIN, ADMIN_EVENTS_LIST, do_events_list_admin},
    {LIFE_PEER_ADMIN, ADMIN_EVENT_SHOW, do_event_show},
    {LIFE_PEER_ADMIN, ADMIN_EVENTS_REPLAY, do_events_replay},
};

static const struct {
    const char *name;
    const struct conversation *conversation;
} kinds[] = {
    [LIFE_PEER_FRONT] = {"front", &front_conversation},
    [LIFE_PEER_RELAY] = {"relay", &relay_conversation},
    [LIFE_PEER_COURIER] = {"courier", &courier_conversation},
    [LIFE_PEER_DELIVER] = {"deliver", &courier_conversation},
    [LIFE_PEER_ADMIN] = {"admin", &admin_conversation},
};

const struct conversation *
door_conversation(enum life_peer kind)
{
    return kinds[kind].conversation;
}

const char *
door_kind_name(enum life_peer kind)
{
    return kinds[kind].name;
}

static const struct door_row *
find_row(enum life_peer kind, uint16_t message)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].peer == kind && table[i].message == message)
            return &table[i];
    return NULL;
}

static void
refuse_call(struct keeper *k, enum life_peer kind, uint16_t message,
            uint64_t peer, uint32_t call, enum err e)
{
    struct str detail = STR("portkeep cannot do this now; nothing was "
                            "changed. Try again in a moment.");
    if (call == 0)
        return;
    if (message == FRONT_BEGIN && kind == LIFE_PEER_FRONT)
        keeper_answer(k, peer, call, FRONT_BEGUN,
                      &(struct front_begun){.page = PAGE_BUSY});
    else if (message == FRONT_WEBHOOK && kind == LIFE_PEER_FRONT)
        keeper_answer(
            k, peer, call, FRONT_WEBHOOK_TAKEN,
            &(struct front_webhook_taken){.err = ERR_UNAVAILABLE,
                                          .retry_after_s = INBOX_RETRY_S});
    else if (kind == LIFE_PEER_FRONT)
        keeper_answer(k, peer, call, FRONT_FINISHED,
                      &(struct front_finished){.page = PAGE_BUSY});
    else if (kind == LIFE_PEER_RELAY && message == RELAY_LEASE_ASK)
        keeper_answer(
            k, peer, call, RELAY_LEASE,
            &(struct relay_lease){.err = (uint32_t)e, .detail = detail});
    else if (kind == LIFE_PEER_RELAY)
        keeper_answer(
            k, peer, call, RELAY_ANSWER,
            &(struct relay_answer){.err = (uint32_t)e, .detail = detail});
    else if (kind == LIFE_PEER_ADMIN)
        keeper_answer(
            k, peer, call, ADMIN_ANSWER,
            &(struct admin_answer){.err = (uint32_t)e, .detail = detail});
}

/* Anybody can send webhooks: they must not keep others waiting. */
static enum err
add(struct keeper *k, const struct door_row *row, uint64_t peer,
    const struct incoming *in)
{
    const struct front_webhook *w = in->body;
    if (row->handler == do_webhook)
        return turns_add_bulk(k->turns, row->handler, in->message->record,
                              in->body, peer, in->id, w->body.s.n + 1);
    return turns_add(k->turns, row->handler, in->message->record, in->body,
                     peer, in->id);
}

void
door_open(struct keeper *k, enum life_peer kind, uint64_t peer,
          const struct incoming *in)
{
    const struct door_row *row = find_row(kind, in->message->type);
    if (row == NULL) {
        log_error("door.closed", "peer=%s message=%u", kinds[kind].name,
                  in->message->type);
        peers_close(k->peers, peer);
        return;
    }
    if (in->id == 0) {
        turns_add_event(k->turns, row->handler, in->message->record, in->body);
        return;
    }
    enum err e = add(k, row, peer, in);
    if (e != ERR_OK)
        refuse_call(k, kind, row->message, peer, in->id, ERR_UNAVAILABLE);
}

void
door_refuse(struct keeper *k, turn_handler handler, uint64_t peer,
            uint32_t call, enum err e)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].handler == handler)
            refuse_call(k, table[i].peer, table[i].message, peer, call, e);
}
