#ifndef EMULATOR_SIGNING_H
#define EMULATOR_SIGNING_H

#include "base/arena.h"
#include "http/head.h"

/*
 * The signature headers of a request that the emulator sends, as HubSpot
 * makes them (hubspot.md 4.2).
 *
 *     n = signing_headers(&s, arena, headers);
 */
enum {
    SIGN_V1 = 1,
    SIGN_V2 = 2,
    SIGN_V3 = 4,
};

struct signing {
    unsigned versions;
    struct str secret, method, url, body;
    int64_t timestamp_ms;
    bool is_bad; /* well-formed, but another signature */
};

#define SIGNING_HEADERS 4

/* "v1,v3"; "none" for unsigned.  v1 and v2 share a header: one of them. */
bool signing_read_versions(struct str text, unsigned *out);
/* Returns how many of out were filled; their texts are in the arena. */
size_t signing_headers(const struct signing *s, struct arena *arena,
                       struct http_header out[static SIGNING_HEADERS]);

#endif
