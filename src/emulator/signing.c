#include "emulator/signing.h"

#include "hubspot/signatures.h"

#include <inttypes.h>

bool
signing_read_versions(struct str text, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        {"none", 0}, {"v1", SIGN_V1}, {"v2", SIGN_V2}, {"v3", SIGN_V3}};
    struct str name;
    unsigned all = 0;
    while (str_cut(&text, ',', &name)) {
        size_t i = 0, n = sizeof(known) / sizeof(known[0]);
        name = str_trim(name);
        while (i < n && !str_equal(name, str_from(known[i].name)))
            i++;
        if (i == n)
            return false;
        all |= known[i].bit;
    }
    *out = all;
    return (all & (SIGN_V1 | SIGN_V2)) != (SIGN_V1 | SIGN_V2);
}

/* Another one of the same form: hex and base64 both have 0 and 1. */
static void
spoil(struct buf *text)
{
    text->p[3] = text->p[3] == '0' ? '1' : '0';
}

static struct str
make(const struct signing *s, enum signature_version version,
     struct arena *arena)
{
    struct signature_input input = {
        .secret = HIDDEN(s->secret),
        .uri = s->url,
        .request = {s->method, s->body},
        .timestamp_ms = s->timestamp_ms,
    };
    struct buf auto_buf text;
    buf_init(&text, 128);
    signature_make(version, &input, &text);
    if (s->is_bad)
        spoil(&text);
    return arena_copy(arena, buf_str(&text));
}

size_t
signing_headers(const struct signing *s, struct arena *arena,
                struct http_header out[static SIGNING_HEADERS])
{
    size_t n = 0;
    if ((s->versions & (SIGN_V1 | SIGN_V2)) != 0) {
        bool is_v1 = (s->versions & SIGN_V1) != 0;
        out[n++] = (struct http_header){
            STR(SIGNATURE_HEADER),
            make(s, is_v1 ? SIGNATURE_V1 : SIGNATURE_V2, arena)};
        out[n++] = (struct http_header){STR(SIGNATURE_HEADER_VERSION),
                                        is_v1 ? STR("v1") : STR("v2")};
    }
    if ((s->versions & SIGN_V3) != 0) {
        out[n++] = (struct http_header){STR(SIGNATURE_HEADER_V3),
                                        make(s, SIGNATURE_V3, arena)};
        out[n++] = (struct http_header){
            STR(SIGNATURE_HEADER_TIMESTAMP),
            arena_printf(arena, "%" PRId64, s->timestamp_ms)};
    }
    return n;
}
