#define _GNU_SOURCE
#include "config_file.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int
open_file(void **state)
{
    static struct config_file f;
    config_file_open(&f);
    *state = &f;
    return 0;
}

static int
close_file(void **state)
{
    config_file_close(*state);
    return 0;
}

#define SERVER "[server]\npublic_url = https://keep.example.com\n" /* 1, 2 */
#define APP                                                               \
    SERVER "[app crm]\nclient_id = 1\nclient_secret = file:/s\nscopes = " \
           "oauth\n" /* 3 to 6 */

static const char whole[] =
    "; comment\n"
    "# comment\n"
    "[server]   ; of us\n"
    "public_url      = https://keep.example.com/  ; what browsers see\n"
    "public_listen   = [::1]:8700\n"
    "private_listen  = localhost:0\n"
    "admin_socket    = run/admin.sock\r\n"
    "revocation_max\t= 2500ms\n"
    "tls_cert        = /etc/cert.pem\n"
    "tls_key         = file:key.pem\n"
    "user            = keeper\n"
    "log_level       = debug\n"
    "\n"
    "[store]\n"
    "url             = sqlite:data/portkeep.db\n"
    "master_key      = credential:master\n"
    "events_keep     = 90d\n"
    "events_max      = 500MB\n"
    "[hubspot]\n"
    "api_url         = http://127.0.0.1:8790\n"
    "authorize_url   = http://localhost:8790/oauth/authorize\n"
    "oauth_version   = 2026-09\n"
    "ca_file         = /etc/ca.pem\n"
    "journal_hosts   = files.example.com *.s3.example.com\n"
    "\n"
    "[app crm-sync]\n"
    "type            = oauth\n"
    "name            = CRM Sync ## 1; really\n"
    "support_url     = https://example.com/help\n"
    "privacy_url     = https://example.com/privacy\n"
    "client_id       = 11111111-2222-3333-4444-555555555555\n"
    "client_secret   = file:/etc/portkeep/crm.secret\n"
    "client_secret_previous = file:old.secret\n"
    "scopes          = oauth\n"
    "    crm.objects.contacts.read   ; readers\n"
    "# between\n"
    "  crm.objects.companies.read\n"
    "optional_scopes = crm.objects.deals.read\n"
    "conditional_scopes =\n"
    "return_to       = https://app.example.com/connected\n"
    "                  http://localhost:3000/\n"
    "sign_in_url     = https://app.example.com/sign-in\n"
    "marketplace     = yes\n"
    "erase_gone_after = 12h\n"
    "erase_grace     = 2d\n"
    "keep_user_email = yes\n"
    "webhook_target  = http://10.0.0.7/hubspot\n"
    "webhook_secret  = file:whsec\n"
    "webhook_secret_previous = file:old.whsec\n"
    "webhook_batch   = 100\n"
    "webhook_url     = https://keep.example.com/webhooks/crm-sync\n"
    "webhook_signatures = v3 v2\n"
    "events_from     = journal\n"
    "[app legacy]\n"
    "type            = static\n";

static void
reads_every_key(void **state)
{
    struct config_file *f = *state;
    const struct config *c = &f->config;
    char text[128];
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/creds", 1), 0);
    enum err e = config_file_load(f, whole);
    config_file_print(f);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(e, ERR_OK);
    assert_true(str_equal(c->public_url, STR("https://keep.example.com")));
    assert_int_equal(c->public_listen.address.ss_family, AF_INET6);
    assert_int_equal(c->private_listen.address.ss_family, AF_INET);
    (void)snprintf(text, sizeof(text), "%s/run/admin.sock", f->folder);
    assert_true(str_equal(c->admin_socket, str_from(text)));
    assert_int_equal(c->revocation_max_ms, 2500);
    assert_true(str_equal(c->tls_cert, STR("/etc/cert.pem")));
    (void)snprintf(text, sizeof(text), "%s/key.pem", f->folder);
    assert_true(str_equal(c->tls_key.path, str_from(text)));
    assert_true(str_equal(c->user, STR("keeper")));
    assert_int_equal(c->log_level, LOG_DEBUG);
    (void)snprintf(text, sizeof(text), "%s/data/portkeep.db", f->folder);
    assert_true(str_equal(c->store_path, str_from(text)));
    text[strlen(text) - strlen("/portkeep.db")] = '\0';
    assert_true(str_equal(c->data_dir, str_from(text)));
    assert_true(str_equal(c->master_key.path, STR("/run/creds/master")));
    assert_true(str_equal(c->api_url, STR("http://127.0.0.1:8790")));
    assert_true(str_equal(c->oauth_version, STR("2026-09")));
    assert_int_equal(c->events_keep_ms, 90ULL * 86400 * 1000);
    assert_int_equal(c->events_max, 500000000);
    assert_int_equal(c->journal_hosts.n, 2);
    assert_int_equal(c->n_apps, 2);
    assert_true(c->apps[1].is_static);
    assert_true(str_equal(c->apps[1].title, STR("legacy")));
}

