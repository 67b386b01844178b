#include "proto/life.h"

#include "proto/table.h"

static const struct field life_settings_fields[] = {
    FIELD(struct life_settings, index),
    FIELD(struct life_settings, log_level),
    FIELD(struct life_settings, user),
    FIELD(struct life_settings, is_sandboxed),
    FIELD(struct life_settings, public_url),
    FIELD(struct life_settings, api_url),
    FIELD(struct life_settings, authorize_url),
    FIELD(struct life_settings, oauth_version),
    FIELD(struct life_settings, ca_file),
    FIELD(struct life_settings, node),
    FIELD(struct life_settings, data_dir),
    FIELD(struct life_settings, store_path),
    FIELD(struct life_settings, revocation_max_ms),
    FIELD(struct life_settings, is_deliver),
    FIELD(struct life_settings, journal_hosts),
    FIELD(struct life_settings, target_urls),
    FIELD(struct life_settings, events_keep_s),
    FIELD(struct life_settings, events_max),
};
static const struct record life_settings = RECORD(life_settings);

static const struct field life_app_fields[] = {
    FIELD(struct life_app, name),
    FIELD(struct life_app, is_static),
    FIELD(struct life_app, title),
    FIELD(struct life_app, support_url),
    FIELD(struct life_app, privacy_url),
    FIELD(struct life_app, client_id),
    FIELD(struct life_app, scopes),
    FIELD(struct life_app, optional_scopes),
    FIELD(struct life_app, conditional_scopes),
    FIELD(struct life_app, return_to),
    FIELD(struct life_app, sign_in_url),
    FIELD(struct life_app, is_marketplace),
    FIELD(struct life_app, keeps_user_email),
    FIELD(struct life_app, erase_gone_after_s),
    FIELD(struct life_app, erase_grace_s),
    FIELD(struct life_app, webhook_target),
    FIELD(struct life_app, webhook_urls),
    FIELD(struct life_app, takes_v2),
    FIELD(struct life_app, takes_v1),
    FIELD(struct life_app, is_journal),
    FIELD(struct life_app, webhook_batch),
};
static const struct record life_app = RECORD(life_app);

static const struct field life_descriptor_fields[] = {
    FIELD(struct life_descriptor, kind),
    FIELD(struct life_descriptor, peer),
    FIELD(struct life_descriptor, peer_index),
    FIELD(struct life_descriptor, peer_uid),
    FIELD(struct life_descriptor, app),
    FIELD(struct life_descriptor, path),
    FIELD(struct life_descriptor, n_deaths),
};
static const struct record life_descriptor = RECORD(life_descriptor);

static const struct field life_apply_fields[] = {
    FIELD(struct life_apply, is_reload),
};
static const struct record life_apply = RECORD(life_apply);

static const struct field life_ready_fields[] = {
    FIELD(struct life_ready, problem),
    FIELD(struct life_ready, has_landlock),
};
static const struct record life_ready = RECORD(life_ready);

static const struct field life_reloaded_fields[] = {
    FIELD(struct life_reloaded, problem),
};
static const struct record life_reloaded = RECORD(life_reloaded);

static const struct field life_reload_ended_fields[] = {
    FIELD(struct life_reload_ended, problem),
    FIELD(struct life_reload_ended, n_wishes),
};
static const struct record life_reload_ended = RECORD(life_reload_ended);

static const struct field life_stop_fields[] = {
    FIELD(struct life_stop, is_brief),
};
static const struct record life_stop = RECORD(life_stop);

static const struct record life_want_reload = RECORD_EMPTY(life_want_reload);

static const struct record life_draining = RECORD_EMPTY(life_draining);

static const struct record life_want_successor =
    RECORD_EMPTY(life_want_successor);

static const struct message messages[] = {
    {LIFE_SETTINGS, 0, &life_settings,
     "What the child's role needs of the configuration.", "parent"},
    {LIFE_APP, 0, &life_app, "What it needs of one app's section.", "parent"},
    {LIFE_DESCRIPTOR, 0, &life_descriptor,
     "A descriptor: a listener, a channel, an open file with a secret.",
     "parent", true},
    {LIFE_APPLY, 0, &life_apply, "All has been sent: take it up.", "parent"},
    {LIFE_READY, 0, &life_ready,
     "The sandbox stands and work can come, or why it cannot.", "child"},
    {LIFE_STOP, 0, &life_stop, "Finish what runs and end.", "parent"},
    {LIFE_WANT_RELOAD, 0, &life_want_reload, "An operator asked for a reload.",
     "keeper"},
    {LIFE_RELOADED, 0, &life_reloaded,
     "The new settings are in use, or why they are not.", "child"},
    {LIFE_RELOAD_ENDED, 0, &life_reload_ended,
     "To the keeper: how a reload of all processes ended.", "parent"},
    {LIFE_DRAINING, 0, &life_draining,
     "After stop: it accepts nothing new, and finishes what runs.", "child"},
    {LIFE_WANT_SUCCESSOR, 0, &life_want_successor,
     "It has served its time: let a new one take its place.", "courier"},
};

const struct conversation life_conversation = CONVERSATION("life", messages);
