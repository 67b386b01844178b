#include "http/tls_io.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * OpenSSL's own socket BIO calls write(), which raises SIGPIPE; this one
 * differs in that alone.
 */
static int
bio_write(BIO *bio, const char *p, int n)
{
    int fd = (int)(intptr_t)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(fd, p, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int
bio_read(BIO *bio, char *p, int n)
{
    int fd = (int)(intptr_t)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(fd, p, (size_t)n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    /* Nothing is buffered here, so a flush has always succeeded. */
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *
socket_method(void)
{
    static BIO_METHOD *method;
    if (method != NULL)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (method == NULL || BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_read(method, bio_read) != 1 ||
        BIO_meth_set_ctrl(method, bio_ctrl) != 1)
        abort();
    return method;
}

void
tls_attach(struct ssl_st *ssl, int fd)
{
    BIO *bio = BIO_new(socket_method());
    if (bio == NULL)
        abort();
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
}

void
tls_drop(struct ssl_st *ssl)
{
    /* Without this OpenSSL takes the session for a bad one. */
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}

/* The queue of errors is cleaned here, where one was put in, rather than
 * before each call; SSL_get_error would take an old one for a new one. */
static enum io
failed(SSL *ssl, int result)
{
    int why = SSL_get_error(ssl, result);
    if (why == SSL_ERROR_WANT_READ)
        return IO_WANTS_READ;
    if (why == SSL_ERROR_WANT_WRITE)
        return IO_WANTS_WRITE;
    ERR_clear_error();
    return why == SSL_ERROR_ZERO_RETURN ? IO_ENDED : IO_BROKEN;
}

enum io
tls_handshake(struct ssl_st *ssl)
{
    int result = SSL_do_handshake(ssl);
    return result == 1 ? IO_DONE : failed(ssl, result);
}

const char *
tls_why(const struct ssl_st *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return "the TLS handshake failed";
}

enum io
tls_read(struct ssl_st *ssl, char *p, size_t n, size_t *out_n)
{
    int result = SSL_read_ex(ssl, p, n, out_n);
    return result == 1 ? IO_DONE : failed(ssl, result);
}

enum io
tls_write(struct ssl_st *ssl, const char *p, size_t n, size_t *out_n)
{
    int result = SSL_write_ex(ssl, p, n, out_n);
    return result == 1 ? IO_DONE : failed(ssl, result);
}

bool
tls_has_more(const struct ssl_st *ssl)
{
    return SSL_has_pending(ssl) == 1;
}

void
tls_shut(struct ssl_st *ssl)
{
    if (SSL_shutdown(ssl) < 0)
        ERR_clear_error();
}

void
tls_rest(struct ssl_st *ssl)
{
    (void)SSL_free_buffers(ssl); /* refuses while there is something in them */
}
