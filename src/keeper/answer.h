#ifndef KEEPER_ANSWER_H
#define KEEPER_ANSWER_H

#include "base/doc.h"
#include "keeper/turn.h"
#include "proto/admin.h"
#include "proto/front.h"
#include "proto/relay.h"

/*
 * Answers in the form that each kind of peer expects.  All leave after the
 * commit; peer 0 is nobody.
 */
struct waiter {
    uint64_t peer;
    uint32_t call;
};

struct waiter answer_waiter(struct turn *t); /* of the running request */

void answer_begun(struct turn *t, const struct front_begun *b);
void answer_finished(struct turn *t, struct waiter w,
                     const struct front_finished *f);
void answer_taken(struct turn *t, const struct front_webhook_taken *w);
void answer_lease(struct turn *t, const struct relay_lease *l);
void answer_relay(struct turn *t, struct waiter w,
                  const struct relay_answer *a);
void answer_admin(struct turn *t, struct waiter w,
                  const struct admin_answer *a);

/* A refusal to whichever of relay or admin it is. */
struct refusal_text {
    enum err err;
    struct str detail;
    struct str reconnect_url;
    uint32_t retry_after_s;
};
void answer_refusal(struct turn *t, struct waiter w,
                    const struct refusal_text *r);
/* A JSON document to whichever of relay or admin it is. */
void answer_document(struct turn *t, struct waiter w, struct str json);

#endif
