#ifndef RELAY_CALLERS_H
#define RELAY_CALLERS_H

#include "base/secret.h"
#include "http/head.h"

/*
 * Who calls: the API key in `Authorization: Bearer pkeep_...`, and nothing
 * else.  What the key may do is the keeper's to judge.
 *
 *     e = caller_read(http_request(x), &credential);
 *
 * A form that cannot be one of our keys is refused here; the checksum is
 * looked at only before the keeper is asked (apikey_is_formed).
 */

/* ERR_UNAUTHORIZED.  The credential points into the head. */
enum err caller_read(const struct http_head *head,
                     struct hidden *out) WARN_UNUSED;

/* What to tell a caller who was refused. */
struct str caller_problem(const struct http_head *head);

#endif
