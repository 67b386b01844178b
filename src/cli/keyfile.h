#ifndef CLI_KEYFILE_H
#define CLI_KEYFILE_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * Files of secrets as the operator makes and changes them: the master keys,
 * a line each (`id base64`, the newest last, see keeper/vault.h), and the
 * secrets of an app.  All are 0600, and none is ever written over.
 *
 * Every function fills problem on failure: what is wrong, and what to do.
 */

/* A new file with one key in it; its id goes to out_id. */
enum err keyfile_create(const char *path, struct buf *out_id,
                        struct buf *problem) WARN_UNUSED;
/* A new file with a key of Standard Webhooks in it: `whsec_` and base64. */
enum err keyfile_create_webhook(const char *path,
                                struct buf *problem) WARN_UNUSED;
/* One more key at the end of the file. */
enum err keyfile_append(const char *path, struct buf *out_id,
                        struct buf *problem) WARN_UNUSED;
/*
 * Takes a key's line out: a new file in the old one's place, so that there
 * is a whole one at any moment.  ERR_NOT_FOUND; ERR_FORBIDDEN for the newest
 * key, which is the one that wraps.
 */
enum err keyfile_remove(const char *path, struct str id,
                        struct buf *problem) WARN_UNUSED;
/* The keys' ids, oldest first. */
enum err keyfile_ids(struct arena *arena, const char *path, struct strs *out,
                     struct buf *problem) WARN_UNUSED;

/* Writes text and makes it durable.  ERR_CONFLICT: there is such a file. */
enum err keyfile_write_new(const char *path, struct str text, unsigned mode,
                           struct buf *problem) WARN_UNUSED;

#endif
