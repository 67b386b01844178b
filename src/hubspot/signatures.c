#include "hubspot/signatures.h"

#include "base/text.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define BASE64_LEN 44       /* of a digest, with its padding */
#define TIMESTAMP_DIGITS 15 /* milliseconds, to far beyond the year 9999 */
#define TIMESTAMP_ROOM 24   /* any int64_t as text */

_Static_assert(SIGNATURE_LEN == crypto_hash_sha256_BYTES, "a SHA-256");
_Static_assert(SIGNATURE_LEN == crypto_auth_hmacsha256_BYTES, "a SHA-256");

static bool
read_base64(struct str text, uint8_t digest[static SIGNATURE_LEN])
{
    size_t n;
    return text.n == BASE64_LEN &&
           sodium_base642bin(digest, SIGNATURE_LEN, text.p, text.n, NULL, &n,
                             NULL, BASE64) == 0 &&
           n == SIGNATURE_LEN;
}

static bool
read_hex(struct str text, uint8_t digest[static SIGNATURE_LEN])
{
    size_t n;
    return text.n == 2 * SIGNATURE_LEN &&
           sodium_hex2bin(digest, SIGNATURE_LEN, text.p, text.n, NULL, &n,
                          NULL) == 0 &&
           n == SIGNATURE_LEN;
}

/* HubSpot hashes the header's text.  Only the form that the number has when
 * it is written again is taken, so that the number is all there is to keep. */
static bool
read_timestamp(struct str text, int64_t *out_ms)
{
    uint64_t value;
    if (text.n > TIMESTAMP_DIGITS || !str_to_u64(text, &value) ||
        (text.p[0] == '0' && text.n > 1))
        return false;
    *out_ms = (int64_t)value;
    return true;
}

static bool
read_version(struct str text, enum signature_version *out)
{
    if (str_equal(text, STR("v1")))
        *out = SIGNATURE_V1;
    else if (str_equal(text, STR("v2")))
        *out = SIGNATURE_V2;
    else
        return false;
    return true;
}

enum err
signature_read(const struct signature_headers *headers, struct signature *out)
{
    struct signature s = {.version = SIGNATURE_V3};
    bool is_good;
    if (headers->v3.p != NULL)
        is_good = read_base64(headers->v3, s.digest) &&
                  read_timestamp(headers->timestamp, &s.timestamp_ms);
    else if (headers->signature.p != NULL)
        is_good = read_version(headers->version, &s.version) &&
                  read_hex(headers->signature, s.digest);
    else
        return ERR_NOT_FOUND;
    if (!is_good)
        return ERR_SYNTAX;
    *out = s;
    return ERR_OK;
}

enum err
signature_check_time(int64_t timestamp_ms, int64_t now_ms)
{
    if (timestamp_ms < now_ms - SIGNATURE_PAST_MS)
        return ERR_EXPIRED;
    if (timestamp_ms > now_ms + SIGNATURE_FUTURE_MS)
        return ERR_INVALID;
    return ERR_OK;
}

/* The codes that v3 decodes, in the order of the characters they stand for. */
static const char decoded[] = "!$'()*,/:;?@";
static const char codes[][3] = {
    "21", "24", "27", "28", "29", "2A", "2C", "2F", "3A", "3B", "3F", "40",
};

/* What the code at the front of s stands for; empty when it is none of them. */
static struct str
decode_code(struct str s)
{
    for (size_t i = 0; s.n >= 3 && s.p[0] == '%' && i < sizeof(decoded) - 1;
         i++)
        if (str_equal_nocase(str_of(s.p + 1, 2), str_of(codes[i], 2)))
            return str_of(&decoded[i], 1);
    return STR_NONE;
}

/* How many bytes stand before the first of those codes. */
static size_t
plain_len(struct str s)
{
    size_t n = 0;
    while (n < s.n && decode_code(str_of(s.p + n, s.n - n)).n == 0)
        n++;
    return n;
}

void
hubspot_uri_decode(struct str uri, struct buf *out)
{
    while (uri.n > 0) {
        size_t n = plain_len(uri);
        buf_add(out, str_of(uri.p, n));
        uri = str_of(uri.p + n, uri.n - n);
        if (uri.n == 0)
            break;
        buf_add(out, decode_code(uri));
        uri = str_of(uri.p + 3, uri.n - 3);
    }
}

static void
hash(crypto_hash_sha256_state *state, struct str s)
{
    (void)crypto_hash_sha256_update(state, (const uint8_t *)s.p,
                                    s.n); /* always 0 */
}

