#include "proto/admin.h"

#include "proto/table.h"

static const struct field admin_answer_fields[] = {
    FIELD(struct admin_answer, err),
    FIELD(struct admin_answer, json),
    FIELD(struct admin_answer, detail),
    FIELD(struct admin_answer, reconnect_url),
};
static const struct record admin_answer = RECORD(admin_answer);

static const struct field admin_plain_fields[] = {
    FIELD(struct admin_plain, is_brief),
};
static const struct record admin_plain = RECORD(admin_plain);

static const struct field admin_connect_fields[] = {
    FIELD(struct admin_connect, app),
    FIELD(struct admin_connect, ref),
    FIELD(struct admin_connect, return_to),
    FIELD(struct admin_connect, portal),
};
static const struct record admin_connect = RECORD(admin_connect);

static const struct field admin_portal_fields[] = {
    FIELD(struct admin_portal, app),
    FIELD(struct admin_portal, portal),
};
static const struct record admin_portal = RECORD(admin_portal);

static const struct field admin_page_fields[] = {
    FIELD(struct admin_page, app),    FIELD(struct admin_page, ref),
    FIELD(struct admin_page, portal), FIELD(struct admin_page, cursor),
    FIELD(struct admin_page, limit),  FIELD(struct admin_page, with_tokens),
};
static const struct record admin_page = RECORD(admin_page);

static const struct field admin_import_fields[] = {
    FIELD(struct admin_import, app),
    FIELD(struct admin_import, portal),
    FIELD(struct admin_import, ref),
    FIELD(struct admin_import, refresh_token),
};
static const struct record admin_import = RECORD(admin_import);

static const struct field admin_add_static_fields[] = {
    FIELD(struct admin_add_static, app),
    FIELD(struct admin_add_static, token),
    FIELD(struct admin_add_static, ref),
};
static const struct record admin_add_static = RECORD(admin_add_static);

static const struct field admin_key_create_fields[] = {
    FIELD(struct admin_key_create, name),
    FIELD(struct admin_key_create, apps),
    FIELD(struct admin_key_create, portals),
    FIELD(struct admin_key_create, verbs),
    FIELD(struct admin_key_create, addresses),
    FIELD(struct admin_key_create, ends_at),
};
static const struct record admin_key_create = RECORD(admin_key_create);

static const struct field admin_name_fields[] = {
    FIELD(struct admin_name, name),
};
static const struct record admin_name = RECORD(admin_name);

static const struct field admin_step_fields[] = {
    FIELD(struct admin_step, cursor),
    FIELD(struct admin_step, is_compromised),
};
static const struct record admin_step = RECORD(admin_step);

static const struct field admin_audit_fields[] = {
    FIELD(struct admin_audit, after),
    FIELD(struct admin_audit, limit),
    FIELD(struct admin_audit, head),
    FIELD(struct admin_audit, last),
};
static const struct record admin_audit = RECORD(admin_audit);

static const struct field admin_backup_fields[] = {
    FIELD(struct admin_backup, name),
    FIELD(struct admin_backup, with_events),
};
static const struct record admin_backup = RECORD(admin_backup);

static const struct field admin_events_fields[] = {
    FIELD(struct admin_events, app),    FIELD(struct admin_events, portal),
    FIELD(struct admin_events, filter), FIELD(struct admin_events, cursor),
    FIELD(struct admin_events, limit),  FIELD(struct admin_events, wait_ms),
};
static const struct record admin_events = RECORD(admin_events);

static const struct field admin_event_fields[] = {
    FIELD(struct admin_event, app),
    FIELD(struct admin_event, id),
};
static const struct record admin_event = RECORD(admin_event);

static const struct field admin_replay_fields[] = {
    FIELD(struct admin_replay, app),
    FIELD(struct admin_replay, id),
    FIELD(struct admin_replay, portal),
    FIELD(struct admin_replay, is_dead_only),
    FIELD(struct admin_replay, from_ms),
    FIELD(struct admin_replay, to_ms),
    FIELD(struct admin_replay, cursor),
};
static const struct record admin_replay = RECORD(admin_replay);

