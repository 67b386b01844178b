#include "keeper/peers.h"

#include "ipc/channel.h"
#include "keeper/delivery.h"
#include "keeper/door.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/revoke.h"

#include <assert.h>
#include <stdlib.h>

#define PEER_KINDS 8

struct peer {
    struct peer *next; /* newest first */
    struct keeper *keeper;
    uint64_t number;
    enum life_peer kind;
    uint32_t uid;
    struct channel *channel;
};

struct peers {
    struct keeper *keeper;
    struct peer *first;
    uint64_t next_number;
    uint64_t n_deaths[PEER_KINDS];
};

static void
on_message(const struct incoming *in, void *arg)
{
    struct peer *p = arg;
    door_open(p->keeper, p->kind, p->number, in);
}

static void
forget(struct peers *ps, struct peer *gone)
{
    for (struct peer **at = &ps->first; *at != NULL; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            return;
        }
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct peer *p = arg;
    struct keeper *k = p->keeper;
    /* The parent knows whether an end was unexpected, and says so. */
    if (reason != ERR_CLOSED)
        log_warn("peer.broke_rules", "kind=%s reason=%s",
                 door_kind_name(p->kind), err_name(reason));
    else if (p->kind != LIFE_PEER_ADMIN)
        log_info("peer.closed", "kind=%s", door_kind_name(p->kind));
    forget(k->peers, p);
    channel_free(ch);
    turns_forget_peer(k->turns, p->number);
    free(p);
}

struct peers *
peers_new(struct keeper *k)
{
    struct peers *ps = calloc(1, sizeof(*ps));
    if (ps == NULL)
        abort();
    ps->keeper = k;
    ps->next_number = 1;
    return ps;
}

void
peers_free(struct peers *ps)
{
    if (ps == NULL)
        return;
    while (ps->first != NULL) {
        struct peer *p = ps->first;
        ps->first = p->next;
        channel_free(p->channel);
        free(p);
    }
    free(ps);
}

void
peers_add(struct peers *ps, enum life_peer kind, uint32_t uid, int fd)
{
    static const struct channel_handler handler = {on_message, on_close};
    struct peer *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    p->keeper = ps->keeper;
    p->number = ps->next_number++;
    p->kind = kind;
    p->uid = uid;
    p->next = ps->first;
    ps->first = p;
    p->channel =
        channel_new(ps->keeper->base, fd, door_conversation(kind), &handler, p);
    if (kind == LIFE_PEER_COURIER)
        errands_on_courier(ps->keeper);
    else if (kind == LIFE_PEER_DELIVER)
        delivery_on_courier(ps->keeper);
    else if (kind == LIFE_PEER_RELAY) /* it trusts no lease before the first */
        revoke_beat(ps->keeper);
}

void
peers_note_deaths(struct peers *ps, const struct life_descriptor *what)
{
    if (what->peer < PEER_KINDS)
        ps->n_deaths[what->peer] = what->n_deaths;
}

uint64_t
peers_deaths(const struct peers *ps, enum life_peer kind)
{
    assert(kind < PEER_KINDS);
    return ps->n_deaths[kind];
}

static struct peer *
find(struct peers *ps, uint64_t number)
{
    struct peer *p = ps->first;
    while (p != NULL && p->number != number)
        p = p->next;
    return p;
}

struct channel *
peers_channel(struct peers *ps, uint64_t number)
{
    struct peer *p = find(ps, number);
    return p != NULL ? p->channel : NULL;
}

void
peers_close(struct peers *ps, uint64_t number)
{
    struct peer *p = find(ps, number);
    if (p == NULL)
        return;
    forget(ps, p);
    channel_free(p->channel);
    turns_forget_peer(ps->keeper->turns, number);
    free(p);
}

enum life_peer
peers_kind(struct peers *ps, uint64_t number)
{
    struct peer *p = find(ps, number);
    return p != NULL ? p->kind : (enum life_peer)0;
}

uint32_t
peers_uid(struct peers *ps, uint64_t number)
{
    struct peer *p = find(ps, number);
    return p != NULL ? p->uid : UINT32_MAX;
}

struct channel *
peers_newest(struct peers *ps, enum life_peer kind)
{
    for (struct peer *p = ps->first; p != NULL; p = p->next)
        if (p->kind == kind)
            return p->channel;
    return NULL;
}

void
peers_tell(struct peers *ps, enum life_peer kind, uint16_t type,
           const void *body)
{
    for (struct peer *p = ps->first; p != NULL; p = p->next)
        if (p->kind == kind)
            channel_event(p->channel, type, body);
}

size_t
peers_count(struct peers *ps, enum life_peer kind)
{
    size_t n = 0;
    for (struct peer *p = ps->first; p != NULL; p = p->next)
        n += p->kind == kind;
    return n;
}
