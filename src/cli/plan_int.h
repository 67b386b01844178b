#ifndef CLI_PLAN_INT_H
#define CLI_PLAN_INT_H

#include "cli/plan_read.h"

/* One file being read: what its readers share. */
struct plan_reading {
    struct plan *plan;
    const struct plan_source *source;
    struct plan_tally *tally;
    struct buf *problem;
};

/*
 * One call with a URL or a path; counts it where it is none of HubSpot's
 * API.  False: the target is neither.
 */
bool plan_take(struct plan_reading *r, struct str method, struct str target,
               struct str where);
bool plan_is_method(struct str word);
/* A line of a log, a preflight: passed over, and counted. */
void plan_pass_over(struct plan_reading *r, struct str what);

/* From a JSON document on. */
enum err plan_read_json(struct plan_reading *r) WARN_UNUSED;

#endif
