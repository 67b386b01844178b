#include "proto/relay.h"

#include "proto/table.h"

static const struct field relay_lease_ask_fields[] = {
    FIELD(struct relay_lease_ask, request_id),
    FIELD(struct relay_lease_ask, credential),
    FIELD(struct relay_lease_ask, address),
    FIELD(struct relay_lease_ask, app),
    FIELD(struct relay_lease_ask, portal),
    FIELD(struct relay_lease_ask, verb),
    FIELD(struct relay_lease_ask, refused_version),
};
static const struct record relay_lease_ask = RECORD(relay_lease_ask);

static const struct field relay_lease_fields[] = {
    FIELD(struct relay_lease, err),
    FIELD(struct relay_lease, detail),
    FIELD(struct relay_lease, reconnect_url),
    FIELD(struct relay_lease, retry_after_s),
    FIELD(struct relay_lease, access_token),
    FIELD(struct relay_lease, version),
    FIELD(struct relay_lease, expires_at),
    FIELD(struct relay_lease, floor_s),
    FIELD(struct relay_lease, scopes),
    FIELD(struct relay_lease, key_number),
    FIELD(struct relay_lease, is_read_only),
    FIELD(struct relay_lease, lease_until),
};
static const struct record relay_lease = RECORD(relay_lease);

static const struct field relay_session_create_fields[] = {
    FIELD(struct relay_session_create, request_id),
    FIELD(struct relay_session_create, credential),
    FIELD(struct relay_session_create, address),
    FIELD(struct relay_session_create, app),
    FIELD(struct relay_session_create, ref),
    FIELD(struct relay_session_create, return_to),
    FIELD(struct relay_session_create, optional_scopes),
    FIELD(struct relay_session_create, portal),
    FIELD(struct relay_session_create, attempt),
    FIELD(struct relay_session_create, is_take_over),
};
static const struct record relay_session_create = RECORD(relay_session_create);

static const struct field relay_result_redeem_fields[] = {
    FIELD(struct relay_result_redeem, request_id),
    FIELD(struct relay_result_redeem, credential),
    FIELD(struct relay_result_redeem, address),
    FIELD(struct relay_result_redeem, app),
    FIELD(struct relay_result_redeem, code),
};
static const struct record relay_result_redeem = RECORD(relay_result_redeem);

static const struct field relay_ref_bind_fields[] = {
    FIELD(struct relay_ref_bind, request_id),
    FIELD(struct relay_ref_bind, credential),
    FIELD(struct relay_ref_bind, address),
    FIELD(struct relay_ref_bind, app),
    FIELD(struct relay_ref_bind, portal),
    FIELD(struct relay_ref_bind, ref),
};
static const struct record relay_ref_bind = RECORD(relay_ref_bind);

static const struct field relay_portals_list_fields[] = {
    FIELD(struct relay_portals_list, request_id),
    FIELD(struct relay_portals_list, credential),
    FIELD(struct relay_portals_list, address),
    FIELD(struct relay_portals_list, app),
    FIELD(struct relay_portals_list, ref),
    FIELD(struct relay_portals_list, cursor),
    FIELD(struct relay_portals_list, limit),
};
static const struct record relay_portals_list = RECORD(relay_portals_list);

static const struct field relay_portal_fields[] = {
    FIELD(struct relay_portal, request_id),
    FIELD(struct relay_portal, credential),
    FIELD(struct relay_portal, address),
    FIELD(struct relay_portal, app),
    FIELD(struct relay_portal, portal),
};
static const struct record relay_portal = RECORD(relay_portal);

static const struct field relay_verify_fields[] = {
    FIELD(struct relay_verify, request_id),
    FIELD(struct relay_verify, credential),
    FIELD(struct relay_verify, address),
    FIELD(struct relay_verify, app),
    FIELD(struct relay_verify, method),
    FIELD(struct relay_verify, uri),
    FIELD(struct relay_verify, signature_v3),
    FIELD(struct relay_verify, timestamp),
    FIELD(struct relay_verify, signature),
    FIELD(struct relay_verify, signature_version),
    FIELD(struct relay_verify, body),
};
static const struct record relay_verify = RECORD(relay_verify);

