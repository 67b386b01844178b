#ifndef EMULATOR_STATE_H
#define EMULATOR_STATE_H

#include "base/buf.h"

struct world;

/*
 * The world in a JSON file, so that it survives a restart (--state).  What
 * lives for minutes is left out: codes, installs on their way, faults,
 * counters, rate windows.
 */

/* A missing file is a new world.  Says in out_why what is wrong with it. */
enum err state_load(struct world *w, const char *path,
                    struct buf *out_why) WARN_UNUSED;
/* Written beside it and moved over it, readable by its owner only. */
enum err state_save(const struct world *w, const char *path) WARN_UNUSED;

#endif
