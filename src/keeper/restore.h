#ifndef KEEPER_RESTORE_H
#define KEEPER_RESTORE_H

#include "keeper/turn.h"

/*
 * portkeep-keeper --restore FILE KEYS_FILE TARGET [ERASURES]
 *
 * Puts a backup in place of nothing, and erases again whatever the erasure
 * list says was erased since: before anything is served.  Offline; prints
 * what it did.  Exit status 0, or 1 with a sentence.
 *
 * The audit chain goes on where the backup ended; that it was restored is
 * left in a row, which the next start makes an entry of.
 */
int restore_main(int argc, char **argv);
enum err do_note_restore(struct turn *t, const void *ask);

#endif
