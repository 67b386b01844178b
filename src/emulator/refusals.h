#ifndef EMULATOR_REFUSALS_H
#define EMULATOR_REFUSALS_H

#include "emulator/call.h"

/*
 * HubSpot's error bodies, one function for each shape (hubspot.md 1.9, 3.4).
 * Each one is the whole answer; the handler returns after it.
 */

/* {"status":"error","message","correlationId","category"} */
void refuse(struct call *c, unsigned status, struct str category,
            struct str message);
/* The same with "context":{key:[value]}, on which SDKs and people rely. */
void refuse_about(struct call *c, unsigned status, struct str category,
                  struct str message, const char *key, struct str value);
/* The OAuth endpoints' form; status is one of hubspot/oauth_errors.c. */
void refuse_oauth(struct call *c, struct str status);
/* 401 */
void refuse_unknown_token(struct call *c);
void refuse_expired_token(struct call *c, int64_t expired_at_ms);
/* 403 */
void refuse_missing_scopes(struct call *c, struct strs scopes);
/* 429; policy: TEN_SECONDLY_ROLLING, SECONDLY, DAILY, or empty for the token
 * endpoint's own. */
void refuse_rate(struct call *c, struct str policy);
/* HubSpot's usual body for a status that something else decided on. */
void refuse_status(struct call *c, unsigned status, struct str type);

/* Where there is no such thing here: category EMULATOR_UNKNOWN. */
void refuse_unknown_path(struct call *c);

/* A fresh correlation id as a member of the answer, and as its header. */
void add_correlation_id(struct call *c, struct doc *d);

#endif
