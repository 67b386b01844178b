#ifndef KEEPER_CASCADE_H
#define KEEPER_CASCADE_H

#include "keeper/answer.h"
#include "keeper/grant.h"

/*
 * The erasure of a grant, page by page, however much is stored of it: one
 * page a turn, from the grant's row, where erase_since_ms is set and its
 * tokens are gone already, to its data key and the receipt.
 *
 *   begun --page--> begun --page--> ... --last page--> (none), receipt
 *
 * What each page took is counted in the row by the commit that takes it, so a
 * keeper that dies in between goes on where it stood.  Two at once do no harm.
 */
struct cascade {
    struct str app;
    uint64_t portal;
    uint64_t generation;
    struct waiter waiter; /* gets the receipt; peer 0: nobody */
};

/* As requests of its own.  The row is marked by this turn, or was before. */
void cascade_go_on(struct turn *t, const struct cascade *c);
/* The grant is gone, by another's doing: its last receipt is what the waiter
 * wanted.  From the next turn, which sees what this one commits. */
void cascade_answer_gone(struct turn *t, const struct cascade *c);

#endif