static const struct message messages[] = {
    {ADMIN_ANSWER, 0, &admin_answer, "The JSON document, or what was wrong.",
     "keeper"},
    {ADMIN_STATUS, ADMIN_ANSWER, &admin_plain,
     "Processes, grants by state, soonest expiry, key in use.", "cli"},
    {ADMIN_CONNECT, ADMIN_ANSWER, &admin_connect,
     "A connect link for one customer.", "cli"},
    {ADMIN_TOKEN, ADMIN_ANSWER, &admin_portal, "An access token, audited.",
     "cli"},
    {ADMIN_PORTALS_LIST, ADMIN_ANSWER, &admin_page, "One page of grants.",
     "cli"},
    {ADMIN_PORTAL_SHOW, ADMIN_ANSWER, &admin_portal, "One grant.", "cli"},
    {ADMIN_PORTAL_REFRESH, ADMIN_ANSWER, &admin_portal,
     "Refresh its token now.", "cli"},
    {ADMIN_PORTAL_DISCONNECT, ADMIN_ANSWER, &admin_portal,
     "Uninstall, revoke, erase, receipt.", "cli"},
    {ADMIN_PORTAL_ERASE, ADMIN_ANSWER, &admin_portal,
     "Erase here without asking HubSpot; receipt.", "cli"},
    {ADMIN_PORTAL_EXPORT, ADMIN_ANSWER, &admin_page,
     "Everything held about grants, a page at a time.", "cli"},
    {ADMIN_PORTAL_IMPORT, ADMIN_ANSWER, &admin_import,
     "Take over one refresh token from another system.", "cli"},
    {ADMIN_PORTAL_ADD_STATIC, ADMIN_ANSWER, &admin_add_static,
     "Take a static token, checked with HubSpot.", "cli"},
    {ADMIN_RECEIPTS_LIST, ADMIN_ANSWER, &admin_page,
     "Receipts of erased grants.", "cli"},
    {ADMIN_KEY_CREATE, ADMIN_ANSWER, &admin_key_create,
     "A new API key, shown once.", "cli"},
    {ADMIN_KEYS_LIST, ADMIN_ANSWER, &admin_page,
     "The API keys, without their secrets.", "cli"},
    {ADMIN_KEY_REVOKE, ADMIN_ANSWER, &admin_name,
     "This API key is good no longer.", "cli"},
    {ADMIN_MASTERKEY_LIST, ADMIN_ANSWER, &admin_plain,
     "Master keys and how many grants each wraps.", "cli"},
    {ADMIN_MASTERKEY_REWRAP, ADMIN_ANSWER, &admin_step,
     "Wrap the next grants with the newest master key.", "cli"},
    {ADMIN_MASTERKEY_VERIFY, ADMIN_ANSWER, &admin_step,
     "Open the next grants' wraps.", "cli"},
    {ADMIN_MASTERKEY_RETIRE, ADMIN_ANSWER, &admin_name,
     "This master key wraps nothing living any more.", "cli"},
    {ADMIN_AUDIT_LIST, ADMIN_ANSWER, &admin_audit, "Entries of the audit log.",
     "cli"},
    {ADMIN_AUDIT_VERIFY, ADMIN_ANSWER, &admin_audit,
     "Walk the chain from the next entries on.", "cli"},
    {ADMIN_BACKUP, ADMIN_ANSWER, &admin_backup,
     "Write a backup and its keys file.", "cli"},
    {ADMIN_RELOAD, ADMIN_ANSWER, &admin_plain, "Read the configuration again.",
     "cli"},
    {ADMIN_EVENTS_LIST, ADMIN_ANSWER, &admin_events,
     "A page of the event log, or wait for it.", "cli"},
    {ADMIN_EVENT_SHOW, ADMIN_ANSWER, &admin_event, "One event, whole.", "cli"},
    {ADMIN_EVENTS_REPLAY, ADMIN_ANSWER, &admin_replay,
     "Deliver again: one event, or a page of many.", "cli"},
};

const struct conversation admin_conversation = CONVERSATION("admin", messages);
