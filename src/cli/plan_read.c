#define _GNU_SOURCE
#include "base/log.h"
#include "cli/plan_int.h"
#include "http/url.h"

#include <errno.h>
#include <stdlib.h>

bool
plan_is_method(struct str word)
{
    static const struct str methods[] = {STR("GET"),   STR("HEAD"),
                                         STR("POST"),  STR("PUT"),
                                         STR("PATCH"), STR("DELETE")};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (str_equal(methods[i], word))
            return true;
    return false;
}

void
plan_pass_over(struct plan_reading *r, struct str what)
{
    if (r->tally->n_other++ == 0)
        r->tally->other = arena_copy(r->plan->arena, what);
}

static bool
is_api_host(struct str host)
{
    return str_equal_nocase(host, STR("api.hubspot.com")) ||
           str_equal_nocase(host, STR("api.hubapi.com")) ||
           (str_starts(host, STR("api-")) &&
            str_ends(host, STR(".hubapi.com")));
}

/* "/hubspot/APP/PORTAL/crm/..." is what a backend asks of the relay. */
static bool
take_off_relay(struct str *path)
{
    struct str rest = *path, word;
    if (!str_starts(rest, STR("/hubspot/")))
        return false;
    for (int i = 0; i < 4; i++)
        if (!str_cut(&rest, '/', &word))
            return false;
    /* After "", "hubspot" and the app: the last word is the portal. */
    uint64_t portal;
    if (!str_to_u64(word, &portal) || rest.p == NULL)
        return false;
    *path = str_of(rest.p - 1, rest.n + 1);
    return true;
}

bool
plan_take(struct plan_reading *r, struct str method, struct str target,
          struct str where)
{
    struct url url;
    struct str path = target;
    bool is_url = url_parse(target, &url) == ERR_OK;
    if (is_url)
        path = url.path;
    else if (target.n == 0 || target.p[0] != '/')
        return false;
    bool is_of_relay = take_off_relay(&path);
    if (is_url && !is_of_relay && !is_api_host(url.host)) {
        if (r->tally->n_foreign++ == 0)
            r->tally->foreign = arena_copy(r->plan->arena, url.host);
        return true;
    }
    struct plan_call call = {.method = method,
                             .path = path,
                             .where = where,
                             .is_optional = r->source->is_optional};
    r->tally->n_calls++;
    plan_add(r->plan, &call);
    return true;
}

static struct str
where_of(const struct plan_reading *r, size_t line)
{
    return arena_printf(r->plan->arena, "%s:%zu", r->source->name, line);
}

/* GET /path HTTP/1.1, between quotes in the common and combined formats. */
static bool
take_request(struct plan_reading *r, struct str text, size_t line)
{
    struct str method, target;
    if (!str_cut(&text, ' ', &method) || !str_cut(&text, ' ', &target) ||
        !str_starts(text, STR("HTTP/")))
        return false;
    return plan_is_method(method) &&
           plan_take(r, method, target, where_of(r, line));
}

static void
take_log_line(struct plan_reading *r, struct str text, size_t line)
{
    struct str rest = text, part;
    for (size_t i = 0; str_cut(&rest, '"', &part); i++)
        if (i % 2 == 1 && take_request(r, part, line))
            return;
    plan_pass_over(r, where_of(r, line));
}

static enum err
refuse(struct plan_reading *r, size_t line, const char *what, struct str text)
{
    buf_addf(r->problem,
             "%s:%zu: %s%s; expected METHOD PATH, as in \"GET "
             "/crm/v3/objects/contacts\", with the word optional "
             "behind it where the app can do without",
             r->source->name, line, what, text.n > 0 ? log_quote(text) : "");
    return ERR_SYNTAX;
}

static enum err
take_plain_line(struct plan_reading *r, struct str text, size_t line)
{
    struct plan_source optional = *r->source;
    struct plan_reading of_line = *r;
    struct strs words = arena_split(r->plan->arena, text, ' ');
    optional.is_optional = true;
    if (words.n == 3 && str_equal(words.v[2], STR("optional")))
        of_line.source = &optional;
    else if (words.n != 2)
        return refuse(r, line,
                      words.n < 2 ? "a path is missing after "
                                  : "too many words in ",
                      text);
    if (!plan_is_method(words.v[0]))
        return refuse(r, line, "no method of the API: ", words.v[0]);
    if (!plan_take(&of_line, words.v[0], words.v[1], where_of(r, line)))
        return refuse(r, line, "neither a path nor a URL: ", words.v[1]);
    return ERR_OK;
}

static enum err
take_line(struct plan_reading *r, struct str text, size_t line)
{
    text = str_trim(text);
    if (text.n > 0 && text.p[text.n - 1] == '\r')
        text = str_trim(str_of(text.p, text.n - 1));
    if (text.n == 0 || text.p[0] == '#')
        return ERR_OK;
    if (str_starts(text, STR("openapi:")) || str_starts(text, STR("swagger:")))
        return refuse(r, line,
                      "an OpenAPI document in YAML, which is read as "
                      "JSON only: convert it",
                      STR_NONE);
    if (str_has(text, '"')) {
        take_log_line(r, text, line);
        return ERR_OK;
    }
    return take_plain_line(r, text, line);
}

static enum err
read_lines(struct plan_reading *r)
{
    char *text = NULL;
    size_t room = 0, line = 0;
    ssize_t n;
    enum err e = ERR_OK;
    while (e == ERR_OK && (n = getline(&text, &room, r->source->file)) >= 0) {
        line++;
        if (n > 0 && text[n - 1] == '\n')
            n--;
        e = take_line(r, str_of(text, (size_t)n), line);
    }
    free(text);
    return e;
}

/* The first byte that is no space; a byte order mark goes. */
static int
peek(FILE *file)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf};
    size_t n_mark = 0;
    for (;;) {
        int c = getc(file);
        if (n_mark < sizeof(mark) && c == mark[n_mark])
            n_mark++;
        else if (c != ' ' && c != '\t' && c != '\r')
            return c == EOF ? EOF : ungetc(c, file);
    }
}

enum err
plan_read(struct plan *p, const struct plan_source *source,
          struct plan_tally *tally, struct buf *problem)
{
    struct plan_reading r = {p, source, tally, problem};
    uint64_t before = tally->n_calls + tally->n_foreign;
    int first = peek(source->file);
    enum err e =
        first == '{' || first == '[' ? plan_read_json(&r) : read_lines(&r);
    if (e == ERR_OK && ferror(source->file)) {
        buf_addf(problem, "cannot read %s: %s", source->name, strerror(errno));
        return ERR_SYSTEM;
    }
    if (e == ERR_OK && tally->n_calls + tally->n_foreign == before) {
        buf_addf(problem,
                 "%s holds no call: neither lines of METHOD PATH, nor an "
                 "access log, nor the entries of a HAR file",
                 source->name);
        return ERR_INVALID;
    }
    return e;
}
