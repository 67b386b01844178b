#include "relay/leases.h"

#include "base/doc.h"
#include "base/env.h"
#include "base/limits.h"
#include "base/text.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/*
 * Cells are either in use (in one chain of each hash table and in the list
 * newest .. oldest) or in the list of free ones (next_of_hash).
 *
 * 1. n_used cells are in the list, and each is in its key's chain and in its
 *    portal's: every refresh of a token takes back what was leased of it, so
 *    that must not look at all.
 * 2. A cell in use holds a secret; a free one holds none.
 * 3. last_beat_ms is 0 until the first beat, and after forget_all.
 */

/* The last fifth of a lease is for renewing it: a minute of five, while the
 * keeper has DEADLINE_CALL_MS to answer. */
#define RENEWAL_PART 5

struct leases {
    struct leases_setup setup;
    uint8_t hash_key[crypto_shorthash_siphashx24_KEYBYTES];
    struct lease *cells;
    struct lease **chains, **portals;
    size_t n_chains; /* a power of two */
    /* moves */
    size_t n_touched; /* cells beyond were never used */
    size_t n_used;
    struct lease *free_list;
    struct lease *newest, *oldest;
    uint64_t epoch;
    int64_t last_beat_ms; /* monotonic */
};

struct leases *
leases_new(const struct leases_setup *setup)
{
    struct leases *all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    all->setup = *setup;
    all->n_chains = 1;
    while (all->n_chains < setup->n_max * 2)
        all->n_chains *= 2;
    all->cells = calloc(setup->n_max, sizeof(*all->cells));
    all->chains = calloc(all->n_chains, sizeof(struct lease *));
    all->portals = calloc(all->n_chains, sizeof(struct lease *));
    if (all->cells == NULL || all->chains == NULL || all->portals == NULL)
        abort();
    setup->env->random(setup->env, all->hash_key, sizeof(all->hash_key));
    return all;
}

void
leases_free(struct leases *all)
{
    if (all == NULL)
        return;
    leases_forget_all(all);
    free(all->chains);
    free(all->portals);
    free(all->cells);
    sodium_memzero(all, sizeof(*all));
    free(all);
}

void
leases_set_revocation_max(struct leases *all, unsigned ms)
{
    all->setup.revocation_max_ms = ms;
}

#define QUESTION_MAX 512

/* Length first, so that no two questions give the same bytes. */
static void
put_part(struct buf *b, const void *p, size_t n)
{
    uint32_t length = (uint32_t)n;
    buf_add(b, str_of(&length, sizeof(length)));
    buf_add(b, str_of(p, n));
}

struct lease_key
leases_key(const struct leases *all, const struct lease_question *q)
{
    struct lease_key key;
    uint8_t bytes[QUESTION_MAX + 1];
    auto_wipe(bytes);
    struct buf b = {
        .p = (char *)bytes, .room = sizeof(bytes), .max = QUESTION_MAX};
    put_part(&b, &q->portal, sizeof(q->portal));
    put_part(&b, &q->verb, sizeof(q->verb));
    put_part(&b, q->credential.s.p, q->credential.s.n);
    put_part(&b, q->app.p, q->app.n);
    put_part(&b, q->address.p, q->address.n);
    /* Callers bound each part: see LIMIT_APP and APIKEY_LEN. */
    assert(buf_err(&b) == ERR_OK);
    _Static_assert(sizeof(key) == crypto_shorthash_siphashx24_BYTES, "128 bit");
    (void)crypto_shorthash_siphashx24((uint8_t *)&key, bytes, b.n,
                                      all->hash_key); /* always 0 */
    return key;
}

/* No early end: how far two keys agree does not show in the time. */
static bool
same_key(struct lease_key x, struct lease_key y)
{
    return ((x.a ^ y.a) | (x.b ^ y.b)) == 0;
}

static struct lease **
chain_of(struct leases *all, struct lease_key key)
{
    return &all->chains[key.a & (all->n_chains - 1)];
}

