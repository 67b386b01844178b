#ifndef KEEPER_LETTER_H
#define KEEPER_LETTER_H

#include "base/doc.h"
#include "keeper/parcel.h"

/*
 * A parcel opened for reading: what the app's backend gets of it, whether it
 * is delivered, pulled or listed.
 *
 *     e = letter_open(t, app, number, &letter);    -- names its rows first
 *     letter_add(&doc, letter, index);             -- {"type":...,"event":...
 */
struct letter {
    struct str app;
    uint64_t number;
    struct parcel parcel;
    struct parcel_entry *entries;
    size_t n;
    struct str ref;  /* the tenant; empty: none */
    struct str body; /* of a notice, its data */
};

/* In the turn's arena, once a turn.  ERR_AGAIN; ERR_NOT_FOUND: erased;
 * ERR_CRYPTO: it does not open. */
enum err letter_open(struct turn *t, struct str app, uint64_t number,
                     const struct letter **out) WARN_UNUSED;
/* The event's object, left open for what a caller adds. */
void letter_add(struct doc *d, const struct letter *l, size_t index);
bool letter_is_erased(const struct letter *l, size_t index);

#endif
