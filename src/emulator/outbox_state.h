#ifndef EMULATOR_OUTBOX_STATE_H
#define EMULATOR_OUTBOX_STATE_H

#include "base/doc.h"

#include <jansson.h>

struct world;

/*
 * What is still to be delivered, in the file of the state.  What was in
 * flight is sent again after the start: an answer may have been lost.
 */
void outbox_state_add(const struct world *w, struct doc *d);
void outbox_state_load(struct world *w, const json_t *json);

#endif
