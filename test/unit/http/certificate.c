#include "certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static X509 *
make(EVP_PKEY *key, const char *alt, long ends_in_s)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509V3_CTX context;
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -200000));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), ends_in_s));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"test",
                                                -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, alt);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static int
open_temporary(char path[static 64])
{
    (void)snprintf(path, 64, "/tmp/portkeep-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fd;
}

static struct certificate
certificate_ending(const char *alt, long ends_in_s)
{
    struct certificate c;
    char key_path[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *x = make(key, alt, ends_in_s);
    c.chain_fd = open_temporary(c.ca_path);
    c.key_fd = open_temporary(key_path);
    FILE *chain = fopen(c.ca_path, "w"), *secret = fopen(key_path, "w");
    assert_int_equal(PEM_write_X509(chain, x), 1);
    assert_int_equal(
        PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(chain), 0);
    assert_int_equal(fclose(secret), 0);
    assert_int_equal(unlink(key_path), 0);
    X509_free(x);
    EVP_PKEY_free(key);
    return c;
}

struct certificate
certificate_new(const char *alt)
{
    return certificate_ending(alt, 100000);
}

struct certificate
certificate_new_expired(const char *alt)
{
    return certificate_ending(alt, -86400);
}

void
certificate_done(struct certificate *c)
{
    (void)close(c->chain_fd);
    (void)close(c->key_fd);
    (void)unlink(c->ca_path);
}
