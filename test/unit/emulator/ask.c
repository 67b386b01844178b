#include "ask.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t now_ms;
static uint8_t next_random;

static int64_t
fake_now_ms(struct env *env)
{
    (void)env;
    return now_ms;
}

static void
fake_random(struct env *env, void *out, size_t n)
{
    (void)env;
    /* Different each time; nothing here has to be unguessable. */
    memset(out, 0, n);
    for (size_t i = 0; i < n && i < 8; i++)
        ((uint8_t *)out)[i] = (uint8_t)(next_random + i);
    next_random++;
}

static struct env fake = {fake_now_ms, fake_now_ms, fake_random};

struct world *
ask_world(void)
{
    now_ms = 1795521600000;
    next_random = 1;
    struct world *w = world_new(&fake, 1);
    w->origin = str_of(strdup("http://127.0.0.1:8790"), 21);
    return w;
}

void
ask_wait(int64_t ms)
{
    now_ms += ms;
}

static struct str
kept(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy(arena, str_from(text)) : STR_NONE;
}

struct call *
ask(struct world *w, const struct ask *a)
{
    struct call *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    call_init(c, w, arena_new());
    struct str rest = kept(c->arena, a->path);
    (void)str_cut(&rest, '?', &c->path); /* a path is never nothing */
    c->query = rest;
    c->method = kept(c->arena, a->method);
    c->body = kept(c->arena, a->body);
    c->host = kept(c->arena, a->host != NULL ? a->host : "localhost:8790");
    if (a->bearer != NULL)
        c->authorization = arena_printf(c->arena, "Bearer %s", a->bearer);
    route_find(c);
    route_run(c);
    return c;
}

void
ask_done(struct call *c)
{
    struct arena *arena = c->arena;
    call_done(c);
    arena_free(arena);
    free(c);
}

json_t *
ask_json(struct world *w, const struct ask *a, unsigned status)
{
    struct call *c = ask(w, a);
    if (c->status != status)
        print_error("%s %s: %s\n", a->method, a->path, buf_text(&c->out));
    assert_int_equal(c->status, status);
    json_t *json =
        c->out.n > 0 ? json_loadb(c->out.p, c->out.n, 0, NULL) : NULL;
    assert_true(c->out.n == 0 || json != NULL);
    ask_done(c);
    return json;
}

const char *
ask_header(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->n_headers; i++) {
        if (str_equal(c->headers[i].name, str_from(name)))
            return arena_copy(c->arena, c->headers[i].value).p;
    }
    return "";
}

struct str
ask_code(struct world *w, struct arena *arena, const char *more_fields)
{
    struct str body =
        arena_printf(arena,
                     "client_id=crm&redirect_uri=" ASK_REDIRECT
                     "&scope=oauth%%20crm.objects.contacts.read&portal=1002"
                     "&decision=allow%s",
                     more_fields);
    struct ask a = {
        .method = "POST", .path = "/oauth/authorize/decision", .body = body.p};
    struct call *c = ask(w, &a);
    assert_int_equal(c->status, 302);
    struct str rest = arena_copy(arena, str_from(ask_header(c, "Location")));
    struct str first;
    ask_done(c);
    assert_true(str_cut(&rest, '?', &first));
    struct buf auto_buf code;
    buf_init(&code, 256);
    assert_int_equal(text_add_query_value(&code, rest, STR("code")), ERR_OK);
    return arena_copy(arena, buf_str(&code));
}

const char *
ask_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}
