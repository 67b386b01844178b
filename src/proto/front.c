#include "proto/front.h"

#include "proto/table.h"

static const struct field front_begin_fields[] = {
    FIELD(struct front_begin, request_id),
    FIELD(struct front_begin, app),
    FIELD(struct front_begin, session),
};
static const struct record front_begin = RECORD(front_begin);

static const struct field front_begun_fields[] = {
    FIELD(struct front_begun, page),
    FIELD(struct front_begun, location),
    FIELD(struct front_begun, tag),
    FIELD(struct front_begun, cookie),
    FIELD(struct front_begun, cookie_max_age_s),
    FIELD(struct front_begun, is_cross_site),
};
static const struct record front_begun = RECORD(front_begun);

static const struct field front_finish_fields[] = {
    FIELD(struct front_finish, request_id),
    FIELD(struct front_finish, app),
    FIELD(struct front_finish, state),
    FIELD(struct front_finish, cookie),
    FIELD(struct front_finish, code),
    FIELD(struct front_finish, error),
    FIELD(struct front_finish, error_description),
    FIELD(struct front_finish, step),
    FIELD(struct front_finish, return_url),
};
static const struct record front_finish = RECORD(front_finish);

static const struct field front_finished_fields[] = {
    FIELD(struct front_finished, page),
    FIELD(struct front_finished, location),
    FIELD(struct front_finished, tag),
    FIELD(struct front_finished, detail),
    FIELD(struct front_finished, retry_url),
    FIELD(struct front_finished, portal),
    FIELD(struct front_finished, missing_scopes),
};
static const struct record front_finished = RECORD(front_finished);

static const struct field front_webhook_fields[] = {
    FIELD(struct front_webhook, request_id),
    FIELD(struct front_webhook, app),
    FIELD(struct front_webhook, query),
    FIELD(struct front_webhook, signature_v3),
    FIELD(struct front_webhook, timestamp),
    FIELD(struct front_webhook, signature),
    FIELD(struct front_webhook, signature_version),
    FIELD(struct front_webhook, body),
};
static const struct record front_webhook = RECORD(front_webhook);

static const struct field front_webhook_taken_fields[] = {
    FIELD(struct front_webhook_taken, err),
    FIELD(struct front_webhook_taken, retry_after_s),
};
static const struct record front_webhook_taken = RECORD(front_webhook_taken);

static const struct message messages[] = {
    {FRONT_BEGIN, FRONT_BEGUN, &front_begin,
     "A browser opened a connect link: where does it go?", "front"},
    {FRONT_BEGUN, 0, &front_begun,
     "The consent page and the attempt's cookie, or a page.", "keeper"},
    {FRONT_FINISH, FRONT_FINISHED, &front_finish,
     "A browser came back from HubSpot.", "front"},
    {FRONT_FINISHED, 0, &front_finished,
     "Where it goes now, or which page it sees.", "keeper"},
    {FRONT_WEBHOOK, FRONT_WEBHOOK_TAKEN, &front_webhook,
     "HubSpot, or somebody else, sent events.", "front"},
    {FRONT_WEBHOOK_TAKEN, 0, &front_webhook_taken,
     "They are on disk, or why not.", "keeper"},
};

const struct conversation front_conversation = CONVERSATION("front", messages);
