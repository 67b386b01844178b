#include "courier/answer.h"

#include "base/limits.h"
#include "base/text.h"
#include "courier/verdict.h"

/*
 * A lifetime over a year, or none, is no lifetime: nothing could be planned
 * on it.  The answer then counts as transient, and its tokens are passed on
 * all the same, so that a refresh token that came with it is not lost.
 */
#define EXPIRES_IN_MAX (366 * 24 * 3600)
/* HubSpot names up to about a day for an account that is being moved. */
#define RETRY_AFTER_MAX_S (2 * 24 * 3600)
#define WORD_MAX 64
#define SENTENCE_MAX 200
#define NAME_MAX_BYTES 320 /* an e-mail address; RFC 3696, erratum 1690 */

static bool
is_media_type(struct str value, struct str type)
{
    struct str media;
    return str_cut(&value, ';', &media) &&
           str_equal_nocase(str_trim(media), type);
}

static bool
is_json_type(struct str value)
{
    struct str rest = value, media;
    if (is_media_type(value, STR("application/json")))
        return true;
    return str_cut(&rest, ';', &media) &&
           str_ends(str_trim(media), STR("+json"));
}

/* RFC 9110 10.2.3: seconds, or a date. */
static uint32_t
retry_after(struct str value, int64_t now_s)
{
    uint64_t s;
    int64_t at;
    if (!str_to_u64(str_trim(value), &s)) {
        if (!text_parse_http_date(value, &at) || at <= now_s)
            return 0;
        s = (uint64_t)(at - now_s);
    }
    return (uint32_t)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S);
}

void
answer_take_head(struct answer *out, const struct http_head *head,
                 int64_t now_s)
{
    struct str type = http_head_find(head, "Content-Type");
    *out = (struct answer){.status = head->status};
    out->is_json = is_json_type(type);
    out->is_html = is_media_type(type, STR("text/html"));
    int64_t date;
    if (text_parse_http_date(http_head_find(head, "Date"), &date))
        out->date = now_s = date;
    out->retry_after_s =
        retry_after(http_head_find(head, "Retry-After"), now_s);
}

static struct str
json_str(const json_t *object, const char *key, size_t max)
{
    const json_t *v = json_object_get(object, key);
    size_t n = json_string_length(v);
    if (n == 0 || n > max)
        return STR_NONE;
    return str_of(json_string_value(v), n);
}

static struct str
json_clean(const json_t *object, const char *key, size_t max)
{
    struct str s = json_str(object, key, max);
    return text_is_clean(s) ? s : STR_NONE;
}

/* Numbers that are ids: positive, whole. */
static uint64_t
json_id(const json_t *object, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(object, key));
    return v > 0 ? (uint64_t)v : 0;
}

/* What can stand in a header and in one of our cells. */
static struct hidden
json_token(const json_t *object, const char *key)
{
    struct str s = json_str(object, key, LIMIT_TOKEN);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return HIDDEN_NONE;
    return HIDDEN(s);
}

static bool
is_too_long(const json_t *object, const char *key)
{
    return json_string_length(json_object_get(object, key)) > LIMIT_TOKEN;
}

static uint32_t
json_expires_in(const json_t *object)
{
    double v = json_number_value(json_object_get(object, "expires_in"));
    return v >= 1 && v <= EXPIRES_IN_MAX ? (uint32_t)v : 0;
}

/* An array of names, or RFC 6749's one text with spaces. */
static bool
read_scopes(struct reading *r, struct strs *out)
{
    const json_t *list = json_object_get(r->json, "scopes");
    struct str text = json_clean(r->json, "scope", LIMIT_OAUTH_REPLY);
    if (!json_is_array(list)) {
        if (text.n > 0)
            *out = arena_split(r->arena, text, ' ');
        return text.n > 0;
    }
    out->v =
        arena_alloc(r->arena, (json_array_size(list) + 1) * sizeof(*out->v));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        struct str s = {json_string_value(v), json_string_length(v)};
        if (s.n > 0 && text_is_clean(s) && !str_has(s, ' '))
            out->v[out->n++] = s;
    }
    return true;
}

static bool
repeats(struct str sentence, struct hidden secret)
{
    struct str s = secret.s;
    if (s.n < 4) /* too short to be one, and found in any sentence */
        return false;
    for (size_t i = 0; i + s.n <= sentence.n; i++)
        if (memcmp(sentence.p + i, s.p, s.n) == 0)
            return true;
    return false;
}

/* Not in the middle of a character; jansson has checked that it is UTF-8. */
static struct str
shortened(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    s.n = max;
    while (s.n > 0 && ((uint8_t)s.p[s.n] & 0xc0) == 0x80)
        s.n--;
    return s;
}

/*
 * HubSpot's sentence for logs and pages: one line, short, and not at all if
 * it repeats what we sent, as some of its sentences do.
 */
static struct str
read_sentence(struct reading *r, const struct courier_errand *asked)
{
    struct str s = json_str(r->json, "message", LIMIT_OAUTH_REPLY);
    if (s.n == 0)
        s = json_str(r->json, "error_description", LIMIT_OAUTH_REPLY);
    if (repeats(s, asked->token) || repeats(s, asked->code) ||
        repeats(s, asked->client_secret) || repeats(s, asked->verifier))
        return STR_NONE;
    s = shortened(s, SENTENCE_MAX);
    return text_is_clean(s) ? s : STR_NONE;
}

