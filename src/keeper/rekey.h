#ifndef KEEPER_REKEY_H
#define KEEPER_REKEY_H

#include "keeper/turn.h"
#include "keeper/vault.h"

/*
 * A new data key in the place of one that others may know, because they had
 * the master key that wraps it: all that it sealed is sealed anew in the same
 * turn, so that no row is ever between the two.  What the audit log holds
 * sealed under the old one is lost with it, as by an erasure; the chain runs
 * over the ciphertext and stays whole.
 */
/* Names what the row of a data key belongs to. */
void rekey_name(struct turn *t, struct str row);
/* place, old: of the wrap that is there.  On failure nothing has changed. */
enum err rekey_row(struct turn *t, struct str row,
                   const struct seal_place *place,
                   const struct secret *old) WARN_UNUSED;
/* The tag that finds a grant by its ref, under the newest key of those. */
void rekey_ref(struct turn *t, struct str row);

#endif
