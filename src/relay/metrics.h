#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include "relay/routes.h"

/*
 * GET /metrics: the relay's own counters and the keeper's, in Prometheus'
 * text form (version 0.0.4).  GET /readyz: 200 while the keeper's beats come.
 * Neither needs a key: the private listener is the operator's own.
 */
void metrics_do(struct relay *r, struct http_exchange *x,
                const struct request_id *id, const struct route_values *v);
void metrics_do_ready(struct relay *r, struct http_exchange *x,
                      const struct request_id *id,
                      const struct route_values *v);

#endif
