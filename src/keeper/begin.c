#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

#include <sodium.h>

/* Step 1 of an install: where does the browser go, and what binds it? */

static const struct field state_fields[] = {
    FIELD(struct state, session_code), FIELD(struct state, id),
    FIELD(struct state, cookie_hash),  FIELD(struct state, app),
    FIELD(struct state, started_at),
};
const struct record state_record = RECORD(state);

#define TAG_TIME_CHARS 7 /* base 32: enough until the year 3058 */
#define TAG_RANDOM_CHARS 8

/* Sorts by time; the random part keeps two tabs apart. */
static struct str
make_tag(struct turn *t)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char *tag = arena_alloc(turn_arena(t), TAG_TIME_CHARS + TAG_RANDOM_CHARS);
    uint64_t now = (uint64_t)turn_now_s(t);
    struct env *env = turn_keeper(t)->env;
    uint8_t random[TAG_RANDOM_CHARS];
    for (int i = TAG_TIME_CHARS - 1; i >= 0; i--) {
        tag[i] = digits[now % 32];
        now /= 32;
    }
    env->random(env, random, sizeof(random));
    for (int i = 0; i < TAG_RANDOM_CHARS; i++)
        tag[TAG_TIME_CHARS + i] = digits[random[i] % 32];
    return str_of(tag, TAG_TIME_CHARS + TAG_RANDOM_CHARS);
}

struct str
install_redirect_uri(struct turn *t, struct str app)
{
    return arena_printf(turn_arena(t), "%.*s/oauth/%.*s/callback",
                        STR_ARG(turn_keeper(t)->public_url), STR_ARG(app));
}

/* https://app.hubspot.com/oauth/authorize, or with the account in it, so that
 * the customer need not choose (hubspot.md 1.1). */
static void
add_authorize_url(struct turn *t, struct buf *out, uint64_t portal)
{
    struct str url = turn_keeper(t)->authorize_url;
    struct str end = STR("/authorize");
    if (portal == 0 || !str_ends(url, end)) {
        buf_add(out, url);
    } else {
        buf_add(out, str_of(url.p, url.n - end.n));
        buf_add_char(out, '/');
        buf_add_u64(out, portal);
        buf_add(out, end);
    }
    buf_add_char(out, '?');
}

static bool
is_conditional(const struct life_app *app, struct str scope)
{
    return strs_have(app->conditional_scopes, scope);
}

/* Conditional scopes that the session asks for join `scope`; the app's
 * optional ones, and the session's, are `optional_scope` (hubspot.md 1.4). */
static struct str
join_scopes(struct turn *t, const struct life_app *app, const struct session *s,
            bool is_optional)
{
    struct arena *arena = turn_arena(t);
    struct strs base = is_optional ? app->optional_scopes : app->scopes;
    struct strs all = {arena_alloc(arena, (base.n + s->optional_scopes.n + 1) *
                                              sizeof(struct str)),
                       0};
    for (size_t i = 0; i < base.n; i++)
        all.v[all.n++] = base.v[i];
    for (size_t i = 0; i < s->optional_scopes.n; i++) {
        struct str scope = s->optional_scopes.v[i];
        if (is_conditional(app, scope) != is_optional && !strs_have(all, scope))
            all.v[all.n++] = scope;
    }
    return arena_join(arena, all, ' ');
}

/* RFC 7636: the verifier follows from the attempt and is stored nowhere. */
static struct str
challenge_of(struct turn *t, struct str id)
{
    struct keeper *k = turn_keeper(t);
    uint8_t verifier[32], hash[crypto_hash_sha256_BYTES];
    struct buf auto_buf text = {0};
    buf_init_secret(&text, 64);
    /* The current key is always there. */
    if (seal_derive(t, vault_current(k->vault), "pkce", id, verifier) != ERR_OK)
        return STR_NONE;
    text_add_base64url(&text, str_of((const char *)verifier, 32));
    (void)crypto_hash_sha256(hash, (const uint8_t *)text.p,
                             text.n); /* always 0 */
    buf_clear(&text);
    text_add_base64url(&text, str_of((const char *)hash, sizeof(hash)));
    sodium_memzero(verifier, sizeof(verifier));
    return arena_copy(turn_arena(t), buf_str(&text));
}

