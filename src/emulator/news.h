#ifndef EMULATOR_NEWS_H
#define EMULATOR_NEWS_H

#include "emulator/call.h"
#include "emulator/crm.h"
#include "emulator/happening.h"

/*
 * Tells apps what happened: their push subscriptions and their journals.
 * Handlers call these after they changed something.
 *
 *     crm_archive(crm, r, now_ms);
 *     news_record(c, HAPPENING_DELETION, r);
 */

/* A creation, deletion or privacy deletion of the caller's account. */
void news_record(struct call *c, enum happening_kind kind,
                 const struct record *r);
/* The values that were written: an event each. */
void news_values(struct call *c, const struct record *r,
                 const struct crm_values *values);
/* One for each side. */
void news_link(struct call *c, const struct record *a, const struct record *b,
               bool is_removed);

/* Any happening, to all apps that are connected to its portal. */
void news_tell(struct world *w, const struct happening *h);
/* The next eventId of a portal; unique in no wider circle. */
uint64_t news_event_id(struct world *w, uint64_t portal);

/* An app's life: the grant was just made, or is removed by this. */
void news_install(struct world *w, const struct grant *g);
void news_uninstall(struct world *w, struct grant *g);

/* Where an app's webhooks go; p NULL: nowhere. */
struct str news_target(const struct world *w, const struct app *app);

#endif
