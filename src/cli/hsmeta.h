#ifndef CLI_HSMETA_H
#define CLI_HSMETA_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * app-hsmeta.json, the app's own description in a HubSpot project.
 *
 *     e = hsmeta_read(arena, "src/app/app-hsmeta.json", &meta, &problem);
 *
 * It never holds a client id or secret.  Values of the form ${NAME} come
 * from the project's config profiles, which are not read here: such values
 * are listed in `open`.
 */
struct hsmeta {
    struct str uid;
    struct str name;
    bool is_static;      /* config.auth.type is "static" */
    bool is_marketplace; /* config.distribution is "marketplace" */
    struct strs redirect_urls;
    struct strs scopes;
    struct strs optional_scopes;
    struct strs conditional_scopes;
    struct str support_url;
    struct strs open; /* "config.name: ${APP_NAME}" */
};

/* ERR_SYSTEM, ERR_SYNTAX, ERR_INVALID; problem says what to do. */
enum err hsmeta_read(struct arena *arena, const char *path, struct hsmeta *out,
                     struct buf *problem) WARN_UNUSED;

/* The name under which portkeep can have it: small letters, digits, - and
 * _, at most LIMIT_APP; empty if nothing is left of the uid. */
struct str hsmeta_app_name(struct arena *arena, struct str uid);

#endif
