#include "parent/config_int.h"

#include "parent/nearest.h"

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_APP(member) offsetof(struct config_app, member)
#define S_MS 1000ULL
#define DAY_MS (86400 * S_MS)
#define MB 1000000ULL

enum {
    RELOAD = CONFIG_RELOADABLE,
    OAUTH = CONFIG_OAUTH_ONLY | CONFIG_RELOADABLE,
    NEEDED = CONFIG_OAUTH_NEEDED | CONFIG_OAUTH_ONLY | CONFIG_RELOADABLE,
};

/* Sentences are at most 73 characters: help prints them as they are. */
const struct config_key config_keys[] = {
    {"server", "public_url", CONFIG_ORIGIN, IN_CONFIG(public_url), "",
     CONFIG_REQUIRED, NULL, 0, 0,
     "What HubSpot and browsers see; http for localhost only."},
    {"server", "public_listen", CONFIG_ADDRESS, IN_CONFIG(public_listen),
     "127.0.0.1:8700", 0, NULL, 0, 0,
     "Where the front listens: connect, callback, webhooks."},
    {"server", "private_listen", CONFIG_ADDRESS, IN_CONFIG(private_listen),
     "127.0.0.1:8701", 0, NULL, 0, 0,
     "Where the relay listens; never face the internet with it."},
    {"server", "admin_socket", CONFIG_PATH, IN_CONFIG(admin_socket),
     "/run/portkeep/admin.sock", 0, NULL, 0, 0,
     "The door of the command line."},
    {"server", "revocation_max", CONFIG_DURATION, IN_CONFIG(revocation_max_ms),
     "5s", RELOAD, NULL, 1 * S_MS, 60 * S_MS,
     "How long a relay may answer without a word from the keeper."},
    {"server", "tls_cert", CONFIG_PATH, IN_CONFIG(tls_cert), "", RELOAD, NULL,
     0, 0, "PEM file of the certificate chain: the front then speaks TLS."},
    {"server", "tls_key", CONFIG_SECRET, IN_CONFIG(tls_key), "", RELOAD, NULL,
     0, 0, "PEM file of the key that belongs to tls_cert."},
    {"server", "user", CONFIG_WORD, IN_CONFIG(user), "portkeep", 0, NULL, 0, 0,
     "Whom the processes become when root starts them."},
    {"server", "log_level", CONFIG_CHOICE, IN_CONFIG(log_level_name), "info",
     RELOAD, "error warn info debug", 0, 0,
     "The least important lines that are still logged."},

    {"store", "url", CONFIG_STORE, IN_CONFIG(store_url),
     "sqlite:/var/lib/portkeep/portkeep.db", 0, NULL, 0, 0,
     "Where the database is; its directory holds the data files too."},
    {"store", "password", CONFIG_SECRET, IN_CONFIG(store_password), "", 0, NULL,
     0, 0, "The database's password; SQLite has none."},
    {"store", "master_key", CONFIG_SECRET, IN_CONFIG(master_key),
     "file:/etc/portkeep/master.key", RELOAD, NULL, 0, 0,
     "The file of master keys that seal everything else."},
    {"store", "events_keep", CONFIG_DURATION, IN_CONFIG(events_keep_ms), "30d",
     RELOAD, NULL, 3600 * S_MS, 3650 * DAY_MS,
     "How long events stay in the log, delivered or not."},
    {"store", "events_max", CONFIG_SIZE, IN_CONFIG(events_max), "2GB", RELOAD,
     NULL, 10 * MB, 10000000 * MB,
     "How large an app's log of events may grow; then HubSpot has to wait."},

    {"hubspot", "api_url", CONFIG_ORIGIN, IN_CONFIG(api_url),
     "https://api.hubapi.com", RELOAD, NULL, 0, 0,
     "HubSpot's API; http only for an emulator on this machine."},
    {"hubspot", "authorize_url", CONFIG_PAGE, IN_CONFIG(authorize_url),
     "https://app.hubspot.com/oauth/authorize", RELOAD, NULL, 0, 0,
     "HubSpot's consent page."},
    {"hubspot", "oauth_version", CONFIG_CHOICE, IN_CONFIG(oauth_version),
     "2026-03", RELOAD, "2026-03 2026-09 v3", 0, 0,
     "Which OAuth endpoints are called; v1 ends 2027-02-16."},
    {"hubspot", "ca_file", CONFIG_PATH, IN_CONFIG(ca_file), "", RELOAD, NULL, 0,
     0, "PEM file of the authorities to trust in place of the system's."},
    {"hubspot", "journal_hosts", CONFIG_HOSTS, IN_CONFIG(journal_hosts),
     "*.amazonaws.com", RELOAD, NULL, 0, 20,
     "Whom files of HubSpot's webhooks journal are downloaded from."},

    {"app", "type", CONFIG_CHOICE, IN_APP(type), "oauth", RELOAD,
     "oauth static", 0, 0,
     "static: a static-token app, service key or legacy private app."},
    {"app", "name", CONFIG_TEXT, IN_APP(title), "", RELOAD, NULL, 0, 100,
     "The app's name on pages; without it, the section's."},
    {"app", "support_url", CONFIG_PAGE, IN_APP(support_url), "", RELOAD, NULL,
     0, 0, "Where customers find help; linked on pages."},
    {"app", "privacy_url", CONFIG_PAGE, IN_APP(privacy_url), "", RELOAD, NULL,
     0, 0, "The privacy policy; linked on pages."},
    {"app", "client_id", CONFIG_WORD, IN_APP(client_id), "", NEEDED, NULL, 0,
     100, "The app's client id at HubSpot."},
    {"app", "client_secret", CONFIG_SECRET, IN_APP(client_secret), "", NEEDED,
     NULL, 0, 0, "The app's client secret at HubSpot."},
    {"app", "client_secret_previous", CONFIG_SECRET,
     IN_APP(client_secret_previous), "", OAUTH, NULL, 0, 0,
     "During a rotation: webhooks signed with either are taken."},
    {"app", "scopes", CONFIG_WORDS, IN_APP(scopes), "", NEEDED, NULL, 0, 0,
     "The scopes that the app requires."},
    {"app", "optional_scopes", CONFIG_WORDS, IN_APP(optional_scopes), "", OAUTH,
     NULL, 0, 0, "Scopes that HubSpot leaves out where an account lacks them."},
    {"app", "conditional_scopes", CONFIG_WORDS, IN_APP(conditional_scopes), "",
     OAUTH, NULL, 0, 0,
     "Scopes sent only when a connect session asks for them."},
    {"app", "return_to", CONFIG_PAGES, IN_APP(return_to), "", OAUTH, NULL, 0, 0,
     "Where installs may end: exact URLs, or ones that end with a slash."},
    {"app", "sign_in_url", CONFIG_PAGE, IN_APP(sign_in_url), "", OAUTH, NULL, 0,
     0, "Your sign-in, for installs that start on the Marketplace."},
    {"app", "marketplace", CONFIG_YES_NO, IN_APP(is_marketplace), "no", OAUTH,
     NULL, 0, 0, "yes: take installs that start at HubSpot."},
    {"app", "erase_gone_after", CONFIG_DURATION, IN_APP(erase_gone_after_ms),
     "7d", OAUTH, NULL, 1 * S_MS, 365 * DAY_MS,
     "How long the signs of an uninstall must hold before all is erased."},
    {"app", "erase_grace", CONFIG_DURATION, IN_APP(erase_grace_ms), "0s", OAUTH,
     NULL, 0, 30 * DAY_MS,
     "How long all is kept after the word that an app was uninstalled."},
    {"app", "keep_user_email", CONFIG_YES_NO, IN_APP(keeps_user_email), "no",
     OAUTH, NULL, 0, 0, "yes: keep the address of the user who installed."},
    {"app", "webhook_target", CONFIG_TARGET, IN_APP(webhook_target), "", RELOAD,
     NULL, 0, 0, "Your URL that receives events; http to private hosts only."},
    {"app", "webhook_secret", CONFIG_SECRET, IN_APP(webhook_secret), "", RELOAD,
     NULL, 0, 0, "The key that signs what webhook_target receives."},
    {"app", "webhook_secret_previous", CONFIG_SECRET,
     IN_APP(webhook_secret_previous), "", RELOAD, NULL, 0, 0,
     "During a rotation: both sign what webhook_target receives."},
    {"app", "webhook_batch", CONFIG_NUMBER, IN_APP(webhook_batch), "1", RELOAD,
     NULL, 1, 100, "How many events one request to webhook_target may bring."},
    {"app", "webhook_url", CONFIG_PAGES, IN_APP(webhook_url), "", RELOAD, NULL,
     0, 3, "As HubSpot knows it, where it is not public_url and the path."},
    {"app", "webhook_signatures", CONFIG_CHOICES, IN_APP(webhook_signatures),
     "v3", RELOAD, "v3 v2 v1", 0, 0,
     "Which of HubSpot's signatures are taken; v3 wherever it is sent."},
    {"app", "events_from", CONFIG_CHOICE, IN_APP(events_from), "push", RELOAD,
     "push journal", 0, 0, "How HubSpot's events come."},
};

