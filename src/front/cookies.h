#ifndef FRONT_COOKIES_H
#define FRONT_COOKIES_H

#include "base/arena.h"
#include "http/head.h"

/*
 * One cookie an attempt, so that two tabs do not disturb each other; its
 * name ends with the attempt's tag, and tags sort by time.
 *
 *     struct cookies c;
 *     cookies_init(&c, is_https);
 *     value = cookies_find(&c, head, tag, arena);
 *
 * Over https the name begins with __Host-: no other host and no plain page
 * can set such a cookie.
 */
#define COOKIES_MAX 8   /* attempts of one browser at a time */
#define COOKIES_SEEN 64 /* looked at in one request */
#define COOKIES_TAG 64  /* bytes of a tag */

struct cookies {
    struct str prefix; /* of every name */
    bool is_secure;
};

void cookies_init(struct cookies *c, bool is_https);

/* Letters, digits, - and _ only: what may stand in a cookie's name. */
bool cookies_is_tag(struct str tag);
/* What may stand in its value (RFC 6265 4.1.1). */
bool cookies_is_value(struct str value);

/* The value of this attempt's cookie; p is NULL if the browser sent none. */
struct str cookies_find(const struct cookies *c, const struct http_head *head,
                        struct str tag, struct arena *arena);
/* The tags that the browser has a cookie for, oldest first, each once. */
struct strs cookies_tags(const struct cookies *c, const struct http_head *head,
                         struct arena *arena);

struct cookies_attempt {
    struct str tag;
    struct str value;
    uint32_t max_age_s;
    bool is_cross_site; /* the answer of a page of another site needs it */
};
/* Values of Set-Cookie. */
struct str cookies_set(const struct cookies *c, struct arena *arena,
                       const struct cookies_attempt *attempt);
struct str cookies_clear(const struct cookies *c, struct arena *arena,
                         struct str tag);

#endif
