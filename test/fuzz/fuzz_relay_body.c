#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/relay.h"
#include "relay/bodies.h"

#include <assert.h>
#include <jansson.h>

/*
 * JSON bodies of the API, by each of the tables.  What is taken is within its
 * limits and clean; what is refused has a sentence.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PROBLEM_MAX 1024

static enum err
read_as(const struct body_table *table, struct str text, struct arena *arena,
        struct body *body, void *out)
{
    struct buf auto_buf problem;
    buf_init(&problem, PROBLEM_MAX);
    enum err e = body_read(body, text, table, arena, out, &problem);
    assert(buf_err(&problem) == ERR_OK);
    assert((e == ERR_OK) == (problem.n == 0));
    return e;
}

static void
check_session(struct str text, struct arena *arena)
{
    struct body auto_body body = {0};
    struct relay_session_create m = {0};
    if (read_as(&session_body, text, arena, &body, &m) != ERR_OK)
        return;
    assert(m.ref.n <= LIMIT_REF && text_is_clean(m.ref));
    assert(m.return_to.n <= LIMIT_URL && text_is_clean(m.return_to));
    assert(m.optional_scopes.n <= LIMIT_SCOPES);
    for (size_t i = 0; i < m.optional_scopes.n; i++)
        assert(text_is_clean(m.optional_scopes.v[i]));
}

static void
check_others(struct str text, struct arena *arena)
{
    struct body auto_body one = {0};
    struct body auto_body two = {0};
    struct relay_result_redeem result = {0};
    struct relay_ref_bind bind = {0};
    if (read_as(&result_body, text, arena, &one, &result) == ERR_OK)
        assert(result.code.s.n > 0 && text_is_clean(result.code.s));
    if (read_as(&ref_body, text, arena, &two, &bind) == ERR_OK)
        assert(bind.ref.n > 0 && bind.ref.n <= LIMIT_REF);
}

static void
check_verify(struct str text, struct arena *arena)
{
    struct body auto_body body = {0};
    struct verify_request m = {0};
    if (read_as(&verify_body, text, arena, &body, &m) != ERR_OK)
        return;
    assert(m.uri.n > 0 && text_is_clean(m.uri));
    assert(text_is_clean(m.headers.v3) && text_is_clean(m.headers.timestamp));
    assert(text_is_clean(m.headers.signature));
    assert(m.body.s.n <= LIMIT_WEBHOOK_BODY);
    assert(m.body_base64.s.n <= LIMIT_WEBHOOK_BODY);
    /* All of it is there to be read. */
    for (size_t i = 0; i < m.body_base64.s.n; i++)
        (void)*(const volatile char *)&m.body_base64.s.p[i];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = str_of((const char *)data, n);
    struct arena *arena = arena_new();
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    check_session(text, arena);
    check_others(text, arena);
    check_verify(text, arena);
    arena_free(arena);
    return 0;
}
