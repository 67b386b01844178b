#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "base/buf.h"
#include "cli/verb.h"

/*
 * The table of verbs as text: on the screen, as a manual page, as completion
 * for bash.  And the table of messages, for docs/messages.md.
 */
void help_add_overview(struct buf *out);
void help_add_verb(struct buf *out, const struct verb *v);
/* All verbs whose first word this is. */
void help_add_family(struct buf *out, const char *word);

void help_add_man(struct buf *out);        /* portkeep(1) */
void help_add_config_man(struct buf *out); /* portkeep.conf(5) */
void help_add_completion(struct buf *out);
void help_add_messages(struct buf *out);

/*
 * text in lines of at most 80 bytes, each indented.  The first one starts
 * at `column`, where the caller has written up to.
 */
void help_add_wrapped(struct buf *out, const char *text, size_t column,
                      size_t indent);

#endif
