#include "front/visit.h"

#include "base/limits.h"
#include "base/text.h"
#include "front/texts.h"
#include "ipc/channel.h"

#include <inttypes.h>

#define RETRY_AFTER_S "5"
/* All that answer() adds, and as many cookies as there may be. */
#define HEADERS_MAX (16 + COOKIES_SEEN)

void
visit_make_id(struct front *front, char out[static VISIT_ID])
{
    uint8_t random[VISIT_ID / 2];
    struct buf auto_buf hex;
    buf_init(&hex, VISIT_ID + 1);
    front->env->random(front->env, random, sizeof(random));
    text_add_hex(&hex, str_of(random, sizeof(random)));
    memcpy(out, hex.p, VISIT_ID);
}

struct visit *
visit_new(struct front *front, struct http_exchange *x)
{
    struct arena *arena = arena_new_secret();
    struct visit *v = arena_alloc(arena, sizeof(*v));
    char *id = arena_alloc(arena, VISIT_ID);
    visit_make_id(front, id);
    v->front = front;
    v->exchange = x;
    v->arena = arena;
    v->request_id = str_of(id, VISIT_ID);
    v->began_ms = front->env->mono_ms(front->env);
    v->is_head = str_equal(http_request(x)->method, STR("HEAD"));
    v->is_post = str_equal(http_request(x)->method, STR("POST"));
    v->route = STR("none");
    v->answer = "none";
    return v;
}

static void
stop_asking(struct visit *v)
{
    if (v->asking == NULL)
        return;
    v->asking->n--;
    v->asking->n_bytes -= v->n_asked;
    v->asking = NULL;
}

/* What HubSpot sends and is taken is no line each: there may be hundreds a
 * second. */
static void
log_visit(const struct visit *v)
{
    struct env *env = v->front->env;
    bool is_taken = v->is_post && v->status == 200;
    int64_t took_ms = env->mono_ms(env) - v->began_ms;
    log_write(v->app.n > 0 && !is_taken ? LOG_INFO : LOG_DEBUG,
              "front.answered",
              "route=%.*s app=%s status=%u answer=%s request=%.*s ms=%" PRId64,
              STR_ARG(v->route), log_quote(v->app), v->status, v->answer,
              STR_ARG(v->request_id), took_ms);
}

void
visit_free(struct visit *v)
{
    if (v == NULL)
        return;
    struct front *front = v->front;
    if (v->asking != NULL && front->work != NULL)
        channel_cancel(front->work, v->call_id);
    stop_asking(v);
    if (v->is_large)
        front->n_large--;
    log_visit(v);
    arena_free(v->arena);
}

void
visit_ask(struct visit *v, const struct visit_question *q)
{
    v->asking = q->asking;
    v->n_asked = q->n_bytes;
    v->asking->n++;
    v->asking->n_bytes += v->n_asked;
    v->call_id = channel_call(v->front->work, q->type, q->body, q->deadline_ms,
                              q->on_reply, v);
}

bool
visit_is_answered(struct visit *v, enum err e)
{
    stop_asking(v);
    if (e == ERR_OK)
        return true;
    log_warn("front.no_reply", "request=%.*s err=%s", STR_ARG(v->request_id),
             err_name(e));
    return false;
}

const struct life_app *
visit_app(const struct visit *v)
{
    const struct life_app *app = child_app(v->front->child, v->app);
    return app == NULL || app->is_static ? NULL : app;
}

void
visit_add_cookie(struct visit *v, struct str set_cookie)
{
    if (v->n_cookies < COOKIES_SEEN + 1)
        v->cookies[v->n_cookies++] = set_cookie;
}

struct answer {
    unsigned status;
    struct str type; /* empty: no body */
    struct str body;
    struct str location;
    bool is_soon; /* worth another try: Retry-After */
};

static void
answer(struct visit *v, const struct answer *a)
{
    struct http_header h[HEADERS_MAX];
    size_t n = 0;
    h[n++] = (struct http_header){STR("Request-Id"), v->request_id};
    h[n++] = (struct http_header){STR("Cache-Control"), STR("no-store")};
    h[n++] =
        (struct http_header){STR("Content-Security-Policy"), v->front->policy};
    h[n++] = (struct http_header){STR("Referrer-Policy"), STR("no-referrer")};
    h[n++] =
        (struct http_header){STR("X-Content-Type-Options"), STR("nosniff")};
    h[n++] = (struct http_header){STR("X-Frame-Options"), STR("DENY")};
    h[n++] = (struct http_header){STR("X-Robots-Tag"), STR("noindex")};
    if (v->front->is_https)
        h[n++] = (struct http_header){STR("Strict-Transport-Security"),
                                      STR("max-age=31536000")};
    if (a->status == 405)
        h[n++] = (struct http_header){STR("Allow"), STR("GET, HEAD")};
    if (a->is_soon)
        h[n++] = (struct http_header){STR("Retry-After"), STR(RETRY_AFTER_S)};
    if (a->location.n > 0)
        h[n++] = (struct http_header){STR("Location"), a->location};
    if (a->type.n > 0)
        h[n++] = (struct http_header){STR("Content-Type"), a->type};
    for (size_t i = 0; i < v->n_cookies && n < HEADERS_MAX; i++)
        h[n++] = (struct http_header){STR("Set-Cookie"), v->cookies[i]};
    v->status = a->status;
    http_respond(v->exchange, a->status, h, n, a->body);
}

void
visit_page(struct visit *v, const struct page *page)
{
    const struct page_text *text = texts_of(page->page);
    const struct life_app *app = visit_app(v);
    struct page full = *page;
    struct buf auto_buf html;
    buf_init_secret(&html, PAGE_BYTES_MAX);
    full.request_id = v->request_id;
    if (app != NULL) {
        full.app_title = app->title.n > 0 ? app->title : app->name;
        full.support_url = app->support_url;
        full.privacy_url = app->privacy_url;
    }
    page_add(&html, &full);
    v->answer = text->id;
    answer(v, &(struct answer){.status = text->status,
                               .type = STR("text/html; charset=utf-8"),
                               .body = buf_str(&html),
                               .is_soon = text->status == 503});
}

/* The keeper made it; a broken one must not become a broken header. */
static bool
is_location(struct str url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return false;
    return str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
}

void
visit_redirect(struct visit *v, struct str location)
{
    if (!is_location(location)) {
        log_error("front.bad_location", "request=%.*s", STR_ARG(v->request_id));
        visit_page(v, &(struct page){.page = PAGE_BROKEN});
        return;
    }
    v->answer = "redirect";
    /* 303: whatever the method was, the next one is GET. */
    answer(v, &(struct answer){.status = 303, .location = location});
}

void
visit_body(struct visit *v, unsigned status, struct str type, struct str body)
{
    v->answer = "body";
    answer(v, &(struct answer){.status = status, .type = type, .body = body});
}

void
visit_note(struct visit *v, unsigned status, const char *answer)
{
    v->status = status;
    v->answer = answer;
}
