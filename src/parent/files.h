#ifndef PARENT_FILES_H
#define PARENT_FILES_H

#include "parent/config.h"

/*
 * The files that the configuration names, opened by the parent so that its
 * children need not.  It looks at who may read a secret's file, never at
 * what is in it.
 *
 *     e = files_open_secret(&config, &config.master_key, &fd, &why);
 */

/*
 * For reading.  why says what is wrong and what to do: not there, not a
 * regular file, empty, somebody else's, readable by others.
 */
enum err files_open_secret(const struct config *config,
                           const struct config_secret *secret, int *out_fd,
                           struct buf *why) WARN_UNUSED;

/* A certificate or another file that is no secret. */
enum err files_open_plain(struct str path, int *out_fd,
                          struct buf *why) WARN_UNUSED;

/*
 * The data directory, made (0700, the service user's) if only it is missing.
 * As above.
 */
enum err files_make_data_dir(const struct config *config,
                             struct buf *why) WARN_UNUSED;

/* The same for `check`: nothing is made, and it may be missing. */
enum err files_check_data_dir(const struct config *config,
                              struct buf *why) WARN_UNUSED;

/* NAME in the data directory, for appending; made if it is missing. */
enum err files_open_data(const struct config *config, const char *name,
                         int *out_fd, struct buf *why) WARN_UNUSED;

/* Marks the file as in use until every copy of fd is closed, also by who
 * outlives this process. */
void files_hold(int fd);
/* Waits for the end of all that hold NAME.  False: some still do. */
bool files_await_release(const struct config *config, const char *name,
                         int64_t wait_ms);

/* Gives it to [server] user when root made it.  ERR_SYSTEM. */
enum err files_give(const struct config *config, int fd) WARN_UNUSED;

#endif
