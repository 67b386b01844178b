#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/attempt.h"
#include "keeper/audit.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

#include <sodium.h>

/* Step 3 of an install: the browser is back; is it the one, and with what? */

#define DETAIL_MAX 200

static void
send_page(struct turn *t, enum front_page page, struct str retry_url)
{
    struct front_finished f = {.page = (uint32_t)page, .retry_url = retry_url};
    answer_finished(t, answer_waiter(t), &f);
}

static const struct field attempt_url_fields[] = {
    FIELD(struct attempt_url, return_url),
    FIELD(struct attempt_url, started_at),
};
const struct record attempt_url_record = RECORD(attempt_url);

/* A Marketplace install that wants the partner's sign-in first. */
static void
send_to_sign_in(struct turn *t, const struct life_app *app,
                struct str return_url)
{
    struct buf auto_buf url = {0};
    struct attempt_url attempt = {return_url, turn_now_s(t)};
    struct str sealed =
        seal_record(t, "sign-in", app->name, &attempt_url_record, &attempt);
    struct buf auto_buf text = {0};
    buf_init(&url, LIMIT_URL);
    buf_init(&text, LIMIT_URL);
    text_add_base64url(&text, sealed);
    buf_add(&url, app->sign_in_url);
    if (!str_has(app->sign_in_url, '?'))
        buf_add_char(&url, '?');
    text_add_parameter(&url, "attempt", buf_str(&text));
    struct front_finished f = {.page = PAGE_NONE, .location = buf_str(&url)};
    answer_finished(t, answer_waiter(t), &f);
}

/* A second hit of a spent attempt: the first one's page, or its outcome as
 * soon as there is one. */
static void
repeat_outcome(struct turn *t, struct str id, const struct attempt *a)
{
    struct front_finished f;
    enum err e = attempt_outcome(t, id, a, &f);
    if (e == ERR_AGAIN && !turn_is_late(t))
        turn_park(t, id);
    else if (e == ERR_OK)
        answer_finished(t, answer_waiter(t), &f);
    else
        send_page(t, PAGE_BUSY, STR_NONE);
}

static enum err
open_state(struct turn *t, const struct front_finish *ask, struct state *out,
           struct str *out_tag, struct str *out_key_id)
{
    struct buf auto_buf sealed = {0};
    struct str rest = ask->state.s, tag;
    buf_init(&sealed, LIMIT_URL);
    if (ask->state.s.n > LIMIT_URL || !str_cut(&rest, '.', &tag) ||
        rest.p == NULL || text_add_decoded_base64url(&sealed, rest) != ERR_OK ||
        seal_open(t, "state", tag, &state_record, buf_str(&sealed), out) !=
            ERR_OK ||
        !str_equal(out->app, ask->app))
        return ERR_INVALID;
    *out_tag = tag;
    *out_key_id = arena_copy(turn_arena(t), seal_key_id(buf_str(&sealed)));
    return ERR_OK;
}

/* HubSpot sent the browser back without a code: the attempt is over. */
static void
record_refusal(struct turn *t, const struct front_finish *ask, struct str id,
               const struct front_finished *f)
{
    attempt_put_refusal(t, ask->app, id, f);
    audit_add(t, &(struct audit_entry){
                     .kind = STR("connect"),
                     .app = ask->app,
                     .actor = STR("browser"),
                     .outcome = f->page == PAGE_CANCELLED ? STR("cancelled")
                                                          : STR("refused"),
                 });
    answer_finished(t, answer_waiter(t), f);
}

/* Where HubSpot wants the browser next: what it says now, else what it said
 * when the install began; empty for installs that began here. */
static struct str
back_to(struct turn *t, const struct front_finish *ask, const struct session *s)
{
    if (s->return_url.n > 0 &&
        install_is_return_url(turn_keeper(t), ask->return_url))
        return ask->return_url;
    return s->return_url;
}

static void
start_exchange(struct turn *t, const struct front_finish *ask,
               const struct state *state, const struct session *s,
               struct str key_id)
{
    uint8_t verifier[32];
    struct buf auto_buf text = {0};
    struct attempt_context context = {.session_code = state->session_code,
                                      .ref = s->ref,
                                      .return_to = s->return_to,
                                      .optional_scopes = s->optional_scopes,
                                      .portal = s->portal,
                                      .is_take_over = s->is_take_over,
                                      .return_url = back_to(t, ask, s)};
    /* A Marketplace install's code was made without our challenge. */
    bool has_challenge = s->return_url.n == 0;
    buf_init_secret(&text, 64);
    if (has_challenge &&
        seal_derive(t, key_id, "pkce", state->id, verifier) == ERR_OK)
        text_add_base64url(&text, str_of((const char *)verifier, 32));
    sodium_memzero(verifier, sizeof(verifier));
    struct attempt_start start = {
        .origin = ORIGIN_BROWSER,
        .app = ask->app,
        .id = state->id,
        .context = &context,
        .errand = {.kind = ERRAND_EXCHANGE,
                   .code = ask->code,
                   .verifier = HIDDEN(buf_str(&text)),
                   .redirect_uri = install_redirect_uri(t, ask->app)}};
    attempt_begin(t, &start);
}

