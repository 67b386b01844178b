#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/err.h"
#include "base/str.h"

/*
 * TLS contexts, on OpenSSL.  Certificates are read when a context is made,
 * which is before the sandbox closes the file system.
 *
 *     struct tls_context *tls;
 *     e = tls_client_new(NULL, &tls);      -- the system's certificates
 */
struct tls_context;

/* TLS 1.2 and up, host name check and SNI always, session tickets kept.
 * ca_file NULL: the system's store; "" is an error. */
enum err tls_client_new(const char *ca_file,
                        struct tls_context **out) WARN_UNUSED;
/* From open descriptors of PEM files: chain first, then key.  Both are read
 * to their end and stay open. */
enum err tls_server_new(int chain_fd, int key_fd,
                        struct tls_context **out) WARN_UNUSED;
void tls_free(struct tls_context *tls);

#endif
