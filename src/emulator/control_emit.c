#include "emulator/control.h"

#include "base/text.h"
#include "emulator/emission.h"
#include "emulator/news.h"
#include "emulator/refusals.h"
#include "emulator/signing.h"
#include "emulator/target.h"
#include "http/url.h"

#include <inttypes.h>

/*
 * POST /_emulator/emit: webhooks that nothing in the CRM caused, by the
 * thousand, wrong ones too, and the other signed requests that HubSpot sends.
 */
#define MOST_EVENTS 10000000
#define MOST_JOURNALED 100000

struct order {
    struct call *c;
    const json_t *body;
    struct str type;
    enum delivery_kind kind;
    struct emission emission; /* texts are the body's */
    struct str raw;           /* p NULL: events */
};

/* Any bytes by body_base64url; a body given as JSON is meant as JSON. */
static struct str
read_raw(struct call *c, const json_t *body)
{
    struct buf auto_buf bytes;
    buf_init(&bytes, CALL_MAX_BODY);
    struct str encoded = json_text_at(body, "body_base64url");
    if (encoded.p != NULL &&
        text_add_decoded_base64url(&bytes, encoded) == ERR_OK)
        return arena_copy(c->arena, buf_str(&bytes));
    const json_t *raw = json_object_get(body, "body");
    if (raw == NULL || json_is_string(raw))
        return json_text_at(body, "body");
    char *text = json_dumps(raw, JSON_COMPACT | JSON_ENCODE_ANY);
    struct str copy = arena_copy(c->arena, str_from(text));
    free(text);
    return copy;
}

static bool
is_yes(const json_t *body, const char *name)
{
    return json_is_true(json_object_get(body, name));
}

static void
read_numbers(struct order *o)
{
    struct emission *e = &o->emission;
    const json_t *b = o->body;
    e->count = json_u64_at(b, "count", 1);
    e->rate = json_u64_at(b, "rate", 0);
    e->batch =
        json_u64_at(b, "batch", (uint64_t)o->c->world->settings.webhook_batch);
    e->n_objects = json_u64_at(b, "objects", e->count < 100 ? e->count : 100);
    e->n_portals = json_u64_at(b, "portals", 1);
    e->nth_twice = json_u64_at(b, "duplicate", 0);
    e->is_shuffled = is_yes(b, "shuffle");
    e->what.portal = json_u64_at(b, "portal", 0);
    e->what.object_id = json_u64_at(b, "object_id", 1);
    e->what.at_ms = (int64_t)json_u64_at(b, "occurred_at", 0);
}

static void
read_texts(struct order *o)
{
    struct emission *e = &o->emission;
    const json_t *b = o->body;
    e->what.property = json_text_at(b, "property");
    e->what.value = json_text_at(b, "value");
    e->what.source = STR("CRM_UI");
    e->style = (struct style){
        .url = json_text_at(b, "url"),
        .sign_url = json_text_at(b, "sign_url"),
        .secret = json_text_at(b, "secret"),
        .versions = json_text_at(b, "version"),
        .is_bad = is_yes(b, "bad_signature"),
        .shift_ms =
            json_integer_value(json_object_get(b, "timestamp_shift_ms")),
    };
    o->raw = read_raw(o->c, b);
}

/* contact.creation, object.creation with "object", app.uninstall */
static const char *
read_happening(struct order *o)
{
    struct happening *h = &o->emission.what;
    struct str rest = o->type, object;
    if (!str_cut(&rest, '.', &object) || !happening_find(rest, &h->kind))
        return "type must be one such as contact.creation, workflow, card or "
               "fetch.";
    o->emission.is_generic = str_equal(object, STR("object"));
    if (o->emission.is_generic)
        object = json_object_get(o->body, "object") != NULL
                     ? json_text_at(o->body, "object")
                     : STR("contact");
    h->type = crm_type_find(object);
    bool is_life =
        h->kind == HAPPENING_INSTALL || h->kind == HAPPENING_UNINSTALL;
    if (is_life ? !str_equal(object, STR("app")) : h->type == NULL)
        return "type names no object that is emulated.";
    if (h->property.p == NULL && h->kind == HAPPENING_CHANGE)
        h->property = STR("lastname");
    h->to_type =
        h->kind == HAPPENING_ASSOCIATION ? crm_type_of(CRM_COMPANY) : NULL;
    h->to_id = json_u64_at(o->body, "to_id", 101);
    h->merged = &h->to_id;
    h->n_merged = h->kind == HAPPENING_MERGE;
    h->primary_id = h->new_id = h->object_id;
    return NULL;
}

static const char *
fault_of_numbers(const struct emission *e)
{
    if (e->what.portal == 0)
        return "portal is missing.";
    if (e->count == 0 || e->count > MOST_EVENTS || e->batch == 0 ||
        e->batch > 100 || e->n_objects == 0 || e->n_portals == 0)
        return "count, batch, objects and portals count from 1; batch to 100, "
               "count to 10000000.";
    return NULL;
}

static const char *
fault_of_style(const struct style *s)
{
    unsigned versions;
    struct url u;
    if (s->versions.p != NULL && !signing_read_versions(s->versions, &versions))
        return "version must be none, v1, v2 or v3, or two of them with a "
               "comma, but v1 and v2 share a header.";
    if (s->url.p != NULL && !target_is_good(s->url))
        return "url must be http or https to this machine.";
    if (s->sign_url.p != NULL && url_parse(s->sign_url, &u) != ERR_OK)
        return "sign_url must be a URL.";
    return NULL;
}