static const struct field relay_events_list_fields[] = {
    FIELD(struct relay_events_list, request_id),
    FIELD(struct relay_events_list, credential),
    FIELD(struct relay_events_list, address),
    FIELD(struct relay_events_list, app),
    FIELD(struct relay_events_list, portal),
    FIELD(struct relay_events_list, cursor),
    FIELD(struct relay_events_list, limit),
    FIELD(struct relay_events_list, wait_ms),
};
static const struct record relay_events_list = RECORD(relay_events_list);

static const struct field relay_event_replay_fields[] = {
    FIELD(struct relay_event_replay, request_id),
    FIELD(struct relay_event_replay, credential),
    FIELD(struct relay_event_replay, address),
    FIELD(struct relay_event_replay, app),
    FIELD(struct relay_event_replay, id),
};
static const struct record relay_event_replay = RECORD(relay_event_replay);

static const struct field relay_answer_fields[] = {
    FIELD(struct relay_answer, err),
    FIELD(struct relay_answer, json),
    FIELD(struct relay_answer, detail),
    FIELD(struct relay_answer, reconnect_url),
    FIELD(struct relay_answer, retry_after_s),
};
static const struct record relay_answer = RECORD(relay_answer);

static const struct field relay_used_fields[] = {
    FIELD(struct relay_used, app),        FIELD(struct relay_used, portal),
    FIELD(struct relay_used, key_number), FIELD(struct relay_used, verb),
    FIELD(struct relay_used, n_uses),
};
static const struct record relay_used = RECORD(relay_used);

static const struct field relay_beat_fields[] = {
    FIELD(struct relay_beat, epoch),
};
static const struct record relay_beat = RECORD(relay_beat);

static const struct field relay_revoked_fields[] = {
    FIELD(struct relay_revoked, epoch),
    FIELD(struct relay_revoked, app),
    FIELD(struct relay_revoked, portal),
    FIELD(struct relay_revoked, key_number),
    FIELD(struct relay_revoked, is_replaced),
};
static const struct record relay_revoked = RECORD(relay_revoked);

static const struct record relay_metrics = RECORD_EMPTY(relay_metrics);

static const struct message messages[] = {
    {RELAY_LEASE_ASK, RELAY_LEASE, &relay_lease_ask,
     "May this caller have this portal's access token?", "relay"},
    {RELAY_LEASE, 0, &relay_lease,
     "The token and how long the answer holds, or why not.", "keeper"},
    {RELAY_SESSION_CREATE, RELAY_ANSWER, &relay_session_create,
     "POST connect-sessions: a connect link for one customer.", "relay"},
    {RELAY_RESULT_REDEEM, RELAY_ANSWER, &relay_result_redeem,
     "POST connect-results: which portal did this browser connect?", "relay"},
    {RELAY_REF_BIND, RELAY_ANSWER, &relay_ref_bind,
     "PUT ref: the portal belongs to this tenant.", "relay"},
    {RELAY_PORTALS_LIST, RELAY_ANSWER, &relay_portals_list,
     "GET portals: one page of an app's grants.", "relay"},
    {RELAY_PORTAL_SHOW, RELAY_ANSWER, &relay_portal, "GET one portal.",
     "relay"},
    {RELAY_PORTAL_DELETE, RELAY_ANSWER, &relay_portal,
     "DELETE one portal: uninstall, revoke, erase, receipt.", "relay"},
    {RELAY_METRICS, RELAY_ANSWER, &relay_metrics,
     "The keeper's counters in Prometheus' text form, as json.", "relay"},
    {RELAY_VERIFY, RELAY_ANSWER, &relay_verify,
     "POST verify: did HubSpot sign this request?", "relay"},
    {RELAY_EVENTS_LIST, RELAY_ANSWER, &relay_events_list,
     "GET events: one page of the event log, or wait for it.", "relay"},
    {RELAY_EVENT_REPLAY, RELAY_ANSWER, &relay_event_replay,
     "POST replay: deliver this event again.", "relay"},
    {RELAY_ANSWER, 0, &relay_answer, "The body of the answer, or why not.",
     "keeper"},
    {RELAY_USED, 0, &relay_used, "How often a lease was used, every 10 s.",
     "relay"},
    {RELAY_BEAT, 0, &relay_beat, "I am here; this many revocations so far.",
     "keeper"},
    {RELAY_REVOKED, 0, &relay_revoked,
     "Forget these leases; unless replaced, cut what runs.", "keeper"},
};

const struct conversation relay_conversation = CONVERSATION("relay", messages);
