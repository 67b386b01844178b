#include "keeper/apps.h"

#include "base/limits.h"
#include "hubspot/standard_webhooks.h"
#include "ipc/fd.h"
#include "keeper/backoff.h"
#include "keeper/keeper.h"
#include "proto/courier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define HOUR_MS 3600000
#define MINUTE_MS 60000
#define MANY_LEAST 3        /* refused grants that are more than chance, */
#define MANY_SHARE 20       /* and more than one in this many of the app's */
#define BLOCK_MS 30000      /* first wait after our credentials failed */
#define BLOCK_MAX_MS 600000 /* and the longest */
#define THROTTLE_MS 2000
#define THROTTLE_MAX_MS 60000
#define HTTP_BEING_MOVED 477 /* HubSpot's: one account, not the app */

struct refusal {
    uint64_t portal;
    int64_t at_ms;
};

struct apps {
    struct app *v;
    size_t n;
};

static const struct secret_place {
    enum life_descriptor_kind kind;
    const char *key; /* in the configuration */
    size_t offset;   /* in struct app */
    bool is_webhook;
} places[] = {
    {LIFE_FD_CLIENT_SECRET, "client_secret",
     offsetof(struct app, client_secret), false},
    {LIFE_FD_CLIENT_SECRET_OLD, "client_secret_previous",
     offsetof(struct app, client_secret_old), false},
    {LIFE_FD_WEBHOOK_SECRET, "webhook_secret",
     offsetof(struct app, webhook_secret), true},
    {LIFE_FD_WEBHOOK_SECRET_OLD, "webhook_secret_previous",
     offsetof(struct app, webhook_secret_old), true},
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

static struct secret **
secret_at(struct app *a, const struct secret_place *p)
{
    return (struct secret **)(void *)((char *)a + p->offset);
}

static enum err
new_webhook_key(struct hidden line, struct secret **out, const char **why)
{
    struct buf auto_buf key = {0};
    buf_init_secret(&key, WEBHOOK_KEY_MAX);
    enum err e = webhook_key_decode(line, &key);
    if (e != ERR_OK)
        *why = WEBHOOK_KEY_WANTED;
    else if ((*out = secret_new(HIDDEN(buf_str(&key)))) == NULL)
        e = ERR_LIMIT;
    return e;
}

static enum err
read_secret(int fd, const struct secret_place *p, struct secret **out,
            const char **why)
{
    char text[LIMIT_SECRET_FILE];
    auto_wipe(text);
    struct hidden line;
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n < 0)
        return ERR_SYSTEM;
    if ((size_t)n == sizeof(text))
        return ERR_LIMIT;
    enum err e = secret_line(HIDDEN(str_of(text, (size_t)n)), &line);
    if (e == ERR_OK && p->is_webhook)
        return new_webhook_key(line, out, why);
    if (e != ERR_OK)
        return e;
    *out = secret_new(line);
    return *out == NULL ? ERR_LIMIT : ERR_OK;
}

static enum err
load_secret(struct child *c, struct app *a, const struct secret_place *p,
            struct buf *problem)
{
    int fd = child_take_fd(c, p->kind, a->conf->name);
    const char *why = NULL;
    if (fd < 0)
        return ERR_OK;
    enum err e = read_secret(fd, p, secret_at(a, p), &why);
    fd_close(&fd);
    if (e != ERR_OK)
        buf_addf(problem, "[app %.*s] %s: %.*s: %s", STR_ARG(a->conf->name),
                 p->key, STR_ARG(child_fd_path(c, p->kind, a->conf->name)),
                 why != NULL ? why : secret_line_problem(e));
    return e;
}

enum err
apps_load(struct child *c, struct apps **out, struct buf *problem)
{
    struct apps *as = calloc(1, sizeof(*as));
    enum err e = ERR_OK;
    if (as == NULL)
        abort();
    as->v = calloc(c->n_apps + 1, sizeof(*as->v));
    if (as->v == NULL)
        abort();
    as->n = c->n_apps;
    for (size_t i = 0; i < as->n && e == ERR_OK; i++) {
        struct app *a = &as->v[i];
        a->conf = &c->apps[i];
        for (size_t j = 0; j < N_PLACES && e == ERR_OK; j++)
            e = load_secret(c, a, &places[j], problem);
    }
    if (e != ERR_OK) {
        apps_free(as);
        return e;
    }
    *out = as;
    return ERR_OK;
}

void
apps_free(struct apps *as)
{
    if (as == NULL)
        return;
    for (size_t i = 0; i < as->n; i++) {
        for (size_t j = 0; j < N_PLACES; j++)
            secret_free(*secret_at(&as->v[i], &places[j]));
        secret_free(as->v[i].journal_token);
        free(as->v[i].refusals);
    }
    free(as->v);
    free(as);
}

struct app *
apps_find(struct apps *as, struct str name)
{
    for (size_t i = 0; i < as->n; i++)
        if (str_equal(as->v[i].conf->name, name))
            return &as->v[i];
    return NULL;
}

size_t
apps_count(const struct apps *as)
{
    return as->n;
}

struct app *
apps_at(struct apps *as, size_t i)
{
    return &as->v[i];
}

