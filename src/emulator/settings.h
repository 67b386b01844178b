#ifndef EMULATOR_SETTINGS_H
#define EMULATOR_SETTINGS_H

#include "base/doc.h"

#include <jansson.h>

/*
 * What PUT /_emulator/settings changes.  One table in settings.c holds name,
 * range, default and a sentence for each.
 */
#define SETTING_TEXT 1024 /* bytes of a text with its NUL */

struct settings {
    int64_t expires_in;     /* seconds an access token lives */
    int64_t code_lifetime;  /* seconds an authorization code lives */
    int64_t latency_ms;     /* added to every answer but the control API's */
    int64_t rate_limit;     /* requests a window; 0: none, -1: HubSpot's */
    int64_t rate_window_ms; /* of rate_limit */
    int64_t search_limit;   /* searches a second and account; 0: none */
    int64_t daily_limit;    /* of private apps; 0: none, -1: HubSpot's */
    int64_t throttle_token_endpoint; /* calls in 10 s and app; 0: none */
    int64_t rotate_refresh;          /* yes or no, as the following */
    int64_t omit_hub_id;
    int64_t omit_scopes;
    int64_t omit_refresh_token;
    /* webhooks, see docs/emulator.md */
    int64_t webhook_retries;     /* after the first attempt */
    int64_t webhook_batch;       /* events a request */
    int64_t webhook_delay_ms;    /* until a batch goes that is not full */
    int64_t webhook_concurrency; /* requests in flight an account */
    int64_t webhook_timeout_ms;
    int64_t webhook_duplicates; /* every n-th event twice; 0: none */
    int64_t webhook_speed;      /* retries come this many times sooner */
    int64_t webhook_shuffle;    /* yes or no, as the following */
    int64_t webhook_mix_portals;
    int64_t webhook_lifecycle;
    int64_t journal_delay_ms;     /* until events can be read */
    int64_t journal_file_events;  /* of one file */
    int64_t journal_url_lifetime; /* seconds a file can be fetched */
    char webhook_url[SETTING_TEXT];
    char webhook_sign_url[SETTING_TEXT];
    char webhook_versions[SETTING_TEXT];
};

void settings_reset(struct settings *s);
/*
 * Takes the members of an object over, all or none.  ERR_NOT_FOUND for an
 * unknown name, ERR_INVALID for a value out of range; *out_name says which.
 */
enum err settings_put(struct settings *s, json_t *members,
                      const char **out_name) WARN_UNUSED;
void settings_add_json(const struct settings *s, struct doc *d);

#endif
