#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "cli/cli.h"
#include "parent/config.h"

/*
 * The configuration as the verbs need it, and the programs beside this one.
 */

/* -c, else $PORTKEEP_CONFIG, else ./portkeep.conf, else the system's. */
const char *setup_path(const struct cli *cli);

/* CLI_DONE, or CLI_FAILED after printing what is wrong with the file. */
int setup_load(struct cli *cli, struct config *out);

/* The app of that name, or NULL after saying which there are. */
const struct config_app *setup_app(struct cli *cli, const struct config *config,
                                   const char *name);

/* public_url and a path for this app, e.g. "/oauth/%s/callback". */
struct str setup_url(struct cli *cli, const struct config *config,
                     const char *before, struct str app, const char *after);

/* The path of a program in this program's own folder. */
struct str setup_sibling(struct cli *cli, const char *name);

#endif
