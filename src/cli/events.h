#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "base/limits.h"
#include "cli/admin.h"

/*
 * What the verbs of events share: whose events they are about.  With one app
 * in the configuration nobody needs to name it.
 *
 *     status = events_open(cli, &admin, &app);
 */
#define EVENTS_CURSOR_MAX 1024

/* CLI_DONE, or another status after saying why; *out_admin is to be closed
 * in any case. */
int events_open(struct cli *cli, struct admin **out_admin, struct str *out_app);
/* --portal, if given.  False after complaining. */
bool events_portal(const struct cli *cli, uint64_t *out);

#endif
