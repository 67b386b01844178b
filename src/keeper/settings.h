#ifndef KEEPER_SETTINGS_H
#define KEEPER_SETTINGS_H

#include "base/buf.h"
#include "keeper/turn.h"

struct child;
struct life_reload_ended;

/*
 * What the parent sends: addresses, the master keys, the apps with their
 * secrets; at birth, and again at each reload.
 *
 *   operator --do_reload--> parent reads and checks --> settings_reload
 *      ^                                                      |
 *      \------ answer: how it ended <-- settings_reload_ended-/
 */
/* ERR_CONFIG and the like, with a problem: what is wrong and what to do. */
enum err settings_open(struct keeper *k, struct child *c,
                       struct buf *problem) WARN_UNUSED;
/* All of it, or nothing has changed. */
enum err settings_reload(struct keeper *k, struct child *c,
                         struct buf *problem) WARN_UNUSED;
/* The parent's word on a whole reload: those who asked before it began hear
 * how it ended. */
void settings_reload_ended(struct keeper *k, const struct life_reload_ended *e);

/* The operator wants one; the answer comes when it has ended. */
enum err do_reload(struct turn *t, const void *ask);

#endif
