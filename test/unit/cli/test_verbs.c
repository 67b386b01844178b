#include "run_cli.h"

#include "base/err.h"
#include "proto/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The verbs against a keeper that answers what each test says. */

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int
setup(void **state)
{
    *state = place_open();
    return 0;
}

static int
teardown(void **state)
{
    place_close(*state);
    return 0;
}

static void
expect_status(const struct place *p, int status)
{
    if (p->status != status)
        fail_msg("exit status %d, not %d: %s", p->status, status, p->err);
}

static void
expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void
expect_not_in(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" is in: %s", part, text);
}

static void
status_shows_what_the_keeper_says(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_STATUS, 0,
         "{\"node\":\"n1\",\"grants\":[{\"app\":\"crm\",\"active\":3}]}", NULL,
         NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "status", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "node: n1\ngrants:\n  APP  ACTIVE\n  crm  3\n");
    run_cli(p, "", "status", "--json", "--brief", NULL);
    expect_in(p->out, "\"node\": \"n1\"");
    expect_in(keeper_asks(p), "admin_plain is_brief=1");
}

static void
says_so_when_nothing_listens(void **state)
{
    struct place *p = *state;
    run_cli(p, "", "status", NULL);
    expect_status(p, 3);
    expect_in(p->err, "does not run");
    expect_in(p->err, "portkeep serve");
}

static void
says_so_when_the_keeper_hangs_up(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_STATUS, 0, NULL, NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "status", NULL);
    expect_status(p, 3);
    expect_in(p->err, "closed the connection");
}

static void
a_refusal_is_told_with_what_to_do(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_TOKEN, ERR_NEEDS_RECONNECT, NULL, "HubSpot ended this grant.",
         "https://keep/connect/crm?x"}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "token", "crm", "7", NULL);
    expect_status(p, 1);
    expect_in(p->err, "portkeep token: HubSpot ended this grant.");
    expect_in(p->err, "https://keep/connect/crm?x");
    assert_string_equal(p->out, "");
}

static void
an_answer_that_is_no_json_is_an_error(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_STATUS, 0, "{", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "status", NULL);
    expect_status(p, 1);
    expect_in(p->err, "not JSON");
}

static void
what_a_script_wants_stands_alone_on_standard_output(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_CONNECT, 0, "{\"url\":\"https://k/c\",\"expires_at\":\"T\"}",
         NULL, NULL},
        {ADMIN_TOKEN, 0, "{\"access_token\":\"abc\",\"portal_id\":7}", NULL,
         NULL},
        {ADMIN_KEY_CREATE, 0, "{\"number\":1,\"key\":\"pkeep_x\"}", NULL,
         NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "connect", "crm", "--ref", "t-1", "--portal=7", NULL);
    assert_string_equal(p->out, "https://k/c\n");
    expect_in(p->err, "good until T");
    run_cli(p, "", "token", "crm", "7", NULL);
    assert_string_equal(p->out, "abc\n");
    run_cli(p, "", "keys", "create", "back", "--app", "crm", "--portal", "7,8",
            "--portal", "9", "--verb", "token,call:read", "--address",
            "10.0.0.0/8", NULL);
    assert_string_equal(p->out, "pkeep_x\n");
    const char *asks = keeper_asks(p);
    expect_in(asks, "admin_connect app=crm ref=t-1 return_to= portal=7");
    expect_in(asks, "admin_portal app=crm portal=7");
    expect_in(asks, "name=back apps=crm portals=7,8,9 verbs=5 "
                    "addresses=10.0.0.0/8 ends_at=0");
}

static void
all_pages_of_a_list_are_one_table(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_PORTALS_LIST, 0,
         "{\"portals\":[{\"app\":\"crm\",\"portal\":7}],\"next\":\"crm/7\"}",
         NULL, NULL},
        {ADMIN_PORTALS_LIST, 0,
         "{\"portals\":[{\"app\":\"crm\",\"portal\":8}],\"next\":null}", NULL,
         NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "portals", NULL);
    assert_string_equal(p->out, "APP  PORTAL\ncrm  7\ncrm  8\n");
    expect_in(keeper_asks(p), "cursor=crm/7");
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "portals", "--json", "--limit", "2", NULL);
    expect_in(p->out, "\"portals\": [");
    expect_in(p->out, "\"portal\": 8");
    expect_in(keeper_asks(p), "limit=2");
}

