#ifndef HUBSPOT_SIGNATURES_H
#define HUBSPOT_SIGNATURES_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * HubSpot's request signatures (hubspot.md 4.2), read, checked and made.
 *
 *     e = signature_read(&headers, &signature);          -- front: form
 *     e = signature_check_time(signature.timestamp_ms, now_ms);
 *     e = signature_check(&signature, &candidates, &request, &match);
 *
 * The first two need no secret.  A check takes all secrets with all URIs,
 * whichever fits, compares in constant time and wipes what it computed.
 */
#define SIGNATURE_LEN 32 /* SHA-256 in all versions */

#define SIGNATURE_PAST_MS 300000 /* older is refused: HubSpot's own rule */
#define SIGNATURE_FUTURE_MS 60000

/* Names of headers. */
#define SIGNATURE_HEADER "X-HubSpot-Signature"
#define SIGNATURE_HEADER_VERSION "X-HubSpot-Signature-Version"
#define SIGNATURE_HEADER_V3 "X-HubSpot-Signature-v3"
#define SIGNATURE_HEADER_TIMESTAMP "X-HubSpot-Request-Timestamp"

enum signature_version {
    SIGNATURE_V1 = 1, /* hash of secret, body */
    SIGNATURE_V2 = 2, /* hash of secret, method, URI, body */
    SIGNATURE_V3 = 3, /* HMAC over method, URI, body, timestamp */
};

/* The values as they came, STR_NONE for one that did not.  Whether one came
 * twice is for the caller to see: such a request is refused. */
struct signature_headers {
    struct str signature, version, v3, timestamp;
};

struct signature {
    enum signature_version version;
    int64_t timestamp_ms; /* v3; 0 in others, which have none */
    uint8_t digest[SIGNATURE_LEN];
};

/*
 * The v3 header where there is one, else the older pair: which versions an
 * app takes is for the caller to say.  ERR_NOT_FOUND without any signature,
 * ERR_SYNTAX for one of the wrong form; an ill-formed v3 is not made good by
 * an older one beside it.
 */
enum err signature_read(const struct signature_headers *headers,
                        struct signature *out) WARN_UNUSED;

/* ERR_EXPIRED: too old.  ERR_INVALID: too far ahead. */
enum err signature_check_time(int64_t timestamp_ms, int64_t now_ms) WARN_UNUSED;

/* What was signed, but for secret and URI.  Method in upper case. */
struct signature_request {
    struct str method, body;
};

/* The URIs: scheme, host, path, query as received, no fragment. */
struct signature_candidates {
    const struct hidden *secrets; /* client secrets: current, previous */
    size_t n_secrets;
    const struct str *uris;
    size_t n_uris;
};

struct signature_match {
    size_t secret, uri; /* the first that fits */
};

/*
 * ERR_UNAUTHORIZED when none fits.  In v3 a URI that hubspot_uri_decode
 * changes is also tried as it stands, as HubSpot's own SDKs sign it.
 */
enum err signature_check(const struct signature *s,
                         const struct signature_candidates *candidates,
                         const struct signature_request *request,
                         struct signature_match *out_match) WARN_UNUSED;

/* Appends the header's value: hex, or base64 in v3, which alone looks at
 * timestamp_ms. */
struct signature_input {
    struct hidden secret;
    struct str uri;
    struct signature_request request;
    int64_t timestamp_ms;
};
void signature_make(enum signature_version version,
                    const struct signature_input *input, struct buf *out);

/*
 * Appends the URI as v3 signs it: the twelve codes that HubSpot lists are
 * decoded, once; every other stays.
 */
void hubspot_uri_decode(struct str uri, struct buf *out);

#endif
