#ifndef KEEPER_ATTEMPT_H
#define KEEPER_ATTEMPT_H

#include "keeper/answer.h"
#include "keeper/install.h"

/*
 * The row of an install attempt, and the data key that goes with it.  The
 * row is due when its time is over; its tag is the master key that its
 * context or outcome is sealed under, so that a key in use is not retired.
 *
 *     e = attempt_load(t, id, &a, &context);
 *     ...
 *     attempt_settle(t, id, &a, waiter, &page);     -- its end, once
 */

/* ERR_AGAIN; ERR_NOT_FOUND; ERR_CRYPTO: the row is there, but the context
 * does not open. */
enum err attempt_load(struct turn *t, struct str id, struct attempt *out,
                      struct attempt_context *out_context) WARN_UNUSED;
/* What HubSpot gave is sealed under the attempt's own data key, which becomes
 * the grant's.  Rows: attempt_load. */
enum err attempt_put_reply(struct turn *t, struct str id, struct attempt *a,
                           const struct token_reply *reply) WARN_UNUSED;
/* The key is the turn's own. */
enum err attempt_open_reply(struct turn *t, struct str id,
                            const struct attempt *a, struct token_reply *out,
                            struct secret **out_key) WARN_UNUSED;
/* The first outcome stands; it is what a second hit sees, too. */
void attempt_settle(struct turn *t, struct str id, struct attempt *a,
                    struct waiter w, const struct front_finished *f);
/* A browser that HubSpot sent back without a code. */
void attempt_put_refusal(struct turn *t, struct str app, struct str id,
                         const struct front_finished *f);
/* The page that it was settled with; ERR_CRYPTO. */
enum err attempt_outcome(struct turn *t, struct str id, const struct attempt *a,
                         struct front_finished *out) WARN_UNUSED;
/* Its time is over: it goes, with its data key, but not with a reply that has
 * not found its place yet.  Rows: the attempt's and its data key's. */
void attempt_end(struct turn *t, struct str id);
/* Sealed anew under the newest master key; ERR_CRYPTO. */
enum err attempt_reseal(struct turn *t, struct str id) WARN_UNUSED;
/* What its data key seals, under a new one (see rekey.h). */
enum err attempt_rekey(struct turn *t, struct str id, const struct secret *old,
                       const struct secret *new) WARN_UNUSED;

#endif