static void
an_empty_list_prints_nothing_on_standard_output(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_KEYS_LIST, 0, "{\"keys\":[]}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "keys", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "");
    run_cli(p, "", "keys", "--json", NULL);
    expect_in(p->out, "\"keys\": []");
}

static void
import_reports_row_by_row_and_prints_no_token(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_PORTAL_IMPORT, 0, "{\"portal\":7}", NULL, NULL},
        {ADMIN_PORTAL_IMPORT, ERR_INVALID, NULL, "HubSpot said: no.", NULL},
        {ADMIN_PORTAL_ADD_STATIC, 0, "{\"portal\":9}", NULL, NULL}};
    place_write(p, "in.csv",
                "app,portal,ref,refresh_token\n"
                "crm,,t-7,na1-secret-a\n"
                "crm,8,,na1-secret-b\n"
                "fix,,,pat-secret-c\n"
                "none,,,na1-secret-d\n"
                "crm,x,,na1-secret-e\n");
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "portals", "import", "in.csv", NULL);
    expect_status(p, 1);
    expect_in(p->out, "line 2: crm 7 imported\n");
    expect_in(p->out, "line 3: crm 8 refused: HubSpot said: no.\n");
    expect_in(p->out, "line 4: fix 9 imported\n");
    expect_in(p->out, "line 5: none refused: there is no such app");
    expect_in(p->out, "line 6: crm refused: portal is not a number\n");
    expect_in(p->err, "2 imported, 3 refused");
    expect_not_in(p->out, "secret");
    expect_not_in(p->err, "secret");
    expect_in(keeper_asks(p), "admin_import app=crm portal=0 ref=t-7 "
                              "refresh_token=na1-secret-a");
    expect_not_in(p->asks, "secret-d");
}

static void
a_dry_import_asks_nothing(void **state)
{
    struct place *p = *state;
    keeper_start(p, NULL, 0);
    run_cli(p, "{\"refresh_token\":\"na1-a\"}\n", "portals", "import", "-",
            "--app", "crm", "--dry-run", "--json", NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"result\":\"readable\"");
    assert_string_equal(keeper_asks(p), "");
}

static const struct keeper_answer exported[] = {
    {ADMIN_PORTAL_EXPORT, 0,
     "{\"portals\":[{\"app\":\"crm\",\"portal\":7,\"refresh_token\":\"na1\"}],"
     "\"next\":null}",
     NULL, NULL}};

static void
tokens_go_into_a_new_file_that_only_its_owner_reads(void **state)
{
    struct place *p = *state;
    keeper_start(p, exported, N(exported));
    run_cli(p, "", "portals", "export", "--all", "--with-tokens", "all.jsonl",
            NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "");
    assert_string_equal(
        place_read(p, "all.jsonl"),
        "{\"app\":\"crm\",\"portal\":7,\"refresh_token\":\"na1\"}\n");
    assert_int_equal(place_mode(p, "all.jsonl"), 0600);
    run_cli(p, "", "portals", "export", "--all", "--with-tokens", "all.jsonl",
            NULL);
    expect_status(p, 1);
    expect_in(keeper_asks(p), "with_tokens=1");
}

static void
half_an_export_is_no_file(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_PORTAL_EXPORT, 0,
         "{\"portals\":[{\"app\":\"crm\"}],\"next\":\"crm/7\"}", NULL, NULL},
        {ADMIN_PORTAL_EXPORT, ERR_STORE, NULL, "the disk is gone", NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "portals", "export", "--all", "--with-tokens", "all.jsonl",
            NULL);
    expect_status(p, 1);
    expect_in(p->err, "the disk is gone");
    assert_int_not_equal(access(place_path(p, "all.jsonl"), F_OK), 0);
}

