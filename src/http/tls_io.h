#ifndef HTTP_TLS_IO_H
#define HTTP_TLS_IO_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_st;

/*
 * One attempt at reading, writing or shaking hands, the same for a bare
 * socket and for TLS.  Nothing here waits.
 */
enum io {
    IO_DONE,
    IO_WANTS_READ,
    IO_WANTS_WRITE,
    IO_ENDED, /* the peer said that it sends no more */
    IO_BROKEN,
};

/* Reads and writes of ssl go to fd from now on, and raise no SIGPIPE. */
void tls_attach(struct ssl_st *ssl, int fd);
/* Frees it without a word to the peer; its session can be resumed. */
void tls_drop(struct ssl_st *ssl);

enum io tls_handshake(struct ssl_st *ssl);
/* What was wrong with a handshake that ended in IO_BROKEN, for people. */
const char *tls_why(const struct ssl_st *ssl);
enum io tls_read(struct ssl_st *ssl, char *p, size_t n, size_t *out_n);
/* One record of at most 16 KiB. */
enum io tls_write(struct ssl_st *ssl, const char *p, size_t n, size_t *out_n);
/* Whether it holds bytes that came already. */
bool tls_has_more(const struct ssl_st *ssl);
/* Tells the peer that no more comes. */
void tls_shut(struct ssl_st *ssl);
/* Lets the buffers of a connection that has nothing to do go. */
void tls_rest(struct ssl_st *ssl);

#endif