/* Why the order cannot be taken; NULL when it can. */
static const char *
read_order(struct order *o)
{
    o->type = json_text_at(o->body, "type");
    read_numbers(o);
    read_texts(o);
    const char *why = fault_of_numbers(&o->emission);
    if (why == NULL)
        why = fault_of_style(&o->emission.style);
    if (why != NULL)
        return why;
    if (delivery_kind_find(o->type, &o->kind) && o->kind != DELIVERY_EVENTS)
        return o->emission.style.url.p != NULL ? NULL : "url is missing.";
    return o->raw.p != NULL ? NULL : read_happening(o);
}

static struct str
with_query(struct call *c, struct str url, struct str more)
{
    return arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(url),
                        str_has(url, '?') ? "&" : "?", STR_ARG(more));
}

/* hubspot.md 4.4, and what classic CRM cards are asked with. */
static struct str
extension_query(const struct order *o, const struct app *app)
{
    const struct happening *h = &o->emission.what;
    const struct account *a = accounts_find(&o->c->world->accounts, h->portal);
    uint64_t user = a != NULL ? a->user_id : 1;
    struct str email = a != NULL ? a->user_email : STR("user@example.com");
    if (o->kind == DELIVERY_FETCH)
        return arena_printf(o->c->arena,
                            "userId=%" PRIu64 "&portalId=%" PRIu64
                            "&userEmail=%.*s&appId=%" PRIu64,
                            user, h->portal, STR_ARG(email), app->app_id);
    return arena_printf(o->c->arena,
                        "userId=%" PRIu64 "&userEmail=%.*s&associatedObjectId="
                        "%" PRIu64 "&associatedObjectType=CONTACT&portalId="
                        "%" PRIu64,
                        user, STR_ARG(email), h->object_id, h->portal);
}

static void
send_request(const struct order *o, const struct app *app)
{
    struct call *c = o->c;
    const struct happening *h = &o->emission.what;
    struct delivery d = {
        .kind = o->kind,
        .client_id = app->client_id,
        .portal = h->portal,
        .style = o->emission.style,
        .method = json_text_at(o->body, "method"),
        .body = o->raw,
    };
    if (o->kind == DELIVERY_CARD && d.method.p == NULL)
        d.method = STR("GET");
    if (o->kind == DELIVERY_CARD || o->kind == DELIVERY_FETCH)
        d.style.url = with_query(c, d.style.url, extension_query(o, app));
    if (o->kind == DELIVERY_WORKFLOW && d.body.p == NULL &&
        !str_equal(d.method, STR("GET")))
        d.body =
            arena_printf(c->arena,
                         "{\"portalId\":%" PRIu64
                         ",\"objectTypeId\":\"0-1\",\"objectId\":%" PRIu64 "}",
                         h->portal, h->object_id);
    if (d.style.versions.p == NULL && o->kind != DELIVERY_EVENTS)
        d.style.versions = o->kind == DELIVERY_FETCH ? STR("v3") : STR("v2,v3");
    for (uint64_t i = 0; i < o->emission.count; i++)
        outbox_send(c->world, delivery_new(&d));
}

static void
write_journal(const struct order *o, const struct app *app)
{
    struct world *w = o->c->world;
    struct journal *j = journal_of(w, app->client_id);
    struct happening h = o->emission.what;
    struct buf auto_buf json;
    uint64_t first = h.object_id;
    buf_init(&json, 65536);
    if (h.at_ms == 0)
        h.at_ms = world_now_ms(w);
    for (uint64_t i = 0; i < o->emission.count; i++) {
        h.object_id = first + i % o->emission.n_objects;
        buf_clear(&json);
        happening_add_journal(&h, app->app_id, &json);
        journal_add(w, j, h.portal, buf_str(&json));
    }
}

static void
carry_out(const struct order *o, const struct app *app)
{
    struct emission e = o->emission;
    e.client_id = app->client_id;
    if (str_equal(json_text_at(o->body, "to"), STR("journal")))
        write_journal(o, app);
    else if (o->kind != DELIVERY_EVENTS || o->raw.p != NULL)
        send_request(o, app);
    else
        emission_start(o->c->world, &e);
}

/* One by name; else those that are connected; else the only one there is. */
static uint64_t
for_apps(const struct order *o)
{
    struct world *w = o->c->world;
    struct str client_id = json_text_at(o->body, "client_id");
    uint64_t n = 0;
    if (client_id.p != NULL) {
        const struct app *app = apps_meet(&w->apps, client_id);
        if (app != NULL)
            carry_out(o, app);
        return app != NULL;
    }
    for (size_t i = 0; i < w->apps.n; i++) {
        const struct app *app = w->apps.v[i];
        if (grants_find(&w->grants, app->client_id, o->emission.what.portal) ==
            NULL)
            continue;
        carry_out(o, app);
        n++;
    }
    if (n == 0 && w->apps.n == 1) {
        carry_out(o, w->apps.v[0]);
        n = 1;
    }
    return n;
}

void
do_emit(struct call *c)
{
    struct order o = {.c = c, .body = control_body(c)};
    if (o.body == NULL)
        return;
    const char *why = read_order(&o);
    if (why == NULL && o.emission.count > MOST_JOURNALED &&
        (str_equal(json_text_at(o.body, "to"), STR("journal")) ||
         o.raw.p != NULL))
        why = "of these at most 100000 at once.";
    uint64_t n = why == NULL ? for_apps(&o) : 0;
    if (why == NULL && n == 0)
        why = "no app is connected to this portal: name a client_id.";
    if (why == NULL)
        control_answer_done(c, n * o.emission.count);
    else
        refuse(c, 400, STR("VALIDATION_ERROR"), str_from(why));
}