static void
one_account_is_exported_by_its_number(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer all[] = {
        {ADMIN_PORTAL_EXPORT, 0,
         "{\"portals\":[{\"app\":\"crm\",\"portal\":7}],\"next\":null}", NULL,
         NULL},
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[{\"id\":\"evt_1\"}],\"next\":null}", NULL, NULL},
        {ADMIN_EVENTS_LIST, ERR_NOT_FOUND, NULL, "no such app", NULL},
        {ADMIN_RECEIPTS_LIST, 0,
         "{\"receipts\":[{\"app\":\"crm\",\"portal\":7,\"remote\":\"done\"},"
         "{\"app\":\"crm\",\"portal\":8}],\"next\":null}",
         NULL, NULL},
        {ADMIN_AUDIT_LIST, 0, "{\"entries\":[],\"next\":null}", NULL, NULL}};
    keeper_start(p, all, N(all));
    run_cli(p, "", "portals", "export", "crm", "7", NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"portal\":7");
    expect_in(p->out, "\"id\":\"evt_1\"");
    expect_in(p->out, "\"remote\":\"done\"");
    expect_in(p->err, "no such app");
    run_cli(p, "", "portals", "export", "crm", NULL);
    expect_status(p, 2);
    expect_in(keeper_asks(p), "app=crm ref= portal=7");
}

static void
what_cannot_be_undone_is_not_done_unasked(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_PORTAL_DISCONNECT, 0, "{\"remote\":\"done\"}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "yes\n", "portals", "disconnect", "crm", "7", NULL);
    expect_status(p, 2);
    expect_in(p->err, "--yes");
    run_cli(p, "", "portals", "erase", "crm", "7", NULL);
    expect_status(p, 2);
    run_cli(p, "", "portals", "disconnect", "crm", "7", "--yes", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "remote: done\n");
    assert_string_equal(keeper_asks(p), "admin_portal app=crm portal=7\n");
}

static void
a_static_token_comes_on_standard_input(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_PORTAL_ADD_STATIC, 0, "{\"portal\":9}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, " pat-na1-x \n", "portals", "add", "--static", "fix", NULL);
    expect_status(p, 0);
    run_cli(p, "pat-na1-x\n", "portals", "add", "fix", NULL);
    expect_status(p, 2);
    run_cli(p, "pat-na1-x\n", "portals", "add", "--static", "crm", NULL);
    expect_status(p, 1);
    run_cli(p, "", "portals", "add", "--static", "fix", NULL);
    expect_status(p, 1);
    expect_in(p->err, "missing");
    assert_string_equal(keeper_asks(p),
                        "admin_add_static app=fix token=pat-na1-x ref=\n");
}

static void
audit_verify_walks_to_the_end(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_AUDIT_VERIFY, 0,
         "{\"verified_to\":500,\"broken_at\":0,\"head_found\":true,\"of\":600,"
         "\"next\":500}",
         NULL, NULL},
        {ADMIN_AUDIT_VERIFY, 0,
         "{\"verified_to\":600,\"broken_at\":0,\"head_found\":false,\"of\":600,"
         "\"next\":null}",
         NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "audit", "verify", "--head", "n:3:aa", NULL);
    expect_status(p, 0);
    expect_in(p->out, "verified_to:       600\n");
    expect_in(p->out, "head_found:        yes\n");
    expect_in(keeper_asks(p), "after=500");
}

