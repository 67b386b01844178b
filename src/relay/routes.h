#ifndef RELAY_ROUTES_H
#define RELAY_ROUTES_H

#include "base/buf.h"
#include "base/err.h"

struct http_exchange;
struct relay;
struct request_id;

/*
 * Paths to handlers: a table, and what is asked of it.
 *
 *     e = route_find(table, n, method, target, &route, &values);
 *
 * In a pattern {app} is an app's name, {portal} a number and {id} an event's
 * id; all else stands for itself.  The order of the table is the order of
 * trying.
 */
struct route_values {
    struct str app;
    uint64_t portal;
    struct str id;
    struct str query; /* p is NULL without a question mark */
};

typedef void (*route_do)(struct relay *r, struct http_exchange *x,
                         const struct request_id *id,
                         const struct route_values *v);

struct route {
    const char *method; /* GET is asked for HEAD too */
    const char *pattern;
    route_do do_it;
    size_t max_body; /* 0: LIMIT_API_BODY */
};

/*
 * ERR_NOT_FOUND: no such path, or not with that method (route_add_allowed).
 * ERR_INVALID: a portal that is no number.  *out_why is the sentence for
 * either.
 */
enum err route_find(const struct route *table, size_t n, struct str method,
                    struct str target, const struct route **out,
                    struct route_values *out_values,
                    const char **out_why) WARN_UNUSED;

/* The methods of a path, as the header Allow has them; nothing for none. */
void route_add_allowed(const struct route *table, size_t n, struct str target,
                       struct buf *out);

#endif
