#ifndef KEEPER_APPS_H
#define KEEPER_APPS_H

#include "base/secret.h"
#include "child/child.h"

struct courier_done;
struct keeper;
struct turn;

#define RETRY_AFTER_MAX_MS 600000 /* believed of a Retry-After */

/*
 * The configured apps and what is known of each while running: its client
 * secrets, whether HubSpot throttles it or doubts its credentials, and how
 * many of its grants were refused lately.
 */
struct apps;
struct app {
    const struct life_app *conf;
    struct secret *client_secret, *client_secret_old;   /* NULL: none */
    struct secret *webhook_secret, *webhook_secret_old; /* decoded keys */
    /* moves */
    struct secret *journal_token; /* the app's own, see journal.h */
    int64_t journal_token_until_ms;
    int64_t blocked_until_ms; /* our credentials are in doubt: no errands */
    unsigned n_blocked;
    int64_t throttled_until_ms; /* the token endpoint said 429 */
    unsigned n_throttled;
    struct refusal *refusals; /* of the last hour */
    size_t n_refusals, room;
    int64_t many_logged_ms; /* the last alarm about them */
};

/* Reads the secrets from the child's descriptors.  problem: which app, what
 * is wrong with its secret file, and what to do.  On failure *out stays. */
enum err apps_load(struct child *c, struct apps **out,
                   struct buf *problem) WARN_UNUSED;
void apps_free(struct apps *as);

/* What HubSpot taught about apps that stay outlives a reload: 429s and
 * refusals.  Doubts about credentials do not, new ones may be here. */
void apps_inherit(struct apps *as, struct apps *old);

/* NULL: no such app. */
struct app *apps_find(struct apps *as, struct str name);
size_t apps_count(const struct apps *as);
struct app *apps_at(struct apps *as, size_t i);

/* The token endpoint answered: after the commit OUTCOME_OK lets up,
 * OUTCOME_THROTTLED and OUTCOME_OUR_FAULT hold back, with alarms for the
 * latter. */
void app_note_outcome(struct turn *t, struct app *a,
                      const struct courier_done *done);
/* May an errand of this app leave now?  Else when (unix ms). */
bool app_may_send(const struct app *a, int64_t now_ms, int64_t *out_when_ms);

/*
 * A grant was refused: is that a sign of its end, or are so many refused
 * within an hour (more than 5 % and at least 3) that something else is
 * wrong?  n_grants: the app's.
 */
bool app_trusts_refusal(struct app *a, uint64_t portal, uint64_t n_grants,
                        int64_t now_ms);

#endif
