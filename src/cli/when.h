#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include "base/str.h"

/*
 * A moment as people write it: a length from now ("90d", "12h", "30m",
 * "45s"), a day ("2027-01-31", its beginning in UTC) or RFC 3339 with a Z.
 * False for anything else, and for days that no calendar has.
 */
bool when_parse(struct str text, int64_t now_s, int64_t *out_unix_s);
/* The same of what has been: a length is one before now. */
bool when_parse_past(struct str text, int64_t now_s, int64_t *out_unix_s);

#endif
