#include "relay/asks.h"

#include "base/apikey.h"
#include "ipc/channel.h"

#include <assert.h>
#include <stdlib.h>

/*
 *   asks_start --> in a chain, its call in flight --on_reply--> gone
 *
 * 1. An ask is in its key's chain exactly as long as its call is in flight.
 * 2. A wait is in the list of one ask, or its `ask` is NULL.
 */
#define N_CHAINS 256

struct ask {
    struct asks *all;
    struct ask *next;
    struct lease_key key;
    uint64_t refused_version;
    uint32_t call;
    struct ask_wait *first, *last;
    char app[LIMIT_APP];
    struct lease_question question; /* without credential and address */
};

struct asks {
    struct leases *leases;
    struct channel *keeper;
    uint64_t n_sent;
    struct ask *chains[N_CHAINS];
};

struct asks *
asks_new(struct leases *leases, struct channel *keeper)
{
    struct asks *all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    all->leases = leases;
    all->keeper = keeper;
    return all;
}

static struct ask **
chain_of(struct asks *all, struct lease_key key)
{
    return &all->chains[key.b % N_CHAINS];
}

static void
append(struct ask *a, struct ask_wait *w)
{
    w->ask = a;
    w->next = NULL;
    w->before = a->last;
    *(a->last != NULL ? &a->last->next : &a->first) = w;
    a->last = w;
}

void
asks_cancel(struct ask_wait *w)
{
    struct ask *a = w->ask;
    if (a == NULL)
        return;
    *(w->before != NULL ? &w->before->next : &a->first) = w->next;
    *(w->next != NULL ? &w->next->before : &a->last) = w->before;
    w->ask = NULL;
}

void
asks_free(struct asks *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < N_CHAINS; i++)
        while (all->chains[i] != NULL) {
            struct ask *a = all->chains[i];
            all->chains[i] = a->next;
            if (all->keeper != NULL)
                channel_cancel(all->keeper, a->call);
            while (a->first != NULL)
                asks_cancel(a->first);
            free(a);
        }
    free(all);
}

void
asks_lose_keeper(struct asks *all)
{
    all->keeper = NULL;
}

uint64_t
asks_count(const struct asks *all)
{
    return all->n_sent;
}

static void
unlink_ask(struct ask *a)
{
    struct ask **at = chain_of(a->all, a->key);
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
}

/* The keeper has judged, and not only failed to: what it allowed before is
 * over.  So it is with a token that HubSpot refuses, whatever happened. */
static bool
ends_lease(const struct ask *a, enum err e)
{
    switch (e) {
    case ERR_TIMEOUT:
    case ERR_THROTTLED:
    case ERR_UPSTREAM:
    case ERR_UNREACHABLE:
    case ERR_UNAVAILABLE:
    case ERR_STORE:
    case ERR_SYSTEM:
        return a->refused_version > 0;
    default:
        return true;
    }
}

/* What the keeper said, in the process's own terms. */
static struct ask_answer
understand(struct ask *a, const struct relay_lease *from)
{
    struct ask_answer answer = {.err = (enum err)from->err,
                                .detail = from->detail,
                                .reconnect_url = from->reconnect_url,
                                .retry_after_s = from->retry_after_s};
    if (from->err >= ERR_COUNT)
        answer.err = ERR_SYSTEM;
    if (answer.err == ERR_OK)
        answer.err = leases_put(a->all->leases, a->key, &a->question, from,
                                &answer.lease);
    else if (ends_lease(a, answer.err))
        leases_drop(a->all->leases, a->key);
    /* It ran out on the way here: a moment later there is a new one. */
    if (answer.err == ERR_EXPIRED && from->err == ERR_OK)
        answer = (struct ask_answer){.err = ERR_UNAVAILABLE,
                                     .detail = STR("The access token expires "
                                                   "this moment."),
                                     .retry_after_s = 1};
    return answer;
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct ask *a = arg;
    struct ask_answer answer = {.err = ERR_UNAVAILABLE,
                                .detail = STR("The keeper did not answer. "
                                              "Nothing was done.")};
    (void)m;
    unlink_ask(a);
    if (e == ERR_OK)
        answer = understand(a, reply);
    /* A waiter may cancel others, so each is taken from the front. */
    while (a->first != NULL) {
        struct ask_wait *w = a->first;
        asks_cancel(w);
        w->on_answer(&answer, w->arg);
    }
    free(a);
}

/* The same question with the same knowledge of what HubSpot refused. */
static struct ask *
find(struct asks *all, struct lease_key key, uint64_t refused_version)
{
    struct ask *a = *chain_of(all, key);
    while (a != NULL && (a->key.a != key.a || a->key.b != key.b ||
                         a->refused_version < refused_version))
        a = a->next;
    return a;
}

static struct ask *
send(struct asks *all, struct lease_key key, const struct lease_question *q,
     struct str request_id, uint64_t refused_version)
{
    struct ask *a = calloc(1, sizeof(*a));
    struct relay_lease_ask message = {.request_id = request_id,
                                      .credential = q->credential,
                                      .address = q->address,
                                      .app = q->app,
                                      .portal = q->portal,
                                      .verb = q->verb,
                                      .refused_version = refused_version};
    if (a == NULL)
        abort();
    assert(q->app.n <= sizeof(a->app));
    a->all = all;
    a->key = key;
    a->refused_version = refused_version;
    memcpy(a->app, q->app.p, q->app.n);
    a->question = (struct lease_question){
        .app = str_of(a->app, q->app.n), .portal = q->portal, .verb = q->verb};
    a->next = *chain_of(all, key);
    *chain_of(all, key) = a;
    a->call = channel_call(all->keeper, RELAY_LEASE_ASK, &message,
                           DEADLINE_CALL_MS, on_reply, a);
    all->n_sent++;
    return a;
}

enum err
asks_start(struct asks *all, struct ask_wait *wait, struct lease_key key,
           const struct lease_question *q, struct str request_id,
           uint64_t refused_version)
{
    if (!apikey_is_formed(q->credential.s))
        return ERR_UNAUTHORIZED;
    if (all->keeper == NULL)
        return ERR_UNAVAILABLE;
    struct ask *a = find(all, key, refused_version);
    if (a == NULL)
        a = send(all, key, q, request_id, refused_version);
    append(a, wait);
    return ERR_OK;
}

struct lease *
asks_find(struct asks *all, struct lease_key key,
          const struct lease_question *q, struct str request_id)
{
    struct lease *l = leases_find(all->leases, key);
    if (l != NULL && all->keeper != NULL && leases_take_due(all->leases, l) &&
        find(all, key, 0) == NULL)
        (void)send(all, key, q, request_id, 0); /* nobody waits for it */
    return l;
}
