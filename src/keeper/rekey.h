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

/*
 * A grant gets a new event key with its new data key.  What is stored under
 * the old ones is sealed anew, parcel by parcel, then they go.  Events that
 * name the same object and wait on both sides of that are not kept in order.
 * ERR_NOT_FOUND: there is nothing to do.
 */
void rekey_name_parcel(struct turn *t, struct str row);
enum err rekey_parcel(struct turn *t, struct str row) WARN_UNUSED;
void rekey_name_grant(struct turn *t, struct str row);
enum err rekey_end_grant(struct turn *t, struct str row) WARN_UNUSED;

/* The key of a day's parking lives for four days at most: it is wrapped anew,
 * but stays what it is. */
bool rekey_is_parking(struct str row);

#endif
