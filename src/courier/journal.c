#include "courier/journal.h"

#include "base/limits.h"
#include "base/text.h"
#include "courier/answer.h"
#include "courier/request.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

/*
 *   journal_start --> ASKING --200--> FETCHING --whole file--> gone
 *                        |                |
 *                        | 204, refused   | not there, too long, no journal
 *                        v                v
 *                       gone             gone: transient
 *
 * A reading leaves through end(), or through journal_cancel().
 */
#define OFFSET_MAX 128 /* a UUID today */

struct journal {
    const struct journal_office *office;
    uint32_t call_id;
    struct event *too_long;
    struct arena *arena; /* wipes; url and offset */
    /* moves */
    bool is_fetching;
    struct http_call *call;
    struct answer answer;
    struct buf body;
    struct str offset; /* of the file that is fetched */
};

static void
journal_free(struct journal *j)
{
    if (j->too_long != NULL)
        event_free(j->too_long);
    buf_done(&j->body);
    arena_free(j->arena);
    free(j);
}

void
journal_cancel(struct journal *j)
{
    http_call_cancel(j->call);
    journal_free(j);
}

static void
end(struct journal *j, const struct courier_journal_read *read)
{
    j->office->on_done(j, read, j->office->arg);
    journal_free(j);
}

static void
end_failed(struct journal *j, enum errand_outcome outcome, struct str status)
{
    struct courier_journal_read read = {.outcome = outcome,
                                        .http_status = j->answer.status,
                                        .status = status,
                                        .retry_after_s =
                                            j->answer.retry_after_s};
    end(j, &read);
}

/* By an event, so that no call is cancelled from within its own function. */
static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct journal *j = arg;
    (void)fd;
    (void)what;
    http_call_cancel(j->call);
    end_failed(j, OUTCOME_TRANSIENT, STR("too_long"));
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct journal *j = arg;
    (void)call;
    answer_take_head(&j->answer, head, env_now_s(j->office->env));
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct journal *j = arg;
    buf_add(&j->body, piece);
    if (buf_err(&j->body) == ERR_OK)
        return;
    http_call_pause(call);
    event_active(j->too_long, EV_TIMEOUT, 0);
}

static void
end_fetched(struct journal *j)
{
    struct courier_journal_read read = {
        .outcome = OUTCOME_OK, .http_status = 200, .offset = j->offset};
    if (j->answer.status != 200) {
        end_failed(j, OUTCOME_TRANSIENT, STR("file_not_there"));
        return;
    }
    enum err e =
        shelf_put(j->office->shelf, &j->body, &read.handle, &read.n_pieces);
    if (e == ERR_OK)
        end(j, &read);
    else
        end_failed(j, OUTCOME_TRANSIENT,
                   e == ERR_LIMIT ? STR("busy") : STR("file_not_a_journal"));
}

static bool
is_listed(struct strs hosts, struct str host)
{
    for (size_t i = 0; i < hosts.n; i++) {
        struct str h = hosts.v[i];
        if (!str_starts(h, STR("*."))) {
            if (str_equal_nocase(h, host))
                return true;
            continue;
        }
        struct str tail = str_of(h.p + 1, h.n - 1); /* with its dot */
        if (host.n > tail.n &&
            str_equal_nocase(tail, str_of(host.p + host.n - tail.n, tail.n)))
            return true;
    }
    return false;
}

bool
journal_may_fetch(const struct journal_office *office, const struct url *url)
{
    /* The client's filter then lets no other machine's address pass. */
    if (office->destination->is_local)
        return true;
    return str_equal(url->scheme, STR("https")) &&
           is_listed(office->hosts, url->host);
}

static void on_end(struct http_call *call, enum err reason, void *arg);

static const struct http_call_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

static void
fetch(struct journal *j, const struct url *url)
{
    struct buf auto_buf target = {0};
    buf_init_secret(&target, LIMIT_URL + 1);
    buf_add(&target, url->path);
    if (url->query.p != NULL) {
        buf_add_char(&target, '?');
        buf_add(&target, url->query);
    }
    struct http_call_spec spec = {.scheme = url->scheme,
                                  .host = url->host,
                                  .port = url->port,
                                  .method = STR("GET"),
                                  .target = buf_str(&target),
                                  .is_secret = true,
                                  .timeout_ms = DEADLINE_JOURNAL_MS,
                                  .silence_ms = DEADLINE_JOURNAL_MS};
    buf_done(&j->body);
    buf_init_secret(&j->body, LIMIT_JOURNAL);
    j->answer = (struct answer){0};
    j->is_fetching = true;
    j->call = http_call_start(j->office->client, &spec, &handler, j);
}

