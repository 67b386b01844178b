#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"

/*
 * enum err as an HTTP answer: RFC 9457, application/problem+json.  The one
 * table of status codes for our own answers.
 */
struct problem {
    enum err err;
    unsigned status;   /* 0: the one of err */
    struct str detail; /* what was wrong, where, what to do */
    struct str request_id;
    struct str reconnect_url; /* empty: left out */
    uint32_t retry_after_s;   /* 0: left out */
    struct strs missing_scopes;
};

unsigned problem_status(enum err e);
void problem_add_json(struct buf *out, const struct problem *p);

#define PROBLEM_TYPE "application/problem+json"
/* A name and no address, so that no web site is promised. */
#define PROBLEM_TYPE_PREFIX "urn:portkeep:problem:"

#endif
