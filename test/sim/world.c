#include "world.h"

#include "keeper/errands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COURIER_DEADLINE_MS 20000

/* SplitMix64. */
static uint64_t
next(struct world *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t
world_pick(struct world *w, uint64_t n)
{
    return next(w) % n;
}

bool
world_happens(struct world *w, unsigned percent)
{
    return next(w) % 100 < percent;
}

/* "r-7" and the like; WORLD_TOKENS: none of ours. */
static size_t
number_of(struct str text, char kind)
{
    uint64_t n;
    if (text.n < 3 || text.p[0] != kind ||
        !str_to_u64(str_of(text.p + 2, text.n - 2), &n) || n >= WORLD_TOKENS)
        return WORLD_TOKENS;
    return (size_t)n;
}

static int64_t
now_s(const struct world *w)
{
    return w->stage->now_ms / 1000;
}

static size_t
new_refresh(struct world *w, uint64_t portal)
{
    size_t n = w->n_refresh++;
    assert_true(n < WORLD_TOKENS);
    w->refresh[n].portal = portal;
    w->refresh[n].fate = ALIVE;
    return n;
}

static void
give(struct world *w, struct courier_done *d, uint64_t portal, size_t refresh,
     struct arena *a)
{
    size_t n = w->n_access++;
    assert_true(n < WORLD_TOKENS);
    w->access[n].portal = portal;
    w->access[n].expires_at = now_s(w) + w->expires_in;
    w->n_given++;
    d->outcome = OUTCOME_OK;
    d->access_token = HIDDEN(arena_printf(a, "a-%zu", n));
    d->refresh_token = HIDDEN(arena_printf(a, "r-%zu", refresh));
    d->expires_in = w->expires_in;
    d->hub_id = portal;
    d->scopes = arena_split(a, STR("oauth crm.objects.contacts.read"), ' ');
    d->has_scopes = true;
}

/* Codes say their portal: "c-NUMBER/PORTAL". */
static void
do_exchange(struct world *w, const struct courier_errand *ask,
            struct courier_done *d, struct arena *a)
{
    struct str rest = ask->code.s, code;
    uint64_t portal;
    if (!str_cut(&rest, '/', &code) || !str_to_u64(rest, &portal) ||
        number_of(code, 'c') == WORLD_TOKENS ||
        w->is_code_used[number_of(code, 'c')]) {
        d->outcome = OUTCOME_CODE_REFUSED;
        return;
    }
    w->is_code_used[number_of(code, 'c')] = true;
    size_t refresh = w->n_refresh;
    for (size_t i = 0; !w->rotates && i < w->n_refresh; i++)
        if (w->refresh[i].portal == portal && w->refresh[i].fate == ALIVE)
            refresh = i; /* today's HubSpot: the same one again */
    if (refresh == w->n_refresh)
        refresh = new_refresh(w, portal);
    w->is_installed[portal] = true;
    give(w, d, portal, refresh, a);
}

static void
do_refresh(struct world *w, const struct courier_errand *ask,
           struct courier_done *d, struct arena *a)
{
    size_t n = number_of(ask->token.s, 'r');
    if (n == WORLD_TOKENS || n >= w->n_refresh || w->refresh[n].fate != ALIVE) {
        d->outcome = OUTCOME_TOKEN_ENDED;
        d->status = STR("BAD_REFRESH_TOKEN");
        return;
    }
    w->n_refreshes++;
    if (w->rotates) {
        w->refresh[n].fate = ROTATED;
        give(w, d, w->refresh[n].portal, new_refresh(w, w->refresh[n].portal),
             a);
    } else {
        give(w, d, w->refresh[n].portal, n, a);
    }
}

static void
end_portal(struct world *w, uint64_t portal)
{
    w->is_installed[portal] = false;
    for (size_t i = 0; i < w->n_refresh; i++)
        if (w->refresh[i].portal == portal && w->refresh[i].fate == ALIVE)
            w->refresh[i].fate = ENDED;
}

static void
do_uninstall(struct world *w, const struct courier_errand *ask,
             struct courier_done *d)
{
    size_t n = number_of(ask->token.s, 'a');
    if (n == WORLD_TOKENS || n >= w->n_access ||
        w->access[n].expires_at <= now_s(w) ||
        !w->is_installed[w->access[n].portal]) {
        d->outcome = OUTCOME_TOKEN_ENDED;
        return;
    }
    end_portal(w, w->access[n].portal);
    d->outcome = OUTCOME_OK;
}

static void
do_introspect(struct world *w, const struct courier_errand *ask,
              struct courier_done *d)
{
    size_t n = number_of(ask->token.s, 'r');
    bool is_alive = n < w->n_refresh && w->refresh[n].fate == ALIVE;
    d->outcome = is_alive ? OUTCOME_OK : OUTCOME_INACTIVE;
    if (!is_alive)
        return;
    d->hub_id = w->refresh[n].portal;
    d->client_id = STR("client-1");
    d->user_id = 77;
}

static struct courier_done
process(struct world *w, const struct courier_errand *ask, struct arena *a)
{
    struct courier_done d = {.kind = ask->kind,
                             .outcome = OUTCOME_OK,
                             .http_status = 200,
                             .date = now_s(w)};
    size_t n = number_of(ask->token.s, 'r');
    switch (ask->kind) {
    case ERRAND_EXCHANGE:
        do_exchange(w, ask, &d, a);
        break;
    case ERRAND_REFRESH:
        do_refresh(w, ask, &d, a);
        break;
    case ERRAND_INTROSPECT:
        do_introspect(w, ask, &d);
        break;
    case ERRAND_REVOKE:
        if (n < w->n_refresh && w->refresh[n].fate == ALIVE)
            w->refresh[n].fate = REVOKED;
        break;
    case ERRAND_UNINSTALL:
        do_uninstall(w, ask, &d);
        break;
    default:
        break;
    }
    return d;
}

/* What keeps HubSpot from even looking at it; 0: nothing. */
static uint32_t
hindrance(struct world *w, const struct courier_errand *ask)
{
    bool has_secret = ask->kind != ERRAND_UNINSTALL;
    if (w->is_calm)
        return 0;
    if (has_secret && w->stage->now_ms < w->our_fault_until_ms)
        return OUTCOME_OUR_FAULT;
    if (world_happens(w, 10))
        return OUTCOME_TRANSIENT;
    return world_happens(w, 4) ? OUTCOME_THROTTLED : 0;
}

static void
answer(struct world *w, const struct world_errand *e)
{
    struct arena *a = arena_new();
    uint32_t hindered = hindrance(w, &e->ask);
    struct courier_done d = {.kind = e->ask.kind, .outcome = hindered};
    if (hindered == 0)
        d = process(w, &e->ask, a);
    if (w->is_hostile && !w->is_calm && world_happens(w, 4)) {
        w->n_lost++; /* HubSpot's answer did not get through */
        d = (struct courier_done){.kind = e->ask.kind,
                                  .outcome = OUTCOME_TRANSIENT};
    }
    stage_reply(w->stage, e->id, &e->ask, &d);
    arena_free(a);
}

/* Invariant: one refresh of a grant at a time. */
static void
check_single(const struct world *w, const struct world_errand *new)
{
    for (size_t i = 0; new->generation != 0 && i < w->n_errands; i++)
        if (w->errands[i].generation == new->generation &&
            w->errands[i].ask.portal ==
                new->ask.portal &&str_equal(w->errands[i].ask.app,
                                            new->ask.app))
            fail_msg("two refreshes of portal %u at once",
                     (unsigned)new->ask.portal);
}

static void
on_errand(struct stage *s, uint32_t id, const struct courier_errand *ask,
          void *arg)
{
    struct world *w = arg;
    struct errand_note note;
    assert_true(w->n_errands < WORLD_ERRANDS);
    struct world_errand *e = &w->errands[w->n_errands];
    *e = (struct world_errand){.id = id, .due_ms = s->now_ms};
    record_copy(
        conversation_find(&courier_conversation, COURIER_ERRAND)->record, ask,
        s->arena, &e->ask);
    assert_int_equal(
        record_decode_old(&errand_note_record, e->ask.context, s->arena, &note),
        ERR_OK);
    if (ask->kind == ERRAND_REFRESH && note.row.n == 0)
        e->generation = note.generation;
    check_single(w, e);
    if (!w->is_calm && world_happens(w, 60))
        e->due_ms += (int64_t)world_pick(
            w, world_happens(w, 20) ? COURIER_DEADLINE_MS : 2000);
    w->n_errands++;
}

/* In any order: what is due first is not what came first. */
void
world_pump(struct world *w)
{
    for (size_t i = 0; i < w->n_errands;) {
        if (w->errands[i].due_ms > w->stage->now_ms) {
            i++;
            continue;
        }
        struct world_errand e = w->errands[i];
        w->errands[i] = w->errands[--w->n_errands];
        answer(w, &e);
    }
    stage_settle(w->stage);
}

void
world_outlive(struct world *w)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < w->n_errands; i++) {
        const struct world_errand *e = &w->errands[i];
        uint32_t hindered = hindrance(w, &e->ask);
        struct courier_done d = {.kind = e->ask.kind, .outcome = hindered};
        if (!stage_brings_tokens(e->ask.kind))
            continue;
        if (hindered == 0)
            d = process(w, &e->ask, a);
        stage_keep(w->stage, &e->ask, &d);
    }
    w->n_errands = 0;
    arena_free(a);
}

