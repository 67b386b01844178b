#ifndef KEEPER_RESTORE_H
#define KEEPER_RESTORE_H

/*
 * portkeep-keeper --restore FILE KEYS_FILE TARGET [ERASURES]
 *
 * Puts a backup in place of nothing, and erases again whatever the erasure
 * list says was erased since: before anything is served.  Offline; prints
 * what it did.  Exit status 0, or 1 with a sentence.
 */
int restore_main(int argc, char **argv);

#endif
