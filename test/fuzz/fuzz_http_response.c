#include "http/head.h"

#include <assert.h>

/*
 * The head of an answer, to GET and to HEAD, which differ in the body alone.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
is_sound(const struct http_head *h, struct str all)
{
    assert(h->status >= 100 && h->status <= 599);
    for (size_t i = 0; i < h->n_headers; i++) {
        struct str name = h->headers[i].name, value = h->headers[i].value;
        assert(name.n > 0 && name.p >= all.p);
        assert(value.n == 0 || value.p + value.n <= all.p + all.n);
        assert(!str_has(value, '\r') && !str_has(value, '\n') &&
               !str_has(value, '\0'));
    }
    if (h->status < 200 || h->status == 204 || h->status == 304)
        assert(h->framing == HTTP_NO_BODY);
    if (h->framing == HTTP_UNTIL_CLOSE)
        assert(!h->is_keep_alive && !h->has_length);
    if (h->framing == HTTP_CHUNKED)
        assert(!h->has_length && !h->is_http_10);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_head get, head;
    struct str all = str_of(data, n);
    size_t used = 0, head_used = 0;
    enum err e = http_head_parse_response(&get, all, STR("GET"), &used);
    enum err f = http_head_parse_response(&head, all, STR("HEAD"), &head_used);
    assert(e == f && used == head_used);
    if (e != ERR_OK)
        return 0;
    assert(used <= n && used <= LIMIT_HEAD);
    is_sound(&get, str_of(data, used));
    assert(head.framing == HTTP_NO_BODY && head.length == get.length);
    assert(http_head_parse_response(&head, str_of(data, used - 1), STR("GET"),
                                    &head_used) == ERR_AGAIN);
    return 0;
}
