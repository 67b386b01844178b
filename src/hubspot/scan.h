#ifndef HUBSPOT_SCAN_H
#define HUBSPOT_SCAN_H

#include "base/err.h"
#include "base/str.h"

/*
 * Small strict steps over JSON text (RFC 8259), without a tree: each takes
 * one thing off the front of *rest.
 *
 *     while ((e = scan_next(&rest, '}', n++ == 0)) == ERR_OK)
 *         if (!scan_name(&rest, &name) ||
 *             scan_value(&rest, DEPTH, &value) != ERR_OK) ...
 *
 * Spans are bytes of the text, with quotes and escapes.  Names with escapes
 * are refused, so that one name has one form.
 */
enum scan_kind {
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_WORD, /* true, false, null */
    SCAN_ARRAY,
    SCAN_OBJECT,
};

struct scan_value {
    enum scan_kind kind;
    struct str bytes;
    bool has_escape; /* SCAN_STRING: it is not what stands between quotes */
    bool is_whole;   /* SCAN_NUMBER: without fraction and exponent */
    bool has_object; /* it is an object, or one is in it */
};

void scan_space(struct str *rest);

/* Before each item after an opening bracket: ERR_OK when an item follows,
 * ERR_CLOSED when the closing bracket was taken, ERR_SYNTAX. */
enum err scan_next(struct str *rest, char close, bool is_first) WARN_UNUSED;

/* A name, without quotes, and the colon behind it. */
bool scan_name(struct str *rest, struct str *out_name);

/* With the space before it.  ERR_SYNTAX; ERR_LIMIT when brackets stand in
 * each other deeper than depth. */
enum err scan_value(struct str *rest, unsigned depth,
                    struct scan_value *out) WARN_UNUSED;

/* What is between the quotes of a string. */
static inline struct str
scan_text(const struct scan_value *value)
{
    return str_of(value->bytes.p + 1, value->bytes.n - 2);
}

/* Over what stands between commas or brackets of an array, JSON or not, by
 * brackets and strings alone.  False when it has no end. */
bool scan_skip(struct str *rest);

#endif
