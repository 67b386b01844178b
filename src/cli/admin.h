#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "cli/setup.h"
#include "proto/admin.h"

#include <jansson.h>

/*
 * The conversation with the keeper, one call at a time, over the service's
 * admin socket.
 *
 *     struct admin *admin;
 *     int status = admin_open(cli, &admin);
 *     if (status == CLI_DONE)
 *         status = admin_call(admin, ADMIN_STATUS, &ask, &json);
 *     admin_close(admin);
 *
 * The members of the answers that verbs look into; everything else is
 * printed as it comes:
 *
 *     pages          one array of objects, and next: a cursor (absent,
 *                    null or "": the end)
 *     export         rows with app, portal, ref, refresh_token or
 *                    static_token
 *     import         portal
 *     connect        url, expires_at;  token: access_token
 *     key create     key (the pkeep_...), number
 *     rewrap, verify checked, done and failed of this step, first_failed,
 *                    next as above
 *     masterkey list rows with id, wraps; the newest key last
 *     audit verify   verified_to, broken_at (0: whole), head_found, of,
 *                    next (a number to go on after)
 */
struct admin;

/* Reads the configuration and connects.  CLI_DONE, or another status after
 * saying why; *out is NULL then. */
int admin_open(struct cli *cli, struct admin **out);
/* The same for verbs that need no more of the configuration than where the
 * service listens: a key can be revoked while the file is being edited. */
int admin_reach(struct cli *cli, struct admin **out);
/* Takes NULL. */
void admin_close(struct admin *a);
/* Good as long as the connection. */
const struct config *admin_config(const struct admin *a);

/* A copy that lives as long as the command line. */
struct str admin_keep(const struct admin *a, struct str text);

/*
 * One call.  CLI_DONE and the answer, the caller's to json_decref; or
 * another status after saying what was wrong.
 */
int admin_call(struct admin *a, enum admin_type type, const void *ask,
               json_t **out);
/* The same, and prints the answer. */
int admin_show(struct admin *a, enum admin_type type, const void *ask);

/*
 * One call whose refusal is the caller's business, e.g. a row of an import.
 * status is not CLI_DONE only where nothing can be asked any more, which has
 * been said then.
 */
struct admin_reply {
    enum err err;
    struct str detail;        /* in the arena of the command line */
    struct str reconnect_url; /* as above; may be empty */
    json_t *json;             /* on ERR_OK; json_decref */
};
int admin_ask(struct admin *a, enum admin_type type, const void *ask,
              struct admin_reply *out);

/* The rows of a page, its first array, and the name of that. */
json_t *answer_rows(const json_t *answer);
const char *answer_rows_name(const json_t *answer);
/* The cursor of the next page; empty at the end. */
struct str answer_next(const json_t *answer);
struct str answer_text(const json_t *answer, const char *key);
uint64_t answer_number(const json_t *answer, const char *key);

#endif
