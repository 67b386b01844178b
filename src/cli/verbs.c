#include "cli/run.h"
#include "cli/verb.h"

#include <stddef.h>

/* The table.  A family's first verb is what its name alone does. */

#define END              \
    {                    \
        NULL, NULL, NULL \
    }
#define ASKS (VERB_HAS_CONFIG | VERB_HAS_JSON)

static const struct verb_option serve_options[] = {
    {"no-sandbox", NULL,
     "Start the processes without their filters; only in a build for tests."},
    END};

static const struct verb_option demo_options[] = {
    {"once", NULL,
     "End after the scripted part, with status 0 only if every step held."},
    {"keep", NULL, "Leave the demo's folder in place at the end."},
    END};

static const struct verb_option init_options[] = {
    {"from", "FILE",
     "Take name, scopes and distribution from a HubSpot project's "
     "app-hsmeta.json."},
    {"client-id", "ID", "The app's client id; asked for when not given."},
    {"public-url", "URL",
     "What HubSpot and browsers will see; else the host of the project's "
     "redirect URL."},
    {"public-listen", "ADDRESS:PORT",
     "Where the front listens; else 127.0.0.1:8700."},
    {"private-listen", "ADDRESS:PORT",
     "Where the relay listens; else 127.0.0.1:8701."},
    {"dir", "DIR", "Where to write; else /etc/portkeep."},
    {"local", NULL,
     "Everything in one folder (--dir, else the current one), on localhost: "
     "to try it out."},
    {"emulator", "URL", "Speak to this emulator in place of HubSpot."},
    {"static", NULL, "The app has a static token and no client secret."},
    END};

static const struct verb_option status_options[] = {
    {"brief", NULL, "Leave out what has to be counted."}, END};

static const struct verb_option connect_options[] = {
    {"ref", "REF", "The customer's id in your own system."},
    {"return-to", "URL",
     "Where the customer comes back to; one of the app's return_to."},
    {"portal", "PORTAL", "Only this account may be connected."},
    END};

static const struct verb_option list_options[] = {
    {"app", "APP", "Only this app's."},
    {"ref", "REF", "Only this customer's."},
    {"limit", "N", "At most so many."},
    END};

static const struct verb_option erased_options[] = {
    {"app", "APP", "Only this app's."},
    {"limit", "N", "At most so many."},
    END};

static const struct verb_option confirm_options[] = {
    {"yes", NULL, "Do not ask."}, END};

static const struct verb_option export_options[] = {
    {"all", NULL, "All accounts, a line of JSON each; of one app if named."},
    {"with-tokens", "FILE",
     "With --all: also the refresh tokens, into this new file (0600); "
     "audited."},
    END};

static const struct verb_option import_options[] = {
    {"app", "APP", "The app of rows that do not name one."},
    {"dry-run", NULL, "Read the file and say what would be asked."},
    END};

static const struct verb_option add_options[] = {
    {"static", NULL, "The token is a static one; no other is added by hand."},
    {"ref", "REF", "The customer's id in your own system."},
    END};

static const struct verb_option api_options[] = {
    {"include", NULL, "Print status and headers, too, on standard error."},
    END};

static const struct verb_option key_options[] = {
    {"app", "APP", "Only for this app; may be repeated. Else all."},
    {"portal", "PORTAL", "Only for this account; may be repeated."},
    {"verb", "VERB",
     "A right: token, call, call:read, connect, portals, disconnect, events, "
     "verify; may be repeated. Else call, connect, portals, events."},
    {"address", "CIDR", "Only from this address or network; may be repeated."},
    {"ends", "WHEN", "Good until then: 90d, 12h, 2027-01-31."},
    END};

#define EVENTS_APP                                              \
    {                                                           \
        "app", "APP",                                           \
            "Whose events; need not be said where there is one" \
            " app only."                                        \
    }
#define EVENTS_PORTAL                              \
    {                                              \
        "portal", "PORTAL", "Only this account's." \
    }