void
apps_inherit(struct apps *as, struct apps *old)
{
    for (size_t i = 0; i < as->n; i++) {
        struct app *a = &as->v[i];
        struct app *was = apps_find(old, a->conf->name);
        if (was == NULL)
            continue;
        a->throttled_until_ms = was->throttled_until_ms;
        a->n_throttled = was->n_throttled;
        a->refusals = was->refusals;
        a->n_refusals = was->n_refusals;
        a->room = was->room;
        was->refusals = NULL;
        was->n_refusals = was->room = 0;
    }
}

/* Errands that left before the first 429 say nothing new by theirs. */
static void
hold_back(struct app *a, struct env *env, uint32_t retry_after_s)
{
    int64_t now = env->now_ms(env), wait = 0;
    if (a->throttled_until_ms <= now)
        wait = backoff_ms(env, THROTTLE_MS, THROTTLE_MAX_MS, ++a->n_throttled);
    if (retry_after_s > 0)
        wait = (int64_t)retry_after_s * 1000;
    if (wait > RETRY_AFTER_MAX_MS)
        wait = RETRY_AFTER_MAX_MS;
    if (now + wait <= a->throttled_until_ms)
        return;
    a->throttled_until_ms = now + wait;
    log_warn("app.throttled", "app=%.*s wait_ms=%" PRId64,
             STR_ARG(a->conf->name), wait);
}

static void
doubt_credentials(struct app *a, struct env *env)
{
    int64_t now = env->now_ms(env);
    if (a->blocked_until_ms > now)
        return;
    int64_t wait = backoff_ms(env, BLOCK_MS, BLOCK_MAX_MS, ++a->n_blocked);
    a->blocked_until_ms = now + wait;
    log_error("app.credentials_refused",
              "app=%.*s wait_ms=%" PRId64
              " do=\"check client_id, client_secret and the redirect URL "
              "at HubSpot; no portal was disconnected\"",
              STR_ARG(a->conf->name), wait);
}

struct heard_outcome {
    struct app *app; /* lives on: no reload within a turn */
    uint32_t outcome, retry_after_s;
};

static void
act_note_outcome(struct keeper *k, void *arg)
{
    struct heard_outcome *h = arg;
    struct app *a = h->app;
    if (h->outcome == OUTCOME_THROTTLED) {
        hold_back(a, k->env, h->retry_after_s);
    } else if (h->outcome == OUTCOME_OUR_FAULT) {
        doubt_credentials(a, k->env);
    } else if (h->outcome == OUTCOME_OK) {
        a->n_throttled = a->n_blocked = 0;
        a->blocked_until_ms = a->throttled_until_ms = 0;
    }
}

void
app_note_outcome(struct turn *t, struct app *a, const struct courier_done *done)
{
    if (done->http_status == HTTP_BEING_MOVED)
        return;
    struct heard_outcome *h = arena_alloc(turn_arena(t), sizeof(*h));
    *h = (struct heard_outcome){a, done->outcome, done->retry_after_s};
    turn_after(t, act_note_outcome, h);
}

bool
app_may_send(const struct app *a, int64_t now_ms, int64_t *out_when_ms)
{
    int64_t when = a->blocked_until_ms > a->throttled_until_ms
                       ? a->blocked_until_ms
                       : a->throttled_until_ms;
    if (when <= now_ms)
        return true;
    *out_when_ms = when;
    return false;
}

static void
forget_old(struct app *a, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_refusals; i++)
        if (a->refusals[i].at_ms > now_ms - HOUR_MS)
            a->refusals[n++] = a->refusals[i];
    a->n_refusals = n;
}

/* More than twice what is many would tell nothing more; the second half are
 * grants that kept their state, which keeps the alarm up when the first half
 * is an hour old. */
static bool
may_note(const struct app *a, uint64_t n_grants)
{
    return a->n_refusals < 2 * MANY_LEAST ||
           a->n_refusals * MANY_SHARE <= 2 * n_grants;
}

/* Once for each portal; one that is still refused counts anew. */
static void
note_refusal(struct app *a, uint64_t portal, uint64_t n_grants, int64_t now_ms)
{
    for (size_t i = 0; i < a->n_refusals; i++)
        if (a->refusals[i].portal == portal) {
            a->refusals[i].at_ms = now_ms;
            return;
        }
    if (!may_note(a, n_grants))
        return;
    if (a->n_refusals == a->room) {
        a->room = a->room > 0 ? 2 * a->room : 64;
        a->refusals = realloc(a->refusals, a->room * sizeof(*a->refusals));
        if (a->refusals == NULL)
            abort();
    }
    a->refusals[a->n_refusals++] = (struct refusal){portal, now_ms};
}

bool
app_trusts_refusal(struct app *a, uint64_t portal, uint64_t n_grants,
                   int64_t now_ms)
{
    forget_old(a, now_ms);
    note_refusal(a, portal, n_grants, now_ms);
    bool is_many =
        a->n_refusals >= MANY_LEAST && a->n_refusals * MANY_SHARE > n_grants;
    if (!is_many)
        return true;
    if (now_ms - a->many_logged_ms >= MINUTE_MS) {
        a->many_logged_ms = now_ms;
        log_error("app.many_refused",
                  "app=%.*s refused=%zu of=%" PRIu64
                  " do=\"check the app at HubSpot; grants keep their state "
                  "until this ends\"",
                  STR_ARG(a->conf->name), a->n_refusals, n_grants);
    }
    return false;
}
