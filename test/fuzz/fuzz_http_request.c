#include "http/head.h"

#include <assert.h>

/*
 * The head of a request.  What is taken lies in the bytes, holds nothing that
 * ends a line, is taken only once it is whole, and means the same when it is
 * written down again.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
lies_within(struct str part, struct str all)
{
    assert(part.n == 0 ||
           (part.p >= all.p && part.p + part.n <= all.p + all.n));
    assert(!str_has(part, '\r') && !str_has(part, '\n') &&
           !str_has(part, '\0'));
}

static void
is_sound(const struct http_head *h, struct str all)
{
    assert(h->method.n > 0 && h->target.n > 0 && h->target.p[0] == '/');
    assert(h->target.n <= LIMIT_TARGET && h->n_headers <= LIMIT_HEADERS);
    lies_within(h->method, all);
    lies_within(h->target, all);
    for (size_t i = 0; i < h->n_headers; i++) {
        assert(h->headers[i].name.n > 0);
        lies_within(h->headers[i].name, all);
        lies_within(h->headers[i].value, all);
    }
    size_t n_length = http_head_count(h, "content-length");
    size_t n_encoding = http_head_count(h, "transfer-encoding");
    assert(n_length + n_encoding <= 1);
    assert(h->is_http_10 || http_head_count(h, "host") == 1);
    assert((h->framing == HTTP_CHUNKED) == (n_encoding == 1));
    assert((h->framing == HTTP_LENGTH) == (n_length == 1));
}

static void
means_the_same_again(const struct http_head *h)
{
    static struct http_head again;
    auto_buf struct buf out;
    size_t used;
    buf_init(&out, 4 * LIMIT_HEAD);
    buf_add(&out, h->method);
    buf_add_text(&out, " ");
    buf_add(&out, h->target);
    buf_add_text(&out, h->is_http_10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    for (size_t i = 0; i < h->n_headers; i++) {
        buf_add(&out, h->headers[i].name);
        buf_add_text(&out, ":");
        buf_add(&out, h->headers[i].value);
        buf_add_text(&out, "\r\n");
    }
    buf_add_text(&out, "\r\n");
    assert(http_head_parse_request(&again, buf_str(&out), &used) == ERR_OK);
    assert(used == out.n && again.n_headers == h->n_headers);
    assert(str_equal(again.target, h->target));
    assert(again.framing == h->framing && again.length == h->length);
    assert(again.is_keep_alive == h->is_keep_alive);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_head h, cut;
    struct str all = str_of(data, n), path, query;
    size_t used = 0, cut_used;
    enum err e = http_head_parse_request(&h, all, &used);
    assert(e == ERR_OK || e == ERR_AGAIN || e == ERR_SYNTAX || e == ERR_LIMIT);
    if (e == ERR_AGAIN)
        assert(n < LIMIT_HEAD);
    if (e != ERR_OK)
        return 0;
    assert(used <= n && used <= LIMIT_HEAD);
    is_sound(&h, str_of(data, used));
    assert(http_head_parse_request(&cut, str_of(data, used - 1), &cut_used) ==
           ERR_AGAIN);
    http_head_target(&h, &path, &query);
    (void)http_head_cookie(&h, STR("a")); /* for its reads only */
    for (size_t i = 0; i < h.n_headers; i++)
        (void)http_head_is_hop(&h, h.headers[i].name);
    means_the_same_again(&h);
    return 0;
}
