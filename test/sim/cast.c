#include "cast.h"

#include <stdio.h>
#include <stdlib.h>

#define K1 "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define K2 "k2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"

void
cast_open(struct cast *c, struct world *w)
{
    *c = (struct cast){.world = w, .stage = w->stage};
    c->calls = calloc(CAST_CALLS, sizeof(*c->calls));
    c->browsers = calloc(CAST_BROWSERS, sizeof(*c->browsers));
    assert_non_null(c->calls);
    assert_non_null(c->browsers);
}

void
cast_close(struct cast *c)
{
    free(c->calls);
    free(c->browsers);
}

static struct call *
new_call(struct cast *c, enum call_kind kind, uint64_t portal)
{
    for (size_t i = 0; i < CAST_CALLS; i++)
        if (!c->calls[i].is_used) {
            c->calls[i].is_used = true;
            c->calls[i].is_judged = false;
            c->calls[i].kind = kind;
            c->calls[i].portal = portal;
            c->calls[i].n_connects = c->n_connects[portal];
            return &c->calls[i];
        }
    fail_msg("%d calls wait for their answers", CAST_CALLS);
    return NULL;
}

/* The floor of product.md: 60 s, or a fifth of a shorter life. */
static void
judge_lease(struct cast *c, const struct heard *h, uint64_t portal)
{
    int64_t fifth = c->world->expires_in / 5;
    int64_t floor = fifth < 60 ? fifth : 60;
    int64_t ends_at = world_access_ends_at(c->world, h->token, portal);
    if (h->err != ERR_OK)
        return;
    c->n_leases++;
    if (ends_at == 0)
        fail_msg("portal %u got the token %s", (unsigned)portal, h->token);
    if (h->expires_at > ends_at)
        fail_msg("a token is said to live longer than it does");
    if (h->lease_until > (ends_at - floor) * 1000)
        fail_msg("a lease is longer than its token less the floor");
    if (ends_at - h->at_ms / 1000 <= floor)
        fail_msg("a token with less than the floor");
}

/* A receipt means: nothing is here, unless it was connected meanwhile. */
static void
judge_end(struct cast *c, const struct call *call)
{
    if (call->heard.err != ERR_OK)
        return;
    c->n_receipts++;
    assert_non_null(strstr(call->heard.json, "\"erased\":{"));
}

void
cast_judge(struct cast *c)
{
    for (size_t i = 0; i < CAST_CALLS; i++) {
        struct call *call = &c->calls[i];
        if (!call->is_used || !call->heard.has_answer)
            continue;
        if (call->heard.n_answers != 1)
            fail_msg("a call was answered %u times", call->heard.n_answers);
        if (!call->is_judged && call->kind == CALL_LEASE)
            judge_lease(c, &call->heard, call->portal);
        if (!call->is_judged && call->kind == CALL_END)
            judge_end(c, call);
        call->is_judged = true;
        call->is_used = false;
    }
}

void
cast_expect_all_answered(struct cast *c)
{
    for (size_t i = 0; i < CAST_CALLS; i++)
        if (c->calls[i].is_used && !c->calls[i].heard.has_answer)
            fail_msg("a call of kind %d was never answered",
                     (int)c->calls[i].kind);
}

static uint64_t
any_portal(struct cast *c)
{
    return 1 + world_pick(c->world, WORLD_PORTALS);
}

static void
ask_lease(struct cast *c)
{
    uint64_t portal = any_portal(c);
    uint64_t refused = world_happens(c->world, 10) ? 1 : 0;
    unsigned n = world_happens(c->world, 20) ? 5 : 1;
    while (n-- > 0) {
        struct call *call = new_call(c, CALL_LEASE, portal);
        stage_ask_lease(c->stage, portal, refused, &call->heard);
    }
    stage_settle(c->stage);
}

static void
begin(struct cast *c)
{
    static struct heard session;
    struct browser *b = &c->browsers[world_pick(c->world, CAST_BROWSERS)];
    uint64_t only = world_happens(c->world, 20) ? any_portal(c) : 0;
    stage_session(c->stage, "tenant", "", only, &session);
    if (session.err != ERR_OK)
        return;
    stage_begin(c->stage, session.json, &b->begun);
    b->is_away = b->begun.has_answer && b->begun.page == PAGE_NONE;
}

