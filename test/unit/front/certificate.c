#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *
file_on(int fd)
{
    FILE *f = fdopen(dup(fd), "w");
    assert_non_null(f);
    return f;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

void
certificate_make(int chain_fd, int key_fd)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_true(key != NULL && cert != NULL);
    X509_NAME *name = X509_get_subject_name(cert);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const uint8_t *)"localhost",
                                                -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    add_extension(cert, NID_subject_alt_name, "DNS:localhost");
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *chain = file_on(chain_fd), *private = file_on(key_fd);
    assert_int_equal(PEM_write_X509(chain, cert), 1);
    assert_int_equal(
        PEM_write_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(chain), 0);
    assert_int_equal(fclose(private), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}
