#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * Everything that can go wrong, in one list for the whole project.
 *
 *     enum err e = buf_err(&b);
 *     if (e != ERR_OK)
 *         return e;
 *
 * A function that can fail returns one of these and writes its outputs only
 * on ERR_OK.  http/problem.c turns them into HTTP answers.
 */
enum err {
    ERR_OK = 0,
    ERR_AGAIN,           /* not yet: more rows or bytes are needed */
    ERR_CLOSED,          /* the peer closed, or the thing was closed here */
    ERR_TIMEOUT,         /* a deadline passed */
    ERR_LIMIT,           /* larger, longer or more than is allowed */
    ERR_SYNTAX,          /* bytes that do not parse */
    ERR_INVALID,         /* they parse, but the value is not acceptable */
    ERR_NOT_FOUND,       /* no such app, portal, key, route */
    ERR_UNAUTHORIZED,    /* credential missing, wrong, revoked or expired */
    ERR_FORBIDDEN,       /* credential good, this is not among its rights */
    ERR_CONFLICT,        /* somebody else changed it first, or has it */
    ERR_EXPIRED,         /* it was good once */
    ERR_NEEDS_RECONNECT, /* the grant ended at HubSpot: connect again */
    ERR_THROTTLED,       /* too many; retry_after says when */
    ERR_UPSTREAM,        /* HubSpot answered something unusable */
    ERR_UNREACHABLE,     /* HubSpot, or another peer, cannot be reached */
    ERR_UNAVAILABLE,     /* we cannot serve now; nothing was changed */
    ERR_STORE,           /* the database failed; nothing was changed */
    ERR_CRYPTO,          /* does not open: wrong key or changed bytes */
    ERR_SYSTEM,          /* a system call failed; errno says which way */
    ERR_CONFIG,          /* our own configuration is at fault */
    ERR_COUNT
};

#define WARN_UNUSED __attribute__((warn_unused_result))

/* A short lower-case name for logs and messages, e.g. "needs_reconnect". */
const char *err_name(enum err e);

#endif
