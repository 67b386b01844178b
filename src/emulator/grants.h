#ifndef EMULATOR_GRANTS_H
#define EMULATOR_GRANTS_H

#include "emulator/accounts.h"
#include "emulator/map.h"
#include "emulator/throttle.h"

struct world;
struct token;

/*
 * A grant is what one app may do in one portal, until it is uninstalled.
 * Private apps (static tokens) and an app's own rights (client credentials)
 * are grants too.
 *
 *     g = grants_connect(w, client_id, account, scopes);
 *     t = token_new(w, g, TOKEN_ACCESS);
 */
enum grant_kind {
    GRANT_OAUTH,
    GRANT_PRIVATE,   /* one static token, no client */
    GRANT_APP_LEVEL, /* client credentials: no account */
};

struct grant {
    enum grant_kind kind;
    struct str key;       /* in grants.by_key: client id, newline, portal */
    struct str client_id; /* of private apps: their name */
    struct account *account;
    struct strs scopes;
    uint64_t install_id;
    int64_t connected_at_ms;
    struct throttle calls; /* the burst limit is per app and account */
    struct token *tokens;  /* newest first */
    struct grant *previous, *next;
};

struct grants {
    struct map by_key;
    struct map by_token;
    struct grant *first, *last;
    size_t n;
    uint64_t last_install_id;
};

void grants_done(struct grants *all);

/* Connects, or connects again: then the tokens from before stay good. */
struct grant *grants_connect(struct world *w, struct str client_id,
                             struct account *account, struct strs scopes);
struct grant *grants_add_private(struct world *w, struct str name,
                                 struct account *account, struct strs scopes);
struct grant *grants_app_level(struct world *w, struct str client_id,
                               struct strs scopes);
/* The connection of an app; NULL if it is not connected. */
struct grant *grants_find(const struct grants *all, struct str client_id,
                          uint64_t portal);
/* Uninstalls: the grant and all its tokens are gone. */
void grants_remove(struct grants *all, struct grant *g);

bool grant_has_scope(const struct grant *g, struct str scope);

#endif
