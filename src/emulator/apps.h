#ifndef EMULATOR_APPS_H
#define EMULATOR_APPS_H

#include "base/buf.h"
#include "emulator/map.h"
#include "emulator/subscriptions.h"
#include "emulator/throttle.h"

/*
 * HubSpot apps.  Declared ones come from app-hsmeta.json files and are held
 * to what these say.  Without any, each client id that turns up is an app,
 * and what it last asked for is remembered for the page of apps.
 */
struct app {
    struct str client_id;
    struct str name;
    uint64_t app_id;
    bool is_declared;
    bool is_private; /* privately distributed: other rate limits */
    struct strs required, optional, conditional; /* scopes */
    struct strs redirect_urls;
    struct throttle token_calls; /* the token endpoint's own limit */
    struct str secret;  /* used last at the token endpoint; p NULL: none */
    struct str webhook; /* --webhook; p NULL: none */
    struct subscriptions hooks;
};

struct apps {
    struct map by_client_id;
    struct app **v;
    size_t n, room;
    size_t n_declared;
};

void apps_done(struct apps *all);
/* Forgets those that turned up by themselves. */
void apps_forget_seen(struct apps *all);

/*
 * Reads an app-hsmeta.json.  client_id empty: one is made from the file's
 * uid.  On failure a sentence is added to out_why.
 */
enum err apps_declare(struct apps *all, const char *path, struct str client_id,
                      struct buf *out_why) WARN_UNUSED;
/* Where the app that was declared last wants its webhooks. */
void apps_set_webhook(struct apps *all, struct str url);

/* NULL for a client id that no app has. */
struct app *apps_find(const struct apps *all, struct str client_id);
/*
 * As apps_find, but where nothing is declared any client id is an app.  NULL
 * where apps are declared and this is none, and for an empty id.
 */
struct app *apps_meet(struct apps *all, struct str client_id);
/* What an app that is not declared asked for last. */
void apps_remember(struct app *app, struct str redirect_url,
                   struct strs scopes);

#endif
