#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

/*
 * Bytes as text and back: hex, base64url without padding, percent, and
 * times as RFC 3339 and HTTP have them.
 */
void text_add_hex(struct buf *out, struct str bytes);
void text_add_base64url(struct buf *out, struct str bytes);
/* Constant-time; ERR_SYNTAX for anything but the strict form, ERR_LIMIT. */
enum err text_add_decoded_base64url(struct buf *out,
                                    struct str text) WARN_UNUSED;
enum err text_add_decoded_hex(struct buf *out, struct str text) WARN_UNUSED;

/* All but letters, digits and -._~ as %XX, a space as %20. */
void text_add_percent(struct buf *out, struct str text);
/* ERR_SYNTAX for a broken %XX.  A plus sign is a space if is_form. */
enum err text_add_unpercent(struct buf *out, struct str text,
                            bool is_form) WARN_UNUSED;
/*
 * Appends name=value, percent-encoded, with & before it where something
 * other than a question mark stands at the end of out.
 */
void text_add_parameter(struct buf *out, const char *name, struct str value);
/*
 * The first value of `name` in a query or form body, decoded and appended to
 * out.  ERR_NOT_FOUND, ERR_SYNTAX.
 */
enum err text_add_query_value(struct buf *out, struct str query,
                              struct str name) WARN_UNUSED;

/* 2026-11-24T15:30:00Z */
void text_add_time(struct buf *out, int64_t unix_s);
/* Milliseconds since 1970 of RFC 3339, with an offset or Z. */
bool text_parse_time(struct str text, int64_t *out_ms);
/* Seconds since 1970 of an HTTP date (RFC 9110 5.6.7, the fixed form). */
bool text_parse_http_date(struct str text, int64_t *out_unix_s);

/* The five characters that end text in HTML, as entities. */
void text_add_html(struct buf *out, struct str text);
/* With quotes around it; invalid UTF-8 becomes U+FFFD (RFC 8259). */
void text_add_json(struct buf *out, struct str text);

/* Of the UTF-8 sequence at the front of text, which is not empty; 0 if it is
 * ill-formed: overlong, surrogate, too large, cut off. */
size_t text_utf8_length(struct str text);
/* True for well-formed UTF-8 without control characters. */
bool text_is_clean(struct str text);

#endif
