#ifndef EMULATOR_CODES_H
#define EMULATOR_CODES_H

#include "emulator/accounts.h"
#include "emulator/map.h"

struct world;

/*
 * Authorization codes: what Allow on the consent page hands to the app, for
 * one exchange within a minute.
 */
struct code {
    struct str text;
    struct str client_id;
    struct str redirect_uri;
    struct str challenge; /* PKCE S256; p NULL: none was sent */
    struct account *account;
    struct strs scopes;
    int64_t expires_at_ms;
    bool is_used;
    struct code *next; /* newer */
};

struct codes {
    struct map by_text;
    struct code *oldest, *newest;
};

void codes_done(struct codes *all);
/* model gives client, redirect, challenge, account and scopes; all copied. */
struct code *codes_issue(struct world *w, const struct code *model);
/* Used and expired ones are found for ten more minutes; else NULL. */
struct code *codes_find(const struct codes *all, struct str text);

#endif
