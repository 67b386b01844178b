#include "stage.h"

#include "ipc/channel.h"
#include "keeper/event_log.h"
#include "keeper/inbox.h"

#include <stdio.h>
#include <stdlib.h>

/* The app's backend, as the courier that delivers meets it. */

static char *
copy(struct str s)
{
    char *p = calloc(1, s.n + 1);
    assert_non_null(p);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

static struct stage_post *
note(struct stage_target *g, uint32_t call, const struct courier_deliver *ask)
{
    if (g->n == g->room) {
        g->room = g->room > 0 ? 2 * g->room : 64;
        g->posts = realloc(g->posts, g->room * sizeof(*g->posts));
        assert_non_null(g->posts);
    }
    struct stage_post *p = &g->posts[g->n++];
    *p = (struct stage_post){.call = call,
                             .at_ms = stage_now_ms(),
                             .is_replay = ask->is_replay,
                             .is_open = true,
                             .id = copy(ask->id),
                             .gap = copy(ask->gap),
                             .signature = copy(ask->signature),
                             .timestamp = copy(ask->timestamp),
                             .body = copy(ask->body.s)};
    return p;
}

void
stage_answer_post(struct stage *s, struct stage_post *p, uint32_t status)
{
    struct courier_delivered done = {.http_status = status,
                                     .retry_after_s = s->target.retry_after_s,
                                     .reason = status == 0 ? STR("timeout")
                                                           : STR_NONE};
    assert_true(p->is_open);
    p->is_open = false;
    p->status = status;
    channel_reply(s->deliver, p->call, COURIER_DELIVERED, &done);
}

void
stage_on_deliver(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    struct stage_target *g = &s->target;
    struct stage_post *p = note(g, in->id, in->body);
    if (g->holds)
        return;
    uint32_t status = g->status != 0 || g->is_away ? g->status : 200;
    if (g->judge != NULL)
        status = g->judge(s, p);
    stage_answer_post(s, p, status);
}

void
stage_answer_posts(struct stage *s, uint32_t status)
{
    for (size_t i = 0; i < s->target.n; i++)
        if (s->target.posts[i].is_open)
            stage_answer_post(s, &s->target.posts[i], status);
    stage_settle(s);
}

size_t
stage_n_open(const struct stage *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->target.n; i++)
        n += s->target.posts[i].is_open;
    return n;
}

void
stage_forget_posts(struct stage_target *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->posts[i].id);
        free(g->posts[i].gap);
        free(g->posts[i].signature);
        free(g->posts[i].timestamp);
        free(g->posts[i].body);
    }
    free(g->posts);
    g->posts = NULL;
    g->n = g->room = 0;
}

void
stage_set_target(struct stage *s, const char *url, uint32_t batch)
{
    struct buf auto_buf problem;
    buf_init(&problem, 1024);
    s->target.url = url;
    s->target.batch = batch;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
}

struct take {
    struct str json;
};
static const struct field take_fields[] = {
    FIELD(struct take, json),
};
static const struct record take_record = RECORD(take);

/* As do_webhook does once the signature holds. */
static enum err
do_take(struct turn *t, const void *ask)
{
    const struct take *a = ask;
    struct arrivals all;
    assert_int_equal(events_read(a->json, 100, turn_arena(t), &all.events),
                     ERR_OK);
    inbox_name_events(t, &all);
    return inbox_take(t, STR("crm"), SOURCE_PUSH, &all);
}

void
stage_take(struct stage *s, const char *json)
{
    struct take ask = {str_from(json)};
    assert_int_equal(
        turns_add(s->keeper.turns, do_take, &take_record, &ask, 0, 0), ERR_OK);
    stage_settle(s);
}

void
stage_flood(struct stage *s, unsigned n)
{
    struct buf auto_buf json = {0};
    buf_init(&json, 65536);
    for (unsigned i = 0; i < n; i++) {
        struct take ask;
        buf_clear(&json);
        for (unsigned k = 0; k < 100; k++)
            buf_addf(&json,
                     "%s{\"eventId\":%u,\"portalId\":1001,"
                     "\"occurredAt\":1764000000000,\"objectId\":%u,"
                     "\"subscriptionType\":\"contact.creation\"}",
                     k == 0 ? "[" : ",", i * 100 + k + 1, i * 100 + k + 1);
        buf_add_char(&json, ']');
        ask.json = buf_str(&json);
        assert_int_equal(
            turns_add(s->keeper.turns, do_take, &take_record, &ask, 0, 0),
            ERR_OK);
    }
    stage_settle(s);
}

void
stage_event(struct stage *s, unsigned number, unsigned contact)
{
    char json[512];
    (void)snprintf(json, sizeof(json),
                   "[{\"eventId\":%u,\"subscriptionId\":1,\"portalId\":1001,"
                   "\"appId\":7,\"occurredAt\":1700000000000,"
                   "\"subscriptionType\":\"contact.propertyChange\","
                   "\"attemptNumber\":0,\"objectId\":%u,\"n\":\"#%u#\"}]",
                   number, contact, number);
    stage_take(s, json);
}

struct event_log
stage_event_log(struct stage *s)
{
    struct event_log log = {0};
    struct store_ask ask = {.table = STORE_META, .key = STR("events/crm")};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    if (ask.rows[0].version != 0)
        assert_int_equal(record_decode_old(&event_log_record, ask.rows[0].body,
                                           s->arena, &log),
                         ERR_OK);
    return log;
}

void
stage_pass(struct stage *s, int64_t ms, int64_t step_ms)
{
    for (int64_t at = 0; at < ms; at += step_ms) {
        s->now_ms += step_ms - 100;
        stage_ticks(s, 1);
    }
}