static void
a_broken_chain_and_a_missing_head_fail(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer broken[] = {
        {ADMIN_AUDIT_VERIFY, 0,
         "{\"verified_to\":3,\"broken_at\":4,\"head_found\":false,\"of\":9,"
         "\"next\":null}",
         NULL, NULL}};
    static const struct keeper_answer headless[] = {
        {ADMIN_AUDIT_VERIFY, 0,
         "{\"verified_to\":9,\"broken_at\":0,\"head_found\":false,\"of\":9,"
         "\"next\":null}",
         NULL, NULL}};
    keeper_start(p, broken, N(broken));
    run_cli(p, "", "audit", "verify", NULL);
    expect_status(p, 1);
    expect_in(p->err, "broken at entry 4");
    keeper_start(p, headless, N(headless));
    run_cli(p, "", "audit", "verify", "--head", "n:3:aa", NULL);
    expect_status(p, 1);
    expect_in(p->err, "does not run through this head");
}

static void
a_backup_is_moved_to_where_it_is_wanted(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_BACKUP, 0, "{\"file\":\"x\"}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "backup", "monday", NULL);
    expect_status(p, 0);
    assert_string_equal(place_read(p, "monday"), "backup");
    assert_string_equal(place_read(p, "monday.keys"), "backup.keys");
    run_cli(p, "", "backup", "monday", NULL);
    expect_status(p, 1);
    expect_in(p->err, "never written over");
}

static void
restore_takes_no_place_that_is_taken(void **state)
{
    struct place *p = *state;
    place_write(p, "data/portkeep.db", "x");
    run_cli(p, "", "restore", "monday", NULL);
    expect_status(p, 1);
    expect_in(p->err, "is there already");
    assert_string_equal(place_read(p, "data/portkeep.db"), "x");
}

static void
retiring_a_key_takes_its_line_out(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_MASTERKEY_RETIRE, 0, "{\"retired\":\"old\"}", NULL, NULL},
        {ADMIN_RELOAD, 0, "{\"reload\":\"asked\"}", NULL, NULL},
        {ADMIN_MASTERKEY_LIST, 0, "{\"keys\":[{\"id\":\"new\"}]}", NULL, NULL}};
    place_write(p, "master.key", "# note\nold AAAA=\nnew BBBB=\n");
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "masterkey", "retire", "old", NULL);
    expect_status(p, 2);
    expect_in(p->err, "can never be restored");
    run_cli(p, "", "masterkey", "retire", "old", "--yes", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "retired: old\n");
    assert_string_equal(place_read(p, "master.key"), "# note\nnew BBBB=\n");
    assert_int_equal(place_mode(p, "master.key"), 0600);
}

static void
a_key_that_the_keeper_holds_on_to_stays(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_MASTERKEY_RETIRE, ERR_CONFLICT, NULL, "it wraps 3 keys", NULL}};
    place_write(p, "master.key", "old AAAA=\nnew BBBB=\n");
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "masterkey", "retire", "old", "--yes", NULL);
    expect_status(p, 1);
    assert_string_equal(place_read(p, "master.key"), "old AAAA=\nnew BBBB=\n");
}

/* The new key's id is not known beforehand: --resume takes the newest. */
static const struct keeper_answer rotation[] = {
    {ADMIN_MASTERKEY_LIST, 0,
     "{\"keys\":[{\"id\":\"old\",\"wraps\":3},{\"id\":\"new\",\"wraps\":0}]}",
     NULL, NULL},
    {ADMIN_MASTERKEY_REWRAP, 0,
     "{\"checked\":2,\"done\":2,\"failed\":0,\"first_failed\":null,"
     "\"next\":\"crm/8\"}",
     NULL, NULL},
    {ADMIN_MASTERKEY_REWRAP, 0,
     "{\"checked\":1,\"done\":1,\"failed\":0,\"first_failed\":null,"
     "\"next\":null}",
     NULL, NULL},
    {ADMIN_MASTERKEY_VERIFY, 0,
     "{\"checked\":3,\"done\":3,\"failed\":0,\"first_failed\":null,"
     "\"next\":null}",
     NULL, NULL},
    {ADMIN_MASTERKEY_VERIFY, 0,
     "{\"checked\":3,\"done\":2,\"failed\":1,\"first_failed\":\"crm/8\","
     "\"next\":null}",
     NULL, NULL}};

