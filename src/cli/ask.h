#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/cli.h"

/*
 * What a person at the terminal, or a pipe, is asked for.  A secret never
 * stands in the command line: other users see those.
 */

/*
 * One line of standard input into out, without its end.  At a terminal
 * `prompt` is shown, and a secret is not echoed; out must then be a buffer
 * that wipes itself.  CLI_FAILED after saying so when nothing comes.
 */
int ask_line(const struct cli *cli, const char *prompt, struct buf *out);
int ask_secret(const struct cli *cli, const char *prompt, struct buf *out);

/*
 * Shows the question; CLI_DONE only after a "yes".  Without a terminal:
 * CLI_USAGE, and that --yes says it beforehand.  With --yes nothing is
 * asked.
 */
int ask_confirm(const struct cli *cli, const char *question);

bool ask_is_terminal(void);

#endif
