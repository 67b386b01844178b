#ifndef FRONT_FRONT_INT_H
#define FRONT_FRONT_INT_H

#include "base/env.h"
#include "child/child.h"
#include "front/cookies.h"

struct channel;
struct http_server;
struct tls_context;
struct event;

/* Questions to the keeper that wait for their answers. */
struct asking {
    size_t n, n_bytes;
};

/* What the files of this folder share: the one front of this process. */
struct front {
    struct child *child;
    struct env *env;
    struct arena *arena; /* for as long as the process: see child->arena */
    struct str policy;   /* Content-Security-Policy */
    struct cookies cookies;
    bool is_https; /* public_url is */
    /* moves */
    struct channel *work; /* NULL once the keeper is gone */
    struct http_server *server;
    struct http_server *old_server; /* drains after a reload */
    struct tls_context *tls, *old_tls;
    struct event *look_again; /* whether a drain is over */
    struct event *drain_ends; /* whether it is or not */
    struct asking installs, webhooks;
    size_t n_large;      /* webhooks with a large body, from head to answer */
    char refused_id[20]; /* of the last request that was none */
};

#endif
