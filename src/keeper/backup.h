#ifndef KEEPER_BACKUP_H
#define KEEPER_BACKUP_H

#include "keeper/turn.h"

/*
 * A backup that is made while the keeper serves: slices of a few
 * milliseconds between turns, one backup at a time.  Who asked is answered
 * at its end; if they are gone before, or it takes too long, nothing of it
 * is left.
 */
struct backup;

/* Admin's call: begins it, after the commit. */
enum err do_backup(struct turn *t, const void *ask);
/* At birth: the files of one that the last keeper did not end are removed. */
enum err do_backup_left(struct turn *t, const void *ask);
/* The keeper ends: so does what runs.  Before the store is closed. */
void backup_stop(struct keeper *k);

#endif
