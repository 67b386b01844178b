#ifndef COURIER_VERDICT_H
#define COURIER_VERDICT_H

#include "proto/courier.h"

/*
 * What an answer of HubSpot means for the connection it is about, as three
 * small tables (hubspot.md 1.9).  A pure function: no input, no output.
 *
 *     done.outcome = verdict(&facts);
 *
 * In doubt it says transient: a connection ends by a word of HubSpot only,
 * never by a page of a proxy or a reply that does not parse.
 */
struct verdict_facts {
    enum errand_kind kind;
    unsigned http_status; /* 0: no whole answer came */
    bool is_json;         /* the body is a JSON object */
    bool is_html;
    struct str status;   /* BAD_REFRESH_TOKEN; `error` means nothing */
    struct str error;    /* invalid_grant */
    struct str category; /* INVALID_AUTHENTICATION */
    bool has_content;    /* what a success of this kind must bring */
    bool is_inactive;    /* introspection said active: false */
};

enum errand_outcome verdict(const struct verdict_facts *f);

#endif
