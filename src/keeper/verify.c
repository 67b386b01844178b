#include "keeper/verify.h"

#include "base/doc.h"
#include "hubspot/signatures.h"
#include "keeper/answer.h"
#include "keeper/apikeys.h"
#include "keeper/apps.h"
#include "keeper/keeper.h"

#define VERDICT_MAX 1024

struct verdict {
    enum signature_version version;
    const char *why; /* it does not hold; NULL: it does */
};

static struct verdict
no(const char *why)
{
    return (struct verdict){.why = why};
}

static bool
is_taken(const struct app *app, enum signature_version version)
{
    return version == SIGNATURE_V3 ||
           (version == SIGNATURE_V2 && app->conf->takes_v2) ||
           (version == SIGNATURE_V1 && app->conf->takes_v1);
}

/* In a message what did not come is empty, and still points somewhere. */
static struct str
if_came(struct str header)
{
    return header.n > 0 ? header : STR_NONE;
}

static struct verdict
judge(struct turn *t, const struct app *app, const struct relay_verify *v)
{
    struct signature_headers headers = {.signature = if_came(v->signature),
                                        .version =
                                            if_came(v->signature_version),
                                        .v3 = if_came(v->signature_v3),
                                        .timestamp = if_came(v->timestamp)};
    struct hidden secrets[2];
    struct signature_candidates all = {
        .secrets = secrets, .uris = &v->uri, .n_uris = 1};
    struct signature_request request = {v->method, v->body.s};
    struct signature_match match;
    struct signature s;
    enum err e = signature_read(&headers, &s);
    if (e != ERR_OK)
        return no(e == ERR_NOT_FOUND
                      ? "The headers hold no signature of HubSpot's."
                      : "The signature, its version or its timestamp does "
                        "not have the form that HubSpot gives it.");
    if (!is_taken(app, s.version))
        return no("webhook_signatures of the app does not allow this version "
                  "of signatures.");
    if (s.version == SIGNATURE_V3 &&
        signature_check_time(s.timestamp_ms, turn_now_ms(t)) != ERR_OK)
        return no("The timestamp is more than 5 minutes old, or more than a "
                  "minute ahead.");
    secrets[all.n_secrets++] = secret_view(app->client_secret);
    if (app->client_secret_old != NULL)
        secrets[all.n_secrets++] = secret_view(app->client_secret_old);
    if (signature_check(&s, &all, &request, &match) != ERR_OK)
        return no("The signature does not fit: the client secret, the method, "
                  "the URI as HubSpot was told it, or the body is another.");
    return (struct verdict){.version = s.version};
}

static void
answer(struct turn *t, const struct verdict *v)
{
    static const char *const versions[] = {
        [SIGNATURE_V1] = "v1", [SIGNATURE_V2] = "v2", [SIGNATURE_V3] = "v3"};
    struct buf auto_buf text = {0};
    buf_init(&text, VERDICT_MAX);
    struct doc d = doc_into(&text);
    doc_open(&d, '{');
    doc_field_bool(&d, "valid", v->why == NULL);
    if (v->why == NULL)
        doc_field_str(&d, "version", str_from(versions[v->version]));
    else
        doc_field_str(&d, "reason", str_from(v->why));
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&text));
}

enum err
do_verify(struct turn *t, const void *ask)
{
    const struct relay_verify *v = ask;
    struct key_wish wish = {.credential = v->credential,
                            .app = v->app,
                            .verb = VERB_VERIFY,
                            .address = v->address};
    struct refusal_text refusal = {.err = ERR_OK};
    struct api_key key;
    refusal.err = apikey_authorize(t, &wish, &key, &refusal.detail);
    if (refusal.err == ERR_AGAIN)
        return ERR_AGAIN;
    const struct app *app = apps_find(turn_keeper(t)->apps, v->app);
    if (refusal.err == ERR_OK && (app == NULL || app->client_secret == NULL))
        refusal = (struct refusal_text){
            .err = ERR_NOT_FOUND,
            .detail = STR("No app of that name has a client secret, by which "
                          "signatures are checked.")};
    if (refusal.err != ERR_OK) {
        answer_refusal(t, answer_waiter(t), &refusal);
        return ERR_OK;
    }
    struct verdict verdict = judge(t, app, v);
    answer(t, &verdict);
    return ERR_OK;
}
