#include "proto/courier.h"

#include "proto/table.h"

static const struct field courier_errand_fields[] = {
    FIELD(struct courier_errand, kind),
    FIELD(struct courier_errand, app),
    FIELD(struct courier_errand, portal),
    FIELD(struct courier_errand, version),
    FIELD(struct courier_errand, not_after_ms),
    FIELD(struct courier_errand, client_id),
    FIELD(struct courier_errand, client_secret),
    FIELD(struct courier_errand, token),
    FIELD(struct courier_errand, code),
    FIELD(struct courier_errand, verifier),
    FIELD(struct courier_errand, redirect_uri),
    FIELD(struct courier_errand, context),
};
static const struct record courier_errand = RECORD(courier_errand);

static const struct field courier_done_fields[] = {
    FIELD(struct courier_done, kind),
    FIELD(struct courier_done, outcome),
    FIELD(struct courier_done, http_status),
    FIELD(struct courier_done, status),
    FIELD(struct courier_done, message),
    FIELD(struct courier_done, retry_after_s),
    FIELD(struct courier_done, date),
    FIELD(struct courier_done, access_token),
    FIELD(struct courier_done, refresh_token),
    FIELD(struct courier_done, expires_in),
    FIELD(struct courier_done, hub_id),
    FIELD(struct courier_done, user_id),
    FIELD(struct courier_done, user_email),
    FIELD(struct courier_done, hub_domain),
    FIELD(struct courier_done, client_id),
    FIELD(struct courier_done, scopes),
    FIELD(struct courier_done, has_scopes),
};
const struct record courier_done_record = RECORD(courier_done);

static const struct field courier_spill_key_fields[] = {
    FIELD(struct courier_spill_key, public_key),
};
static const struct record courier_spill_key = RECORD(courier_spill_key);

static const struct field spill_entry_fields[] = {
    FIELD(struct spill_entry, app),     FIELD(struct spill_entry, portal),
    FIELD(struct spill_entry, version), FIELD(struct spill_entry, kind),
    FIELD(struct spill_entry, context), FIELD(struct spill_entry, at_ms),
    FIELD(struct spill_entry, done),
};
const struct record spill_entry_record = RECORD(spill_entry);

static const struct message messages[] = {
    {COURIER_ERRAND, COURIER_DONE, &courier_errand,
     "Make this one call to HubSpot.", "keeper"},
    {COURIER_DONE, 0, &courier_done_record,
     "What HubSpot answered, and what that means.", "courier"},
    {COURIER_SPILL_KEY, 0, &courier_spill_key,
     "Seal replies that come after my death to this key.", "keeper"},
};

const struct conversation courier_conversation =
    CONVERSATION("courier", messages);
