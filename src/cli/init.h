#ifndef CLI_INIT_H
#define CLI_INIT_H

#include "cli/hsmeta.h"

/*
 * A new configuration as text, from what is known when portkeep is set up.
 * `portkeep init` and the demo write theirs with it.
 */
struct init_plan {
    struct str public_url;
    struct str public_listen;
    struct str private_listen;
    struct str admin_socket;
    struct str user; /* empty: left to its default */
    struct str store_path;
    struct str master_key_path;
    struct str api_url;       /* empty: HubSpot's own */
    struct str authorize_url; /* as above */
    struct str app;
    struct str client_id;
    struct str secret_path;
    struct str whsec_path;     /* empty: no word of events */
    struct str webhook_target; /* empty: left out, with a note of it */
    struct hsmeta meta;        /* name, scopes, distribution, ... */
};

void init_add_config(struct buf *out, const struct init_plan *plan);

#endif
