#ifndef KEEPER_SESSION_H
#define KEEPER_SESSION_H

#include "keeper/turn.h"

/*
 * A connect session: what a link for one customer means.  It lives 24 hours
 * and is used up by success only.  Its row is found by a hash of the link's
 * code; its content is sealed.  A reconnect link needs no row: it is sealed
 * into the code itself and ends when the grant's generation moves on.
 */
struct session {
    struct str app;
    struct str ref;
    struct str return_to;
    struct strs optional_scopes; /* asked for besides the app's own */
    uint64_t portal;             /* only this account; 0: any */
    bool is_take_over;
    struct str return_url; /* the Marketplace install that waits for it */
    int64_t expires_at;
    uint64_t generation; /* of a reconnect link's grant; else 0 */
};
extern const struct record session_record;

#define SESSION_LIFE_S 86400

/* Stores it; the link's code, in the turn's arena. */
struct str session_create(struct turn *t, const struct session *s);
/* ERR_AGAIN while waiting; ERR_NOT_FOUND: unknown, used or too old. */
enum err session_load(struct turn *t, struct str code,
                      struct session *out) WARN_UNUSED;
void session_use_up(struct turn *t, struct str code);
/* Sealed anew under the newest master key; ERR_CRYPTO.  row: its key. */
enum err session_reseal(struct turn *t, struct str row) WARN_UNUSED;
/* Is the row's link for that account alone? */
bool session_is_for(struct turn *t, struct str row, struct str app,
                    uint64_t portal);
/* The whole link, in the turn's arena. */
struct str session_url(struct turn *t, struct str app, struct str code);
/* A link that reconnects this grant, good for 24 h. */
struct str session_reconnect_url(struct turn *t, struct str app,
                                 uint64_t portal, uint64_t generation);

/* Is this one of the app's return_to entries, or below one that ends in a
 * slash?  Compared after taking both apart. */
bool session_allows_return(struct strs allowed, struct str url);

#endif
