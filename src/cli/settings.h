#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/cli.h"
#include "parent/config.h"

/*
 * The configuration as the verbs need it, and the programs beside this one.
 */

/* -c, else $PORTKEEP_CONFIG, else ./portkeep.conf, else the system's. */
const char *settings_path(const struct cli *cli);

/* CLI_DONE, or CLI_FAILED after printing what is wrong with the file. */
int settings_load(struct cli *cli, struct config *out);

/* The app of that name, or NULL after saying which there are. */
const struct config_app *
settings_app(struct cli *cli, const struct config *config, const char *name);

/* public_url and a path for this app, e.g. "/oauth/%s/callback". */
struct str settings_url(struct cli *cli, const struct config *config,
                        const char *before, struct str app, const char *after);

/* The path of a program in this program's own folder. */
struct str settings_sibling(struct cli *cli, const char *name);

#endif