static struct str
member(struct journal *j, const json_t *object, const char *key, size_t max)
{
    const json_t *v = json_object_get(object, key);
    struct str s = {json_string_value(v), json_string_length(v)};
    bool is_good = s.n > 0 && s.n <= max && text_is_clean(s);
    return is_good ? arena_copy(j->arena, s) : STR_NONE;
}

/* Where the file is, and which. */
static enum err
read_place(struct journal *j, struct url *out)
{
    struct str body = buf_str(&j->body);
    json_t *json = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    struct str url = member(j, json, "url", LIMIT_URL);
    j->offset = member(j, json, "currentOffset", OFFSET_MAX);
    json_decref(json);
    if (url.n == 0 || j->offset.n == 0)
        return ERR_SYNTAX;
    return url_parse(url, out);
}

/* Any other 4xx says that this offset is none (any more), if it is HubSpot
 * who says it and not a proxy's page. */
static enum errand_outcome
outcome_of(const struct answer *a)
{
    switch (a->status) {
    case 401:
    case 403:
        return OUTCOME_TOKEN_ENDED;
    case 429:
    case 477:
        return OUTCOME_THROTTLED;
    case 408:
    case 423:
        return OUTCOME_TRANSIENT;
    default:
        return a->status >= 400 && a->status < 500 && !a->is_html
                   ? OUTCOME_REFUSED
                   : OUTCOME_TRANSIENT;
    }
}

static void
end_asked(struct journal *j)
{
    struct courier_journal_read nothing = {.outcome = OUTCOME_OK,
                                           .http_status = 204};
    struct url url;
    if (j->answer.status == 204)
        end(j, &nothing);
    else if (j->answer.status != 200)
        end_failed(j, outcome_of(&j->answer), STR_NONE);
    else if (read_place(j, &url) != ERR_OK)
        end_failed(j, OUTCOME_TRANSIENT, STR("incomplete"));
    else if (!journal_may_fetch(j->office, &url))
        end_failed(j, OUTCOME_TRANSIENT, STR("host_not_in_journal_hosts"));
    else
        fetch(j, &url);
}

static void
on_end(struct http_call *call, enum err reason, void *arg)
{
    struct journal *j = arg;
    (void)call;
    if (reason == ERR_OK)
        reason = buf_err(&j->body);
    if (reason != ERR_OK)
        end_failed(j, OUTCOME_TRANSIENT, str_from(err_name(reason)));
    else if (j->is_fetching)
        end_fetched(j);
    else
        end_asked(j);
}

static enum err
start_call(struct journal *j, const struct courier_journal *asked)
{
    const struct destination *d = j->office->destination;
    struct request r;
    request_init(&r);
    enum err e =
        request_build_journal(&r, d->prefix, j->office->version, asked);
    if (e == ERR_OK) {
        r.spec.scheme = d->url.scheme;
        r.spec.host = d->url.host;
        r.spec.port = d->url.port;
        r.spec.timeout_ms = DEADLINE_ERRAND_MS;
        r.spec.silence_ms = DEADLINE_ERRAND_MS;
        j->call = http_call_start(j->office->client, &r.spec, &handler, j);
    }
    request_done(&r);
    return e == ERR_OK ? ERR_OK : ERR_INVALID;
}

enum err
journal_start(const struct journal_office *office,
              const struct courier_journal *asked, uint32_t call_id,
              struct journal **out)
{
    if (asked->not_after_ms <= office->env->now_ms(office->env))
        return ERR_EXPIRED;
    struct journal *j = calloc(1, sizeof(*j));
    if (j == NULL)
        abort(); /* no memory */
    j->office = office;
    j->call_id = call_id;
    j->arena = arena_new_secret();
    buf_init_secret(&j->body, LIMIT_OAUTH_REPLY);
    j->too_long = event_new(office->base, -1, 0, on_too_long, j);
    if (j->too_long == NULL)
        abort(); /* no memory */
    enum err e = start_call(j, asked);
    if (e != ERR_OK) {
        journal_free(j);
        return e;
    }
    *out = j;
    return ERR_OK;
}

uint32_t
journal_call_id(const struct journal *j)
{
    return j->call_id;
}
