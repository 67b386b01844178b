#ifndef KEEPER_SEEN_H
#define KEEPER_SEEN_H

#include "hubspot/events.h"
#include "keeper/turn.h"

/*
 * Which events were here already (STORE_SEEN).  A row holds the keys of a
 * portal's events of ten seconds, so that a batch costs a row or two, and
 * keys of rows begin with the time, so that new ones lie together.  Rows
 * older than 48 h go; HubSpot repeats for 24.  What says that it happened
 * before that, or after tomorrow, is remembered for a minute at most.
 *
 *     if (!seen_load(t, &batch))      -- names the rows
 *         return ERR_AGAIN;
 *     seen_note(t, &batch);           -- is_repeat says which
 */
struct seen_batch {
    struct str app;
    uint64_t portal;
    uint8_t (*keys)[EVENT_KEY_LEN]; /* of event_dedupe_key */
    size_t n;
    bool *is_repeat; /* n of them */
};

/* False while rows are missing. */
bool seen_load(struct turn *t, const struct seen_batch *b);
/* Which were here, or came twice in it?  The others are remembered. */
void seen_note(struct turn *t, const struct seen_batch *b);
/* A page of what is too old goes.  ERR_AGAIN. */
enum err seen_forget_old(struct turn *t, bool *out_is_more) WARN_UNUSED;

#endif