static void
rotation_goes_on_where_it_was(void **state)
{
    struct place *p = *state;
    keeper_start(p, rotation, N(rotation));
    run_cli(p, "", "masterkey", "rotate", "--resume", "--compromised", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "key:       new\nrewrapped: 3\nverified:  3\n");
    assert_string_equal(place_read(p, "master.key"), "old AAAA=\n");
    expect_in(keeper_asks(p), "admin_step cursor=crm/8 is_compromised=1");
}

static void
a_data_key_that_does_not_open_is_named(void **state)
{
    struct place *p = *state;
    keeper_start(p, rotation, N(rotation));
    run_cli(p, "", "masterkey", "verify", NULL);
    expect_status(p, 0);
    run_cli(p, "", "masterkey", "verify", NULL);
    expect_status(p, 1);
    expect_in(p->err, "the first is that of crm/8");
}

static void
rotation_adds_a_line_even_where_the_service_fails(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_RELOAD, ERR_CONFIG, NULL, "no", NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "masterkey", "rotate", NULL);
    expect_status(p, 1);
    expect_in(p->err, "--resume");
    const char *text = place_read(p, "master.key");
    assert_int_equal(strncmp(text, "old AAAA=\n20", 12), 0);
}

static void
check_names_the_file_of_a_secret_that_holds_none_or_two(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *text, *want; /* NULL: good */
    } cases[] = {
        {"planted-one\n", NULL},
        {"planted-one\nplanted-two\n", "holds more than one line"},
        {" \n", "is empty"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        place_write(p, "crm.secret", cases[i].text);
        run_cli(p, "", "check", NULL);
        expect_status(p, cases[i].want == NULL ? 0 : 1);
        expect_not_in(p->out, "planted");
        if (cases[i].want == NULL)
            continue;
        expect_in(p->out, "[app crm] client_secret: ");
        expect_in(p->out, "crm.secret: ");
        expect_in(p->out, cases[i].want);
    }
}

static void
check_refuses_a_webhook_secret_that_is_no_key(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0}, /* 24 bytes */
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 1},     /* 21 */
        {"planted-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 1},
        {"whsec_plantedAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 1},
        {"\n", 1},
    };
    char config[8192];
    (void)snprintf(config, sizeof(config),
                   "%s[app hooks]\ntype = static\nwebhook_target = "
                   "https://a.example/\nwebhook_secret = file:new.whsec\n"
                   "webhook_secret_previous = file:old.whsec\n",
                   place_read(p, "portkeep.conf"));
    place_write(p, "portkeep.conf", config);
    for (size_t i = 0; i < 2 * N(cases); i++) {
        bool is_old = i % 2 != 0;
        place_write(p, "new.whsec", cases[0].text);
        place_write(p, "old.whsec", cases[0].text);
        place_write(p, is_old ? "old.whsec" : "new.whsec", cases[i / 2].text);
        run_cli(p, "", "check", NULL);
        expect_status(p, cases[i / 2].status);
        expect_not_in(p->out, "planted");
        if (cases[i / 2].status != 0)
            expect_in(p->out, is_old ? "[app hooks] webhook_secret_previous: "
                                     : "[app hooks] webhook_secret: ");
    }
}

static void
a_reload_is_not_asked_for_while_a_file_is_wrong(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_RELOAD, 0, "{\"reload\":\"asked\"}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    assert_int_equal(unlink(place_path(p, "crm.secret")), 0);
    run_cli(p, "", "reload", NULL);
    expect_status(p, 1);
    expect_in(p->err, "crm.secret");
    place_write(p, "crm.secret", "x");
    run_cli(p, "", "reload", NULL);
    expect_status(p, 0);
    assert_string_equal(keeper_asks(p), "admin_plain is_brief=0\n");
}