/* HubSpot's words for a person; whole characters, and nothing else. */
static struct str
describe_error(struct turn *t, const struct front_finish *ask)
{
    struct str text =
        ask->error_description.n > 0 ? ask->error_description : ask->error;
    if (text.n > DETAIL_MAX) {
        text.n = DETAIL_MAX;
        /* All bytes of a character but the first are 10xxxxxx. */
        while (text.n > 0 && ((uint8_t)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    return text_is_clean(text) ? arena_copy(turn_arena(t), text) : STR_NONE;
}

static enum err
finish_with_state(struct turn *t, const struct front_finish *ask)
{
    struct state state;
    struct session s = {0};
    struct attempt a;
    struct str tag, key_id;
    if (open_state(t, ask, &state, &tag, &key_id) != ERR_OK) {
        send_page(t, PAGE_STATE_INVALID, STR_NONE);
        return ERR_OK;
    }
    struct str code = state.session_code.s;
    bool was_here = turn_get(t, STORE_ATTEMPTS, state.id, &attempt_record, &a);
    enum err e = session_load(t, code, &s);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    /* The cookie stays until it ends by itself: a second hit, after a captcha
     * say, must still be this browser's. */
    struct front_finished f = {.retry_url = session_url(t, ask->app, code)};
    if (turn_now_s(t) - state.started_at > ATTEMPT_LIFE_S) {
        f.page = PAGE_EXPIRED;
        f.tag = tag;
        answer_finished(t, answer_waiter(t), &f);
    } else if (!hidden_equal(HIDDEN(seal_hash(t, ask->cookie.s)),
                             HIDDEN(state.cookie_hash))) {
        send_page(t, PAGE_OTHER_BROWSER, f.retry_url);
    } else if (was_here) {
        repeat_outcome(t, state.id, &a);
    } else if (e != ERR_OK) {
        send_page(t, PAGE_LINK_INVALID, STR_NONE);
    } else if (ask->error.n > 0 || ask->code.s.n == 0) {
        f.page = str_equal(ask->error, STR("access_denied")) ? PAGE_CANCELLED
                                                             : PAGE_FAILED;
        f.detail = describe_error(t, ask);
        record_refusal(t, ask, state.id, &f);
    } else {
        start_exchange(t, ask, &state, &s, key_id);
    }
    return ERR_OK;
}

/* No state of ours: only where the app says that the Marketplace may. */
static enum err
finish_without_state(struct turn *t, const struct front_finish *ask,
                     const struct life_app *app)
{
    struct attempt a;
    struct str id = seal_hash(t, ask->code.s);
    if (!app->is_marketplace || ask->code.s.n == 0 ||
        !install_is_return_url(turn_keeper(t), ask->return_url)) {
        send_page(t, PAGE_STATE_INVALID, STR_NONE);
        return ERR_OK;
    }
    bool was_here = turn_get(t, STORE_ATTEMPTS, id, &attempt_record, &a);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (was_here) {
        repeat_outcome(t, id, &a);
        return ERR_OK;
    }
    struct attempt_context context = {.return_url = ask->return_url};
    struct attempt_start start = {
        .origin = ORIGIN_MARKETPLACE,
        .app = ask->app,
        .id = id,
        .context = &context,
        .errand = {.kind = ERRAND_EXCHANGE,
                   .code = ask->code,
                   .redirect_uri = install_redirect_uri(t, ask->app)}};
    attempt_begin(t, &start);
    return ERR_OK;
}

enum err
do_finish(struct turn *t, const void *ask)
{
    const struct front_finish *f = ask;
    struct keeper *k = turn_keeper(t);
    struct app *app = apps_find(k->apps, f->app);
    if (app == NULL || app->conf->is_static) {
        send_page(t, PAGE_UNKNOWN_APP, STR_NONE);
        return ERR_OK;
    }
    if (!str_equal(f->step, STR("authorize")))
        return f->state.s.n > 0 ? finish_with_state(t, f)
                                : finish_without_state(t, f, app->conf);
    if (app->conf->sign_in_url.n == 0 ||
        !install_is_return_url(k, f->return_url))
        send_page(t, PAGE_STATE_INVALID, STR_NONE);
    else
        send_to_sign_in(t, app->conf, f->return_url);
    return ERR_OK;
}