/* The word that says most, for logs and for whoever looks into it. */
static struct str
most_exact(const struct verdict_facts *f)
{
    if (!f->is_json)
        return STR("not_json");
    if (f->http_status < 300)
        return STR("incomplete");
    if (f->status.n > 0 && !str_equal(f->status, STR("error")))
        return f->status;
    return f->category.n > 0 ? f->category : f->error;
}

static void
read_fields(struct reading *r, enum errand_kind kind)
{
    struct courier_done *d = &r->done;
    bool is_info = kind == ERRAND_TOKEN_INFO; /* camelCase, of an older day */
    d->hub_id = json_id(r->json, is_info ? "hubId" : "hub_id");
    d->user_id = json_id(r->json, is_info ? "userId" : "user_id");
    d->has_scopes = read_scopes(r, &d->scopes);
    if (kind == ERRAND_EXCHANGE || kind == ERRAND_REFRESH) {
        d->access_token = json_token(r->json, "access_token");
        d->refresh_token = json_token(r->json, "refresh_token");
        d->expires_in = json_expires_in(r->json);
    }
    if (kind == ERRAND_APP_TOKEN) {
        d->access_token = json_token(r->json, "access_token");
        d->expires_in = json_expires_in(r->json);
    }
    if (kind == ERRAND_INTROSPECT) {
        d->user_email = json_clean(r->json, "user", NAME_MAX_BYTES);
        d->hub_domain = json_clean(r->json, "hub_domain", NAME_MAX_BYTES);
        d->client_id = json_clean(r->json, "client_id", NAME_MAX_BYTES);
    }
}

/* What a success of this kind must bring to be one. */
static bool
has_content(const struct reading *r, enum errand_kind kind)
{
    const struct courier_done *d = &r->done;
    switch (kind) {
    case ERRAND_EXCHANGE:
        return d->access_token.s.n > 0 && d->expires_in > 0 &&
               d->refresh_token.s.n > 0;
    case ERRAND_APP_TOKEN:
    case ERRAND_REFRESH: /* without a new refresh token the old one stays */
        return d->access_token.s.n > 0 && d->expires_in > 0;
    case ERRAND_INTROSPECT:
        return json_is_boolean(json_object_get(r->json, "active"));
    case ERRAND_TOKEN_INFO:
        return d->hub_id != 0;
    default:
        return true;
    }
}

/* Fields of a success say nothing in a refusal, and the other way round. */
static struct verdict_facts
look_at(struct reading *r, const struct answer *a, enum errand_kind kind)
{
    struct verdict_facts f = {.kind = kind,
                              .http_status = a->status,
                              .is_json = json_is_object(r->json),
                              .is_html = a->is_html};
    if (!f.is_json)
        return f;
    if (a->status >= 200 && a->status < 300) {
        read_fields(r, kind);
        f.has_content = has_content(r, kind);
        f.is_inactive = json_is_false(json_object_get(r->json, "active"));
    } else {
        f.status = json_clean(r->json, "status", WORD_MAX);
        f.error = json_clean(r->json, "error", WORD_MAX);
        f.category = json_clean(r->json, "category", WORD_MAX);
    }
    return f;
}

void
reading_init(struct reading *r)
{
    *r = (struct reading){.arena = arena_new()};
}

void
reading_take(struct reading *r, const struct answer *a,
             const struct courier_errand *asked, struct str body)
{
    enum errand_kind kind = (enum errand_kind)asked->kind;
    if (a->is_json && body.n > 0)
        r->json = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    struct verdict_facts f = look_at(r, a, kind);
    struct courier_done *d = &r->done;
    d->kind = asked->kind;
    d->http_status = a->status;
    d->date = a->date;
    d->retry_after_s = a->retry_after_s;
    d->outcome = verdict(&f);
    if (d->outcome != OUTCOME_OK && d->outcome != OUTCOME_INACTIVE) {
        d->status = most_exact(&f);
        d->message = read_sentence(r, asked);
    }
    /* No cell takes it, so no later answer of this kind will do better. */
    if (is_too_long(r->json, "access_token") ||
        is_too_long(r->json, "refresh_token")) {
        d->outcome = OUTCOME_REFUSED;
        d->status = STR("token_too_long");
    }
}

void
reading_take_failure(struct reading *r, const struct answer *a,
                     const struct courier_errand *asked, enum err e)
{
    bool is_throttled = a->status == 429 || a->status == 477;
    r->done = (struct courier_done){
        .kind = asked->kind,
        .outcome = is_throttled ? OUTCOME_THROTTLED : OUTCOME_TRANSIENT,
        .http_status = a->status,
        .status = str_from(err_name(e)),
        .date = a->date,
        .retry_after_s = a->retry_after_s,
    };
}

void
reading_done(struct reading *r)
{
    json_decref(r->json);
    arena_free(r->arena);
    *r = (struct reading){0};
}