/* Portals are numbers that HubSpot gives in sequence: they spread by
 * themselves. */
static struct lease **
chain_of_portal(struct leases *all, uint64_t portal)
{
    return &all->portals[portal & (all->n_chains - 1)];
}

static struct lease *
lookup(struct leases *all, struct lease_key key)
{
    struct lease *at = *chain_of(all, key);
    while (at != NULL && !same_key(at->key, key))
        at = at->next_of_hash;
    return at;
}

static void
unlink_age(struct leases *all, struct lease *l)
{
    *(l->newer != NULL ? &l->newer->older : &all->newest) = l->older;
    *(l->older != NULL ? &l->older->newer : &all->oldest) = l->newer;
    l->newer = l->older = NULL;
}

static void
link_newest(struct leases *all, struct lease *l)
{
    l->older = all->newest;
    *(all->newest != NULL ? &all->newest->newer : &all->oldest) = l;
    all->newest = l;
}

static void
report(struct leases *all, struct lease *l)
{
    if (l->n_uses == 0)
        return;
    struct relay_used used = {.app = l->app,
                              .portal = l->portal,
                              .key_number = l->key_number,
                              .verb = l->verb,
                              .n_uses = l->n_uses};
    l->n_uses = 0;
    if (all->setup.on_used != NULL)
        all->setup.on_used(&used, all->setup.arg);
}

/* The one door out. */
static void
drop(struct leases *all, struct lease *l)
{
    struct lease **at = chain_of(all, l->key);
    while (*at != l)
        at = &(*at)->next_of_hash;
    *at = l->next_of_hash;
    at = chain_of_portal(all, l->portal);
    while (*at != l)
        at = &(*at)->next_of_portal;
    *at = l->next_of_portal;
    unlink_age(all, l);
    report(all, l);
    secret_free_at(&l->token);
    buf_done(&l->scopes);
    *l = (struct lease){.next_of_hash = all->free_list};
    all->free_list = l;
    all->n_used--;
}

/* The oldest makes room if there is none. */
static struct lease *
take_cell(struct leases *all)
{
    if (all->n_used == all->setup.n_max)
        drop(all, all->oldest);
    struct lease *l = all->free_list;
    if (l == NULL)
        return &all->cells[all->n_touched++];
    all->free_list = l->next_of_hash;
    return l;
}

/* The first moment when it may not be used, unix ms. */
static int64_t
end_of(const struct lease *l)
{
    int64_t floor = (l->expires_at - l->floor_s) * 1000;
    return l->expires_at == 0 || l->lease_until < floor ? l->lease_until
                                                        : floor;
}

static bool
has_floor(const struct lease *l, int64_t now_ms)
{
    return l->expires_at == 0 ||
           l->expires_at * 1000 - now_ms > l->floor_s * 1000;
}

bool
leases_are_fresh(const struct leases *all)
{
    struct env *env = all->setup.env;
    return all->last_beat_ms != 0 && env->mono_ms(env) - all->last_beat_ms <=
                                         (int64_t)all->setup.revocation_max_ms;
}

struct lease *
leases_find(struct leases *all, struct lease_key key)
{
    struct env *env = all->setup.env;
    struct lease *l = lookup(all, key);
    if (l == NULL || !leases_are_fresh(all))
        return NULL;
    int64_t now = env->now_ms(env);
    if (now >= end_of(l))
        return NULL;
    if (l != all->newest) {
        unlink_age(all, l);
        link_newest(all, l);
    }
    return l;
}

bool
leases_take_due(struct leases *all, struct lease *l)
{
    struct env *env = all->setup.env;
    int64_t end = end_of(l);
    int64_t left = end - env->now_ms(env);
    if (l->was_due || left >= (end - l->since) / RENEWAL_PART)
        return false;
    l->was_due = true;
    return true;
}

/* Visible ASCII that needs no escape in JSON: what a bearer token is made of
 * (RFC 6750, b64token), and more. */
static bool
is_plain_token(struct str token)
{
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\')
            return false;
    }
    return token.n > 0;
}

