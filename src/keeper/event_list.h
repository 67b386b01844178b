#ifndef KEEPER_EVENT_LIST_H
#define KEEPER_EVENT_LIST_H

#include "keeper/letter.h"

/*
 * The event log as backends pull it and operators list it.  A cursor is the
 * id of the last event that was seen; "now" is the log's end.  With nothing
 * there a caller may wait: whoever puts events into the log wakes
 * event_list_topic.
 */
struct str event_list_topic(struct turn *t, struct str app);

/* Handlers of relays. */
enum err do_events_list(struct turn *t, const void *ask);
/* And of the command line. */
enum err do_events_list_admin(struct turn *t, const void *ask);
enum err do_event_show(struct turn *t, const void *ask);
/* Every 100 ms: those that have waited long enough are answered. */
void event_list_tick(struct keeper *k);
/* The keeper is to end: all that wait are answered now. */
void event_list_drain(struct keeper *k);

#endif
