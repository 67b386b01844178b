#ifndef CLI_PLAN_READ_H
#define CLI_PLAN_READ_H

#include "cli/plan.h"

#include <stdio.h>

/*
 * Calls of the API from files that people have: lines of METHOD PATH, access
 * logs, HAR files from a browser, OpenAPI documents.  Which one it is shows
 * in the file.
 *
 *     e = plan_read(plan, &(struct plan_source){.file = f, .name = "-"},
 *                   &tally, &problem);
 *
 * URLs lose their host, paths through the relay what the relay takes off.
 */
struct plan_source {
    FILE *file; /* the caller's; need not be seekable */
    const char *name;
    bool is_optional;       /* the app can do without all of these calls */
    struct strs operations; /* of an OpenAPI document: "ID", "ID=contacts",
                               "ID=contacts/deals"; "all" alone is all */
};

/* What was passed over, with an example of each. */
struct plan_tally {
    uint64_t n_calls;
    uint64_t n_foreign; /* to other hosts */
    struct str foreign;
    uint64_t n_other; /* lines of a log without a request, preflights */
    struct str other;
};

/*
 * Adds to the plan; the tally counts on.  ERR_SYNTAX or ERR_INVALID: problem
 * says where, what is wrong, and what was expected; calls before it are in
 * the plan then.
 */
enum err plan_read(struct plan *p, const struct plan_source *source,
                   struct plan_tally *tally, struct buf *problem) WARN_UNUSED;

#endif
