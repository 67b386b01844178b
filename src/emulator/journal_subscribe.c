#include "emulator/journal_api.h"

#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

/* The subscriptions of the webhooks journal: made, listed and taken back. */

static uint64_t
app_id_of(struct call *c)
{
    const struct app *app = apps_find(&c->world->apps, c->client_id);
    return app != NULL ? app->app_id : 0;
}

static void
answer_subscription(struct call *c, unsigned status,
                    const struct journal_subscription *s)
{
    struct doc d = call_answer_json(c, status);
    journal_subscription_add_json(s, app_id_of(c), &d);
}

void
do_journal_subscribe(struct call *c)
{
    struct journal *j = journal_of_call(c, "subscriptions.write");
    json_t *body = j != NULL ? call_json(c) : NULL;
    const struct journal_subscription *s;
    const char *missing;
    if (body == NULL)
        return;
    switch (journal_subscriptions_add(&j->subscriptions, body,
                                      world_now_ms(c->world), &s, &missing)) {
    case ERR_OK:
        answer_subscription(c, 201, s);
        return;
    case ERR_CONFLICT:
        refuse(c, 409, STR("CONFLICT"),
               STR("There is a subscription to this already."));
        return;
    case ERR_LIMIT:
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("Couldn't create another subscription. You've reached the "
                   "maximum number allowed per application (1000)."));
        return;
    default:
        refuse_about(c, 400, STR("VALIDATION_ERROR"),
                     STR("This field is missing or has another type."), "field",
                     str_from(missing));
    }
}

void
do_journal_subscriptions(struct call *c)
{
    const struct journal *j = journal_of_call(c, "subscriptions.read");
    if (j == NULL)
        return;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (size_t i = 0; i < j->subscriptions.n; i++)
        journal_subscription_add_json(&j->subscriptions.v[i], app_id_of(c), &d);
    doc_close(&d, ']');
    doc_close(&d, '}');
}

static void
refuse_unknown(struct call *c)
{
    refuse_about(c, 404, STR("OBJECT_NOT_FOUND"),
                 STR("There is nothing with this id."), "id", c->params[0]);
}

/* The id of the path; 0, which is nobody's, for what is none. */
static uint64_t
id_of_path(struct call *c)
{
    uint64_t id = 0;
    (void)str_to_u64(c->params[0], &id); /* then it stays 0 */
    return id;
}

void
do_journal_subscription(struct call *c)
{
    const struct journal *j = journal_of_call(c, "subscriptions.read");
    if (j == NULL)
        return;
    const struct journal_subscription *s =
        journal_subscriptions_find(&j->subscriptions, id_of_path(c));
    if (s != NULL)
        answer_subscription(c, 200, s);
    else
        refuse_unknown(c);
}

void
do_journal_unsubscribe(struct call *c)
{
    struct journal *j = journal_of_call(c, "subscriptions.write");
    if (j == NULL)
        return;
    if (journal_forget(j, id_of_path(c)))
        call_answer_empty(c, 204);
    else
        refuse_unknown(c);
}

void
do_journal_unsubscribe_portal(struct call *c)
{
    struct journal *j = journal_of_call(c, "subscriptions.write");
    uint64_t portal = id_of_path(c);
    if (j == NULL)
        return;
    if (portal != 0)
        journal_forget_portal(j, portal);
    call_answer_empty(c, 204);
}

/* {"subscriptionId","filter":{"conditions":[...]}} */
void
do_journal_add_filter(struct call *c)
{
    struct journal *j = journal_of_call(c, "subscriptions.write");
    json_t *body = j != NULL ? call_json(c) : NULL;
    uint64_t id;
    if (body == NULL)
        return;
    uint64_t of = json_u64_at(body, "subscriptionId", 0);
    if (journal_subscriptions_find(&j->subscriptions, of) == NULL) {
        refuse(c, 404, STR("OBJECT_NOT_FOUND"),
               STR("There is no subscription with this id."));
        return;
    }
    if (journal_filters_add(&j->filters, of, json_object_get(body, "filter"),
                            world_now_ms(c->world), &id) != ERR_OK) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("filter.conditions must be a list of conditions with "
                   "filterType CRM_OBJECT_PROPERTY, a property, an operator "
                   "and what it compares with."));
        return;
    }
    struct doc d = call_answer_json(c, 201);
    doc_open(&d, '{');
    doc_field_u64(&d, "filterId", id);
    doc_close(&d, '}');
}

void
do_journal_filter(struct call *c)
{
    const struct journal *j = journal_of_call(c, "subscriptions.read");
    if (j == NULL)
        return;
    const struct journal_filter *f =
        journal_filters_find(&j->filters, id_of_path(c));
    if (f == NULL) {
        refuse_unknown(c);
        return;
    }
    struct doc d = call_answer_json(c, 200);
    journal_filter_add_json(f, &d);
}

void
do_journal_filters(struct call *c)
{
    const struct journal *j = journal_of_call(c, "subscriptions.read");
    if (j == NULL)
        return;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '[');
    for (size_t i = 0; i < j->filters.n; i++) {
        if (j->filters.v[i].subscription_id == id_of_path(c))
            journal_filter_add_json(&j->filters.v[i], &d);
    }
    doc_close(&d, ']');
}

void
do_journal_remove_filter(struct call *c)
{
    struct journal *j = journal_of_call(c, "subscriptions.write");
    if (j == NULL)
        return;
    if (journal_filters_remove(&j->filters, id_of_path(c)))
        call_answer_empty(c, 204);
    else
        refuse_unknown(c);
}
