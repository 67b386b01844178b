#include "emulator/news.h"

#include "emulator/journal.h"
#include "emulator/target.h"

struct str
news_target(const struct world *w, const struct app *app)
{
    struct str set = str_from(w->settings.webhook_url);
    if (set.n > 0)
        return set;
    if (app->webhook.p != NULL)
        return app->webhook;
    if (w->webhook.p != NULL)
        return w->webhook;
    return target_is_good(app->hooks.target) ? app->hooks.target : STR_NONE;
}

uint64_t
news_event_id(struct world *w, uint64_t portal)
{
    struct account *a = accounts_find(&w->accounts, portal);
    return a != NULL ? ++a->last_event_id : ++w->outbox.last_event_id;
}

/* Life cycle events have no push yet (hubspot.md 4.6). */
static bool
is_pushed(const struct world *w, const struct happening *h)
{
    return h->type != NULL || w->settings.webhook_lifecycle;
}

static void
push(struct world *w, const struct app *app, struct happening h)
{
    struct happening_push p;
    struct buf auto_buf type_text, json;
    buf_init(&type_text, 128);
    buf_init(&json, CALL_MAX_BODY);
    if (news_target(w, app).p == NULL || !is_pushed(w, &h))
        return;
    size_t at = 0;
    while (h.type == NULL
               ? at++ == 0
               : subscriptions_match(&app->hooks, &h, &at, &type_text, &p)) {
        if (h.type == NULL)
            subscriptions_usual(&h, &type_text, &p);
        h.serial = ++w->outbox.last_serial;
        p.app_id = app->app_id;
        buf_clear(&json);
        happening_add_push(&h, &p, &json);
        outbox_add(w, app, h.portal, h.serial, buf_str(&json));
    }
}

/* Events need the scope that reading the record needs. */
static bool
may_know(const struct grant *g, const struct happening *h)
{
    return h->type == NULL ||
           grant_has_scope(g, str_from(h->type->read_scope)) ||
           grant_has_scope(g, STR("contacts"));
}

void
news_tell(struct world *w, const struct happening *h)
{
    for (size_t i = 0; i < w->apps.n; i++) {
        const struct app *app = w->apps.v[i];
        if (h->client_id.p != NULL && !str_equal(h->client_id, app->client_id))
            continue;
        const struct grant *g =
            grants_find(&w->grants, app->client_id, h->portal);
        /* An uninstall is told to an app that is not connected any more. */
        if (h->kind != HAPPENING_UNINSTALL && (g == NULL || !may_know(g, h)))
            continue;
        journal_tell(w, app, h);
        push(w, app, *h);
    }
}

static struct happening
of_call(struct call *c, enum happening_kind kind, const struct record *r)
{
    return (struct happening){
        .kind = kind,
        .portal = c->portal,
        .type = crm_type_of(r->kind),
        .object_id = r->id,
        .at_ms = world_now_ms(c->world),
        .event_id = news_event_id(c->world, c->portal),
        .source = c->grant != NULL ? STR("INTEGRATION") : STR("CRM_UI"),
    };
}

void
news_record(struct call *c, enum happening_kind kind, const struct record *r)
{
    struct happening h = of_call(c, kind, r);
    news_tell(c->world, &h);
}

void
news_values(struct call *c, const struct record *r,
            const struct crm_values *values)
{
    struct happening h = of_call(c, HAPPENING_CHANGE, r);
    for (size_t i = 0; i < h.type->n_properties; i++) {
        if (!values->has[i])
            continue;
        h.property = str_from(h.type->properties[i].name);
        h.value = r->values[i];
        news_tell(c->world, &h);
    }
}

void
news_link(struct call *c, const struct record *a, const struct record *b,
          bool is_removed)
{
    struct happening h = of_call(c, HAPPENING_ASSOCIATION, a);
    h.to_type = crm_type_of(b->kind);
    h.to_id = b->id;
    h.is_removed = is_removed;
    news_tell(c->world, &h);
    h.type = crm_type_of(b->kind);
    h.object_id = b->id;
    h.to_type = crm_type_of(a->kind);
    h.to_id = a->id;
    news_tell(c->world, &h);
}

static struct happening
of_life(struct world *w, enum happening_kind kind, const struct grant *g)
{
    struct happening h = {
        .kind = kind,
        .portal = g->account->portal,
        .at_ms = world_now_ms(w),
        .source = STR("CRM_UI"),
        .client_id = g->client_id,
        .user_id = g->account->user_id,
    };
    if (is_pushed(w, &h)) /* the journal has no numbers */
        h.event_id = news_event_id(w, h.portal);
    return h;
}

void
news_install(struct world *w, const struct grant *g)
{
    struct happening h = of_life(w, HAPPENING_INSTALL, g);
    news_tell(w, &h);
}

void
news_uninstall(struct world *w, struct grant *g)
{
    struct happening h = of_life(w, HAPPENING_UNINSTALL, g);
    news_tell(w, &h);
    journal_forget_portal(journal_of(w, g->client_id), g->account->portal);
    grants_remove(&w->grants, g);
}
