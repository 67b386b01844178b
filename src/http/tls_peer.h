#ifndef HTTP_TLS_PEER_H
#define HTTP_TLS_PEER_H

#include "http/tls.h"

struct ssl_st;
struct ssl_session_st;

/* What server.c and client_outbound.c need of tls.c. */

/* The accepting side of one connection. */
struct ssl_st *tls_accepting(struct tls_context *tls);

/* Holds the last session of one host, so that the next handshake is short. */
struct tls_ticket {
    struct ssl_session_st *session;
};
void tls_ticket_done(struct tls_ticket *t);

/*
 * The calling side of one: the peer must show a certificate for `host`, which
 * is a name or an IP address.  The ticket must outlive it.  NULL if the host
 * cannot be a name in a certificate.
 */
struct ssl_st *tls_connecting(struct tls_context *tls, struct str host,
                              struct tls_ticket *ticket);

#endif
