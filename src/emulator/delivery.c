#include "emulator/delivery.h"

#include "emulator/own.h"
#include "emulator/world.h"

#include <stdlib.h>

static const char *const kind_names[DELIVERY_KINDS] = {
    [DELIVERY_EVENTS] = "events",
    [DELIVERY_WORKFLOW] = "workflow",
    [DELIVERY_CARD] = "card",
    [DELIVERY_FETCH] = "fetch",
};

const char *
delivery_kind_name(enum delivery_kind kind)
{
    return kind_names[kind];
}

bool
delivery_kind_find(struct str name, enum delivery_kind *out)
{
    for (size_t i = 0; i < DELIVERY_KINDS; i++) {
        if (!str_equal(name, str_from(kind_names[i])))
            continue;
        *out = (enum delivery_kind)i;
        return true;
    }
    return false;
}

struct style
style_copy(const struct style *s)
{
    return (struct style){
        .url = own_text(s->url),
        .sign_url = own_text(s->sign_url),
        .secret = own_text(s->secret),
        .versions = own_text(s->versions),
        .is_bad = s->is_bad,
        .shift_ms = s->shift_ms,
    };
}

void
style_drop(struct style *s)
{
    own_drop(&s->url);
    own_drop(&s->sign_url);
    own_drop(&s->secret);
    own_drop(&s->versions);
}

struct delivery *
delivery_new(const struct delivery *model)
{
    struct delivery *d = own_alloc(sizeof(*d));
    *d = (struct delivery){
        .kind = model->kind,
        .client_id = own_text(model->client_id),
        .portal = model->portal,
        .style = style_copy(&model->style),
        .method =
            own_text(model->method.p != NULL ? model->method : STR("POST")),
        .body = own_text(model->body),
    };
    return d;
}

void
delivery_free(struct delivery *d)
{
    for (size_t i = 0; i < d->n; i++)
        own_drop(&d->events[i].json);
    free(d->events);
    own_drop(&d->client_id);
    own_drop(&d->method);
    own_drop(&d->body);
    style_drop(&d->style);
    free(d);
}

void
delivery_add(struct delivery *d, uint64_t serial, struct str json)
{
    d->events = own_room(d->events, d->n, &d->room, sizeof(*d->events));
    d->events[d->n++] = (struct pushed){serial, own_text(json)};
}

/* Fisher and Yates. */
void
delivery_shuffle(struct delivery *d, struct world *w)
{
    for (size_t i = d->n; i > 1; i--) {
        size_t k = world_draw(w) % i;
        struct pushed one = d->events[k];
        d->events[k] = d->events[i - 1];
        d->events[i - 1] = one;
    }
}

void
delivery_add_body(const struct delivery *d, struct buf *out)
{
    if (d->body.p != NULL || d->kind != DELIVERY_EVENTS) {
        buf_add(out, d->body);
        return;
    }
    buf_add_char(out, '[');
    for (size_t i = 0; i < d->n; i++) {
        buf_add(out, i > 0 ? STR(",") : STR(""));
        buf_add(out, d->events[i].json);
        buf_addf(out, ",\"attemptNumber\":%u}", d->attempt);
    }
    buf_add_char(out, ']');
}

size_t
delivery_weight(const struct delivery *d)
{
    return d->n > 0 ? d->n : 1;
}

bool
outcome_is_good(const struct outcome *o)
{
    return o->error.n == 0 && o->status >= 200 && o->status < 300;
}

/*
 * hubspot.md 4.1: up to ten more attempts over 24 hours, spread at random.
 * When each comes is published nowhere; these grow, and with the most jitter
 * they end within the day.
 */
static const int64_t waits_s[] = {60,   300,   900,   1800,  3600,
                                  7200, 10800, 14400, 18000, 21600};
#define N_WAITS (sizeof(waits_s) / sizeof(waits_s[0]))

/* Workflows alone look at the answer (4.3); nothing repeats a card. */
static bool
is_worth_retrying(const struct delivery *d, const struct outcome *o)
{
    bool is_client_error = o->status >= 400 && o->status < 500;
    switch (d->kind) {
    case DELIVERY_CARD:
        return false;
    case DELIVERY_FETCH:
        return d->attempt == 0 && !is_client_error;
    case DELIVERY_WORKFLOW:
        return !is_client_error || o->status == 429;
    default:
        return true;
    }
}

int64_t
delivery_wait_ms(const struct delivery *d, const struct outcome *o,
                 struct world *w)
{
    const struct settings *s = &w->settings;
    if (outcome_is_good(o) || d->attempt >= (uint64_t)s->webhook_retries ||
        d->attempt >= N_WAITS || !is_worth_retrying(d, o))
        return -1;
    if (d->kind == DELIVERY_WORKFLOW && o->status == 429 &&
        o->retry_after_ms >= 0)
        return o->retry_after_ms;
    if (d->kind == DELIVERY_FETCH)
        return 0;
    int64_t wait_ms = waits_s[d->attempt] * 1000;
    wait_ms += wait_ms * (int64_t)(world_draw(w) % 90) / 1000;
    return wait_ms / s->webhook_speed;
}
