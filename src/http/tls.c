#include "http/tls_peer.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A certificate chain or a key; real ones have a few KiB. */
#define PEM_MAX 262144

struct tls_context {
    SSL_CTX *ctx;
};

/* What both sides want. */
static SSL_CTX *
new_ctx(const SSL_METHOD *method)
{
    /* Dates of certificates are compared by gmtime_r, which opens the time
     * zone's file at its first use: here, while files can be opened. */
    tzset();
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        abort();
    /* Unsent bytes may move between two attempts, and a record is enough. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* Several records, or a header and its record, in one system call. */
    SSL_CTX_set_read_ahead(ctx, 1);
    return ctx;
}

static struct tls_context *
wrap(SSL_CTX *ctx)
{
    struct tls_context *tls = malloc(sizeof(*tls));
    if (tls == NULL)
        abort();
    tls->ctx = ctx;
    return tls;
}

static enum err
fail(SSL_CTX *ctx, enum err e)
{
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return e;
}

void
tls_free(struct tls_context *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

/* The calling side */

/* OpenSSL's directory of certificates is read during handshakes, when the
 * file system is closed; so only files are of use, read here. */
static bool
load_system_store(SSL_CTX *ctx)
{
    const char *files[] = {
        X509_get_default_cert_file(), "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (SSL_CTX_load_verify_file(ctx, files[i]) == 1)
            return true;
    return false;
}

static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_ticket *ticket = SSL_get_app_data(ssl);
    if (ticket == NULL)
        return 0;
    SSL_SESSION_free(ticket->session);
    ticket->session = session;
    return 1; /* the reference is the ticket's now */
}

enum err
tls_client_new(const char *ca_file, struct tls_context **out)
{
    SSL_CTX *ctx = new_ctx(TLS_client_method());
    bool is_loaded = ca_file == NULL
                         ? load_system_store(ctx)
                         : SSL_CTX_load_verify_file(ctx, ca_file) == 1;
    if (!is_loaded)
        return fail(ctx, ERR_CONFIG);
    ERR_clear_error(); /* of files that were tried in vain */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                            SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    static const unsigned char alpn[] = "\x08http/1.1";
    if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0)
        abort();
    *out = wrap(ctx);
    return ERR_OK;
}

void
tls_ticket_done(struct tls_ticket *t)
{
    SSL_SESSION_free(t->session);
    t->session = NULL;
}

static bool
is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

/* Names are sent along (SNI); addresses must not be (RFC 6066 3). */
static bool
set_peer(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct ssl_st *
tls_connecting(struct tls_context *tls, struct str host,
               struct tls_ticket *ticket)
{
    char name[256];
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_of(host.p + 1, host.n - 2);
    if (host.n == 0 || host.n >= sizeof(name) || str_has(host, '\0'))
        return NULL;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    SSL *ssl = SSL_new(tls->ctx);
    if (ssl == NULL)
        abort();
    if (!set_peer(ssl, name)) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, ticket);
    if (ticket->session != NULL)
        (void)SSL_set_session(ssl, ticket->session); /* else a full one */
    return ssl;
}

/* The accepting side */

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
        const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in,
                              in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum err
read_pem(int fd, struct buf *out)
{
    for (;;) {
        char *p;
        if (buf_reserve(out, 4096, &p) != ERR_OK)
            return ERR_LIMIT;
        ssize_t n = read(fd, p, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYSTEM;
        if (n == 0)
            return ERR_OK;
        buf_commit(out, (size_t)n);
    }
}

static bool
use_chain(SSL_CTX *ctx, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *own = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL), *next;
    bool is_good = own != NULL && SSL_CTX_use_certificate(ctx, own) == 1;
    while (is_good &&
           (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        is_good = SSL_CTX_add1_chain_cert(ctx, next) == 1;
        X509_free(next);
    }
    /* The end of the file is an error to it, and the only one allowed. */
    unsigned long last = ERR_peek_last_error();
    is_good = is_good && ERR_GET_LIB(last) == ERR_LIB_PEM &&
              ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    X509_free(own);
    BIO_free(bio);
    return is_good;
}

/* OpenSSL's own would ask on the terminal and wait. */
static int
no_passphrase(char *out, int room, int is_writing, void *arg)
{
    (void)out;
    (void)room;
    (void)is_writing;
    (void)arg;
    return -1;
}

static bool
use_key(SSL_CTX *ctx, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    bool is_good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
                   SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_good;
}

enum err
tls_server_new(int chain_fd, int key_fd, struct tls_context **out)
{
    auto_buf struct buf chain, key;
    buf_init(&chain, PEM_MAX);
    buf_init_secret(&key, PEM_MAX);
    enum err e = read_pem(chain_fd, &chain);
    if (e == ERR_OK)
        e = read_pem(key_fd, &key);
    if (e != ERR_OK)
        return e;
    SSL_CTX *ctx = new_ctx(TLS_server_method());
    if (!use_chain(ctx, buf_str(&chain)) || !use_key(ctx, buf_str(&key)))
        return fail(ctx, ERR_CONFIG);
    /* Tickets keep the state with the client, so no cache grows here. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 1); /* cannot fail for one */
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    *out = wrap(ctx);
    return ERR_OK;
}

struct ssl_st *
tls_accepting(struct tls_context *tls)
{
    SSL *ssl = SSL_new(tls->ctx);
    if (ssl == NULL)
        abort();
    SSL_set_accept_state(ssl);
    return ssl;
}
