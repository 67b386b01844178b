#ifndef KEEPER_ADMIN_H
#define KEEPER_ADMIN_H

#include "keeper/turn.h"

/* What the operator's command line asks beyond portals and keys. */
enum err do_status(struct turn *t, const void *ask);
enum err do_admin_token(struct turn *t, const void *ask);
enum err do_admin_refresh(struct turn *t, const void *ask);
enum err do_admin_import(struct turn *t, const void *ask);
enum err do_admin_add_static(struct turn *t, const void *ask);
enum err do_audit_list(struct turn *t, const void *ask);
enum err do_audit_verify(struct turn *t, const void *ask);
/* The keeper's own: it started. */
enum err do_note_start(struct turn *t, const void *ask);
enum err do_metrics(struct turn *t, const void *ask);

#endif
