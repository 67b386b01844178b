#include "stage.h"

#include "base/text.h"

/* The callers of the keeper: what they ask, and what they hear. */

/* Nothing is heard yet, which is no good answer. */
static void
expect(struct heard *out)
{
    char *whole = out->whole;
    memset(out, 0, sizeof(*out));
    out->whole = whole;
    out->err = ERR_COUNT;
}

static void
keep_text(char *out, size_t room, struct str text)
{
    size_t n = text.n < room - 1 ? text.n : room - 1;
    if (n > 0)
        memcpy(out, text.p, n);
    out[n] = '\0';
}
#define KEEP(field, text) keep_text(field, sizeof(field), text)

static void
on_begun(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct front_begun *b = reply;
    (void)m;
    h->has_answer = true;
    h->n_answers++;
    h->at_ms = stage_now_ms();
    h->err = (uint32_t)e;
    if (e != ERR_OK)
        return;
    h->page = b->page;
    KEEP(h->location, b->location);
    KEEP(h->tag, b->tag);
    KEEP(h->cookie, b->cookie.s);
}

static void
on_finished(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct front_finished *f = reply;
    (void)m;
    h->has_answer = true;
    h->n_answers++;
    h->at_ms = stage_now_ms();
    h->err = (uint32_t)e;
    if (e != ERR_OK)
        return;
    h->page = f->page;
    KEEP(h->location, f->location);
    KEEP(h->detail, f->detail);
}

static void
on_lease(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct relay_lease *l = reply;
    (void)m;
    h->has_answer = true;
    h->n_answers++;
    h->at_ms = stage_now_ms();
    h->err = e != ERR_OK ? (uint32_t)e : l->err;
    if (e != ERR_OK)
        return;
    KEEP(h->token, l->access_token.s);
    KEEP(h->detail, l->detail);
    KEEP(h->reconnect_url, l->reconnect_url);
    h->version = l->version;
    h->lease_until = l->lease_until;
    h->expires_at = l->expires_at;
    h->retry_after_s = l->retry_after_s;
}

static void
on_relay_answer(enum err e, const struct message *m, const void *reply,
                void *arg)
{
    struct heard *h = arg;
    const struct relay_answer *a = reply;
    (void)m;
    h->has_answer = true;
    h->n_answers++;
    h->at_ms = stage_now_ms();
    h->err = e != ERR_OK ? (uint32_t)e : a->err;
    if (e != ERR_OK)
        return;
    KEEP(h->json, a->json);
    KEEP(h->detail, a->detail);
}

static void
on_admin_answer(enum err e, const struct message *m, const void *reply,
                void *arg)
{
    struct heard *h = arg;
    const struct admin_answer *a = reply;
    (void)m;
    h->has_answer = true;
    h->n_answers++;
    h->at_ms = stage_now_ms();
    h->err = e != ERR_OK ? (uint32_t)e : a->err;
    if (e != ERR_OK)
        return;
    KEEP(h->json, a->json.s);
    if (h->whole != NULL)
        keep_text(h->whole, LIMIT_FRAME, a->json.s);
    KEEP(h->detail, a->detail);
}

void
stage_ask_lease(struct stage *s, uint64_t portal, uint64_t refused,
                struct heard *out)
{
    struct relay_lease_ask ask = {.credential = HIDDEN(str_from(s->api_key)),
                                  .address = STR("127.0.0.1"),
                                  .app = STR("crm"),
                                  .portal = portal,
                                  .verb = VERB_CALL,
                                  .refused_version = refused};
    expect(out);
    (void)channel_call(s->relay, RELAY_LEASE_ASK, &ask, 600000, on_lease, out);
}

void
stage_lease(struct stage *s, uint64_t portal, struct heard *out)
{
    stage_ask_lease(s, portal, 0, out);
    stage_settle(s);
}

void
stage_ask_admin(struct stage *s, uint16_t type, const void *ask,
                struct heard *out)
{
    expect(out);
    (void)channel_call(s->admin, type, ask, 600000, on_admin_answer, out);
}

void
stage_admin(struct stage *s, uint16_t type, const void *ask, struct heard *out)
{
    stage_ask_admin(s, type, ask, out);
    stage_settle(s);
}

void
stage_disconnect(struct stage *s, uint64_t portal, struct heard *out)
{
    struct admin_portal ask = {.app = STR("crm"), .portal = portal};
    stage_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, out);
}

void
stage_relay(struct stage *s, uint16_t type, const void *ask, struct heard *out)
{
    expect(out);
    (void)channel_call(s->relay, type, ask, 600000, on_relay_answer, out);
    stage_settle(s);
}

void
stage_session(struct stage *s, const char *ref, const char *return_to,
              uint64_t portal, struct heard *out)
{
    struct relay_session_create ask = {.credential =
                                           HIDDEN(str_from(s->api_key)),
                                       .address = STR("127.0.0.1"),
                                       .app = STR("crm"),
                                       .ref = str_from(ref),
                                       .return_to = str_from(return_to),
                                       .portal = portal};
    stage_relay(s, RELAY_SESSION_CREATE, &ask, out);
}

/* The link is the "url" member, or the text itself. */
void
stage_begin(struct stage *s, const char *session_url, struct heard *out)
{
    const char *code = strstr(session_url, "session=");
    assert_non_null(code);
    code += 8;
    struct front_begin ask = {.app = STR("crm"),
                              .session =
                                  HIDDEN(str_of(code, strcspn(code, "\"")))};
    expect(out);
    (void)channel_call(s->front, FRONT_BEGIN, &ask, 600000, on_begun, out);
    stage_settle(s);
}

void
stage_finish(struct stage *s, const struct heard *begun, const char *code,
             struct heard *out)
{
    struct str query = str_from(strchr(begun->location, '?') + 1);
    struct buf auto_buf state;
    buf_init(&state, LIMIT_URL);
    assert_int_equal(text_add_query_value(&state, query, STR("state")), ERR_OK);
    struct front_finish ask = {.app = STR("crm"),
                               .state = HIDDEN(buf_str(&state)),
                               .cookie = HIDDEN(str_from(begun->cookie)),
                               .code = HIDDEN(str_from(code))};
    expect(out);
    (void)channel_call(s->front, FRONT_FINISH, &ask, 600000, on_finished, out);
    stage_settle(s);
}

void
stage_connect(struct stage *s, uint64_t portal)
{
    static struct heard session, begun, done;
    s->hub_id = portal;
    stage_session(s, "tenant-1", "", 0, &session);
    assert_int_equal(session.err, ERR_OK);
    stage_begin(s, session.json, &begun);
    assert_int_equal(begun.page, PAGE_NONE);
    stage_finish(s, &begun, "code-1", &done);
    assert_true(done.has_answer);
    assert_int_equal(done.page, PAGE_CONNECTED);
}
