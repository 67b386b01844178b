#include "emulator/account_info.h"

#include "emulator/door.h"
#include "emulator/hubdoc.h"
#include "emulator/news.h"
#include "emulator/refusals.h"

static bool
has_oauth(struct call *c)
{
    struct str scope = STR("oauth");
    if (c->grant->kind == GRANT_PRIVATE || grant_has_scope(c->grant, scope))
        return true;
    refuse_missing_scopes(c, (struct strs){&scope, 1});
    return false;
}

void
do_details(struct call *c)
{
    if (!has_oauth(c))
        return;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "portalId", c->portal);
    doc_field_str(&d, "accountType", STR("STANDARD"));
    doc_field_str(&d, "timeZone", STR("UTC"));
    doc_field_str(&d, "companyCurrency", STR("USD"));
    doc_field_strs(&d, "additionalCurrencies", (struct strs){NULL, 0});
    doc_field_str(&d, "utcOffset", STR("+00:00"));
    doc_field_u64(&d, "utcOffsetMilliseconds", 0);
    doc_field_str(&d, "uiDomain", STR("app.hubspot.com"));
    doc_field_str(&d, "dataHostingLocation", STR("na1"));
    doc_close(&d, '}');
}

void
do_me(struct call *c)
{
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "portalId", c->portal);
    doc_field_str(&d, "timeZone", STR("UTC"));
    doc_field_str(&d, "currency", STR("USD"));
    doc_field_u64(&d, "utcOffsetMilliseconds", 0);
    doc_field_str(&d, "utcOffset", STR("+00:00"));
    doc_close(&d, '}');
}

void
do_daily_usage(struct call *c)
{
    const struct account *a = c->grant->account;
    int64_t now_ms = world_now_ms(c->world), day_ms = 86400000;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    doc_open(&d, '{');
    doc_field_str(&d, "name", STR("private-apps-api-calls-daily"));
    doc_field_u64(&d, "usageLimit", door_daily_limit(c));
    doc_field_u64(&d, "currentUsage",
                  a->day == now_ms / day_ms ? a->n_today : 0);
    hubdoc_time(&d, "collectedAt", now_ms);
    doc_field_str(&d, "fetchStatus", STR("SUCCESS"));
    hubdoc_time(&d, "resetsAt", (now_ms / day_ms + 1) * day_ms);
    doc_close(&d, '}');
    doc_close(&d, ']');
    doc_close(&d, '}');
}

void
do_external_uninstall(struct call *c)
{
    if (c->grant->kind != GRANT_OAUTH) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("Only apps that were installed by OAuth can uninstall "
                   "themselves."));
        return;
    }
    if (!has_oauth(c))
        return;
    c->client_id = arena_copy(c->arena, c->client_id);
    news_uninstall(c->world, c->grant);
    c->grant = NULL;
    call_answer_empty(c, 204);
}
