#include "base/text.h"
#include "keeper/apikeys.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/portals.h"
#include "keeper/portals_int.h"
#include "keeper/seal.h"

#include <inttypes.h>

/* What a backend asks about installs: a session before, a result after. */

static const struct field result_fields[] = {
    FIELD(struct result, app),    FIELD(struct result, portal),
    FIELD(struct result, ref),    FIELD(struct result, previous_ref),
    FIELD(struct result, scopes),
};
static const struct record result_record = RECORD(result);

struct sealed_result {
    struct str sealed;
};
static const struct field sealed_result_fields[] = {
    FIELD(struct sealed_result, sealed),
};
static const struct record sealed_result_record = RECORD(sealed_result);

#define RESULT_LIFE_S 300

struct str
result_create(struct turn *t, const struct result *r)
{
    struct str code = seal_random(t, 24);
    struct str row = seal_hash(t, code);
    struct sealed_result body = {
        seal_record(t, "result", row, &result_record, r)};
    turn_put(t, STORE_RESULTS, row, &sealed_result_record, &body,
             turn_now_ms(t) + (int64_t)RESULT_LIFE_S * 1000,
             seal_key_id(body.sealed));
    return code;
}

bool
result_is_for(struct turn *t, struct str row, struct str app, uint64_t portal)
{
    struct sealed_result body;
    struct result r;
    return turn_get(t, STORE_RESULTS, row, &sealed_result_record, &body) &&
           seal_open(t, "result", row, &result_record, body.sealed, &r) ==
               ERR_OK &&
           r.portal == portal && str_equal(r.app, app);
}

enum err
result_reseal(struct turn *t, struct str row)
{
    struct sealed_result body;
    struct result r;
    if (!turn_get(t, STORE_RESULTS, row, &sealed_result_record, &body))
        return ERR_NOT_FOUND;
    enum err e = seal_open(t, "result", row, &result_record, body.sealed, &r);
    if (e != ERR_OK)
        return e;
    body.sealed = seal_record(t, "result", row, &result_record, &r);
    turn_put(t, STORE_RESULTS, row, &sealed_result_record, &body,
             turn_due(t, STORE_RESULTS, row), seal_key_id(body.sealed));
    return ERR_OK;
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

static const char *
find_fault(const struct app *app, const struct session *s)
{
    const struct life_app *conf = app->conf;
    if (conf->is_static)
        return "This app has static tokens: there is nothing to connect. Add "
               "the token with portkeep portals add --static.";
    if (s->ref.n > LIMIT_REF || !text_is_clean(s->ref))
        return "ref is at most 255 bytes of printable text.";
    if (s->return_to.n > LIMIT_RETURN)
        return "return_to is at most 2,048 bytes.";
    if (s->optional_scopes.n > LIMIT_SCOPES)
        return "optional_scopes names too many scopes.";
    if (s->return_to.n > 0 &&
        !session_allows_return(conf->return_to, s->return_to))
        return "return_to is not among the app's return_to addresses. Add it "
               "to the configuration, or use one of them.";
    for (size_t i = 0; i < s->optional_scopes.n; i++)
        if (!strs_have(conf->optional_scopes, s->optional_scopes.v[i]) &&
            !strs_have(conf->conditional_scopes, s->optional_scopes.v[i]))
            return "optional_scopes names a scope that is neither in the "
                   "app's optional_scopes nor in its conditional_scopes.";
    return NULL;
}

static void
give_session(struct turn *t, const struct session *s)
{
    struct buf auto_buf json = {0};
    struct str url = session_url(t, s->app, session_create(t, s));
    buf_init_secret(&json, LIMIT_URL + 256);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_str(&d, "url", url);
    doc_field_time(&d, "expires_at", s->expires_at);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

/* A Marketplace install in the middle: where HubSpot waits for it. */
static enum err
open_attempt(struct turn *t, const struct relay_session_create *a,
             struct session *s)
{
    struct buf auto_buf sealed = {0};
    struct attempt_url attempt;
    if (a->attempt.s.n == 0)
        return ERR_OK;
    buf_init(&sealed, LIMIT_URL);
    if (text_add_decoded_base64url(&sealed, a->attempt.s) != ERR_OK ||
        seal_open(t, "sign-in", a->app, &attempt_url_record, buf_str(&sealed),
                  &attempt) != ERR_OK ||
        turn_now_s(t) - attempt.started_at > ATTEMPT_LIFE_S)
        return ERR_EXPIRED;
    s->return_url = attempt.return_url;
    s->return_to = STR_NONE; /* the browser goes back to HubSpot */
    return ERR_OK;
}

enum err
do_session_create(struct turn *t, const void *ask)
{
    const struct relay_session_create *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = VERB_CONNECT,
                            .address = a->address};
    struct api_key key;
    struct str detail;
    struct session s = {.app = a->app,
                        .ref = a->ref,
                        .return_to = a->return_to,
                        .optional_scopes = a->optional_scopes,
                        .portal = a->portal,
                        .is_take_over = a->is_take_over,
                        .expires_at = turn_now_s(t) + SESSION_LIFE_S};
    enum err e = apikey_authorize(t, &wish, &key, &detail);
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK) {
        refuse(t, e, detail);
        return ERR_OK;
    }
    if (app == NULL) {
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name in the configuration."));
        return ERR_OK;
    }
    const char *fault = find_fault(app, &s);
    if (fault != NULL)
        refuse(t, ERR_INVALID, str_from(fault));
    else if (key.portals.n > 0 && s.portal == 0)
        refuse(t, ERR_FORBIDDEN,
               STR("This API key is for single portals: name one of them as "
                   "portal."));
    else if (open_attempt(t, a, &s) != ERR_OK)
        refuse(t, ERR_EXPIRED,
               STR("attempt is unknown or older than 10 minutes. The customer "
                   "has to start again at HubSpot."));
    else
        give_session(t, &s);
    return ERR_OK;
}