/* Back from HubSpot; sometimes twice, which is the same attempt. */
static void
finish(struct cast *c)
{
    struct browser *b = &c->browsers[world_pick(c->world, CAST_BROWSERS)];
    uint64_t portal = any_portal(c);
    char code[32];
    if (!b->is_away)
        return;
    (void)snprintf(code, sizeof(code), "c-%u/%u", c->n_codes++,
                   (unsigned)portal);
    c->n_connects[portal]++;
    unsigned n = world_happens(c->world, 20) ? 2 : 1;
    while (n-- > 0)
        stage_finish(c->stage, &b->begun, code,
                     &new_call(c, CALL_OTHER, portal)->heard);
    c->n_pages++;
    if (world_happens(c->world, 70))
        b->is_away = false;
}

static void
let_go(struct cast *c)
{
    uint64_t portal = any_portal(c);
    struct admin_portal ask = {.app = STR("crm"), .portal = portal};
    unsigned n = world_happens(c->world, 25) ? 2 : 1;
    uint16_t type = world_happens(c->world, 20) ? ADMIN_PORTAL_ERASE
                                                : ADMIN_PORTAL_DISCONNECT;
    while (n-- > 0) {
        struct call *call = new_call(c, CALL_END, portal);
        stage_ask_admin(c->stage, type, &ask, &call->heard);
    }
    stage_settle(c->stage);
}

static void
operate(struct cast *c)
{
    static const uint16_t types[] = {ADMIN_PORTAL_REFRESH, ADMIN_TOKEN,
                                     ADMIN_PORTAL_SHOW};
    uint64_t portal = any_portal(c);
    struct admin_portal ask = {.app = STR("crm"), .portal = portal};
    struct call *call = new_call(c, CALL_OTHER, portal);
    stage_admin(c->stage, types[world_pick(c->world, 3)], &ask, &call->heard);
}

static void
import(struct cast *c)
{
    uint64_t portal = any_portal(c);
    char token[32];
    world_make_token(c->world, portal, token, sizeof(token));
    c->n_connects[portal]++;
    struct admin_import ask = {.app = STR("crm"),
                               .portal = portal,
                               .ref = STR("imported"),
                               .refresh_token = HIDDEN(str_from(token))};
    stage_admin(c->stage, ADMIN_PORTAL_IMPORT, &ask,
                &new_call(c, CALL_OTHER, portal)->heard);
}

static void
reload(struct cast *c)
{
    struct buf auto_buf problem = {0};
    buf_init(&problem, 1024);
    c->stage->lacks_app = !c->stage->lacks_app && world_happens(c->world, 30);
    assert_int_equal(stage_reload(c->stage, &problem), ERR_OK);
}

/* A new key joins, once; wraps move to it page by page. */
static void
rotate(struct cast *c)
{
    struct buf auto_buf problem = {0};
    struct admin_step ask = {.is_compromised = world_happens(c->world, 50)};
    buf_init(&problem, 1024);
    if (!c->was_rotated) {
        c->was_rotated = true;
        c->stage->master_keys = K1 K2;
        assert_int_equal(stage_reload(c->stage, &problem), ERR_OK);
    }
    stage_admin(c->stage, ADMIN_MASTERKEY_REWRAP, &ask,
                &new_call(c, CALL_OTHER, 0)->heard);
}

void
cast_act(struct cast *c)
{
    static const struct {
        unsigned weight;
        void (*act)(struct cast *c);
    } acts[] = {{30, ask_lease}, {16, begin}, {18, finish}, {6, let_go},
                {6, operate},    {3, import}, {2, reload},  {2, rotate}};
    uint64_t sum = 0, at;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        sum += acts[i].weight;
    at = world_pick(c->world, sum);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (at < acts[i].weight) {
            acts[i].act(c);
            return;
        }
        at -= acts[i].weight;
    }
}
