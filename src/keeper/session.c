#include "keeper/session.h"

#include "base/text.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

static const struct field session_fields[] = {
    FIELD(struct session, app),        FIELD(struct session, ref),
    FIELD(struct session, return_to),  FIELD(struct session, optional_scopes),
    FIELD(struct session, portal),     FIELD(struct session, is_take_over),
    FIELD(struct session, return_url), FIELD(struct session, expires_at),
    FIELD(struct session, generation),
};
const struct record session_record = RECORD(session);

/* The row holds only this. */
struct sealed_session {
    struct str sealed;
};
static const struct field sealed_session_fields[] = {
    FIELD(struct sealed_session, sealed),
};
static const struct record sealed_session_record = RECORD(sealed_session);

#define CODE_BYTES 24
#define RECONNECT STR("r.")

struct str
session_create(struct turn *t, const struct session *s)
{
    struct str code = seal_random(t, CODE_BYTES);
    struct str row = seal_hash(t, code);
    struct sealed_session body = {
        seal_record(t, "session", row, &session_record, s)};
    turn_put(t, STORE_SESSIONS, row, &sealed_session_record, &body,
             s->expires_at * 1000, seal_key_id(body.sealed));
    return code;
}

/* A reconnect link is over when the grant has been connected again. */
static enum err
load_reconnect(struct turn *t, struct str code, struct session *out)
{
    struct buf auto_buf sealed = {0};
    struct grant g;
    struct data_key key;
    buf_init(&sealed, LIMIT_URL);
    struct str text = str_of(code.p + RECONNECT.n, code.n - RECONNECT.n);
    if (text_add_decoded_base64url(&sealed, text) != ERR_OK ||
        seal_open(t, "reconnect", STR_NONE, &session_record, buf_str(&sealed),
                  out) != ERR_OK)
        return ERR_NOT_FOUND;
    bool is_there = grant_load(t, out->app, out->portal, &g, &key);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    return is_there && g.generation == out->generation ? ERR_OK : ERR_NOT_FOUND;
}

enum err
session_load(struct turn *t, struct str code, struct session *out)
{
    struct sealed_session body;
    enum err e;
    if (code.n == 0 || code.n > LIMIT_URL)
        return ERR_NOT_FOUND;
    if (str_starts(code, RECONNECT)) {
        e = load_reconnect(t, code, out);
    } else {
        struct str row = seal_hash(t, code);
        bool is_there =
            turn_get(t, STORE_SESSIONS, row, &sealed_session_record, &body);
        if (turn_is_waiting(t))
            return ERR_AGAIN;
        e = is_there ? seal_open(t, "session", row, &session_record,
                                 body.sealed, out)
                     : ERR_NOT_FOUND;
    }
    if (e == ERR_OK && out->expires_at <= turn_now_s(t))
        return ERR_NOT_FOUND;
    return e == ERR_CRYPTO ? ERR_NOT_FOUND : e;
}

void
session_use_up(struct turn *t, struct str code)
{
    if (code.n > 0 && !str_starts(code, RECONNECT))
        turn_delete(t, STORE_SESSIONS, seal_hash(t, code));
}

bool
session_is_for(struct turn *t, struct str row, struct str app, uint64_t portal)
{
    struct sealed_session body;
    struct session s;
    return turn_get(t, STORE_SESSIONS, row, &sealed_session_record, &body) &&
           seal_open(t, "session", row, &session_record, body.sealed, &s) ==
               ERR_OK &&
           s.portal == portal && str_equal(s.app, app);
}

enum err
session_reseal(struct turn *t, struct str row)
{
    struct sealed_session body;
    struct session s;
    if (!turn_get(t, STORE_SESSIONS, row, &sealed_session_record, &body))
        return ERR_NOT_FOUND;
    enum err e = seal_open(t, "session", row, &session_record, body.sealed, &s);
    if (e != ERR_OK)
        return e;
    body.sealed = seal_record(t, "session", row, &session_record, &s);
    turn_put(t, STORE_SESSIONS, row, &sealed_session_record, &body,
             turn_due(t, STORE_SESSIONS, row), seal_key_id(body.sealed));
    return ERR_OK;
}

struct str
session_url(struct turn *t, struct str app, struct str code)
{
    struct str base = turn_keeper(t)->public_url;
    return arena_printf(turn_arena(t), "%.*s/connect/%.*s?session=%.*s",
                        STR_ARG(base), STR_ARG(app), STR_ARG(code));
}

struct str
session_reconnect_url(struct turn *t, struct str app, uint64_t portal,
                      uint64_t generation)
{
    struct buf auto_buf code = {0};
    struct session s = {.app = app,
                        .portal = portal,
                        .generation = generation,
                        .expires_at = turn_now_s(t) + SESSION_LIFE_S};
    struct str sealed =
        seal_record(t, "reconnect", STR_NONE, &session_record, &s);
    buf_init(&code, LIMIT_URL);
    buf_add(&code, RECONNECT);
    text_add_base64url(&code, sealed);
    return session_url(t, app, buf_str(&code));
}

/* scheme://host[:port] and the rest; no user part, no backslash. */
static bool
split_url(struct str url, struct str *out_origin, struct str *out_path)
{
    size_t start = str_starts(url, STR("https://"))  ? 8
                   : str_starts(url, STR("http://")) ? 7
                                                     : 0;
    if (start == 0 || str_has(url, '\\') || !text_is_clean(url) ||
        str_has(url, ' '))
        return false;
    size_t end = start;
    while (end < url.n && url.p[end] != '/' && url.p[end] != '?' &&
           url.p[end] != '#')
        end++;
    *out_origin = str_of(url.p, end);
    *out_path = str_of(url.p + end, url.n - end);
    return end > start && !str_has(*out_origin, '@') &&
           !str_has(*out_path, '#');
}

static bool
has_dot_segment(struct str path)
{
    struct str rest = path, part;
    while (str_cut(&rest, '/', &part))
        if (str_equal(part, STR("..")) || str_equal(part, STR(".")) ||
            str_starts(part, STR("%2e")) || str_starts(part, STR("%2E")) ||
            str_starts(part, STR(".%2e")) || str_starts(part, STR(".%2E")))
            return true;
    return false;
}

bool
session_allows_return(struct strs allowed, struct str url)
{
    struct str origin, path, query, ours, ours_path;
    if (!split_url(url, &origin, &path))
        return false;
    query = path;
    if (!str_cut(&query, '?', &path) || has_dot_segment(path))
        return false;
    for (size_t i = 0; i < allowed.n; i++) {
        if (!split_url(allowed.v[i], &ours, &ours_path) ||
            !str_equal_nocase(ours, origin))
            continue;
        if (str_equal(path, ours_path) ||
            (str_ends(ours_path, STR("/")) && str_starts(path, ours_path)))
            return true;
    }
    return false;
}