enum err
do_admin_connect(struct turn *t, const void *ask)
{
    const struct admin_connect *a = ask;
    struct session s = {.app = a->app,
                        .ref = a->ref,
                        .return_to = a->return_to,
                        .portal = a->portal,
                        .expires_at = turn_now_s(t) + SESSION_LIFE_S};
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    const char *fault = app != NULL ? find_fault(app, &s) : NULL;
    if (app == NULL)
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name in the configuration."));
    else if (fault != NULL)
        refuse(t, ERR_INVALID, str_from(fault));
    else
        give_session(t, &s);
    return ERR_OK;
}

/* The tenant is bound by this call, never by the redirect. */
static enum err
bind_ref(struct turn *t, struct str app, uint64_t portal, struct grant *g,
         struct str ref, struct str actor)
{
    struct secret *auto_secret key = NULL;
    enum err e = grant_open_key(t, app, portal, &key);
    if (e != ERR_OK)
        return e;
    g->sealed_ref =
        grant_seal(t, key, app, portal, g->generation, "ref", HIDDEN(ref));
    struct str row = grant_key(turn_arena(t), app, portal);
    grant_store_ref(t, app, portal, g, turn_due(t, STORE_GRANTS, row),
                    grant_ref_tag(t, app, ref));
    audit_add(t, &(struct audit_entry){.kind = STR("ref.bind"),
                                       .app = app,
                                       .portal = portal,
                                       .generation = g->generation,
                                       .actor = actor,
                                       .outcome = STR("ok"),
                                       .sealed = g->sealed_ref});
    return ERR_OK;
}

static void
refuse_unopened(struct turn *t)
{
    refuse(t, ERR_CRYPTO, GRANT_UNOPENED);
}

