#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

/*
 * The head of one HTTP/1.1 message: RFC 9112, read strictly.  What two
 * readers could understand in two ways is ERR_SYNTAX: bare LF, obs-fold, a
 * space before the colon, both Content-Length and Transfer-Encoding, two
 * Content-Length, a NUL, absolute-form and asterisk-form targets.
 *
 *     size_t used;
 *     enum err e = http_head_parse_request(&head, bytes, &used);
 *     -- ERR_AGAIN: read more; ERR_SYNTAX: answer 400, close;
 *        ERR_LIMIT: answer 414 if head.target.n > LIMIT_TARGET, else 431
 *
 * All texts point into the bytes that were parsed.
 */
struct http_header {
    struct str name, value;
};

enum http_framing {
    HTTP_NO_BODY,
    HTTP_LENGTH,
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE, /* responses only */
};

struct http_head {
    struct str method, target; /* requests; target is origin-form */
    unsigned status;           /* responses */
    bool is_http_10;
    bool is_keep_alive;
    bool expects_continue;
    bool names_hops; /* Connection names more than close and keep-alive */
    bool has_length; /* also where no body follows: answers to HEAD, 304 */
    enum http_framing framing;
    uint64_t length; /* of Content-Length */
    size_t n_headers;
    struct http_header headers[LIMIT_HEADERS];
};

enum err http_head_parse_request(struct http_head *h, struct str bytes,
                                 size_t *out_used) WARN_UNUSED;
/* request_method decides whether a body follows (HEAD, 204, 304, 1xx). */
enum err http_head_parse_response(struct http_head *h, struct str bytes,
                                  struct str request_method,
                                  size_t *out_used) WARN_UNUSED;

/* A byte of a token (RFC 9110 5.6.2), as names and methods are. */
bool http_is_token(char c);

/* The first header of that name, case does not count; p is NULL if absent. */
struct str http_head_find(const struct http_head *h, const char *name);
size_t http_head_count(const struct http_head *h, const char *name);

/* Path and query of the target; query.p is NULL without a question mark. */
void http_head_target(const struct http_head *h, struct str *out_path,
                      struct str *out_query);

/* Headers that belong to one connection and are never passed on
 * (RFC 9110 7.6.1), also those that Connection names. */
bool http_head_is_hop(const struct http_head *h, struct str name);

/* The value of one cookie of the Cookie headers; p is NULL if absent. */
struct str http_head_cookie(const struct http_head *h, struct str name);

#endif