/* The attempt, sealed into the text that HubSpot hands back: tag.sealed */
static struct str
make_state(struct turn *t, struct str tag, const struct state *state)
{
    struct buf auto_buf text = {0};
    struct str sealed = seal_record(t, "state", tag, &state_record, state);
    buf_init(&text, LIMIT_URL);
    buf_add(&text, tag);
    buf_add_char(&text, '.');
    text_add_base64url(&text, sealed);
    return arena_copy(turn_arena(t), buf_str(&text));
}

/* Empty: the app's scopes make it longer than any URL may be. */
static struct str
consent_url(struct turn *t, const struct life_app *app, const struct session *s,
            struct str state, struct str id)
{
    struct buf auto_buf url = {0};
    struct str optional = join_scopes(t, app, s, true);
    buf_init(&url, LIMIT_URL);
    add_authorize_url(t, &url, s->portal);
    text_add_parameter(&url, "client_id", app->client_id);
    text_add_parameter(&url, "redirect_uri",
                       install_redirect_uri(t, app->name));
    text_add_parameter(&url, "scope", join_scopes(t, app, s, false));
    if (optional.n > 0)
        text_add_parameter(&url, "optional_scope", optional);
    text_add_parameter(&url, "state", state);
    text_add_parameter(&url, "code_challenge", challenge_of(t, id));
    text_add_parameter(&url, "code_challenge_method", STR("S256"));
    if (buf_err(&url) != ERR_OK)
        return STR_NONE;
    return arena_copy(turn_arena(t), buf_str(&url));
}

/* A Marketplace install goes back to HubSpot with our state (1.3). */
static struct str
marketplace_url(struct turn *t, const struct session *s, struct str state)
{
    struct buf auto_buf url = {0};
    buf_init(&url, LIMIT_URL);
    buf_add(&url, s->return_url);
    if (!str_has(s->return_url, '?'))
        buf_add_char(&url, '?');
    text_add_parameter(&url, "state", state);
    return arena_copy(turn_arena(t), buf_str(&url));
}

static void
send_page(struct turn *t, enum front_page page)
{
    answer_begun(t, &(struct front_begun){.page = (uint32_t)page});
}

static void
send_away(struct turn *t, const struct life_app *app, struct str code,
          const struct session *s)
{
    struct str tag = make_tag(t);
    struct str cookie = seal_random(t, 32);
    struct state state = {.session_code = HIDDEN(code),
                          .id = seal_random(t, 32),
                          .cookie_hash = seal_hash(t, cookie),
                          .app = app->name,
                          .started_at = turn_now_s(t)};
    struct str text = make_state(t, tag, &state);
    bool is_marketplace = s->return_url.n > 0;
    struct str url = is_marketplace ? marketplace_url(t, s, text)
                                    : consent_url(t, app, s, text, state.id);
    if (url.n == 0) {
        log_error("connect.url_too_long",
                  "app=%.*s do=\"ask for fewer scopes\"", STR_ARG(app->name));
        send_page(t, PAGE_FAILED);
        return;
    }
    struct front_begun b = {.page = PAGE_NONE,
                            .location = url,
                            .tag = tag,
                            .cookie = HIDDEN(cookie),
                            .cookie_max_age_s = ATTEMPT_LIFE_S,
                            .is_cross_site = is_marketplace};
    answer_begun(t, &b);
}

enum err
do_begin(struct turn *t, const void *ask)
{
    const struct front_begin *b = ask;
    struct app *app = apps_find(turn_keeper(t)->apps, b->app);
    struct session s;
    if (app == NULL || app->conf->is_static) {
        send_page(t, PAGE_UNKNOWN_APP);
        return ERR_OK;
    }
    enum err e = session_load(t, b->session.s, &s);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK || !str_equal(s.app, b->app))
        send_page(t, PAGE_LINK_INVALID);
    else
        send_away(t, app->conf, b->session.s, &s);
    return ERR_OK;
}
