#include "keeper/apps.h"

#include "base/limits.h"
#include "ipc/fd.h"
#include "keeper/keeper.h"
#include "proto/courier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define REFUSALS_MAX 256
#define HOUR_MS 3600000
#define BLOCK_MS 30000      /* first wait after our credentials failed */
#define BLOCK_MAX_MS 600000 /* and the longest */
#define THROTTLE_MS 2000
#define THROTTLE_MAX_MS 60000

struct refusal {
    uint64_t portal;
    int64_t at_ms;
};

struct apps {
    struct app *v;
    size_t n;
};

/* A secret file holds one line; what surrounds it does not count. */
static enum err
read_secret(int fd, struct secret **out)
{
    char text[LIMIT_SECRET_FILE];
    auto_wipe(text);
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n < 0)
        return ERR_SYSTEM;
    if ((size_t)n == sizeof(text))
        return ERR_LIMIT;
    size_t used = (size_t)n;
    while (used > 0 && (text[used - 1] == '\n' || text[used - 1] == '\r' ||
                        text[used - 1] == ' '))
        used--;
    if (used == 0)
        return ERR_INVALID;
    *out = secret_new(HIDDEN(str_of(text, used)));
    return *out == NULL ? ERR_LIMIT : ERR_OK;
}

static enum err
load_secret(struct child *c, struct app *a, enum life_descriptor_kind kind,
            struct secret **out, struct buf *problem)
{
    int fd = child_take_fd(c, kind, a->conf->name);
    if (fd < 0)
        return ERR_OK;
    enum err e = read_secret(fd, out);
    fd_close(&fd);
    if (e != ERR_OK)
        buf_addf(problem,
                 "[app %.*s]: the client secret's file cannot be read, is "
                 "empty or is longer than %d bytes",
                 STR_ARG(a->conf->name), LIMIT_SECRET_FILE);
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
        e = load_secret(c, a, LIFE_FD_CLIENT_SECRET, &a->client_secret,
                        problem);
        if (e == ERR_OK)
            e = load_secret(c, a, LIFE_FD_CLIENT_SECRET_OLD,
                            &a->client_secret_old, problem);
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
        secret_free(as->v[i].client_secret);
        secret_free(as->v[i].client_secret_old);
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

/* Doubling, with jitter of a quarter both ways, so that nodes and grants
 * that failed together do not come back together. */
static int64_t
backoff_ms(struct keeper *k, int64_t first_ms, int64_t most_ms, unsigned n)
{
    int64_t wait = first_ms;
    uint32_t r;
    while (n-- > 1 && wait < most_ms)
        wait *= 2;
    if (wait > most_ms)
        wait = most_ms;
    k->env->random(k->env, &r, sizeof(r));
    return wait - wait / 4 + (int64_t)(r % (uint32_t)(wait / 2 + 1));
}

void
app_note_outcome(struct app *a, struct keeper *k, uint32_t outcome,
                 uint32_t retry_after_s)
{
    int64_t now = k->env->now_ms(k->env);
    if (outcome == OUTCOME_THROTTLED) {
        int64_t wait =
            backoff_ms(k, THROTTLE_MS, THROTTLE_MAX_MS, ++a->n_throttled);
        if (retry_after_s > 0)
            wait = (int64_t)retry_after_s * 1000;
        a->throttled_until_ms = now + wait;
        log_warn("app.throttled", "app=%.*s wait_ms=%" PRId64,
                 STR_ARG(a->conf->name), wait);
    } else if (outcome == OUTCOME_OUR_FAULT) {
        int64_t wait = backoff_ms(k, BLOCK_MS, BLOCK_MAX_MS, ++a->n_blocked);
        a->blocked_until_ms = now + wait;
        log_error("app.credentials_refused",
                  "app=%.*s wait_ms=%" PRId64
                  " do=\"check client_id, client_secret and the redirect URL "
                  "at HubSpot; no portal was disconnected\"",
                  STR_ARG(a->conf->name), wait);
    } else if (outcome == OUTCOME_OK) {
        a->n_throttled = a->n_blocked = 0;
        a->blocked_until_ms = a->throttled_until_ms = 0;
    }
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

bool
app_trusts_refusal(struct app *a, uint64_t portal, uint64_t n_grants,
                   int64_t now_ms)
{
    bool is_known = false;
    if (a->refusals == NULL) {
        a->refusals = calloc(REFUSALS_MAX, sizeof(*a->refusals));
        if (a->refusals == NULL)
            abort();
    }
    forget_old(a, now_ms);
    for (size_t i = 0; i < a->n_refusals; i++)
        is_known |= a->refusals[i].portal == portal;
    if (!is_known && a->n_refusals < REFUSALS_MAX)
        a->refusals[a->n_refusals++] =
            (struct refusal){.portal = portal, .at_ms = now_ms};
    bool is_many = a->n_refusals >= 3 && a->n_refusals * 20 > n_grants;
    if (is_many)
        log_error("app.many_refused",
                  "app=%.*s refused=%zu of=%llu do=\"check the app at HubSpot; "
                  "grants keep their state until this ends\"",
                  STR_ARG(a->conf->name), a->n_refusals,
                  (unsigned long long)n_grants);
    return !is_many;
}
