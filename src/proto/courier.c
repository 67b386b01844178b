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
    FIELD(struct courier_errand, text),
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

static const struct field courier_deliver_fields[] = {
    FIELD(struct courier_deliver, url),
    FIELD(struct courier_deliver, id),
    FIELD(struct courier_deliver, timestamp),
    FIELD(struct courier_deliver, signature),
    FIELD(struct courier_deliver, body),
    FIELD(struct courier_deliver, is_replay),
    FIELD(struct courier_deliver, gap),
    FIELD(struct courier_deliver, not_after_ms),
};
static const struct record courier_deliver = RECORD(courier_deliver);

static const struct field courier_delivered_fields[] = {
    FIELD(struct courier_delivered, http_status),
    FIELD(struct courier_delivered, retry_after_s),
    FIELD(struct courier_delivered, reason),
};
static const struct record courier_delivered = RECORD(courier_delivered);

static const struct field courier_journal_fields[] = {
    FIELD(struct courier_journal, app),
    FIELD(struct courier_journal, token),
    FIELD(struct courier_journal, offset),
    FIELD(struct courier_journal, not_after_ms),
};
static const struct record courier_journal = RECORD(courier_journal);

static const struct field courier_journal_read_fields[] = {
    FIELD(struct courier_journal_read, outcome),
    FIELD(struct courier_journal_read, http_status),
    FIELD(struct courier_journal_read, status),
    FIELD(struct courier_journal_read, message),
    FIELD(struct courier_journal_read, retry_after_s),
    FIELD(struct courier_journal_read, offset),
    FIELD(struct courier_journal_read, handle),
    FIELD(struct courier_journal_read, n_pieces),
};
static const struct record courier_journal_read = RECORD(courier_journal_read);

static const struct field courier_piece_fields[] = {
    FIELD(struct courier_piece, handle),
    FIELD(struct courier_piece, index),
};
static const struct record courier_piece = RECORD(courier_piece);

static const struct field courier_piece_read_fields[] = {
    FIELD(struct courier_piece_read, err),
    FIELD(struct courier_piece_read, events),
};
static const struct record courier_piece_read = RECORD(courier_piece_read);

static const struct field courier_hold_fields[] = {
    FIELD(struct courier_hold, for_ms),
};
static const struct record courier_hold = RECORD(courier_hold);

static const struct message messages[] = {
    {COURIER_ERRAND, COURIER_DONE, &courier_errand,
     "Make this one call to HubSpot.", "keeper"},
    {COURIER_DONE, 0, &courier_done_record,
     "What HubSpot answered, and what that means.", "courier"},
    {COURIER_SPILL_KEY, 0, &courier_spill_key,
     "Seal replies that come after my death to this key.", "keeper"},
    {COURIER_DELIVER, COURIER_DELIVERED, &courier_deliver,
     "Post this to an app's backend.", "keeper"},
    {COURIER_DELIVERED, 0, &courier_delivered, "What the backend answered.",
     "courier"},
    {COURIER_JOURNAL, COURIER_JOURNAL_READ, &courier_journal,
     "Read the journal's next file, and hold it.", "keeper"},
    {COURIER_JOURNAL_READ, 0, &courier_journal_read,
     "How many pieces it has, or that there is none.", "courier"},
    {COURIER_PIECE, COURIER_PIECE_READ, &courier_piece,
     "One piece of a file that is held.", "keeper"},
    {COURIER_PIECE_READ, 0, &courier_piece_read, "Its events.", "courier"},
    {COURIER_HOLD, 0, &courier_hold,
     "My disk is full: keep the token replies that I have not committed.",
     "keeper"},
};

const struct conversation courier_conversation =
    CONVERSATION("courier", messages);