static void
give_result(struct turn *t, const struct result *r)
{
    struct buf auto_buf json = {0};
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_u64(&d, "portal", r->portal);
    doc_field_str(&d, "ref", r->ref);
    doc_field_strs(&d, "scopes", r->scopes);
    doc_key(&d, "previous_ref");
    if (r->previous_ref.n > 0)
        doc_str(&d, r->previous_ref);
    else
        doc_null(&d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

/* ERR_NOT_FOUND: unknown, used, too old, or of another app. */
static enum err
load_result(struct turn *t, struct str row, struct str app, struct result *out)
{
    struct sealed_result body;
    if (!turn_get(t, STORE_RESULTS, row, &sealed_result_record, &body))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    if (turn_due(t, STORE_RESULTS, row) <= turn_now_ms(t) ||
        seal_open(t, "result", row, &result_record, body.sealed, out) !=
            ERR_OK ||
        !str_equal(out->app, app))
        return ERR_NOT_FOUND;
    return ERR_OK;
}

enum err
do_result_redeem(struct turn *t, const void *ask)
{
    const struct relay_result_redeem *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .verb = VERB_CONNECT,
                            .address = a->address};
    struct api_key key;
    struct str detail;
    struct result r = {0};
    struct grant g;
    struct data_key data_row;
    bool has_grant = false;
    struct str row = seal_hash(t, a->code.s);
    enum err found = load_result(t, row, a->app, &r);
    if (found == ERR_OK)
        has_grant = grant_load(t, r.app, r.portal, &g, &data_row);
    if (turn_is_waiting(t) && found != ERR_AGAIN)
        return ERR_AGAIN;
    wish.portal = r.portal;
    enum err e = apikey_authorize(t, &wish, &key, &detail);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK) {
        refuse(t, e, detail);
        return ERR_OK;
    }
    if (found != ERR_OK || !has_grant) {
        refuse(t, ERR_NOT_FOUND,
               STR("This code is unknown, was redeemed before, or is older "
                   "than 5 minutes."));
        return ERR_OK;
    }
    if (r.ref.n > 0 && bind_ref(t, r.app, r.portal, &g, r.ref,
                                apikey_actor(t, &key)) != ERR_OK) {
        refuse_unopened(t);
        return ERR_OK;
    }
    turn_delete(t, STORE_RESULTS, row);
    give_result(t, &r);
    return ERR_OK;
}

/* The key of one of the plain calls about one portal. */
static enum err
authorize(struct turn *t, const struct key_wish *wish, struct api_key *key)
{
    struct str detail;
    enum err e = apikey_authorize(t, wish, key, &detail);
    if (e != ERR_OK && e != ERR_AGAIN)
        refuse(t, e, detail);
    return e;
}

enum err
do_ref_bind(struct turn *t, const void *ask)
{
    const struct relay_ref_bind *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = VERB_PORTALS,
                            .address = a->address};
    struct api_key key;
    struct grant g;
    struct data_key row;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    enum err e = authorize(t, &wish, &key);
    if (e != ERR_OK)
        return e == ERR_AGAIN ? e : ERR_OK;
    if (!is_there) {
        refuse(t, ERR_NOT_FOUND,
               STR("This portal is not connected to this app."));
    } else if (a->ref.n > LIMIT_REF || !text_is_clean(a->ref)) {
        refuse(t, ERR_INVALID,
               STR("ref is at most 255 bytes of printable text."));
    } else if (bind_ref(t, a->app, a->portal, &g, a->ref,
                        apikey_actor(t, &key)) != ERR_OK) {
        refuse_unopened(t);
    } else {
        portal_answer(t, answer_waiter(t), a->app, a->portal, &g, a->ref);
    }
    return ERR_OK;
}

enum err
do_portals_list(struct turn *t, const void *ask)
{
    const struct relay_portals_list *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .verb = VERB_PORTALS,
                            .address = a->address};
    struct api_key key;
    enum err e = portals_name(t, a);
    if (e == ERR_AGAIN)
        return e;
    e = authorize(t, &wish, &key);
    if (e != ERR_OK)
        return e == ERR_AGAIN ? e : ERR_OK;
    if (key.portals.n > 0) {
        refuse(t, ERR_FORBIDDEN,
               STR("This API key is for single portals: ask for one of them "
                   "instead of the list."));
        return ERR_OK;
    }
    return portals_list(t, a);
}

enum err
do_portal_show(struct turn *t, const void *ask)
{
    const struct relay_portal *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = VERB_PORTALS,
                            .address = a->address};
    struct api_key key;
    struct grant g;
    struct data_key row;
    (void)grant_load(t, a->app, a->portal, &g, &row); /* named here */
    enum err e = authorize(t, &wish, &key);
    if (e != ERR_OK)
        return e == ERR_AGAIN ? e : ERR_OK;
    return portal_show(t, a->app, a->portal);
}

void
portal_note_export(struct turn *t, struct str app, uint64_t portal,
                   const struct grant *g, bool with_tokens)
{
    uint32_t uid = peers_uid(turn_keeper(t)->peers, turn_peer(t));
    audit_add(t, &(struct audit_entry){
                     .kind = STR("export"),
                     .app = app,
                     .portal = portal,
                     .generation = g->generation,
                     .actor = arena_printf(turn_arena(t), "uid:%u", uid),
                     .outcome = STR("ok"),
                     .detail = with_tokens ? STR("with tokens") : STR_NONE});
}
