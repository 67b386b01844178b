#include "hubspot/standard_webhooks.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define MAC_LEN crypto_auth_hmacsha256_BYTES
#define PREFIX STR("whsec_")

enum err
webhook_key_decode(struct hidden text, struct buf *out)
{
    uint8_t key[WEBHOOK_KEY_MAX + 2]; /* whole groups of base64 */
    auto_wipe(key);
    struct str rest = text.s;
    size_t n;
    if (!str_starts(rest, PREFIX))
        return ERR_SYNTAX;
    rest = str_of(rest.p + PREFIX.n, rest.n - PREFIX.n);
    /* Checked first: a longer text would not fit below. */
    if (rest.n > sodium_base64_ENCODED_LEN(WEBHOOK_KEY_MAX, BASE64) - 1)
        return ERR_INVALID;
    if (sodium_base642bin(key, sizeof(key), rest.p, rest.n, NULL, &n, NULL,
                          BASE64) != 0)
        return ERR_SYNTAX;
    if (n < WEBHOOK_KEY_MIN || n > WEBHOOK_KEY_MAX)
        return ERR_INVALID;
    buf_add(out, str_of(key, n));
    return buf_err(out);
}

static void
mac(crypto_auth_hmacsha256_state *state, struct str s)
{
    (void)crypto_auth_hmacsha256_update(state, (const uint8_t *)s.p,
                                        s.n); /* always 0 */
}

static void
sign_with(const struct webhook_message *message, struct hidden key,
          struct buf *out)
{
    uint8_t digest[MAC_LEN];
    char text[sodium_base64_ENCODED_LEN(MAC_LEN, BASE64)], timestamp[24];
    crypto_auth_hmacsha256_state state[1];
    auto_wipe(state);
    (void)snprintf(timestamp, sizeof(timestamp), ".%" PRId64 ".",
                   message->timestamp_s); /* there is room */
    (void)crypto_auth_hmacsha256_init(state, (const uint8_t *)key.s.p,
                                      key.s.n); /* always 0 */
    mac(state, message->id);
    mac(state, str_from(timestamp));
    mac(state, message->body);
    (void)crypto_auth_hmacsha256_final(state, digest); /* always 0 */
    (void)sodium_bin2base64(text, sizeof(text), digest, sizeof(digest),
                            BASE64); /* returns text */
    buf_add_text(out, "v1,");
    buf_add_text(out, text);
}

void
webhook_sign(const struct webhook_message *message, const struct hidden *keys,
             size_t n_keys, struct buf *out)
{
    for (size_t i = 0; i < n_keys; i++) {
        if (i > 0)
            buf_add_char(out, ' ');
        sign_with(message, keys[i], out);
    }
}
