#include "stage.h"

#include "ipc/channel.h"

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
