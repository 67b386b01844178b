#include "hubspot/signatures.h"

#include <assert.h>

/*
 * Signature headers of four lines: older value, version, v3, timestamp; then
 * a URI.  What is read of a header is written again the same, and the URI's
 * decoding never leaves a listed code of a text that it did not make itself.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct str
take_line(struct str *rest)
{
    struct str line;
    return str_cut(rest, '\n', &line) && line.n > 0 ? line : STR_NONE;
}

static void
check_read(const struct signature *s, const struct signature_headers *headers)
{
    struct buf auto_buf text = {0};
    buf_init(&text, 32);
    buf_add_u64(&text, (uint64_t)s->timestamp_ms);
    if (s->version == SIGNATURE_V3)
        assert(str_equal(buf_str(&text), headers->timestamp));
    else
        assert(headers->v3.p == NULL && s->timestamp_ms == 0);
}

static void
check_decoding(struct str uri)
{
    struct buf auto_buf out = {0};
    buf_init(&out, uri.n + 1);
    hubspot_uri_decode(uri, &out);
    assert(buf_err(&out) == ERR_OK && out.n <= uri.n);
    assert((uri.n - out.n) % 2 == 0);
    assert(str_has(uri, '%') || str_equal(buf_str(&out), uri));
}

/* A signature that is made fits its own request and no other's. */
static void
check_round(struct str uri)
{
    struct signature_input input = {
        HIDDEN(STR("secret")), uri, {STR("POST"), uri}, 1764000000123};
    struct signature_candidates candidates = {&input.secret, 1, &input.uri, 1};
    struct signature_match match;
    struct signature s;
    struct buf auto_buf value = {0};
    buf_init(&value, 100);
    signature_make(SIGNATURE_V3, &input, &value);
    struct signature_headers headers = {.v3 = buf_str(&value),
                                        .timestamp = STR("1764000000123")};
    assert(signature_read(&headers, &s) == ERR_OK);
    assert(signature_check(&s, &candidates, &input.request, &match) == ERR_OK);
    input.request.method = STR("PUT");
    assert(signature_check(&s, &candidates, &input.request, &match) ==
           ERR_UNAUTHORIZED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = str_of(data, n);
    struct signature_headers headers;
    struct signature s;
    headers.signature = take_line(&rest);
    headers.version = take_line(&rest);
    headers.v3 = take_line(&rest);
    headers.timestamp = take_line(&rest);
    if (signature_read(&headers, &s) == ERR_OK)
        check_read(&s, &headers);
    check_decoding(rest);
    check_round(rest);
    return 0;
}
