#ifndef RELAY_PROXY_PATH_H
#define RELAY_PROXY_PATH_H

#include "base/err.h"
#include "base/str.h"

/*
 * What may be asked of HubSpot through /hubspot/{app}/{portal}/{path}, judged
 * by the request line alone.
 *
 *     struct proxy_path path;
 *     const char *why;
 *     e = proxy_path_read(method, target, &path, &why);
 *
 * The bytes go to HubSpot as they came.  So a path is refused when somebody
 * who decodes it once or twice could see another path in it: dot segments,
 * backslashes, empty segments, control characters.
 */
#define PROXY_PREFIX "/hubspot/"

struct proxy_path {
    struct str app;
    uint64_t portal;
    struct str target; /* path and query for HubSpot, part of the given one */
    bool is_read;      /* changes nothing at HubSpot */
    bool is_uninstall; /* DELETE /appinstalls/.../external-install */
};

/* ERR_INVALID, ERR_NOT_FOUND or ERR_FORBIDDEN with a sentence in *out_why. */
enum err proxy_path_read(struct str method, struct str target,
                         struct proxy_path *out,
                         const char **out_why) WARN_UNUSED;

#endif
