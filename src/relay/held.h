#ifndef RELAY_HELD_H
#define RELAY_HELD_H

#include "base/buf.h"
#include "http/head.h"

struct arena;

/*
 * An answer of HubSpot's that is kept back until it is understood: a 401,
 * which may mean that the portal's token is stale.
 *
 *     if (held_wants(head)) held_begin(&h, head, arena);
 *     if (!held_add(&h, piece)) ...        -- too long: pass it on
 *     if (held_is_stale_token(&h)) ...
 */
struct held {
    const struct http_head *head; /* a copy, in the arena; NULL: nothing */
    struct buf body;
};

#define HELD_MAX 8192 /* HubSpot's are about 400 bytes */

/* A 401 in JSON that is not known to be longer than HELD_MAX. */
bool held_wants(const struct http_head *head);
void held_begin(struct held *h, const struct http_head *head,
                struct arena *arena);
/* False: the piece does not fit and was not taken. */
bool held_add(struct held *h, struct str piece);
/*
 * Category EXPIRED_AUTHENTICATION or INVALID_AUTHENTICATION.  A compressed
 * body is not looked into and counts as one: the keeper knows whether the
 * token may be refreshed at all.
 */
bool held_is_stale_token(const struct held *h);
void held_done(struct held *h);

#endif
