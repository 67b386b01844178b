#ifndef COURIER_REQUEST_H
#define COURIER_REQUEST_H

#include "http/client.h"
#include "proto/courier.h"

/*
 * An errand as one HTTP request: which endpoint, which method, which form.
 * All of it is built in memory that wipes itself.
 *
 *     struct request r;
 *     request_init(&r);
 *     e = request_build(&r, STR("2026-03"), asked);
 *     ... r.spec.method, r.spec.target, r.spec.headers, r.spec.body
 *     request_done(&r);
 *
 * Host, port and scheme are the caller's to fill in.
 */
#define REQUEST_HEADERS 4

struct request {
    struct http_call_spec spec;
    struct http_header headers[REQUEST_HEADERS];
    struct buf target;
    struct buf body;
    struct buf bearer;
};

void request_init(struct request *r);
/*
 * version is the dated part of the paths, prefix what stands before them in
 * api_url.  ERR_INVALID for a kind that does not exist, or a token that
 * cannot stand in a header; ERR_LIMIT for more than fits.
 */
enum err request_build(struct request *r, struct str prefix, struct str version,
                       const struct courier_errand *asked) WARN_UNUSED;
/* The journal's next file: as request_build. */
enum err request_build_journal(struct request *r, struct str prefix,
                               struct str version,
                               const struct courier_journal *asked) WARN_UNUSED;
void request_done(struct request *r);

/* The journal has dated versions only: the first one where errands go to an
 * older one. */
struct str request_journal_version(struct str version);

#endif
