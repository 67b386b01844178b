#include "keeper/answer.h"

#include "keeper/keeper.h"
#include "keeper/peers.h"

static const struct record *
record_of(const struct conversation *c, uint16_t type)
{
    return conversation_find(c, type)->record;
}

struct waiter
answer_waiter(struct turn *t)
{
    return (struct waiter){turn_peer(t), turn_call(t)};
}

void
answer_begun(struct turn *t, const struct front_begun *b)
{
    turn_answer(t, FRONT_BEGUN, b, record_of(&front_conversation, FRONT_BEGUN));
}

void
answer_finished(struct turn *t, struct waiter w, const struct front_finished *f)
{
    turn_answer_to(t, w.peer, w.call, FRONT_FINISHED, f,
                   record_of(&front_conversation, FRONT_FINISHED));
}

void
answer_taken(struct turn *t, const struct front_webhook_taken *w)
{
    turn_answer(t, FRONT_WEBHOOK_TAKEN, w,
                record_of(&front_conversation, FRONT_WEBHOOK_TAKEN));
}

void
answer_lease(struct turn *t, const struct relay_lease *l)
{
    turn_answer(t, RELAY_LEASE, l, record_of(&relay_conversation, RELAY_LEASE));
}

void
answer_relay(struct turn *t, struct waiter w, const struct relay_answer *a)
{
    turn_answer_to(t, w.peer, w.call, RELAY_ANSWER, a,
                   record_of(&relay_conversation, RELAY_ANSWER));
}

void
answer_admin(struct turn *t, struct waiter w, const struct admin_answer *a)
{
    turn_answer_to(t, w.peer, w.call, ADMIN_ANSWER, a,
                   record_of(&admin_conversation, ADMIN_ANSWER));
}

static bool
is_admin(struct turn *t, struct waiter w)
{
    struct peers *ps = turn_keeper(t)->peers;
    return ps != NULL && peers_kind(ps, w.peer) == LIFE_PEER_ADMIN;
}

void
answer_refusal(struct turn *t, struct waiter w, const struct refusal_text *r)
{
    if (is_admin(t, w)) {
        struct admin_answer a = {.err = (uint32_t)r->err,
                                 .detail = r->detail,
                                 .reconnect_url = r->reconnect_url};
        answer_admin(t, w, &a);
    } else {
        struct relay_answer a = {.err = (uint32_t)r->err,
                                 .detail = r->detail,
                                 .reconnect_url = r->reconnect_url,
                                 .retry_after_s = r->retry_after_s};
        answer_relay(t, w, &a);
    }
}

void
answer_document(struct turn *t, struct waiter w, struct str json)
{
    if (is_admin(t, w))
        answer_admin(t, w, &(struct admin_answer){.json = HIDDEN(json)});
    else
        answer_relay(t, w, &(struct relay_answer){.json = json});
}
