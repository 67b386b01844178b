#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "base/err.h"
#include "base/str.h"

/*
 * scheme://host[:port][/path][?query] taken apart, http and https only.
 *
 *     struct url u;
 *     if (url_parse(text, &u) != ERR_OK) ...
 *
 * What browsers and servers read in different ways is ERR_SYNTAX: a user
 * part, a fragment, a backslash, anything but visible ASCII, an empty host or
 * port, a host with a percent sign.
 */
struct url {
    struct str scheme; /* "http" or "https" */
    struct str host;   /* an IPv6 address with its brackets */
    struct str path;   /* "/" where none is given */
    struct str query;  /* p is NULL without a question mark */
    uint16_t port;     /* the scheme's own where none is given */
    bool has_port;
};

/* The parts point into the text. */
enum err url_parse(struct str text, struct url *out) WARN_UNUSED;

/* 80 or 443; 0 for any other scheme. */
uint16_t url_default_port(struct str scheme);

#endif