const size_t config_keys_n = sizeof(config_keys) / sizeof(config_keys[0]);

static const char *const sections[] = {"server", "store", "hubspot", "app"};

const struct config_key *
config_key_find(struct str section, struct str name)
{
    for (size_t i = 0; i < config_keys_n; i++)
        if (str_equal(section, str_from(config_keys[i].section)) &&
            str_equal(name, str_from(config_keys[i].name)))
            return &config_keys[i];
    return NULL;
}

struct str
config_key_hint(struct arena *arena, struct str section, struct str name)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < config_keys_n && n < 64; i++) {
        if (str_equal(section, str_from(config_keys[i].section)))
            names[n++] = config_keys[i].name;
        else if (str_equal(name, str_from(config_keys[i].name)))
            return arena_printf(
                arena, ": it belongs to [%s%s]", config_keys[i].section,
                config_keys[i].section[0] == 'a' ? " NAME" : "");
    }
    const char *near = nearest(name, names, n);
    if (near == NULL)
        return STR("");
    return arena_printf(arena, ": did you mean \"%s\"?", near);
}

struct str
config_section_hint(struct arena *arena, struct str kind)
{
    size_t n = sizeof(sections) / sizeof(sections[0]);
    for (size_t i = 0; i < n; i++)
        if (str_equal(kind, str_from(sections[i])))
            return STR_NONE;
    const char *near = nearest(kind, sections, n);
    if (near == NULL)
        return STR(": there are [server], [store], [hubspot] and [app NAME]");
    return arena_printf(arena, ": did you mean [%s%s]?", near,
                        near[0] == 'a' ? " NAME" : "");
}