void
world_lose_courier(struct world *w)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < w->n_errands; i++)
        if (world_happens(w, 50)) { /* HubSpot had it; nobody hears */
            (void)process(w, &w->errands[i].ask, a);
            w->n_lost++;
        }
    arena_free(a);
    w->n_errands = 0;
    stage_lose_courier(w->stage);
}

void
world_uninstall(struct world *w, uint64_t portal)
{
    end_portal(w, portal);
}

enum fate
world_fate(const struct world *w, struct str token)
{
    size_t n = number_of(token, 'r');
    assert_true(n < w->n_refresh);
    return w->refresh[n].fate;
}

void
world_make_token(struct world *w, uint64_t portal, char *out, size_t room)
{
    w->is_installed[portal] = true;
    (void)snprintf(out, room, "r-%zu", new_refresh(w, portal));
}

int64_t
world_access_ends_at(const struct world *w, const char *token, uint64_t portal)
{
    size_t n = number_of(str_from(token), 'a');
    if (n >= w->n_access || w->access[n].portal != portal)
        return 0;
    return w->access[n].expires_at;
}

void
world_open(struct world *w, struct stage *s, uint64_t seed, bool is_hostile)
{
    static const uint32_t lives[] = {100, 1800, 21600};
    memset(w, 0, sizeof(*w));
    w->stage = s;
    w->seed = w->random = seed;
    w->is_hostile = is_hostile;
    w->rotates = world_happens(w, 70);
    w->expires_in = lives[world_pick(w, 3)];
    s->on_errand = on_errand;
    s->on_errand_arg = w;
}
