#include "run_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* `portkeep init`: what it writes, what it leaves alone. */

static int
setup(void **state)
{
    struct place *p = place_open();
    (void)unlink(place_path(p, "portkeep.conf"));
    (void)unlink(place_path(p, "master.key"));
    (void)unlink(place_path(p, "crm.secret"));
    (void)unlink(place_path(p, "crm.whsec"));
    *state = p;
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

static bool
is_there(const struct place *p, const char *name)
{
    return access(place_path(p, name), F_OK) == 0;
}

static const char project[] =
    "{\"uid\":\"CRM.sync\",\"type\":\"app\",\"config\":{\"name\":\"CRM Sync\","
    "\"distribution\":\"marketplace\",\"auth\":{\"type\":\"oauth\","
    "\"redirectUrls\":[\"http://localhost:3000/x\",\"https://k.example/cb\"],"
    "\"requiredScopes\":[\"oauth\",\"crm.objects.contacts.read\"],"
    "\"optionalScopes\":[\"crm.objects.deals.read\"],"
    "\"conditionallyRequiredScopes\":[\"crm.objects.companies.read\"]},"
    "\"support\":{\"supportUrl\":\"${HELP}\"}}}";

static void
a_project_becomes_a_configuration(void **state)
{
    struct place *p = *state;
    place_write(p, "app.json", project);
    run_cli(p, "my-id\nmy-secret\n", "init", "--local", "--from", "app.json",
            "--public-url", "https://keep.example", NULL);
    expect_status(p, 0);
    const char *text = place_read(p, "portkeep.conf");
    expect_in(text, "[app crm-sync]\n");
    expect_in(text, "= CRM Sync\n");
    expect_in(text, "= my-id\n");
    expect_in(text, "= file:crm-sync.secret\n");
    expect_in(text, "\n    oauth\n    crm.objects.contacts.read\n");
    expect_in(text, "optional_scopes    = crm.objects.deals.read\n");
    expect_in(text, "conditional_scopes = crm.objects.companies.read\n");
    expect_in(text, "marketplace        = yes\n");
    expect_in(text, "; webhook_secret = file:crm-sync.whsec\n");
    assert_null(strstr(text, "my-secret"));
    assert_string_equal(place_read(p, "crm-sync.secret"), "my-secret");
    expect_in(p->out, "https://keep.example/oauth/crm-sync/callback\n");
    expect_in(p->out, "https://keep.example/webhooks/crm-sync\n");
    expect_in(p->err, "${HELP}");
    assert_int_equal(place_mode(p, "portkeep.conf"), 0640);
    assert_int_equal(place_mode(p, "master.key"), 0600);
    assert_int_equal(place_mode(p, "crm-sync.secret"), 0600);
    assert_int_equal(place_mode(p, "crm-sync.whsec"), 0600);
    expect_in(place_read(p, "crm-sync.whsec"), "whsec_");
}

static void
what_it_writes_passes_its_own_check(void **state)
{
    struct place *p = *state;
    run_cli(p, "s\n", "init", "crm", "--local", "--client-id", "1",
            "--emulator", "http://127.0.0.1:8790", NULL);
    expect_status(p, 0);
    run_cli(p, "", "check", NULL);
    expect_status(p, 0);
    expect_in(p->out, "good, 1 app");
    expect_in(place_read(p, "portkeep.conf"), "crm.objects.contacts.read");
    run_cli(p, "", "urls", "crm", "--json", NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"redirect_url\": "
                      "\"http://localhost:8700/oauth/crm/callback\"");
}

static void
nothing_is_written_over(void **state)
{
    static const char *const names[] = {"portkeep.conf", "master.key",
                                        "crm.secret", "crm.whsec"};
    struct place *p = *state;
    for (size_t i = 0; i < 4; i++) {
        place_write(p, names[i], "mine");
        run_cli(p, "s\n", "init", "crm", "--local", "--client-id", "1", NULL);
        expect_status(p, 1);
        expect_in(p->err, names[i]);
        assert_string_equal(place_read(p, names[i]), "mine");
        (void)unlink(place_path(p, names[i]));
        for (size_t k = 0; k < 4; k++)
            assert_false(is_there(p, names[k]));
    }
}

static void
a_static_app_has_no_client_secret(void **state)
{
    struct place *p = *state;
    run_cli(p, "", "init", "reports", "--local", "--static", NULL);
    expect_status(p, 0);
    assert_false(is_there(p, "reports.secret"));
    expect_in(place_read(p, "portkeep.conf"), "type               = static\n");
    run_cli(p, "", "check", NULL);
    expect_status(p, 0);
}

static void
says_what_is_missing(void **state)
{
    static const struct {
        const char *input, *arg, *from;
        int status;
        const char *word;
    } cases[] = {
        {"", NULL, NULL, 2, "--from"},
        {"", "crm", NULL, 1, "Client id"},
        {"id\n", "crm", NULL, 1, "Client secret"},
        {"id\n\n", "crm", NULL, 1, "Client secret"},
        {"", NULL, "gone.json", 1, "gone.json"},
        {"", NULL, "bad.json", 1, "bad.json:1"},
        {"", NULL, "hook.json", 1, "describes no app"},
    };
    struct place *p = *state;
    place_write(p, "bad.json", "{\"uid\": }");
    place_write(p, "hook.json", "{\"uid\":\"a\",\"type\":\"webhooks\"}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *last = cases[i].arg != NULL ? cases[i].arg : "--local";
        if (cases[i].from != NULL)
            run_cli(p, cases[i].input, "init", "--local", "--from",
                    cases[i].from, NULL);
        else
            run_cli(p, cases[i].input, "init", "--local", last, NULL);
        expect_status(p, cases[i].status);
        expect_in(p->err, cases[i].word);
        assert_false(is_there(p, "portkeep.conf"));
        assert_false(is_there(p, "master.key"));
    }
}

#define WITH_PLACE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_project_becomes_a_configuration),
        WITH_PLACE(what_it_writes_passes_its_own_check),
        WITH_PLACE(nothing_is_written_over),
        WITH_PLACE(a_static_app_has_no_client_secret),
        WITH_PLACE(says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
