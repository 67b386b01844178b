#ifndef KEEPER_ERASURES_H
#define KEEPER_ERASURES_H

#include "keeper/receipt.h"

/*
 * The erasure list: one line an erasure, appended to a file beside the
 * database, so that a restored backup does not bring back what was erased.
 * The line is written after the commit.  Until it is on disk the receipt's
 * row is due, so a crash in between, or a full disk, only makes it later.
 *
 *     key = receipt_store(t, &receipt, erasures_due_ms(t));
 *     erasures_note(t, &receipt, key);
 */
int64_t erasures_due_ms(struct turn *t);
void erasures_note(struct turn *t, const struct receipt *r,
                   struct str receipt_key);
/*
 * A contact that was to be forgotten, by the keyed hashes of its events; the
 * line is another: "contact: APP PORTAL HASHES TIME".  The row of STORE_PRIVACY
 * goes when it is on disk.
 */
#define ERASURES_CONTACT "contact:" /* no app's name has a colon */
struct erasures_deletion {
    struct str app;
    uint64_t portal;
    struct str hashes; /* OBJECT_HASH bytes each */
};
void erasures_note_deletion(struct turn *t, const struct erasures_deletion *d,
                            struct str row);
/* For a receipt that is due. */
void erasures_note_again(struct turn *t, struct str receipt_key);

#endif
