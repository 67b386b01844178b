#ifndef RELAY_API_INT_H
#define RELAY_API_INT_H

#include "proto/relay.h"
#include "relay/bodies.h"
#include "relay/relay.h"
#include "relay/routes.h"

/*
 * What the files of the API share: a route takes the caller, the query and
 * the body, each of which refuses by itself, then asks the keeper.
 */
#define API_PAGE_MAX 100 /* rows of a list */
#define API_WAIT_S 20    /* of a long poll */

void api_refuse(struct relay *r, struct http_exchange *x,
                const struct request_id *id, enum err e, struct str detail);

/* False: it is refused already. */
bool api_take_caller(struct relay *r, struct http_exchange *x,
                     const struct request_id *id, struct hidden *out);
bool api_take_body(struct relay *r, struct http_exchange *x,
                   const struct request_id *id, const struct body_table *table,
                   struct body *body, void *out);

/* A message that RELAY_ANSWER answers.  It is encoded at once: what it points
 * to may go after this. */
struct api_question {
    uint16_t type;
    const void *message;
    unsigned status;  /* of a good answer */
    unsigned wait_ms; /* that the keeper may take besides its usual time */
};
void api_ask(struct relay *r, struct http_exchange *x,
             const struct request_id *id, const struct api_question *q);

/* Parameters of a query; those that are absent leave their members alone. */
struct api_query {
    struct str ref, cursor; /* in the arena */
    uint32_t limit;         /* 1 to API_PAGE_MAX */
    uint64_t portal;
    uint32_t wait_s; /* 0 to API_WAIT_S */
};
/* `known` names those that the route has.  ERR_INVALID. */
enum err api_query_take(struct str query, const char *known,
                        struct arena *arena, struct api_query *out) WARN_UNUSED;

/* api_events.c */
void api_do_events(struct relay *r, struct http_exchange *x,
                   const struct request_id *id, const struct route_values *v);
void api_do_replay(struct relay *r, struct http_exchange *x,
                   const struct request_id *id, const struct route_values *v);
void api_do_verify(struct relay *r, struct http_exchange *x,
                   const struct request_id *id, const struct route_values *v);

#endif
