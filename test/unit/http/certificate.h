#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

#include "http/tls.h"

/*
 * A certificate that signs itself, made anew for each test.
 *
 *     struct certificate c = certificate_new("DNS:localhost");
 *     e = tls_client_new(c.ca_path, &tls);
 */
struct certificate {
    int chain_fd, key_fd; /* PEM, at their start */
    char ca_path[64];     /* a file with the certificate */
};

/* alt: as in a configuration of OpenSSL, "DNS:a, IP:127.0.0.1". */
struct certificate certificate_new(const char *alt);
/* One that ended yesterday. */
struct certificate certificate_new_expired(const char *alt);
void certificate_done(struct certificate *c);

#endif