/* A key must be revocable while somebody edits the file. */
static void
a_file_with_errors_keeps_no_service_out_of_reach(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_KEY_REVOKE, 0, "{\"revoked\":2}", NULL, NULL}};
    char text[1024];
    (void)snprintf(text, sizeof(text), "%snonsense\n",
                   place_read(p, "portkeep.conf"));
    keeper_start(p, answers, N(answers));
    place_write(p, "portkeep.conf", text);
    run_cli(p, "", "keys", "revoke", "back", NULL);
    expect_status(p, 0);
    expect_in(p->err, "nonsense");
    expect_in(p->err, "2 keys are revoked");
    /* What needs more of the file than the socket stays away. */
    run_cli(p, "", "connect", "crm", NULL);
    expect_status(p, 1);
}

static void
a_file_with_errors_leads_to_no_other_service(void **state)
{
    struct place *p = *state;
    place_write(p, "portkeep.conf", "[server]\nadmin_sokcet = admin.sock\n");
    run_cli(p, "", "keys", "revoke", "back", NULL);
    expect_status(p, 1);
    expect_in(p->err, "admin_sokcet");
}

static void
a_data_directory_that_a_start_refuses_is_told_before(void **state)
{
    struct place *p = *state;
    run_cli(p, "", "check", NULL);
    expect_status(p, 0);
    assert_int_equal(chmod(place_path(p, "data"), 0755), 0);
    run_cli(p, "", "check", NULL);
    expect_status(p, 1);
    expect_in(p->out, "chmod 700");
    run_cli(p, "", "restore", "monday", NULL);
    expect_status(p, 1);
    expect_in(p->err, "chmod 700");
}

static void
a_backup_that_has_no_place_to_go_is_not_made(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_BACKUP, 0, "{}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "backup", "/nowhere/monday", NULL);
    expect_status(p, 1);
    expect_in(p->err, "/nowhere");
    assert_string_equal(keeper_asks(p), "");
}

#define WITH_PLACE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(status_shows_what_the_keeper_says),
        WITH_PLACE(says_so_when_nothing_listens),
        WITH_PLACE(says_so_when_the_keeper_hangs_up),
        WITH_PLACE(a_refusal_is_told_with_what_to_do),
        WITH_PLACE(an_answer_that_is_no_json_is_an_error),
        WITH_PLACE(what_a_script_wants_stands_alone_on_standard_output),
        WITH_PLACE(all_pages_of_a_list_are_one_table),
        WITH_PLACE(an_empty_list_prints_nothing_on_standard_output),
        WITH_PLACE(import_reports_row_by_row_and_prints_no_token),
        WITH_PLACE(a_dry_import_asks_nothing),
        WITH_PLACE(tokens_go_into_a_new_file_that_only_its_owner_reads),
        WITH_PLACE(half_an_export_is_no_file),
        WITH_PLACE(one_account_is_exported_by_its_number),
        WITH_PLACE(what_cannot_be_undone_is_not_done_unasked),
        WITH_PLACE(a_static_token_comes_on_standard_input),
        WITH_PLACE(audit_verify_walks_to_the_end),
        WITH_PLACE(a_broken_chain_and_a_missing_head_fail),
        WITH_PLACE(a_backup_is_moved_to_where_it_is_wanted),
        WITH_PLACE(restore_takes_no_place_that_is_taken),
        WITH_PLACE(retiring_a_key_takes_its_line_out),
        WITH_PLACE(a_key_that_the_keeper_holds_on_to_stays),
        WITH_PLACE(rotation_goes_on_where_it_was),
        WITH_PLACE(a_data_key_that_does_not_open_is_named),
        WITH_PLACE(rotation_adds_a_line_even_where_the_service_fails),
        WITH_PLACE(check_names_the_file_of_a_secret_that_holds_none_or_two),
        WITH_PLACE(check_refuses_a_webhook_secret_that_is_no_key),
        WITH_PLACE(a_reload_is_not_asked_for_while_a_file_is_wrong),
        WITH_PLACE(a_file_with_errors_keeps_no_service_out_of_reach),
        WITH_PLACE(a_file_with_errors_leads_to_no_other_service),
        WITH_PLACE(a_data_directory_that_a_start_refuses_is_told_before),
        WITH_PLACE(a_backup_that_has_no_place_to_go_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