#define EVENTS_CURSOR                                                \
    {                                                                \
        "cursor", "CURSOR", "Go on where the list before has ended." \
    }

static const struct verb_option events_list_options[] = {
    EVENTS_APP,
    EVENTS_PORTAL,
    {"pending", NULL, "Only what is still to be delivered."},
    {"dead", NULL, "Only what was given up."},
    {"parked", NULL, "Only those of accounts that are not connected."},
    {"limit", "N", "At most so many, from the oldest on; else 100."},
    {"last", "N", "The newest so many."},
    EVENTS_CURSOR,
    END};

static const struct verb_option events_show_options[] = {EVENTS_APP, END};

static const struct verb_option events_tail_options[] = {EVENTS_APP,
                                                         EVENTS_PORTAL, END};

static const struct verb_option events_dead_options[] = {
    EVENTS_APP,
    EVENTS_PORTAL,
    {"limit", "N", "At most so many, from the oldest on; else 100."},
    {"last", "N", "The newest so many."},
    EVENTS_CURSOR,
    END};

static const struct verb_option events_replay_options[] = {
    EVENTS_APP,
    {"dead", NULL, "Only what was given up."},
    EVENTS_PORTAL,
    {"from", "WHEN",
     "Only what was taken in since then: 2h, 3d, 2026-11-24, "
     "2026-11-24T15:30:00Z."},
    {"to", "WHEN", "Only what was taken in before then."},
    END};

static const struct verb_option events_forward_options[] = {
    {"to", "URL", "Where events are posted: on this machine or network."},
    {"from", "URL",
     "The private listener of another portkeep; else this one's."},
    {"key-file", "FILE",
     "An API key with the verb events, for --from; else one is made for "
     "this run."},
    EVENTS_APP,
    EVENTS_PORTAL,
    {"all", NULL, "Begin with the oldest that is kept; else with what comes."},
    {"state", "FILE",
     "Where it is noted how far it came, to go on from there."},
    {"secret-file", "FILE",
     "Sign with this whsec_ secret, as the service does for webhook_target."},
    END};

static const struct verb_option scopes_list_options[] = {
    {"all", NULL, "Also those that no app can ask for."}, END};

static const struct verb_option scopes_plan_options[] = {
    {"operations", "ID,ID",
     "Of an OpenAPI document: the operations that are called, ID=contacts "
     "where the object type is a variable; all is all of them."},
    {"optional", "FILE", "More calls, which the app can do without."},
    {"edition", "NAME",
     "What every account has at least: free, starter, professional, "
     "enterprise; else free."},
    END};

static const struct verb_option rotate_options[] = {
    {"compromised", NULL,
     "The old key may be known to others: make new data keys too, and seal "
     "everything with them."},
    {"resume", NULL, "Make no new key; go on with the newest one."},
    END};

static const struct verb_option audit_list_options[] = {
    {"after", "NUMBER", "Entries after this one; else from the first."},
    {"limit", "N", "At most so many, up to 500; else 100."},
    {"last", "N", "Only the newest so many, up to 500, instead of --limit."},
    END};

static const struct verb_option audit_verify_options[] = {
    {"head", "HEAD",
     "A head (node:number:hash) from a log line or a receipt that the chain "
     "must run through."},
    END};

static const struct verb_option backup_options[] = {
    {"events", NULL, "With the stored events and their bodies."}, END};

static const struct verb_option restore_options[] = {
    {"erasures", "FILE",
     "The erasure list; else the one in the data directory."},
    END};

static const struct verb_option help_options[] = {
    {"man", NULL,
     "Print the manual page for man(1), portkeep(1); with \"config\", "
     "portkeep.conf(5)."},
    {"completion", NULL, "Print completion for bash."},
    {"messages", NULL,
     "Print every message that portkeep's processes send each other."},
    END};