static void
digest_old(enum signature_version version, const struct signature_input *input,
           uint8_t digest[static SIGNATURE_LEN])
{
    crypto_hash_sha256_state state[1];
    auto_wipe(state);
    (void)crypto_hash_sha256_init(state); /* always 0 */
    hash(state, input->secret.s);
    if (version == SIGNATURE_V2) {
        hash(state, input->request.method);
        hash(state, input->uri);
    }
    hash(state, input->request.body);
    (void)crypto_hash_sha256_final(state, digest); /* always 0 */
}

static void
mac(crypto_auth_hmacsha256_state *state, struct str s)
{
    (void)crypto_auth_hmacsha256_update(state, (const uint8_t *)s.p,
                                        s.n); /* always 0 */
}

static void
digest_v3(const struct signature_input *input,
          uint8_t digest[static SIGNATURE_LEN])
{
    char timestamp[TIMESTAMP_ROOM];
    crypto_auth_hmacsha256_state state[1];
    auto_wipe(state);
    (void)snprintf(timestamp, sizeof(timestamp), "%" PRId64,
                   input->timestamp_ms); /* there is room */
    (void)crypto_auth_hmacsha256_init(state, (const uint8_t *)input->secret.s.p,
                                      input->secret.s.n); /* always 0 */
    mac(state, input->request.method);
    mac(state, input->uri);
    mac(state, input->request.body);
    mac(state, str_from(timestamp));
    (void)crypto_auth_hmacsha256_final(state, digest); /* always 0 */
}

/* Takes the URI as it is to be hashed. */
static void
digest_of(enum signature_version version, const struct signature_input *input,
          uint8_t digest[static SIGNATURE_LEN])
{
    if (version == SIGNATURE_V3)
        digest_v3(input, digest);
    else
        digest_old(version, input, digest);
}

static bool
fits(const struct signature *s, const struct signature_input *input)
{
    uint8_t digest[SIGNATURE_LEN];
    auto_wipe(digest);
    digest_of(s->version, input, digest);
    return sodium_memcmp(digest, s->digest, sizeof(digest)) == 0;
}

/* As it is hashed after HubSpot's rule, and as it stands where the two
 * differ: the rule is documented, but none of HubSpot's SDKs follows it. */
static bool
fits_uri(const struct signature *s, const struct signature_input *input)
{
    bool is_fit = fits(s, input);
    if (s->version == SIGNATURE_V3 && plain_len(input->uri) < input->uri.n) {
        struct signature_input other = *input;
        struct buf auto_buf uri = {0};
        buf_init(&uri, input->uri.n);
        hubspot_uri_decode(input->uri, &uri);
        other.uri = buf_str(&uri);
        is_fit |= fits(s, &other);
    }
    return is_fit;
}

enum err
signature_check(const struct signature *s,
                const struct signature_candidates *candidates,
                const struct signature_request *request,
                struct signature_match *out_match)
{
    bool is_found = false;
    for (size_t i = 0; i < candidates->n_uris; i++) {
        for (size_t j = 0; j < candidates->n_secrets; j++) {
            struct signature_input input = {
                .secret = candidates->secrets[j],
                .uri = candidates->uris[i],
                .request = *request,
                .timestamp_ms = s->timestamp_ms,
            };
            if (!fits_uri(s, &input) || is_found)
                continue;
            *out_match = (struct signature_match){.secret = j, .uri = i};
            is_found = true;
        }
    }
    return is_found ? ERR_OK : ERR_UNAUTHORIZED;
}

static void
make_old(enum signature_version version, const struct signature_input *input,
         struct buf *out)
{
    uint8_t digest[SIGNATURE_LEN];
    digest_of(version, input, digest);
    text_add_hex(out, str_of(digest, sizeof(digest)));
}

static void
make_v3(const struct signature_input *input, struct buf *out)
{
    struct signature_input decoded_input = *input;
    uint8_t digest[SIGNATURE_LEN];
    char text[BASE64_LEN + 1];
    struct buf auto_buf uri = {0};
    buf_init(&uri, input->uri.n);
    hubspot_uri_decode(input->uri, &uri);
    decoded_input.uri = buf_str(&uri);
    digest_v3(&decoded_input, digest);
    (void)sodium_bin2base64(text, sizeof(text), digest, sizeof(digest),
                            BASE64); /* returns text */
    buf_add(out, str_of(text, BASE64_LEN));
}

void
signature_make(enum signature_version version,
               const struct signature_input *input, struct buf *out)
{
    if (version == SIGNATURE_V3)
        make_v3(input, out);
    else
        make_old(version, input, out);
}
