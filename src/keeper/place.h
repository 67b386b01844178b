#ifndef KEEPER_PLACE_H
#define KEEPER_PLACE_H

#include "keeper/answer.h"
#include "keeper/install.h"

/*
 * The last step of an install: a committed token reply takes its place as a
 * grant, or is turned away (wrong account, another tenant's portal).
 */
struct place {
    struct str id; /* the attempt's row */
    struct attempt *attempt;
    struct attempt_context context;
    struct token_reply reply;
    const struct courier_done *seen; /* introspection; may have failed */
    struct secret *data_key;         /* of the attempt, the turn's own */
    struct waiter waiter;
};

enum err place_grant(struct turn *t, struct place *p) WARN_UNUSED;
/* The name of an attempt's origin in the audit log. */
struct str place_actor(uint32_t origin);

/* In settle.c: without an introspection. */
enum err do_placed(struct turn *t, const void *ask);

#endif
