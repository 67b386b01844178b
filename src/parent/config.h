#ifndef PARENT_CONFIG_H
#define PARENT_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"

#include <sys/socket.h>

/*
 * portkeep.conf as plain values.  One table of keys makes the reader, the
 * checks, `portkeep help config` and the manual.
 *
 *     struct config config;
 *     struct config_problems problems;
 *     e = config_load(arena, path, &config, &problems);
 *
 * It reads one file and the environment, and of secrets knows the place only;
 * config_check_secrets is the exception.
 */

/* Beside the database, in data_dir. */
#define CONFIG_SPILL_FILE "spill"       /* token replies that outlived */
#define CONFIG_ERASURES_FILE "erasures" /* what a restore erases again */

/* As it stands in the file, and as the kernel wants it. */
struct config_address {
    struct str text;
    struct sockaddr_storage address;
    socklen_t len;
};

/* A secret's file: `file:PATH`, or `credential:NAME` in
 * $CREDENTIALS_DIRECTORY.  path.n is 0 where the key is not set. */
struct config_secret {
    struct str source; /* as written */
    struct str path;
};

struct config_app {
    struct str name;
    unsigned line;   /* of its section */
    struct str type; /* as written */
    bool is_static;
    struct str title; /* key `name` */
    struct str support_url;
    struct str privacy_url;
    struct str client_id;
    struct config_secret client_secret;
    struct config_secret client_secret_previous;
    struct strs scopes;
    struct strs optional_scopes;
    struct strs conditional_scopes;
    struct strs return_to;
    struct str sign_in_url;
    bool is_marketplace;
    uint64_t erase_gone_after_ms;
    uint64_t erase_grace_ms;
    bool keeps_user_email;
    struct str webhook_target;
    struct config_secret webhook_secret;
    struct config_secret webhook_secret_previous;
    uint64_t webhook_batch;
    struct strs webhook_url;
    struct strs webhook_signatures;
    struct str events_from;
};

struct config {
    struct str file;
    /* [server] */
    struct str public_url; /* without a slash at its end */
    struct config_address public_listen;
    struct config_address private_listen;
    struct str admin_socket;
    uint64_t revocation_max_ms;
    struct str tls_cert; /* empty: plain HTTP */
    struct config_secret tls_key;
    struct str user;
    struct str log_level_name;
    enum log_level log_level;
    /* [store] */
    struct str store_url;
    struct str store_path; /* the SQLite file of store_url, absolute */
    struct str data_dir;   /* its directory */
    struct config_secret store_password;
    struct config_secret master_key;
    uint64_t events_keep_ms;
    uint64_t events_max; /* bytes */
    /* [hubspot] */
    struct str api_url; /* without a slash at its end */
    struct str authorize_url;
    struct str oauth_version;
    struct str ca_file; /* empty: the system's certificates */
    struct strs journal_hosts;
    /* [app NAME] */
    struct config_app *apps;
    size_t n_apps;
};

struct config_problem {
    unsigned line; /* 0: the file as a whole, or the environment */
    bool is_warning;
    struct str text; /* what is wrong, and what to do */
};

struct config_problems {
    struct arena *arena; /* where all of it is */
    struct str file;
    struct config_problem *v;
    size_t n;
    size_t n_errors; /* the others are warnings */
};

/*
 * Everything wrong is collected, in the order of lines.  ERR_CONFIG if there
 * is any error in it; `out` is whole only on ERR_OK, problems always.  With
 * errors it has the file's name and, where the file itself says it, the
 * admin_socket: a service that runs can still be spoken to.  All memory comes
 * from the arena.  No other file is looked at.
 */
enum err config_load(struct arena *arena, const char *path, struct config *out,
                     struct config_problems *problems) WARN_UNUSED;

/*
 * The second half of `portkeep check`: do the files that it names exist, and
 * are the secret ones regular and closed to others?  Adds to problems.
 * ERR_CONFIG as above.
 */
enum err config_check_files(struct arena *arena, const struct config *config,
                            struct config_problems *problems) WARN_UNUSED;

/*
 * The third part, for the command line alone, since the service's parent reads
 * no secret: does each file of a client secret hold one, on one line?  Files
 * that cannot be opened are the second part's.  As above.
 */
enum err config_check_secrets(const struct config *config,
                              struct config_problems *problems) WARN_UNUSED;

/* One line: FILE:LINE: error: TEXT */
void config_problem_add_text(const struct config_problems *problems, size_t i,
                             struct buf *out);

/* NULL: no such app. */
const struct config_app *config_find_app(const struct config *config,
                                         struct str name);

/* The first key that differs and that only a new start takes up, as
 * "[server] public_listen"; p is NULL where a reload is enough. */
struct str config_fixed_change(struct arena *arena, const struct config *old,
                               const struct config *next);

/* What help and manual are made of. */
struct config_key_help {
    const char *section; /* "server", "store", "hubspot", "app NAME" */
    const char *key;
    const char *kind;     /* "duration", "yes or no", "file:PATH or ..." */
    const char *fallback; /* the default; "" where it must or may be set */
    bool is_required;
    bool is_reloadable;
    const char *sentence;
};
size_t config_n_keys(void);
struct config_key_help config_key_help(size_t i);

/* The whole table as text for a terminal: `portkeep help config`. */
void config_describe(struct buf *out);

#endif