static void
reads_every_key_of_an_app(void **state)
{
    struct config_file *f = *state;
    struct buf auto_buf text = {0};
    buf_init(&text, sizeof(whole) + 100);
    const char *apps = strstr(whole, "[app crm-sync]");
    buf_add_text(&text, SERVER);
    buf_add_text(&text, apps);
    assert_int_equal(config_file_load(f, buf_text(&text)), ERR_OK);
    const struct config_app *a = config_find_app(&f->config, STR("crm-sync"));
    assert_non_null(a);
    assert_null(config_find_app(&f->config, STR("crm")));
    assert_false(a->is_static);
    assert_true(str_equal(a->title, STR("CRM Sync")));
    assert_true(
        str_equal(a->client_secret.path, STR("/etc/portkeep/crm.secret")));
    assert_int_equal(a->scopes.n, 3);
    assert_true(str_equal(a->scopes.v[2], STR("crm.objects.companies.read")));
    assert_int_equal(a->optional_scopes.n, 1);
    assert_int_equal(a->conditional_scopes.n, 0);
    assert_int_equal(a->return_to.n, 2);
    assert_true(str_equal(a->return_to.v[1], STR("http://localhost:3000/")));
    assert_true(a->is_marketplace);
    assert_true(a->keeps_user_email);
    assert_int_equal(a->erase_gone_after_ms, 12 * 3600 * 1000);
    assert_int_equal(a->erase_grace_ms, 2 * 86400 * 1000);
    assert_int_equal(a->webhook_batch, 100);
    assert_true(a->webhook_secret_previous.path.n > 0);
    assert_true(str_equal(a->webhook_target, STR("http://10.0.0.7/hubspot")));
    assert_int_equal(a->webhook_url.n, 1);
    assert_int_equal(a->webhook_signatures.n, 2);
    assert_true(str_equal(a->events_from, STR("journal")));
}

static void
fills_in_what_is_left_out(void **state)
{
    struct config_file *f = *state;
    const struct config *c = &f->config;
    assert_int_equal(config_file_load(f, APP), ERR_OK);
    assert_true(str_equal(c->public_listen.text, STR("127.0.0.1:8700")));
    assert_true(str_equal(c->private_listen.text, STR("127.0.0.1:8701")));
    assert_true(str_equal(c->admin_socket, STR("/run/portkeep/admin.sock")));
    assert_int_equal(c->revocation_max_ms, 5000);
    assert_int_equal(c->tls_cert.n, 0);
    assert_true(str_equal(c->user, STR("portkeep")));
    assert_int_equal(c->log_level, LOG_INFO);
    assert_true(str_equal(c->data_dir, STR("/var/lib/portkeep")));
    assert_true(str_equal(c->master_key.path, STR("/etc/portkeep/master.key")));
    assert_true(str_equal(c->oauth_version, STR("2026-03")));
    assert_int_equal(c->apps[0].erase_gone_after_ms, 7ULL * 86400 * 1000);
    assert_int_equal(c->events_keep_ms, 30ULL * 86400 * 1000);
    assert_int_equal(c->events_max, 2000000000);
    assert_true(strs_have(c->journal_hosts, STR("*.amazonaws.com")));
    assert_int_equal(c->apps[0].erase_grace_ms, 0);
    assert_int_equal(c->apps[0].webhook_batch, 1);
    assert_int_equal(c->apps[0].webhook_signatures.n, 1);
    assert_true(str_equal(c->apps[0].events_from, STR("push")));
    assert_true(str_equal(c->apps[0].title, STR("crm")));
}

struct wrong {
    const char *text;
    unsigned line;
    const char *words;
};

