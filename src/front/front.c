#include "base/limits.h"
#include "front/install.h"
#include "front/look.h"
#include "front/texts.h"
#include "front/webhook.h"
#include "http/tls.h"
#include "http/url.h"
#include "ipc/channel.h"
#include "ipc/fd.h"

#include <event2/event.h>
#include <stdlib.h>

/*
 *   SERVING --LIFE_STOP--> DRAINING --last exchange ends, or 30 s--> gone
 *      \--keeper gone--> answers "busy" until the parent ends it
 *
 * A reload with a new listening descriptor opens a second server, with new
 * certificates if there are any; the first drains beside it.
 */

#define BODY_MAX 4096 /* only webhooks take one; enough to say so politely */
#define SECRETS 16    /* nothing here stays for longer than a message */

struct route {
    struct str name;
    struct str before, after; /* the app's name stands between them */
    bool has_app;
    void (*handler)(struct visit *v);
    /* Sees the head before the body comes, and every method; the others are
     * for GET and HEAD alone. */
    void (*on_head)(struct visit *v);
};

static struct front front;

static void
do_healthz(struct visit *v)
{
    bool is_well = v->front->work != NULL;
    visit_body(v, is_well ? 200 : 503, STR("text/plain; charset=utf-8"),
               is_well ? STR("ok\n") : STR("the keeper is gone\n"));
}

static void
do_icon(struct visit *v)
{
    visit_body(v, 200, STR(LOOK_ICON_TYPE), look_icon());
}

static const struct route routes[] = {
    {STR("webhook"), STR("/webhooks/"), STR(""), true, do_webhook,
     webhook_on_head},
    {STR("connect"), STR("/connect/"), STR(""), true, do_connect, NULL},
    {STR("callback"), STR("/oauth/"), STR("/callback"), true, do_callback,
     NULL},
    {STR("healthz"), STR("/healthz"), STR(""), false, do_healthz, NULL},
    {STR("icon"), STR("/favicon.ico"), STR(""), false, do_icon, NULL},
};

static bool
is_route(const struct route *r, struct str path, struct str *out_app)
{
    if (!r->has_app)
        return str_equal(path, r->before);
    if (path.n <= r->before.n + r->after.n || !str_starts(path, r->before) ||
        !str_ends(path, r->after))
        return false;
    *out_app = str_of(path.p + r->before.n, path.n - r->before.n - r->after.n);
    return !str_has(*out_app, '/');
}

static const struct route *
find_route(struct str path, struct str *out_app)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (is_route(&routes[i], path, out_app))
            return &routes[i];
    return NULL;
}

static struct visit *
begin(struct front *f, struct http_exchange *x, const struct route *r,
      struct str app)
{
    struct visit *v = visit_new(f, x);
    http_set_user(x, v);
    if (r != NULL) {
        v->route = r->name;
        v->app = arena_copy(v->arena, app);
    }
    return v;
}

static const struct route *
route_of(const struct http_exchange *x, struct str *out_app)
{
    struct str path, query;
    http_head_target(http_request(x), &path, &query);
    return find_route(path, out_app);
}

static void
on_head(struct http_exchange *x, void *arg)
{
    struct str app = STR_NONE;
    const struct route *r = route_of(x, &app);
    if (r != NULL && r->on_head != NULL)
        r->on_head(begin(arg, x, r, app));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct str app = STR_NONE;
    const struct route *r = route_of(x, &app);
    struct visit *v = http_user(x);
    if (v == NULL)
        v = begin(arg, x, r, app);
    if (r == NULL)
        visit_page(v, &(struct page){.page = PAGE_NOT_FOUND});
    else if (r->on_head == NULL && !v->is_head &&
             !str_equal(http_request(x)->method, STR("GET")))
        visit_page(v, &(struct page){.page = PAGE_METHOD});
    else
        r->handler(v);
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct front *f = arg;
    (void)reason;
    visit_free(http_user(x));
    if (f->look_again != NULL)
        event_active(f->look_again, EV_TIMEOUT, 0);
}

/* Asked for right before the page of the same refusal. */
static void
on_refused_header(struct http_header *out, void *arg)
{
    struct front *f = arg;
    visit_make_id(f, f->refused_id);
    *out = (struct http_header){STR("Request-Id"),
                                str_of(f->refused_id, VISIT_ID)};
}

static void
on_refused(unsigned status, struct buf *out_body, struct str *out_type,
           void *arg)
{
    struct front *f = arg;
    struct str id = str_of(f->refused_id, VISIT_ID);
    log_info("front.refused", "status=%u request=%.*s", status, STR_ARG(id));
    page_add(out_body, &(struct page){.page = texts_page_of_status(status),
                                      .request_id = id});
    *out_type = STR("text/html; charset=utf-8");
}

/* The keeper asks nothing of the front. */
static void
on_message(const struct incoming *in, void *arg)
{
    struct front *f = arg;
    log_error("front.bad_message", "type=%u", in->message->type);
    child_exit(f->child, 1);
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct front *f = arg;
    log_warn("front.keeper_gone", "err=%s", err_name(reason));
    channel_free(ch);
    f->work = NULL;
}

