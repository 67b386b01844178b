#include "emulator/refusals.h"

#include "emulator/hubdoc.h"
#include "hubspot/oauth_errors.h"

#include <inttypes.h>

#define SCOPES_PAGE "https://developers.hubspot.com/scopes"

void
add_correlation_id(struct call *c, struct doc *d)
{
    struct str id = world_uuid(c->world, c->arena);
    doc_field_str(d, "correlationId", id);
    call_header(c, "X-HubSpot-Correlation-Id", id);
}

static struct doc
begin(struct call *c, unsigned status, struct str message)
{
    struct doc d = call_answer_json(c, status);
    doc_open(&d, '{');
    doc_field_str(&d, "status", STR("error"));
    doc_field_str(&d, "message", message);
    add_correlation_id(c, &d);
    return d;
}

void
refuse(struct call *c, unsigned status, struct str category, struct str message)
{
    struct doc d = begin(c, status, message);
    doc_field_str(&d, "category", category);
    doc_close(&d, '}');
}

static void
add_context(struct doc *d, const char *key, struct strs values)
{
    doc_key(d, "context");
    doc_open(d, '{');
    doc_field_strs(d, key, values);
    doc_close(d, '}');
}

void
refuse_about(struct call *c, unsigned status, struct str category,
             struct str message, const char *key, struct str value)
{
    struct doc d = begin(c, status, message);
    add_context(&d, key, (struct strs){&value, 1});
    doc_field_str(&d, "category", category);
    doc_close(&d, '}');
}

void
refuse_oauth(struct call *c, struct str status)
{
    const struct hubspot_oauth_error *e = hubspot_oauth_error_find(status);
    struct str error = e != NULL ? e->error : STR("invalid_request");
    struct str message = e != NULL ? e->message : STR("invalid request");
    struct doc d = call_answer_json(c, 400);
    doc_open(&d, '{');
    /* Version 1 never had RFC 6749's pair. */
    if (!str_starts(c->path, STR("/oauth/v1/"))) {
        doc_field_str(&d, "error", error);
        doc_field_str(&d, "error_description", message);
    }
    doc_field_str(&d, "status", status);
    doc_field_str(&d, "message", message);
    add_correlation_id(c, &d);
    doc_close(&d, '}');
}

void
refuse_unknown_token(struct call *c)
{
    refuse(c, 401, STR("INVALID_AUTHENTICATION"),
           STR("Authentication credentials not found, malformed or unknown."));
}

void
refuse_expired_token(struct call *c, int64_t expired_at_ms)
{
    int64_t ago_s = (world_now_ms(c->world) - expired_at_ms) / 1000;
    struct buf auto_buf at;
    buf_init(&at, 64);
    hubdoc_add_time(&at, expired_at_ms);
    refuse_about(c, 401, STR("EXPIRED_AUTHENTICATION"),
                 arena_printf(c->arena,
                              "The OAuth token used to make this call expired "
                              "%" PRId64 " second(s) ago.",
                              ago_s),
                 "expire time", buf_str(&at));
}

void
refuse_missing_scopes(struct call *c, struct strs scopes)
{
    struct doc d =
        begin(c, 403,
              STR("This app hasn't been granted all required scopes to make "
                  "this call. Read more about required scopes here: " //
                  SCOPES_PAGE "."));
    doc_key(&d, "errors");
    doc_open(&d, '[');
    doc_open(&d, '{');
    doc_field_str(&d, "message",
                  STR("One or more of the following scopes are required."));
    add_context(&d, "requiredGranularScopes", scopes);
    doc_close(&d, '}');
    doc_close(&d, ']');
    doc_key(&d, "links");
    doc_open(&d, '{');
    doc_field_str(&d, "scopes", STR(SCOPES_PAGE));
    doc_close(&d, '}');
    doc_field_str(&d, "category", STR("MISSING_SCOPES"));
    doc_close(&d, '}');
}

static struct str
rate_message(struct str policy)
{
    if (str_equal(policy, STR("TEN_SECONDLY_ROLLING")))
        return STR("You have reached your ten_secondly_rolling limit.");
    if (str_equal(policy, STR("SECONDLY")))
        return STR("You have reached your secondly limit.");
    if (str_equal(policy, STR("DAILY")))
        return STR("You have reached your daily limit.");
    return STR("You have reached your rate limit.");
}

void
refuse_rate(struct call *c, struct str policy)
{
    struct doc d = call_answer_json(c, 429);
    doc_open(&d, '{');
    doc_field_str(&d, "status", STR("error"));
    doc_field_str(&d, "message", rate_message(policy));
    doc_field_str(&d, "errorType", STR("RATE_LIMIT"));
    add_correlation_id(c, &d);
    if (policy.n > 0)
        doc_field_str(&d, "policyName", policy);
    doc_field_str(&d, "requestId", world_uuid(c->world, c->arena));
    doc_close(&d, '}');
}

/* What HubSpot calls the errors that come without a word from a handler. */
static struct str
category_of(unsigned status)
{
    switch (status) {
    case 401:
        return STR("INVALID_AUTHENTICATION");
    case 403:
        return STR("BANNED");
    case 404:
        return STR("OBJECT_NOT_FOUND");
    case 423:
        return STR("LOCKED");
    case 477:
        return STR("MIGRATION_IN_PROGRESS");
    default:
        return status < 500 ? STR("VALIDATION_ERROR") : STR("INTERNAL_ERROR");
    }
}

void
refuse_status(struct call *c, unsigned status, struct str type)
{
    if (status == 429) {
        bool is_api = !str_starts(c->path, STR("/oauth/"));
        refuse_rate(c, type.n > 0 ? type
                       : is_api   ? STR("TEN_SECONDLY_ROLLING")
                                  : STR_NONE);
        return;
    }
    if (hubspot_oauth_error_find(type) != NULL) {
        refuse_oauth(c, type);
        c->status = status;
        return;
    }
    refuse(
        c, status, type.n > 0 ? type : category_of(status),
        arena_printf(c->arena, "The emulator was told to answer %u.", status));
}

void
refuse_unknown_path(struct call *c)
{
    refuse(c, 404, STR("EMULATOR_UNKNOWN"),
           arena_printf(c->arena,
                        "The emulator has no %.*s %.*s; HubSpot may have it.",
                        STR_ARG(c->method), STR_ARG(c->path)));
}
