#include "base/apikey.h"

#include "base/env.h"
#include "base/secret.h"
#include "base/text.h"

#include <assert.h>
#include <sodium.h>

#define RANDOM_LEN 32
#define CHECKED_LEN 49 /* the prefix and the random part */
#define CHECKSUM_LEN 6

_Static_assert(CHECKED_LEN + CHECKSUM_LEN == APIKEY_LEN, "parts of a key");

static bool
is_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The first characters of BLAKE2b-256 in base64url. */
static void
checksum(const char key[static CHECKED_LEN], char out[static CHECKSUM_LEN])
{
    uint8_t hash[crypto_generichash_BYTES];
    char text[sodium_base64_ENCODED_LEN(
        sizeof(hash), sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)key,
                             CHECKED_LEN, NULL, 0); /* lengths are right */
    (void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    memcpy(out, text, CHECKSUM_LEN);
}

void
apikey_make(struct env *env, struct buf *out)
{
    uint8_t random[RANDOM_LEN];
    auto_wipe(random);
    char sum[CHECKSUM_LEN];
    size_t start = out->n;
    assert(out->is_secret);
    env->random(env, random, sizeof(random));
    buf_add_text(out, APIKEY_PREFIX);
    text_add_base64url(out, str_of(random, sizeof(random)));
    if (buf_err(out) != ERR_OK) /* the caller's buf_err tells */
        return;
    checksum(out->p + start, sum);
    buf_add(out, str_of(sum, sizeof(sum)));
}

bool
apikey_is_formed(struct str text)
{
    char sum[CHECKSUM_LEN];
    if (text.n != APIKEY_LEN || !str_starts(text, STR(APIKEY_PREFIX)))
        return false;
    for (size_t i = sizeof(APIKEY_PREFIX) - 1; i < text.n; i++)
        if (!is_base64url(text.p[i]))
            return false;
    checksum(text.p, sum);
    return memcmp(sum, text.p + CHECKED_LEN, CHECKSUM_LEN) == 0;
}