static void
assert_wrong(struct config_file *f, const struct wrong *w)
{
    enum err e = config_file_load(f, w->text);
    bool is_told = config_file_has_problem(f, w->line, w->words);
    if (e != ERR_CONFIG || !is_told) {
        config_file_print(f);
        print_error("line %u should say \"%s\" of:\n%s\n", w->line, w->words,
                    w->text);
    }
    assert_int_equal(e, ERR_CONFIG);
    assert_true(is_told);
}

static void
names_file_line_and_remedy_for_each_wrong_line(void **state)
{
    static const struct wrong cases[] = {
        {"[server]\npublic_url\n", 2, "neither \"key = value\" nor"},
        {"[server]\n= x\n", 2, "neither \"key = value\" nor"},
        {"public_url = x\n", 1, "before the first [section]"},
        {"[server\n", 1, "a section ends with ]"},
        {"[serve]\n", 1, "did you mean [server]?"},
        {"[apps]\n", 1, "did you mean [app NAME]?"},
        {"[database]\n", 1, "there are [server], [store]"},
        {"[server main]\n", 1, "has no name behind it"},
        {"[app]\n", 1, "wants a name"},
        {"[app CRM]\n", 1, "wants a name of small letters"},
        {"[app a b]\n", 1, "wants a name"},
        {"[app -x]\n", 1, "wants a name"},
        {SERVER "[server]\n", 3, "second time, first in line 1"},
        {APP "[app crm]\n", 7, "second time, first in line 3"},
        {SERVER "public_url = https://b.example.com\n", 3,
         "a second time, first in line 2"},
        {SERVER "public_ur = x\n", 3, "did you mean \"public_url\"?"},
        {SERVER "admin_scoket = x\n", 3, "did you mean \"admin_socket\"?"},
        {SERVER "scopes = x\n", 3, "it belongs to [app NAME]"},
        {SERVER "zzzzzzzzzzzz = x\n", 3, "no key \"zzzzzzzzzzzz\" in [server]"},
        {"[server]\n  public_url = https://a.example.com\n", 2,
         "begin keys at the start"},
        {SERVER "\n  more\n", 4, "an indented line continues"},
        {SERVER "  public_listen = 127.0.0.1:1\n", 3,
         "would continue \"public_url\""},
        {SERVER "user = a\x01"
                "b\n",
         3, "control characters"},
        {SERVER "user = \xff\xfe\n", 3, "not UTF-8"},
        {SERVER "user = \"portkeep\"\n", 3, "stands in quotes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_wrong(*state, &cases[i]);
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* Counts the problems that name this key. */
static size_t
count_problems(const struct config_file *f, const struct config_key_help *k)
{
    char words[64];
    size_t n = 0;
    (void)snprintf(words, sizeof(words), "] %s", k->key);
    for (size_t i = 0; i < f->problems.n; i++)
        if (memmem(f->problems.v[i].text.p, f->problems.v[i].text.n, words,
                   strlen(words)) != NULL)
            n++;
    return n;
}

static void
refuses_each_key_that_is_wrong(void **state)
{
    size_t n_told[64] = {0};
    static const struct wrong cases[] = {
        {"[server]\nuser = x\n", 1, "[server] public_url is missing"},
        {"[server]\npublic_url =\n", 2, "[server] public_url is missing"},
        {"[server]\npublic_url = ftp://a.example.com\n", 2, "is not a URL"},
        {"[server]\npublic_url = http://a.example.com\n", 2, "use https"},
        {"[server]\npublic_url = https://a.example.com/x\n", 2, "has a path"},
        {"[server]\npublic_url = https://a.example.com?x\n", 2, "has a path"},
        {SERVER "public_listen = 8700\n", 3, "is not an address and a port"},
        {SERVER "public_listen = 127.0.0.1\n", 3, "is not an address"},
        {SERVER "public_listen = 127.0.0.1:65536\n", 3, "is not an address"},
        {SERVER "public_listen = example.com:80\n", 3, "is not an address"},
        {SERVER "private_listen = ::1:80\n", 3, "is not an address"},
        {SERVER "private_listen = 127.0.0.1:8700\n", 3, "are the same"},
        {SERVER "revocation_max = 5\n", 3, "is not a time"},
        {SERVER "revocation_max = five\n", 3, "is not a time"},
        {SERVER "revocation_max = 2m\n", 3, "is not between 1s and 1m"},
        {SERVER "revocation_max = 999ms\n", 3, "is not between 1s and 1m"},
        {SERVER "revocation_max = 99999999999s\n", 3, "is not a time"},
        {SERVER "tls_cert = /c\n", 3, "go together"},
        {SERVER "tls_key = file:/k\n", 1, "go together"},
        {SERVER "tls_key = /k\n", 3, "is file:PATH or credential:NAME"},
        {SERVER "tls_key = file:\n", 3, "is file:PATH or credential:NAME"},
        {SERVER "user = two words\n", 3, "has a space in it"},
        {SERVER "user = root\n", 3, "name another"},
        {SERVER "log_level = verbose\n", 3, "none of: error warn info debug"},
        {SERVER "[store]\nurl = mysql:x\n", 4, "is not sqlite:PATH"},
        {SERVER "[store]\nurl = sqlite:\n", 4, "is not sqlite:PATH"},
        {SERVER "[store]\nurl = sqlite:/var/\n", 4, "is not sqlite:PATH"},
        {SERVER "[store]\nurl = postgresql://db/portkeep\n", 4,
         "does not have yet: use sqlite"},
        {SERVER "[store]\nurl = postgresql://me:hunter2@db/portkeep\n", 4,
         "has a password in it"},
        {SERVER "[store]\nurl = postgresql://db/x?password=hunter2\n", 4,
         "has a password in it"},
        {SERVER "[store]\npassword = file:/pw\n", 4, "SQLite has none"},
        {SERVER "[store]\nmaster_key = c2VjcmV0\n", 4, "is file:PATH or"},
        {SERVER "[store]\nmaster_key = credential:key\n", 4,
         "$CREDENTIALS_DIRECTORY is not set"},
        {SERVER "[store]\nmaster_key = credential:../key\n", 4, "plain name"},
        {SERVER "[store]\nevents_keep = 10m\n", 4, "between 1h and 3650d"},
        {SERVER "[store]\nevents_max = 2000000000\n", 4, "is not a size"},
        {SERVER "[store]\nevents_max = 2gb\n", 4, "is not a size"},
        {SERVER "[store]\nevents_max = 1MB\n", 4, "between 10MB and 10TB"},
        {SERVER "[store]\nevents_max = 999999999TB\n", 4, "10MB and 10TB"},
        {SERVER "[hubspot]\napi_url = http://api.hubapi.com\n", 4,
         "begins with http"},
        {SERVER "[hubspot]\napi_url = https://api.hubapi.com/v1\n", 4,
         "has a path"},
        {SERVER "[hubspot]\nauthorize_url = app.hubspot.com\n", 4,
         "is not a URL"},
        {SERVER "[hubspot]\noauth_version = v1\n", 4,
         "is none of: 2026-03 2026-09 v3"},
        {SERVER "[hubspot]\njournal_hosts = https://a.example.com\n", 4,
         "is not a host"},
        {SERVER "[hubspot]\njournal_hosts = *\n", 4, "is not a host"},
        {SERVER "[hubspot]\njournal_hosts = *.com\n", 4, "is not a host"},
        {SERVER "[hubspot]\njournal_hosts = a.example.com.\n", 4,
         "is not a host"},
        {SERVER "[hubspot]\njournal_hosts = a.*.example.com\n", 4,
         "is not a host"},
        {APP "type = public\n", 7, "is none of: oauth static"},
        {APP "support_url = mailto:a@example.com\n", 7, "is not a URL"},
        {APP "privacy_url = http://example.com/\n", 7, "use https"},
        {SERVER "[app crm]\n", 3, "[app crm] client_id is missing"},
        {SERVER "[app crm]\n", 3, "[app crm] client_secret is missing"},
        {SERVER "[app crm]\n", 3, "[app crm] scopes is missing"},
        {SERVER "[app crm]\nclient_id = a b\n", 4, "has a space in it"},
        {SERVER "[app crm]\nclient_secret = hunter2\n", 4, "is file:PATH or"},
        {APP "client_secret_previous = hunter2\n", 7, "is file:PATH or"},
        {SERVER "[app crm]\nscopes = oauth oauth\n", 4, "stands there twice"},
        {SERVER "[app crm]\nscopes = oauth,tickets\n", 4,
         "separated by spaces"},
        {SERVER "[app crm]\nscopes = developer.webhooks_journal.read\n", 4,
         "is for client credentials"},
        {APP "optional_scopes = oauth\n", 6, "in more than one of"},
        {APP "optional_scopes = tickets tickets\n", 7, "stands there twice"},
        {APP "conditional_scopes = oauth\n", 7, "in more than one of"},
        {APP "return_to = app.example.com\n", 7, "is not a URL"},
        {APP "return_to = https://a.example.com/ http://b.example.com/\n", 7,
         "use https"},
        {APP "sign_in_url = x\n", 7, "is not a URL"},
        {APP "marketplace = true\n", 7, "is neither yes nor no"},
        {APP "erase_gone_after = 0s\n", 7, "is not between 1s and 365d"},
        {APP "erase_grace = 31d\n", 7, "is not between 0ms and 30d"},
        {APP "erase_grace = never\n", 7, "is not a time"},
        {APP "keep_user_email = 1\n", 7, "is neither yes nor no"},
        {APP "webhook_target = https://a.example.com/\n", 7,
         "needs webhook_secret"},
        {APP "webhook_target = http://93.184.216.34/\n", 7,
         "loopback and private"},
        {APP "webhook_secret = hunter2\n", 7, "is file:PATH or"},
        {APP "webhook_secret_previous = hunter2\n", 7, "is file:PATH or"},
        {APP "webhook_secret_previous = file:/s\n", 7,
         "needs webhook_secret, the new one"},
        {APP "webhook_batch = 0\n", 7, "is not between 1 and 100"},
        {APP "webhook_batch = 101\n", 7, "is not between 1 and 100"},
        {APP "webhook_batch = -1\n", 7, "is not a number"},
        {APP "webhook_batch = all\n", 7, "is not a number"},
        {APP "webhook_url = x\n", 7, "is not a URL"},
        {APP "webhook_url = https://a.example/1 https://a.example/2 "
             "https://a.example/3 https://a.example/4\n",
         7, "has more than 3 words"},
        {APP "webhook_signatures = v4\n", 7, "is none of: v3 v2 v1"},
        {APP "events_from = both\n", 7, "is none of: push journal"},
        {SERVER "[app x]\ntype = static\nevents_from = journal\n", 5,
         "OAuth apps only"},
        {SERVER "[app x]\ntype = static\nclient_id = 1\n", 5,
         "means nothing with type = static"},
        {APP "name = 1" HUNDRED "\n", 7, "is over 100 bytes"},
        {SERVER "admin_socket = /" HUNDRED TEN "\n", 3, "is over 107 bytes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_wrong(*state, &cases[i]);
        for (size_t j = 0; j < config_n_keys(); j++) {
            struct config_key_help k = config_key_help(j);
            n_told[j] += count_problems(*state, &k);
        }
    }
    /* Any path may be that of ca_file, until it is opened. */
    for (size_t j = 0; j < config_n_keys(); j++)
        if (n_told[j] == 0 && strcmp(config_key_help(j).key, "ca_file") != 0)
            fail_msg("no wrong value for %s", config_key_help(j).key);
}

static void
never_repeats_what_may_be_a_secret(void **state)
{
    static const char *const texts[] = {
        APP "client_secret_previous = hunter2\n",
        APP "webhook_secret = \"hunter2\"\n",
        SERVER "tls_key = hunter2:hunter2\n",
        SERVER "[store]\nurl = postgresql://me:hunter2@db/portkeep\n",
        SERVER "[store]\nmaster_key = hunter2\n",
    };
    struct config_file *f = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(config_file_load(f, texts[i]), ERR_CONFIG);
        for (size_t j = 0; j < f->problems.n; j++)
            assert_null(memmem(f->problems.v[j].text.p, f->problems.v[j].text.n,
                               "hunter2", 7));
    }
}

static void
says_everything_at_once_in_the_order_of_lines(void **state)
{
    struct config_file *f = *state;
    assert_int_equal(config_file_load(f, "[server]\n"
                                         "usr = x\n"
                                         "log_level = loud\n"
                                         "[app crm]\n"
                                         "marketplace = maybe\n"),
                     ERR_CONFIG);
    assert_true(f->problems.n_errors >= 7);
    for (size_t i = 1; i < f->problems.n; i++)
        assert_true(f->problems.v[i - 1].line <= f->problems.v[i].line);
    struct buf auto_buf text = {0};
    buf_init(&text, 4096);
    for (size_t i = 0; i < f->problems.n; i++)
        if (f->problems.v[i].line == 2)
            config_problem_add_text(&f->problems, i, &text);
    char wanted[256];
    (void)snprintf(wanted, sizeof(wanted),
                   "%s:2: error: there is no key \"usr\" in [server]: did you "
                   "mean \"user\"?",
                   f->path);
    assert_string_equal(buf_text(&text), wanted);
}

static void
warns_without_refusing(void **state)
{
    static const struct wrong cases[] = {
        {SERVER, 0, "no [app NAME] section yet"},
        {APP "optional_scopes = crm.objects.cats.read\n", 7,
         "HubSpot publishes no scope"},
        {APP "webhook_secret = file:/s\n", 7, "signs nothing"},
        {SERVER "private_listen = 0.0.0.0:8701\n", 3, "not on this machine"},
        {APP "[app two]\nclient_id = 1\nclient_secret = file:/t\nscopes = "
             "oauth\n",
         8, "is that of [app crm] too"},
    };
    struct config_file *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(config_file_load(f, cases[i].text), ERR_OK);
        assert_true(config_file_has_problem(f, cases[i].line, cases[i].words));
        assert_int_equal(f->problems.n_errors, 0);
    }
}

static void
takes_lines_to_their_limit_and_refuses_longer_ones(void **state)
{
    struct config_file *f = *state;
    struct buf auto_buf text = {0};
    buf_init(&text, 3 * LIMIT_CONFIG_LINE);
    buf_add_text(&text, SERVER "user = p ;");
    while (text.n - strlen(SERVER) < LIMIT_CONFIG_LINE)
        buf_add_char(&text, 'x');
    assert_int_equal(config_file_load(f, buf_text(&text)), ERR_OK);
    assert_true(str_equal(f->config.user, STR("p")));
    buf_add_char(&text, 'x');
    assert_int_equal(config_file_load(f, buf_text(&text)), ERR_CONFIG);
    assert_true(config_file_has_problem(f, 3, "over 4096 bytes"));
}

static void
joins_a_value_over_many_lines(void **state)
{
    struct config_file *f = *state;
    struct buf auto_buf text = {0};
    buf_init(&text, 65536);
    buf_add_text(&text, SERVER "[app crm]\nclient_id = 1\n"
                               "client_secret = file:/s\nscopes = oauth\n");
    for (int i = 0; i < 200; i++)
        buf_addf(&text, "   crm.objects.contacts.number_%d.read ; %d\n", i, i);
    assert_int_equal(config_file_load(f, buf_text(&text)), ERR_OK);
    assert_int_equal(f->config.apps[0].scopes.n, 201);
    for (int i = 200; i < 300; i++)
        buf_addf(&text, "   scope_%d\n", i);
    assert_int_equal(config_file_load(f, buf_text(&text)), ERR_CONFIG);
    assert_true(config_file_has_problem(f, 6, "more than 256 words"));
}

static void
lets_the_environment_override_but_never_a_secret(void **state)
{
    struct config_file *f = *state;
    assert_int_equal(setenv("PORTKEEP_SERVER_PUBLIC_LISTEN", "0.0.0.0:9", 1),
                     0);
    assert_int_equal(setenv("PORTKEEP_APP_CRM_MARKETPLACE", "yes", 1), 0);
    assert_int_equal(config_file_load(f, APP), ERR_OK);
    assert_true(str_equal(f->config.public_listen.text, STR("0.0.0.0:9")));
    assert_true(f->config.apps[0].is_marketplace);

    assert_int_equal(setenv("PORTKEEP_APP_CRM_MARKETPLACE", "maybe", 1), 0);
    assert_int_equal(config_file_load(f, APP), ERR_CONFIG);
    assert_true(config_file_has_problem(f, 0, "(from the environment)"));
    assert_int_equal(unsetenv("PORTKEEP_APP_CRM_MARKETPLACE"), 0);
    assert_int_equal(unsetenv("PORTKEEP_SERVER_PUBLIC_LISTEN"), 0);

    assert_int_equal(setenv("PORTKEEP_APP_CRM_CLIENT_SECRET", "file:/x", 1), 0);
    assert_int_equal(config_file_load(f, APP), ERR_CONFIG);
    assert_true(config_file_has_problem(f, 0, "never come from the"));
    assert_int_equal(unsetenv("PORTKEEP_APP_CRM_CLIENT_SECRET"), 0);

    assert_int_equal(setenv("PORTKEEP_SERVER_PUBLIC_URI", "https://x", 1), 0);
    assert_int_equal(config_file_load(f, APP), ERR_CONFIG);
    assert_true(config_file_has_problem(f, 0, "overrides no key"));
    assert_int_equal(unsetenv("PORTKEEP_SERVER_PUBLIC_URI"), 0);
}

/* conf/portkeep.conf.example, which the build names. */
static const char *example_path;

static void
finds_the_example_good_and_every_key_in_it(void **state)
{
    struct config_file *f = *state;
    static char text[16384];
    FILE *file = fopen(example_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    enum err e = config_load(f->arena, example_path, &f->config, &f->problems);
    config_file_print(f);
    assert_int_equal(e, ERR_OK);
    assert_int_equal(f->problems.n, 0);
    for (size_t i = 0; i < config_n_keys(); i++) {
        struct config_key_help k = config_key_help(i);
        char set[64], hidden[64];
        (void)snprintf(set, sizeof(set), "\n%s ", k.key);
        (void)snprintf(hidden, sizeof(hidden), "\n;%s ", k.key);
        if (strstr(text, set) == NULL && strstr(text, hidden) == NULL)
            fail_msg("the example lacks %s", k.key);
    }
}

/* Keys that stand in it as notes are good too, once they are taken in. */
static void
finds_the_hidden_keys_of_the_example_good(void **state)
{
    struct config_file *f = *state;
    static char text[16384];
    FILE *file = fopen(example_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    for (char *p = text; (p = strstr(p, "\n;")) != NULL; p++)
        if (p[2] != ' ' && p[2] != '\n')
            memmove(p + 1, p + 2, strlen(p + 1));
    /* SQLite has no password; a credential wants systemd. */
    char *password = strstr(text, "password ");
    assert_non_null(password);
    *password = ';';
    enum err e = config_file_load(f, text);
    config_file_print(f);
    assert_int_equal(e, ERR_OK);
    assert_true(f->config.tls_cert.n > 0);
    assert_true(f->config.apps[0].webhook_target.n > 0);
}

static void
says_why_there_is_no_file(void **state)
{
    struct config_file *f = *state;
    assert_int_equal(config_load(f->arena, "/nowhere/portkeep.conf", &f->config,
                                 &f->problems),
                     ERR_CONFIG);
    assert_true(config_file_has_problem(f, 0, "cannot be opened"));
    assert_int_equal(config_load(f->arena, f->folder, &f->config, &f->problems),
                     ERR_CONFIG);
    assert_true(config_file_has_problem(f, 0, "is not a regular file"));
}

static void
describes_every_key_within_the_width_of_a_terminal(void **state)
{
    struct buf auto_buf text = {0};
    struct str rest, line;
    (void)state;
    buf_init(&text, 65536);
    config_describe(&text);
    assert_int_equal(buf_err(&text), ERR_OK);
    for (size_t i = 0; i < config_n_keys(); i++) {
        struct config_key_help k = config_key_help(i);
        assert_non_null(strstr(buf_text(&text), k.key));
        assert_non_null(strstr(buf_text(&text), k.sentence));
        assert_true(k.kind[0] != '\0');
    }
    rest = buf_str(&text);
    while (str_cut(&rest, '\n', &line))
        assert_true(line.n < 80);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_file, close_file)
    const struct CMUnitTest tests[] = {
        TEST(reads_every_key),
        TEST(reads_every_key_of_an_app),
        TEST(fills_in_what_is_left_out),
        TEST(names_file_line_and_remedy_for_each_wrong_line),
        TEST(refuses_each_key_that_is_wrong),
        TEST(never_repeats_what_may_be_a_secret),
        TEST(says_everything_at_once_in_the_order_of_lines),
        TEST(warns_without_refusing),
        TEST(takes_lines_to_their_limit_and_refuses_longer_ones),
        TEST(joins_a_value_over_many_lines),
        TEST(lets_the_environment_override_but_never_a_secret),
        TEST(finds_the_example_good_and_every_key_in_it),
        TEST(finds_the_hidden_keys_of_the_example_good),
        TEST(says_why_there_is_no_file),
        TEST(describes_every_key_within_the_width_of_a_terminal),
    };
    if (argc < 2)
        return 2;
    example_path = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
