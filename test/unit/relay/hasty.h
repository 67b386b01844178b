#ifndef TEST_HASTY_H
#define TEST_HASTY_H

#include "base/limits.h"

/*
 * Included before everything else of portkeep-relay, it makes
 * portkeep-relay-hasty of it: the same code, whose longest waits a test can
 * sit out.  Nothing that users get has these as settings.
 */
#undef DEADLINE_CALL_MS
#define DEADLINE_CALL_MS 300
#undef DEADLINE_UPSTREAM_MS
#define DEADLINE_UPSTREAM_MS 300
#undef DEADLINE_DRAIN_MS
#define DEADLINE_DRAIN_MS 500

#endif
