#include "front/install.h"

#include "base/limits.h"
#include "front/query.h"
#include "front/texts.h"
#include "ipc/channel.h"
#include "proto/front.h"

/*
 *   do_connect  --FRONT_BEGIN-->  on_begun:    303 to HubSpot, or a page
 *   do_callback --FRONT_FINISH--> on_finished: 303 to the app, or a page
 *
 * 1. It is asking from the call until its reply, or until the visit ends.
 * 2. A HEAD request and a prefetch never reach the keeper: they must not use
 *    anything up.
 */

#define ASKING_MAX 512 /* calls in flight; more would only wait longer */
#define SESSION_MAX 512
#define CODE_MAX LIMIT_TOKEN
#define STATE_MAX 4096
#define WORD_MAX 128
#define SENTENCE_MAX 1024
#define RETURN_URL_MAX 2048

static void
send_page(struct visit *v, uint32_t page)
{
    visit_page(v, &(struct page){.page = page});
}

/* Chromium and Safari say so when nobody has clicked yet. */
static bool
is_prefetch(const struct http_head *head)
{
    static const char *const names[] = {"Sec-Purpose", "Purpose", "X-Purpose",
                                        "X-Moz"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct str value = http_head_find(head, names[i]);
        if (str_starts(value, STR("prefetch")) ||
            str_starts(value, STR("prerender")) ||
            str_starts(value, STR("preview")))
            return true;
    }
    return false;
}

/* True: the visit has had its answer already. */
static bool
is_answered_early(struct visit *v)
{
    if (visit_app(v) == NULL)
        send_page(v, PAGE_UNKNOWN_APP);
    else if (v->is_head)
        visit_body(v, 200, STR("text/html; charset=utf-8"), STR_NONE);
    else if (is_prefetch(http_request(v->exchange)))
        visit_body(v, 503, STR_NONE, STR_NONE); /* it asks again on a click */
    else if (v->front->work == NULL || v->front->installs.n >= ASKING_MAX)
        send_page(v, PAGE_BUSY);
    else
        return false;
    return true;
}

static void
ask(struct visit *v, uint16_t type, const void *body, channel_on_reply on_reply)
{
    visit_ask(v, &(struct visit_question){.asking = &v->front->installs,
                                          .type = type,
                                          .body = body,
                                          .deadline_ms = DEADLINE_CALL_MS,
                                          .on_reply = on_reply});
}

/* False: no answer, and the browser has been told. */
static bool
has_reply(struct visit *v, enum err e)
{
    bool is_answered = visit_is_answered(v, e);
    if (!is_answered)
        send_page(v, PAGE_BUSY);
    return is_answered;
}

/* A browser with more attempts than we keep loses the oldest. */
static void
clear_oldest(struct visit *v, struct str new_tag)
{
    const struct cookies *c = &v->front->cookies;
    struct strs tags = cookies_tags(c, http_request(v->exchange), v->arena);
    size_t n_kept = strs_have(tags, new_tag) ? tags.n : tags.n + 1;
    for (size_t i = 0; i < tags.n && n_kept > COOKIES_MAX; i++) {
        if (str_equal(tags.v[i], new_tag))
            continue;
        visit_add_cookie(v, cookies_clear(c, v->arena, tags.v[i]));
        n_kept--;
    }
}

static bool
remember_attempt(struct visit *v, const struct front_begun *b)
{
    struct cookies_attempt attempt = {.tag = b->tag,
                                      .value = b->cookie.s,
                                      .max_age_s = b->cookie_max_age_s,
                                      .is_cross_site = b->is_cross_site};
    if (!cookies_is_tag(b->tag) || !cookies_is_value(b->cookie.s)) {
        log_error("front.bad_cookie", "request=%.*s", STR_ARG(v->request_id));
        return false;
    }
    visit_add_cookie(v, cookies_set(&v->front->cookies, v->arena, &attempt));
    clear_oldest(v, b->tag);
    return true;
}

static void
on_begun(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct visit *v = arg;
    const struct front_begun *b = reply;
    (void)m;
    if (!has_reply(v, e))
        return;
    if (b->page != PAGE_NONE)
        send_page(v, b->page);
    else if (!remember_attempt(v, b))
        send_page(v, PAGE_BROKEN);
    else
        visit_redirect(v, b->location);
}

void
do_connect(struct visit *v)
{
    struct query_field session = {STR("session"), SESSION_MAX, STR_NONE};
    struct str path, query;
    if (is_answered_early(v))
        return;
    http_head_target(http_request(v->exchange), &path, &query);
    if (query_take(query, v->arena, &session, 1) != ERR_OK ||
        session.value.n == 0) {
        send_page(v, PAGE_LINK_INVALID);
        return;
    }
    struct front_begin begin = {.request_id = v->request_id,
                                .app = v->app,
                                .session = HIDDEN(session.value)};
    ask(v, FRONT_BEGIN, &begin, on_begun);
}

static void
on_finished(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct visit *v = arg;
    const struct front_finished *f = reply;
    (void)m;
    if (!has_reply(v, e))
        return;
    if (cookies_is_tag(f->tag))
        visit_add_cookie(v,
                         cookies_clear(&v->front->cookies, v->arena, f->tag));
    if (f->page == PAGE_NONE) {
        visit_redirect(v, f->location);
        return;
    }
    visit_page(v, &(struct page){.page = f->page,
                                 .detail = f->detail,
                                 .retry_url = f->retry_url,
                                 .portal = f->portal,
                                 .missing_scopes = f->missing_scopes});
}

/* The attempt's tag is what stands before the first dot of its state. */
static struct str
find_cookie(struct visit *v, struct str state)
{
    struct str rest = state, tag;
    if (!str_cut(&rest, '.', &tag))
        return STR_NONE;
    return cookies_find(&v->front->cookies, http_request(v->exchange), tag,
                        v->arena);
}

void
do_callback(struct visit *v)
{
    enum { CODE, STATE, ERROR, DESCRIPTION, STEP, RETURN_URL, N_FIELDS };
    struct query_field f[N_FIELDS] = {
        [CODE] = {STR("code"), CODE_MAX, STR_NONE},
        [STATE] = {STR("state"), STATE_MAX, STR_NONE},
        [ERROR] = {STR("error"), WORD_MAX, STR_NONE},
        [DESCRIPTION] = {STR("error_description"), SENTENCE_MAX, STR_NONE},
        [STEP] = {STR("step"), WORD_MAX, STR_NONE},
        [RETURN_URL] = {STR("returnUrl"), RETURN_URL_MAX, STR_NONE},
    };
    struct str path, query;
    if (is_answered_early(v))
        return;
    http_head_target(http_request(v->exchange), &path, &query);
    if (query_take(query, v->arena, f, N_FIELDS) != ERR_OK) {
        send_page(v, PAGE_STATE_INVALID);
        return;
    }
    struct front_finish finish = {
        .request_id = v->request_id,
        .app = v->app,
        .state = HIDDEN(f[STATE].value),
        .cookie = HIDDEN(find_cookie(v, f[STATE].value)),
        .code = HIDDEN(f[CODE].value),
        .error = f[ERROR].value,
        .error_description = f[DESCRIPTION].value,
        .step = f[STEP].value,
        .return_url = f[RETURN_URL].value,
    };
    ask(v, FRONT_FINISH, &finish, on_finished);
}
