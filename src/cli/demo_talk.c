#include "cli/demo_int.h"

/* Calls to the emulator's control API and to portkeep's private listener. */

static void
take_answer(struct web_answer *answer, struct demo_answer *out)
{
    struct str body = buf_str(&answer->body);
    *out = (struct demo_answer){
        .status = answer->err == ERR_OK ? answer->status : 0,
        .took_us = web_took_us(answer),
        .json = json_loadb(body.n > 0 ? body.p : "", body.n, 0, NULL)};
    web_answer_done(answer);
}

void
demo_emulator(struct demo *d, const char *method, const char *path,
              const char *body, struct demo_answer *out)
{
    struct web_answer answer = {0};
    struct http_call_spec spec;
    struct http_header type = {STR("Content-Type"), STR("application/json")};
    struct str url =
        arena_printf(d->arena, "%.*s%s", STR_ARG(d->emulator_url), path);
    *out = (struct demo_answer){.status = 0};
    if (web_spec(d->arena, str_from(method), url, &spec) != ERR_OK)
        return;
    spec.headers = &type;
    spec.n_headers = 1;
    spec.body = str_from(body);
    web_call(&d->web, &spec, &answer);
    take_answer(&answer, out);
}

void
demo_private_spec(struct demo *d, const char *method, const char *path,
                  struct http_header *header, struct http_call_spec *out)
{
    struct str url =
        arena_printf(d->arena, "%.*s%s", STR_ARG(d->private_url), path);
    *header =
        (struct http_header){STR("Authorization"), buf_str(&d->authorization)};
    *out = (struct http_call_spec){.n_headers = 0};
    if (web_spec(d->arena, str_from(method), url, out) != ERR_OK)
        return; /* the paths are our own */
    out->headers = header;
    out->n_headers = d->authorization.n > 0 ? 1 : 0;
}

void
demo_private(struct demo *d, const char *method, const char *path,
             struct demo_answer *out)
{
    struct web_answer answer = {0};
    struct http_call_spec spec;
    struct http_header header;
    demo_private_spec(d, method, path, &header, &spec);
    web_call(&d->web, &spec, &answer);
    take_answer(&answer, out);
}

struct str
demo_refresh_token(struct demo *d, uint64_t portal)
{
    json_t *answer;
    struct admin_page ask = {.app = STR(DEMO_APP),
                             .portal = portal,
                             .limit = 1,
                             .with_tokens = true};
    struct str token = STR("");
    if (admin_call(d->admin, ADMIN_PORTAL_EXPORT, &ask, &answer) != CLI_DONE)
        return token;
    const json_t *row = json_array_get(answer_rows(answer), 0);
    token = arena_copy(d->arena, answer_text(row, "refresh_token"));
    json_decref(answer);
    return token;
}

uint64_t
demo_n_refreshes(struct demo *d)
{
    struct demo_answer answer;
    demo_emulator(d, "GET", "/_emulator/calls", NULL, &answer);
    uint64_t n = answer_number(json_object_get(answer.json, "by_grant_type"),
                               "refresh_token");
    json_decref(answer.json);
    return n;
}