static void
on_look_again(evutil_socket_t fd, short what, void *arg)
{
    struct front *f = arg;
    (void)fd;
    (void)what;
    if (f->old_server != NULL && http_server_n_running(f->old_server) == 0) {
        http_server_free(f->old_server);
        tls_free(f->old_tls);
        f->old_server = NULL;
        f->old_tls = NULL;
    }
    if (f->child->is_draining && f->old_server == NULL &&
        http_server_n_running(f->server) == 0)
        child_exit(f->child, 0);
}

static void
on_drain_ends(evutil_socket_t fd, short what, void *arg)
{
    struct front *f = arg;
    (void)fd;
    (void)what;
    child_exit(f->child, 0);
}

static enum err
take_tls(struct child *c, struct tls_context **out, struct buf *problem)
{
    int chain = child_take_fd(c, LIFE_FD_TLS_CHAIN, STR_NONE);
    int key = child_take_fd(c, LIFE_FD_TLS_KEY, STR_NONE);
    enum err e = ERR_OK;
    *out = NULL;
    if (chain >= 0 || key >= 0)
        e = tls_server_new(chain, key, out);
    if (e != ERR_OK)
        buf_add_text(problem, "tls_cert and tls_key are not a certificate "
                              "chain and its private key in PEM");
    fd_close(&chain);
    fd_close(&key);
    return e;
}

static void
take_settings(struct front *f)
{
    struct url url;
    f->is_https = url_parse(f->child->settings.public_url, &url) == ERR_OK &&
                  str_equal(url.scheme, STR("https"));
    cookies_init(&f->cookies, f->is_https);
}

static enum err
start(struct child *c, struct buf *problem)
{
    struct buf auto_buf policy;
    buf_init(&policy, 512);
    look_add_policy(&policy);
    front.child = c;
    front.env = env_real();
    front.arena = arena_new();
    front.policy = arena_copy(front.arena, buf_str(&policy));
    take_settings(&front);
    return take_tls(c, &front.tls, problem);
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    (void)c;
    return sandbox_front(out, problem);
}

static struct http_server *
open_server(struct front *f, int fd)
{
    static const struct http_handler handler = {.on_head = on_head,
                                                .on_request = on_request,
                                                .on_end = on_end,
                                                .on_refused_header =
                                                    on_refused_header,
                                                .on_refused = on_refused};
    struct http_server_setup setup = {.base = f->child->base,
                                      .fd = fd,
                                      .tls = f->tls,
                                      .max_body = BODY_MAX,
                                      .is_secret = true,
                                      .handler = &handler,
                                      .arg = f};
    return fd_set_nonblocking(fd) == ERR_OK ? http_server_new(&setup) : NULL;
}

static void
run(struct child *c)
{
    static const struct channel_handler handler = {on_message, on_close};
    int work = child_take_fd(c, LIFE_FD_WORK, STR_NONE);
    int fd = child_take_fd(c, LIFE_FD_LISTEN, STR_NONE);
    front.look_again = event_new(c->base, -1, 0, on_look_again, &front);
    front.drain_ends = event_new(c->base, -1, 0, on_drain_ends, &front);
    if (front.look_again == NULL || front.drain_ends == NULL)
        abort(); /* no memory */
    if (work >= 0)
        front.work =
            channel_new(c->base, work, &front_conversation, &handler, &front);
    if (fd >= 0)
        front.server = open_server(&front, fd);
    if (front.work == NULL || front.server == NULL) {
        log_error("front.no_descriptors", "work=%d listen=%d", work, fd);
        child_exit(c, 1);
    }
}

static enum err
reload(struct child *c, struct buf *problem)
{
    int fd = child_take_fd(c, LIFE_FD_LISTEN, STR_NONE);
    if (fd >= 0 && front.old_server == NULL) {
        struct tls_context *tls;
        enum err e = take_tls(c, &tls, problem);
        if (e != ERR_OK) {
            fd_close(&fd);
            return e;
        }
        front.old_server = front.server;
        front.old_tls = front.tls;
        front.tls = tls;
        front.server = open_server(&front, fd);
        http_server_drain(front.old_server);
        event_active(front.look_again, EV_TIMEOUT, 0);
    }
    take_settings(&front);
    return ERR_OK;
}

static void
drain(struct child *c, bool is_brief)
{
    struct timeval longest = {.tv_sec = DEADLINE_DRAIN_MS / 1000,
                              .tv_usec = DEADLINE_DRAIN_MS % 1000 * 1000};
    if (is_brief) {
        child_exit(c, 0);
        return;
    }
    http_server_drain(front.server);
    (void)event_add(front.drain_ends, &longest); /* made before: cannot fail */
    event_active(front.look_again, EV_TIMEOUT, 0);
}

int
main(void)
{
    static const struct child_role role = {
        .name = "front",
        .n_secrets = SECRETS,
        .start = start,
        .confine = confine,
        .run = run,
        .reload = reload,
        .drain = drain,
    };
    return child_main(&role);
}
