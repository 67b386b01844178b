#include "base/buf.h"
#include "http/chunk.h"

#include <assert.h>
#include <stdlib.h>

/*
 * A chunked body.  The first byte says how many arrive at once: that may not
 * change what is read, where it ends, or what is wrong with it.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    enum err e;
    size_t left; /* behind the end */
    struct buf body;
};

static void
read_by(struct str bytes, size_t step, struct outcome *out)
{
    struct chunk_reader r;
    struct str rest = STR_NONE, piece;
    size_t at = 0;
    chunk_start(&r);
    buf_init(&out->body, bytes.n);
    for (;;) {
        out->e = chunk_next(&r, &rest, &piece);
        if (out->e == ERR_OK && piece.n > 0) {
            assert(piece.p >= bytes.p && piece.p + piece.n <= bytes.p + at);
            buf_add(&out->body, piece);
            continue;
        }
        out->left = bytes.n - at + rest.n;
        if (out->e != ERR_AGAIN || at == bytes.n)
            return;
        assert(rest.n == 0);
        rest = str_of(bytes.p + at, bytes.n - at < step ? bytes.n - at : step);
        at += rest.n;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct outcome whole, cut;
    if (n == 0)
        return 0;
    struct str bytes = str_of(data + 1, n - 1);
    read_by(bytes, bytes.n > 0 ? bytes.n : 1, &whole);
    read_by(bytes, (size_t)data[0] + 1, &cut);
    assert(whole.e == cut.e);
    assert(str_equal(buf_str(&whole.body), buf_str(&cut.body)));
    assert(whole.e != ERR_OK || whole.left == cut.left);
    assert(buf_err(&whole.body) == ERR_OK);
    buf_done(&whole.body);
    buf_done(&cut.body);
    return 0;
}
