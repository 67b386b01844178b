#ifndef RELAY_ANSWERS_H
#define RELAY_ANSWERS_H

#include "http/problem.h"
#include "http/server.h"

/*
 * How the relay's own answers look: JSON that no cache keeps, or a problem
 * (RFC 9457), each with its Request-Id.
 *
 *     struct request_id id = request_id_make();
 *     answer_json(x, 200, &id, STR("{}"));
 */
#define REQUEST_ID_LEN 16

struct request_id {
    char text[REQUEST_ID_LEN];
};

/* Unlike any other of this process, and most likely of any. */
struct request_id request_id_make(void);

static inline struct str
request_id_str(const struct request_id *id)
{
    return str_of(id->text, REQUEST_ID_LEN);
}

void answer_json(struct http_exchange *x, unsigned status,
                 const struct request_id *id, struct str json);
void answer_text(struct http_exchange *x, const struct request_id *id,
                 struct str text);
/* p->request_id is set here.  A 401 says how to authenticate; a 405 says
 * what is allowed, which is empty for all others. */
void answer_problem(struct http_exchange *x, const struct request_id *id,
                    const struct problem *p, struct str allowed);
/* http_handler.on_refused_header and on_refused, called in this order. */
void answer_refused_header(struct http_header *out, void *arg);
void answer_refused(unsigned status, struct buf *out_body, struct str *out_type,
                    void *arg);

#endif