static void
fill(struct lease *l, const struct lease_question *q,
     const struct relay_lease *from)
{
    memcpy(l->app_text, q->app.p, q->app.n);
    l->app = str_of(l->app_text, q->app.n);
    l->portal = q->portal;
    l->verb = q->verb;
    l->version = from->version;
    l->expires_at = from->expires_at;
    l->floor_s = from->floor_s;
    l->lease_until = from->lease_until;
    l->key_number = from->key_number;
    l->is_read_only = from->is_read_only;
    struct buf text = {.p = l->expires_text,
                       .room = sizeof(l->expires_text),
                       .max = sizeof(l->expires_text) - 1};
    if (l->expires_at != 0)
        text_add_time(&text, l->expires_at);
    l->expires_text[text.n] = '\0';
    buf_init(&l->scopes, LIMIT_FRAME);
    struct doc scopes = doc_into(&l->scopes);
    doc_strs(&scopes, from->scopes);
}

enum err
leases_put(struct leases *all, struct lease_key key,
           const struct lease_question *q, const struct relay_lease *from,
           struct lease **out)
{
    struct env *env = all->setup.env;
    leases_drop(all, key);
    if (q->app.n > LIMIT_APP || !is_plain_token(from->access_token.s) ||
        from->access_token.s.n > SECRET_MAX)
        return ERR_UPSTREAM;
    struct lease *l = take_cell(all);
    l->key = key;
    l->since = env->now_ms(env);
    l->token = secret_new(from->access_token);
    assert(l->token != NULL); /* as many cells in the slab as here */
    fill(l, q, from);
    l->next_of_hash = *chain_of(all, key);
    *chain_of(all, key) = l;
    l->next_of_portal = *chain_of_portal(all, l->portal);
    *chain_of_portal(all, l->portal) = l;
    link_newest(all, l);
    all->n_used++;
    if (!has_floor(l, l->since)) {
        drop(all, l);
        return ERR_EXPIRED;
    }
    *out = l;
    return ERR_OK;
}

void
leases_drop(struct leases *all, struct lease_key key)
{
    struct lease *l = lookup(all, key);
    if (l != NULL)
        drop(all, l);
}

void
leases_forget_all(struct leases *all)
{
    while (all->oldest != NULL)
        drop(all, all->oldest);
    all->last_beat_ms = 0;
}

/* A beat names the last revocation, a revocation is the one after it. */
static bool
follow(struct leases *all, uint64_t epoch, uint64_t expected)
{
    struct env *env = all->setup.env;
    bool is_first = all->last_beat_ms == 0;
    bool is_whole = is_first || epoch == expected;
    if (!is_whole)
        leases_forget_all(all);
    all->epoch = epoch;
    all->last_beat_ms = env->mono_ms(env);
    return is_whole;
}

bool
leases_beat(struct leases *all, uint64_t epoch)
{
    return follow(all, epoch, all->epoch);
}

bool
leases_revoked_matches(const struct relay_revoked *what, struct str app,
                       uint64_t portal, uint64_t key_number)
{
    return (what->app.n == 0 || str_equal(what->app, app)) &&
           (what->portal == 0 || what->portal == portal) &&
           (what->key_number == 0 || what->key_number == key_number);
}

bool
leases_revoke(struct leases *all, const struct relay_revoked *what)
{
    struct lease *next;
    if (!follow(all, what->epoch, all->epoch + 1))
        return false;
    bool is_one = what->portal != 0;
    struct lease *l =
        is_one ? *chain_of_portal(all, what->portal) : all->newest;
    for (; l != NULL; l = next) {
        next = is_one ? l->next_of_portal : l->older;
        if (leases_revoked_matches(what, l->app, l->portal, l->key_number))
            drop(all, l);
    }
    return true;
}

void
leases_report(struct leases *all)
{
    for (struct lease *l = all->newest; l != NULL; l = l->older)
        report(all, l);
}

size_t
leases_count(const struct leases *all)
{
    return all->n_used;
}
