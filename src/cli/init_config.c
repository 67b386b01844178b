#include "cli/init.h"

/* portkeep.conf as `portkeep init` leaves it: every key with its reason. */

static void
add_note(struct buf *out, const char *note)
{
    buf_addf(out, "; %s\n", note);
}

/* A value that is not known stays as a line to be filled in. */
static void
add_key(struct buf *out, const char *key, struct str value)
{
    buf_addf(out, "%s%-18s = %.*s\n", value.n > 0 ? "" : "; ", key,
             STR_ARG(value));
}

static void
add_file_key(struct buf *out, const char *key, struct str path)
{
    buf_addf(out, "%-18s = file:%.*s\n", key, STR_ARG(path));
}

/* A word a line: HubSpot's scope lists are long. */
static void
add_words(struct buf *out, const char *key, struct strs words)
{
    if (words.n == 0)
        return;
    buf_addf(out, "%-18s =", key);
    for (size_t i = 0; i < words.n; i++)
        buf_addf(out, "%s%.*s", words.n == 1 ? " " : "\n    ",
                 STR_ARG(words.v[i]));
    buf_add_char(out, '\n');
}

static void
add_server(struct buf *out, const struct init_plan *plan)
{
    buf_add_text(out, "\n[server]\n");
    add_note(out, "What HubSpot and browsers see: the address of the proxy "
                  "before portkeep.");
    add_key(out, "public_url", plan->public_url);
    add_note(out, "Where that proxy finds portkeep. With tls_cert and tls_key "
                  "no proxy is needed.");
    add_key(out, "public_listen", plan->public_listen);
    add_note(out, "Where your backend asks for tokens and calls HubSpot. Never "
                  "face the internet with it.");
    add_key(out, "private_listen", plan->private_listen);
    add_note(out, "The door of the command line.");
    add_key(out, "admin_socket", plan->admin_socket);
    if (plan->user.n > 0) {
        add_note(out, "Whom the processes become when root starts them.");
        add_key(out, "user", plan->user);
    }
}

static void
add_store(struct buf *out, const struct init_plan *plan)
{
    buf_add_text(out, "\n[store]\n");
    add_note(out, "The database. Everything in it that is secret is sealed by "
                  "the master key.");
    buf_addf(out, "%-18s = sqlite:%.*s\n", "url", STR_ARG(plan->store_path));
    add_note(out, "Keep a copy of this file apart from the backups: without "
                  "it they cannot be read.");
    add_file_key(out, "master_key", plan->master_key_path);
}

static void
add_hubspot(struct buf *out, const struct init_plan *plan)
{
    if (plan->api_url.n == 0)
        return;
    buf_add_text(out, "\n[hubspot]\n");
    add_note(out, "A stand-in for HubSpot. Without these two lines it is "
                  "HubSpot itself.");
    add_key(out, "api_url", plan->api_url);
    add_key(out, "authorize_url", plan->authorize_url);
}

static void
add_events(struct buf *out, const struct init_plan *plan)
{
    if (plan->whsec_path.n == 0)
        return;
    add_note(out, "Your URL that receives events, and the key that signs "
                  "them.");
    if (plan->webhook_target.n > 0) {
        add_key(out, "webhook_target", plan->webhook_target);
        add_file_key(out, "webhook_secret", plan->whsec_path);
        return;
    }
    add_note(out, "webhook_target = https://app.example.com/hubspot/events");
    buf_addf(out, "; webhook_secret = file:%.*s\n", STR_ARG(plan->whsec_path));
}

static void
add_app(struct buf *out, const struct init_plan *plan)
{
    const struct hsmeta *meta = &plan->meta;
    buf_addf(out, "\n[app %.*s]\n", STR_ARG(plan->app));
    if (meta->is_static)
        add_key(out, "type", STR("static"));
    add_key(out, "name", meta->name);
    add_key(out, "support_url", meta->support_url);
    if (meta->is_static) {
        add_events(out, plan);
        return;
    }
    add_key(out, "client_id", plan->client_id);
    add_file_key(out, "client_secret", plan->secret_path);
    add_note(out, "As in the app's own configuration at HubSpot.");
    add_words(out, "scopes", meta->scopes);
    add_words(out, "optional_scopes", meta->optional_scopes);
    add_words(out, "conditional_scopes", meta->conditional_scopes);
    add_note(out, "Where customers come back to after an install; without it "
                  "they stay on a page of portkeep.");
    add_note(out, "return_to = https://app.example.com/connected");
    if (meta->is_marketplace) {
        add_note(out, "Installs that start on HubSpot's Marketplace.");
        add_key(out, "marketplace", STR("yes"));
        add_note(out, "sign_in_url = https://app.example.com/hubspot/sign-in");
    }
    add_events(out, plan);
}

void
init_add_config(struct buf *out, const struct init_plan *plan)
{
    add_note(out, "portkeep.conf, made by `portkeep init`.");
    add_note(out, "`portkeep help config` explains every key, `portkeep "
                  "check` says what is wrong here.");
    add_server(out, plan);
    add_store(out, plan);
    add_hubspot(out, plan);
    add_app(out, plan);
}
