#ifndef EMULATOR_OPTIONS_H
#define EMULATOR_OPTIONS_H

#include "base/buf.h"

#include <sys/socket.h>

/*
 * The command line of portkeep-emulator, from one table in options.c.
 */
#define OPTIONS_APPS 32

struct options {
    struct sockaddr_storage listen;
    socklen_t listen_len;
    struct {
        const char *path;
        const char *client_id; /* NULL: made from the file's uid */
        const char *webhook;   /* NULL: none */
    } apps[OPTIONS_APPS];
    size_t n_apps;
    const char *secret;  /* NULL: any */
    const char *webhook; /* of apps without --app; NULL: none */
    const char *ca_file; /* for webhooks by https; NULL: the system's */
    const char *state;   /* NULL: in memory only */
    const char *tls_cert, *tls_key;
    uint64_t seed;
    bool wants_help;
};

/* Texts stay argv's.  On failure out_why says what is wrong. */
enum err options_read(int argc, char **argv, struct options *out,
                      struct buf *out_why) WARN_UNUSED;
void options_add_help(struct buf *out);

#endif
