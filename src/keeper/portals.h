#ifndef KEEPER_PORTALS_H
#define KEEPER_PORTALS_H

#include "keeper/answer.h"
#include "keeper/grant.h"

/*
 * Grants as backends and operators see them: connect sessions and results,
 * lists, one portal, its tenant.
 */

/* What a connect-results code stands for; good once, for five minutes. */
struct result {
    struct str app;
    uint64_t portal;
    struct str ref;
    struct str previous_ref;
    struct strs scopes;
};
struct str result_create(struct turn *t, const struct result *r);
/* Sealed anew under the newest master key; ERR_CRYPTO.  row: its key. */
enum err result_reseal(struct turn *t, struct str row) WARN_UNUSED;
/* Is the row's code about that account? */
bool result_is_for(struct turn *t, struct str row, struct str app,
                   uint64_t portal);

/* Its tenant, in the clear; empty: none, or it does not open. */
struct str portal_ref(struct turn *t, struct str app, uint64_t portal,
                      const struct grant *g);
/* The JSON of one grant, to whoever waits. */
void portal_answer(struct turn *t, struct waiter w, struct str app,
                   uint64_t portal, const struct grant *g, struct str ref);

/* Handlers for relays. */
enum err do_session_create(struct turn *t, const void *ask);
enum err do_result_redeem(struct turn *t, const void *ask);
enum err do_ref_bind(struct turn *t, const void *ask);
enum err do_portals_list(struct turn *t, const void *ask);
enum err do_portal_show(struct turn *t, const void *ask);
/* And for the command line. */
enum err do_admin_connect(struct turn *t, const void *ask);
enum err do_admin_list(struct turn *t, const void *ask);
enum err do_admin_show(struct turn *t, const void *ask);
enum err do_admin_export(struct turn *t, const void *ask);

#endif
