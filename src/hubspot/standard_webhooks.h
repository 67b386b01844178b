#ifndef HUBSPOT_STANDARD_WEBHOOKS_H
#define HUBSPOT_STANDARD_WEBHOOKS_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * Standard Webhooks 1.0, with which events are signed for an app's backend.
 *
 *     buf_init_secret(&key, WEBHOOK_KEY_MAX);
 *     e = webhook_key_decode(HIDDEN(STR("whsec_...")), &key);
 *     webhook_sign(&message, keys, n_keys, &out);       -- webhook-signature
 */
#define WEBHOOK_KEY_MIN 24
#define WEBHOOK_KEY_MAX 64
#define WEBHOOK_KEY_WANTED \
    "a key is whsec_ and the base64 of 24 to 64 random bytes"

#define WEBHOOK_HEADER_ID "webhook-id"
#define WEBHOOK_HEADER_TIMESTAMP "webhook-timestamp"
#define WEBHOOK_HEADER_SIGNATURE "webhook-signature"

/* Appends the key: ERR_SYNTAX for anything but whsec_ and padded base64,
 * ERR_INVALID for a key that is too short or too long. */
enum err webhook_key_decode(struct hidden text, struct buf *out) WARN_UNUSED;

struct webhook_message {
    struct str id; /* the same in each attempt; without a full stop */
    int64_t timestamp_s;
    struct str body;
};

/* Appends one `v1,BASE64` a key, a space between them: in a rotation the new
 * key comes first and the old one second. */
void webhook_sign(const struct webhook_message *message,
                  const struct hidden *keys, size_t n_keys, struct buf *out);

#endif