const struct verb verbs[] = {
    {.group = "Run",
     .name = "serve",
     .arguments = "",
     .sentence = "Run the service in the foreground.",
     .more = "Starts and watches all processes of portkeep. SIGTERM lets "
             "running exchanges finish and ends; SIGHUP does what "
             "`portkeep reload` does. Under systemd it says READY=1 when all "
             "processes take work.",
     .example = "portkeep serve -c /etc/portkeep/portkeep.conf",
     .options = serve_options,
     .traits = VERB_HAS_CONFIG,
     .run = do_serve},
    {.group = "Run",
     .name = "demo",
     .arguments = "",
     .sentence = "Show the whole life of an app, against the emulator.",
     .more = "Runs in a folder of its own, on loopback, and takes it away at "
             "the end. After the scripted part it stays up until Ctrl-C and "
             "prints what to try by hand.",
     .example = "portkeep demo --once",
     .options = demo_options,
     .run = do_demo},
    {.group = "Run",
     .name = "emulator",
     .arguments = "[OPTION...]",
     .sentence = "Run the stand-in for HubSpot, for development and tests.",
     .more = "Everything after the verb is given to portkeep-emulator as it "
             "stands; `portkeep emulator --help` lists its options.",
     .example = "portkeep emulator --listen 127.0.0.1:8790",
     .traits = VERB_IS_RAW,
     .run = do_emulator},

    {.group = "Set up",
     .name = "init",
     .arguments = "[APP]",
     .sentence = "Write a commented configuration and a master key.",
     .more = "Asks for the client id and secret of the app at HubSpot; a "
             "secret is read from standard input, never from the command "
             "line. Nothing is ever written over.",
     .example = "portkeep init --from src/app/app-hsmeta.json",
     .options = init_options,
     .run = do_init},
    {.group = "Set up",
     .name = "check",
     .arguments = "",
     .sentence = "Read the configuration and say everything wrong with it.",
     .more = "Also looks at the files of secrets: that they are there, and "
             "that nobody else can read them. Exit status 1 if there is any "
             "error.",
     .example = "portkeep check",
     .traits = ASKS,
     .run = do_check},
    {.group = "Set up",
     .name = "urls",
     .arguments = "APP",
     .sentence = "Print what to register at HubSpot for an app.",
     .example = "portkeep urls crm-sync",
     .traits = ASKS,
     .run = do_urls},

    {.group = "The service",
     .name = "status",
     .arguments = "",
     .sentence = "Show the processes, the grants by state, the key in use.",
     .example = "portkeep status --json",
     .options = status_options,
     .traits = ASKS,
     .run = do_status},
    {.group = "The service",
     .name = "reload",
     .arguments = "",
     .sentence = "Take up the configuration again, without a pause.",
     .more = "The file is checked whole before anything changes; what needs a "
             "restart is named.",
     .example = "portkeep reload",
     .traits = ASKS,
     .run = do_reload},

    {.group = "Accounts",
     .name = "connect",
     .arguments = "APP",
     .sentence = "Make a one-time link with which a customer connects.",
     .more = "The link is good for a day and used up by success only.",
     .example = "portkeep connect crm-sync --ref tenant-42",
     .options = connect_options,
     .traits = ASKS,
     .run = do_connect},
    {.group = "Accounts",
     .name = "token",
     .arguments = "APP PORTAL",
     .sentence = "Print an access token, refreshed first where it is old.",
     .more = "It is refreshed when under half of its life is left. Audited.",
     .example = "portkeep token crm-sync 1234567",
     .traits = ASKS,
     .run = do_token},
    {.group = "Accounts",
     .name = "api",
     .arguments = "APP PORTAL METHOD PATH [BODY]",
     .sentence = "Call HubSpot's API once, through the relay.",
     .more = "BODY is JSON; - reads it from standard input. The answer goes "
             "to standard output as it came. Made with an API key of its own "
             "that ends with the call.",
     .example = "portkeep api crm-sync 1234567 GET /crm/v3/objects/contacts",
     .options = api_options,
     .traits = VERB_HAS_CONFIG,
     .run = do_api},
    {.group = "Accounts",
     .name = "portals list",
     .arguments = "",
     .sentence = "List the connected accounts.",
     .example = "portkeep portals list --app crm-sync",
     .options = list_options,
     .traits = ASKS,
     .columns = "app portal state ref generation connected_at expires_at "
                "last_used_at",
     .run = do_portals_list},
    {.group = "Accounts",
     .name = "portals show",
     .arguments = "APP PORTAL",
     .sentence = "Show what is known about one account.",
     .example = "portkeep portals show crm-sync 1234567",
     .traits = ASKS,
     .run = do_portals_show},
    {.group = "Accounts",
     .name = "portals refresh",
     .arguments = "APP PORTAL",
     .sentence = "Refresh an account's token now.",
     .example = "portkeep portals refresh crm-sync 1234567",
     .traits = ASKS,
     .run = do_portals_refresh},
    {.group = "Accounts",
     .name = "portals disconnect",
     .arguments = "APP PORTAL",
     .sentence = "Uninstall the app from an account, and erase it here.",
     .more = "Uninstalls at HubSpot, revokes the token, erases everything "
             "held about the account, and prints the receipt. Asks first.",
     .example = "portkeep portals disconnect crm-sync 1234567",
     .options = confirm_options,
     .traits = ASKS,
     .run = do_portals_disconnect},
    {.group = "Accounts",
     .name = "portals erase",
     .arguments = "APP PORTAL",
     .sentence = "Erase an account here, without a word to HubSpot.",
     .more = "The app stays installed there. Prints the receipt. Asks first.",
     .example = "portkeep portals erase crm-sync 1234567 --yes",
     .options = confirm_options,
     .traits = ASKS,
     .run = do_portals_erase},
    {.group = "Accounts",
     .name = "portals erased",
     .arguments = "",
     .sentence = "List the receipts of what was erased.",
     .example = "portkeep portals erased --json",
     .options = erased_options,
     .traits = ASKS,
     .columns = "app portal generation erased_at on_word_of remote master_key",
     .run = do_portals_erased},
    {.group = "Accounts",
     .name = "portals export",
     .arguments = "[APP] [PORTAL]",
     .sentence = "Print everything held about one account, or about all.",
     .more = "Of one account all of it as JSON: the grant, its events with "
             "what stands in them, receipts, entries of the audit log. Of all "
             "of them their grants. Without tokens, unless --with-tokens "
             "names the file for them; that file is what `portkeep portals "
             "import` reads.",
     .example = "portkeep portals export --all --with-tokens portals.jsonl",
     .options = export_options,
     .traits = ASKS,
     .run = do_portals_export},
    {.group = "Accounts",
     .name = "portals import",
     .arguments = "FILE",
     .sentence = "Take over accounts from another system.",
     .more = "FILE is CSV with a heading line, or JSON lines: app, portal, "
             "ref, refresh_token (of static apps, static_token); - is "
             "standard input. Each is checked with HubSpot and reported on a "
             "line of its own. What was refused can be imported again.",
     .example = "portkeep portals import accounts.csv --app crm-sync",
     .options = import_options,
     .traits = ASKS,
     .run = do_portals_import},
    {.group = "Accounts",
     .name = "portals add",
     .arguments = "APP",
     .sentence = "Add an account of a static-token app.",
     .more = "The token is read from standard input, checked with HubSpot and "
             "sealed. Adding a new one for the same account replaces it.",
     .example = "portkeep portals add --static reports",
     .options = add_options,
     .traits = ASKS,
     .run = do_portals_add},

    {.group = "Keys of backends",
     .name = "keys list",
     .arguments = "",
     .sentence = "List the API keys; their secrets are not stored.",
     .more = "- under APPS, PORTALS or ADDRESSES: the key is good for all.",
     .example = "portkeep keys list",
     .traits = ASKS,
     .columns = "number name apps portals verbs addresses ends_at last_used_at",
     .run = do_keys_list},
    {.group = "Keys of backends",
     .name = "keys create",
     .arguments = "NAME",
     .sentence = "Make an API key for a backend; it is shown once.",
     .example = "portkeep keys create billing --app crm-sync --verb call:read",
     .options = key_options,
     .traits = ASKS,
     .run = do_keys_create},
    {.group = "Keys of backends",
     .name = "keys revoke",
     .arguments = "NUMBER|NAME",
     .sentence = "End an API key at once; running calls are cut.",
     .example = "portkeep keys revoke 3",
     .traits = ASKS,
     .run = do_keys_revoke},

    {.group = "Master keys",
     .name = "masterkey list",
     .arguments = "",
     .sentence = "List the master keys and how many data keys each wraps.",
     .example = "portkeep masterkey list",
     .traits = ASKS,
     .columns = "id current wraps",
     .run = do_masterkey_list},
    {.group = "Master keys",
     .name = "masterkey rotate",
     .arguments = "",
     .sentence = "Make a new master key and wrap everything with it.",
     .more = "Adds a line to the key file, which its owner or root must do, "
             "has the service take it up, wraps every data key anew and opens "
             "each to see that it does. The service goes on meanwhile.",
     .example = "portkeep masterkey rotate",
     .options = rotate_options,
     .traits = ASKS,
     .run = do_masterkey_rotate},
    {.group = "Master keys",
     .name = "masterkey verify",
     .arguments = "",
     .sentence = "Open every data key, to see that it can be opened.",
     .example = "portkeep masterkey verify",
     .traits = ASKS,
     .run = do_masterkey_verify},
    {.group = "Master keys",
     .name = "masterkey retire",
     .arguments = "ID",
     .sentence = "Take an old master key out of the file, for good.",
     .more = "Backups whose keys file was written while it was in use can "
             "never be restored again; that is also what makes erasure final "
             "in copies that portkeep did not make. Asks first.",
     .example = "portkeep masterkey retire 20261124-kfqz",
     .options = confirm_options,
     .traits = ASKS,
     .run = do_masterkey_retire},

    {.group = "Events",
     .name = "events list",
     .arguments = "",
     .sentence = "List what HubSpot reported, oldest first.",
     .more = "Without what stands in the events: `portkeep events show ID` "
             "shows one whole.",
     .example = "portkeep events list --pending --portal 1234567",
     .options = events_list_options,
     .traits = ASKS,
     .columns = "id type portal ref accepted_at state attempts",
     .run = do_events_list},
    {.group = "Events",
     .name = "events show",
     .arguments = "ID",
     .sentence = "Show one event whole, as JSON.",
     .example = "portkeep events show evt_0000000000000a2f_03",
     .options = events_show_options,
     .traits = ASKS,
     .run = do_events_show},
    {.group = "Events",
     .name = "events tail",
     .arguments = "",
     .sentence = "Print a line for each event as it comes, until Ctrl-C.",
     .example = "portkeep events tail --app crm-sync",
     .options = events_tail_options,
     .traits = ASKS,
     .run = do_events_tail},
    {.group = "Events",
     .name = "events dead",
     .arguments = "",
     .sentence = "List what could not be delivered, and why.",
     .example = "portkeep events dead --last 20",
     .options = events_dead_options,
     .traits = ASKS,
     .columns = "id type portal accepted_at attempts last_status last_reason",
     .run = do_events_dead},
    {.group = "Events",
     .name = "events replay",
     .arguments = "[ID]",
     .sentence = "Deliver events once more: one, or many.",
     .more = "They go out under their old ids, with the header "
             "Portkeep-Replay. Options together choose what all of them "
             "hold for. It can be stopped at any time.",
     .example = "portkeep events replay --dead --from 2d",
     .options = events_replay_options,
     .traits = ASKS,
     .run = do_events_replay},
    {.group = "Events",
     .name = "events forward",
     .arguments = "",
     .sentence = "Pull events and post them to a program under development.",
     .more = "Pulls from any portkeep that you have a key for, so that no "
             "tunnel is needed, until Ctrl-C. Each event is one request, as "
             "the service itself would send it; what answers with an error "
             "is told and passed over, what does not answer is tried again.",
     .example = "portkeep events forward --to http://localhost:3000/hubspot",
     .options = events_forward_options,
     .traits = ASKS,
     .run = do_events_forward},

    {.group = "Scopes",
     .name = "scopes list",
     .arguments = "[WORD]",
     .sentence = "List HubSpot's scopes, what they grant, and who has them.",
     .more = "WORD: only those with it in their name or words. Editions "
             "change without notice; the scopes of a token decide.",
     .example = "portkeep scopes list deals",
     .options = scopes_list_options,
     .traits = VERB_HAS_JSON,
     .columns = "scope grants edition sensitive class",
     .run = do_scopes_list},
    {.group = "Scopes",
     .name = "scopes explain",
     .arguments = "SCOPE|METHOD [PATH]",
     .sentence = "Say what a scope is good for, or which a call needs.",
     .more = "What is in no list of HubSpot's is called unknown, with exit "
             "status 1; nothing is guessed.",
     .example = "portkeep scopes explain GET /crm/v3/objects/deals/7",
     .traits = VERB_HAS_JSON,
     .run = do_scopes_explain},
    {.group = "Scopes",
     .name = "scopes plan",
     .arguments = "FILE",
     .sentence = "Find the smallest set of scopes for calls of the API.",
     .more = "FILE has lines of METHOD PATH, or is an access log, a HAR file "
             "or an OpenAPI document in JSON; - is standard input. Prints "
             "the lines for portkeep.conf and app-hsmeta.json. Exit status 1 "
             "if the scopes of any call are not known.",
     .example = "portkeep scopes plan calls.txt --optional extras.txt",
     .options = scopes_plan_options,
     .traits = VERB_HAS_JSON,
     .run = do_scopes_plan},

    {.group = "Records",
     .name = "audit list",
     .arguments = "",
     .sentence = "List entries of the audit log, oldest first.",
     .example = "portkeep audit list --last 20",
     .options = audit_list_options,
     .traits = ASKS,
     .columns = "number at kind app portal actor outcome detail",
     .run = do_audit_list},
    {.group = "Records",
     .name = "audit verify",
     .arguments = "",
     .sentence = "Walk the hash chain of the audit log to its end.",
     .example = "portkeep audit verify --head keep-1:1200:5f0c...",
     .options = audit_verify_options,
     .traits = ASKS,
     .run = do_audit_verify},
    {.group = "Records",
     .name = "backup",
     .arguments = "FILE",
     .sentence = "Write a backup, online, to FILE and FILE.keys.",
     .more = "FILE holds no data keys and may be kept as long as you like; "
             "keep only the newest FILE.keys, so that what is erased cannot "
             "be read from older ones. Neither holds the master key. Stored "
             "events are left out unless --events says otherwise.",
     .example = "portkeep backup /backup/portkeep-monday",
     .options = backup_options,
     .traits = ASKS,
     .run = do_backup},
    {.group = "Records",
     .name = "restore",
     .arguments = "FILE [KEYS]",
     .sentence = "Put a backup in place of a database that is not there.",
     .more = "With the service stopped. KEYS is FILE.keys unless named. What "
             "was erased since the backup is erased again before anything is "
             "served.",
     .example = "portkeep restore /backup/portkeep-monday",
     .options = restore_options,
     .traits = ASKS,
     .run = do_restore},

    {.group = "About",
     .name = "help",
     .arguments = "[VERB] [SUBVERB]",
     .sentence = "Print all verbs, or how one of them is used.",
     .more = "`portkeep help config` explains every key of the configuration.",
     .example = "portkeep help portals import",
     .options = help_options,
     .run = do_help},
    {.group = "About",
     .name = "version",
     .arguments = "",
     .sentence = "Print the version.",
     .example = "portkeep version",
     .traits = VERB_HAS_JSON,
     .run = do_version},
};

const size_t n_verbs = sizeof(verbs) / sizeof(verbs[0]);