const char *
config_type_words(const struct config_key *key)
{
    static const char *const words[] = {
        [CONFIG_TEXT] = "text",
        [CONFIG_WORD] = "a word",
        [CONFIG_WORDS] = "words",
        [CONFIG_YES_NO] = "yes or no",
        [CONFIG_DURATION] = "a time: 500ms, 5s, 10m, 12h, 7d",
        [CONFIG_NUMBER] = "a number",
        [CONFIG_SIZE] = "a size: 500MB, 2GB",
        [CONFIG_HOSTS] = "HOST or *.HOST ...",
        [CONFIG_ORIGIN] = "https://HOST",
        [CONFIG_PAGE] = "https://HOST/PATH",
        [CONFIG_PAGES] = "https://HOST/PATH ...",
        [CONFIG_TARGET] = "https://HOST/PATH",
        [CONFIG_ADDRESS] = "ADDRESS:PORT",
        [CONFIG_PATH] = "PATH",
        [CONFIG_SECRET] = "file:PATH or credential:NAME",
        [CONFIG_STORE] = "sqlite:PATH",
    };
    return key->choices != NULL ? key->choices : words[key->type];
}

size_t
config_n_keys(void)
{
    return config_keys_n;
}

struct config_key_help
config_key_help(size_t i)
{
    const struct config_key *key = &config_keys[i];
    bool is_app = str_equal(str_from(key->section), STR("app"));
    return (struct config_key_help){
        .section = is_app ? "app NAME" : key->section,
        .key = key->name,
        .kind = config_type_words(key),
        .fallback = key->fallback,
        .is_required = (key->flags & (CONFIG_REQUIRED | CONFIG_OAUTH_NEEDED)),
        .is_reloadable = (key->flags & CONFIG_RELOADABLE) != 0,
        .sentence = key->sentence,
    };
}

static void
describe_key(const struct config_key_help *k, struct buf *out)
{
    buf_addf(out, "%s = %s\n", k->key, k->kind);
    buf_addf(out, "      %s\n      ", k->sentence);
    if (k->is_required)
        buf_add_text(out, "Required. ");
    else if (k->fallback[0] != '\0')
        buf_addf(out, "Default: %s. ", k->fallback);
    else
        buf_add_text(out, "Optional. ");
    buf_add_text(out, k->is_reloadable ? "A reload takes it up.\n"
                                       : "Takes effect at a start.\n");
}

void
config_describe(struct buf *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_keys_n; i++) {
        struct config_key_help k = config_key_help(i);
        if (!str_equal(str_from(section), str_from(k.section)))
            buf_addf(out, "%s[%s]\n", i == 0 ? "" : "\n", k.section);
        section = k.section;
        describe_key(&k, out);
    }
}
