#include "ask.h"

#include "emulator/consent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LINK                                                    \
    "/oauth/authorize?client_id=crm&redirect_uri=" ASK_REDIRECT \
    "&scope=oauth%20crm.objects.contacts.read"

static void
assert_page(struct world *w, const char *path, unsigned status,
            const char *part)
{
    struct ask a = {.method = "GET", .path = path};
    struct call *c = ask(w, &a);
    if (strstr(buf_text(&c->out), part) == NULL)
        print_error("%s lacks %s:\n%s\n", path, part, buf_text(&c->out));
    assert_int_equal(c->status, status);
    assert_non_null(strstr(buf_text(&c->out), part));
    ask_done(c);
}

/* The Location of the decision in a portal; error: of the page instead. */
static void
assert_decision(struct world *w, const char *fields, const char *expected)
{
    struct arena *arena = arena_new();
    struct ask a = {.method = "POST",
                    .path = "/oauth/authorize/decision",
                    .body =
                        arena_printf(arena,
                                     "client_id=crm&redirect_uri=" ASK_REDIRECT
                                     "&state=a%%26b&%s",
                                     fields)
                            .p};
    struct call *c = ask(w, &a);
    const char *told =
        c->status == 302 ? ask_header(c, "Location") : buf_text(&c->out);
    if (strstr(told, expected) == NULL)
        print_error("%s: %s\n", fields, told);
    assert_non_null(strstr(told, expected));
    ask_done(c);
    arena_free(arena);
}

static void
shows_portals_and_scopes_in_words(void **state)
{
    (void)state;
    struct world *w = ask_world();
    assert_page(w, LINK, 200, "Read contacts");
    assert_page(w, LINK, 200, "value=\"1003\"");
    assert_page(w, LINK "&state=%22%3E%3Cscript%3E", 200,
                "&quot;&gt;&lt;script&gt;");
    world_free(w);
}

static void
takes_the_portal_that_the_link_names(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct ask a = {.method = "GET",
                    .path = "/oauth/1002/authorize?client_id=crm&"
                            "redirect_uri=" ASK_REDIRECT "&scope=oauth"};
    struct call *c = ask(w, &a);
    assert_int_equal(c->status, 200);
    assert_null(strstr(buf_text(&c->out), "value=\"1001\""));
    assert_non_null(strstr(buf_text(&c->out), "value=\"1002\""));
    ask_done(c);
    a.path = "/oauth/77/authorize?client_id=crm&redirect_uri=" ASK_REDIRECT
             "&scope=oauth";
    c = ask(w, &a);
    assert_int_equal(c->status, 404);
    ask_done(c);
    world_free(w);
}

static void
says_what_is_wrong_with_a_link(void **state)
{
    (void)state;
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/oauth/authorize", "bad_client_id"},
        {"/oauth/authorize?client_id=crm&scope=oauth", "bad_redirect_uri"},
        {"/oauth/authorize?client_id=crm&redirect_uri=http://a.b&scope=oauth",
         "bad_redirect_uri"},
        {"/oauth/authorize?client_id=crm&redirect_uri=https://a.example/cb",
         "missing_scope"},
        {LINK "%20developer.webhooks_journal.read", "mismatch"},
        {LINK "&code_challenge=x&code_challenge_method=S256",
         "bad_code_challenge"},
        {LINK "&code_challenge=iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ",
         "bad_code_challenge"},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_page(w, cases[i].path, 400, cases[i].error);
    world_free(w);
}

static void
sends_the_browser_back_with_what_was_decided(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *expected;
    } cases[] = {
        {"scope=oauth&portal=1001&decision=allow", "&state=a%26b"},
        {"scope=oauth&portal=1001&decision=allow", ASK_REDIRECT "?code=na1-"},
        {"scope=oauth&decision=cancel", "?error=access_denied&"},
        {"scope=oauth&decision=cancel", "&state=a%26b"},
        {"scope=oauth&portal=9&decision=allow", "bad_form"},
        {"scope=oauth&portal=1001", "bad_form"},
        {"scope=crm.objects.leads.read&portal=1001&decision=allow",
         "missing_in_edition"},
        {"scope=crm.objects.leads.read&portal=1002&decision=allow", "?code="},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_decision(w, cases[i].fields, cases[i].expected);
    world_free(w);
}

static void
drops_optional_scopes_that_the_edition_lacks(void **state)
{
    (void)state;
    struct world *w = ask_world();
    assert_decision(w,
                    "scope=oauth&optional_scope=crm.objects.leads.read%20"
                    "crm.objects.deals.read&portal=1001&decision=allow",
                    "?code=");
    struct strs granted = w->codes.newest->scopes;
    assert_int_equal(granted.n, 2);
    assert_true(strs_have(granted, STR("oauth")));
    assert_true(strs_have(granted, STR("crm.objects.deals.read")));
    world_free(w);
}

static void
takes_redirects_as_hubspot_does(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool is_good;
    } cases[] = {
        {"https://app.example.com/cb", true},
        {"https://app.example.com:8443/cb?x=1", true},
        {"http://localhost/cb", true},
        {"http://localhost:3000/cb", true},
        {"http://127.0.0.1:3000/cb", false},
        {"http://localhost.example/cb", false},
        {"http://app.example.com/cb", false},
        {"https://192.0.2.7/cb", false},
        {"https://[::1]/cb", false},
        {"https://user@app.example.com/cb", false},
        {"https:///cb", false},
        {"ftp://app.example.com/", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(consent_is_redirect(str_from(cases[i].url)),
                         cases[i].is_good);
}

static const char app_file[] =
    "{\"uid\":\"crm_sync\",\"type\":\"app\",\"config\":{\"name\":\"CRM Sync\","
    "\"distribution\":\"marketplace\",\"auth\":{\"type\":\"oauth\","
    "\"redirectUrls\":[\"" ASK_REDIRECT "\"],"
    "\"requiredScopes\":[\"oauth\",\"crm.objects.contacts.read\"],"
    "\"conditionallyRequiredScopes\":[\"crm.objects.deals.read\"],"
    "\"optionalScopes\":[\"crm.objects.leads.read\"]}}}";

/* Declares the app of a file with that content. */
static enum err
declare(struct world *w, const char *content)
{
    char path[] = "/tmp/app-hsmeta-XXXXXX";
    struct buf auto_buf why;
    buf_init(&why, 4096);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    enum err e = apps_declare(&w->apps, path, STR("crm"), &why);
    assert_int_equal(e == ERR_OK, why.n == 0);
    close(fd);
    unlink(path);
    return e;
}

static void
holds_a_declared_app_to_its_three_classes_of_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *more, *part;
        unsigned status;
    } cases[] = {
        {"&scope=oauth%20crm.objects.contacts.read", "Connect CRM Sync", 200},
        {"&scope=crm.objects.contacts.read", "Connect CRM Sync", 200},
        {"&scope=oauth%20crm.objects.contacts.read%20crm.objects.deals.read"
         "&optional_scope=crm.objects.leads.read",
         "Read deals", 200},
        {"&scope=oauth", "insufficient_scopes", 400},
        {"&scope=oauth&optional_scope=crm.objects.contacts.read",
         "insufficient_scopes", 400},
        {"&scope=oauth%20crm.objects.contacts.read%20crm.lists.read",
         "mismatch", 400},
        {"&scope=oauth%20crm.objects.contacts.read%20crm.objects.leads.read",
         "mismatch", 400},
        {"&scope=oauth%20crm.objects.contacts.read"
         "&optional_scope=crm.objects.deals.read",
         "mismatch", 400},
    };
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    assert_int_equal(declare(w, app_file), ERR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str path = arena_printf(
            arena, "/oauth/authorize?client_id=crm&redirect_uri=%s%s",
            ASK_REDIRECT, cases[i].more);
        assert_page(w, path.p, cases[i].status, cases[i].part);
    }
    assert_page(w,
                "/oauth/authorize?client_id=crm&scope=oauth&"
                "redirect_uri=http://localhost:9000/cb/",
                400, "bad_redirect_uri");
    assert_page(w,
                "/oauth/authorize?client_id=other&scope=oauth&"
                "redirect_uri=" ASK_REDIRECT,
                400, "bad_client_id");
    arena_free(arena);
    world_free(w);
}

static void
refuses_files_that_declare_no_oauth_app(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{\"uid\":\"a\",\"type\":\"card\"}",
        "{\"type\":\"app\",\"config\":{\"name\":\"x\"}}",
        "{\"uid\":\"a\",\"type\":\"app\",\"config\":{\"name\":\"x\",\"auth\":"
        "{\"type\":\"static\",\"requiredScopes\":[\"oauth\"]}}}",
        "{\"uid\":\"a\",\"type\":\"app\",\"config\":{\"name\":\"x\",\"auth\":"
        "{\"type\":\"oauth\",\"requiredScopes\":[\"oauth\"]}}}",
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(declare(w, cases[i]), ERR_CONFIG);
    assert_int_equal(w->apps.n_declared, 0);
    world_free(w);
}

static void
starts_marketplace_installs_in_both_ways(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct ask a = {.method = "POST",
                    .path = "/apps/install",
                    .body = "client_id=crm&portal=1003&scope=oauth&"
                            "redirect_uri=" ASK_REDIRECT "&sign_in=no"};
    struct call *c = ask(w, &a);
    const char *location = ask_header(c, "Location");
    assert_non_null(strstr(location, "?code=na1-"));
    assert_non_null(strstr(location, "&returnUrl=http%3A%2F%2Flocalhost"));
    assert_null(strstr(location, "state="));
    ask_done(c);

    a.body = "client_id=crm&portal=1003&scope=oauth&redirect_uri=" ASK_REDIRECT
             "&sign_in=yes";
    c = ask(w, &a);
    location = ask_header(c, "Location");
    assert_non_null(strstr(location, "?step=authorize&returnUrl="));
    assert_null(strstr(location, "code="));
    ask_done(c);

    struct arena *arena = arena_new();
    struct ask back = {.method = "GET",
                       .path =
                           arena_printf(arena, "/apps/installs/%.*s?state=s",
                                        STR_ARG(w->installs.newest->id))
                               .p};
    c = ask(w, &back);
    location = ask_header(c, "Location");
    assert_non_null(strstr(location, "?step=finalize&code=na1-"));
    assert_non_null(strstr(location, "&state=s&returnUrl="));
    ask_done(c);
    arena_free(arena);
    world_free(w);
}

static void
answers_its_pages_on_loopback_names_only(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"localhost:8790", 200},
        {"127.0.0.1", 200},
        {"[::1]:8790", 200},
        {"evil.example", 403},
        {"127.0.0.1.evil.example", 403},
        {"localhost.evil.example:8790", 403},
        {"", 403},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ask a = {
            .method = "GET", .path = "/apps", .host = cases[i].host};
        struct call *c = ask(w, &a);
        assert_int_equal(c->status, cases[i].status);
        ask_done(c);
    }
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_portals_and_scopes_in_words),
        cmocka_unit_test(takes_the_portal_that_the_link_names),
        cmocka_unit_test(says_what_is_wrong_with_a_link),
        cmocka_unit_test(sends_the_browser_back_with_what_was_decided),
        cmocka_unit_test(drops_optional_scopes_that_the_edition_lacks),
        cmocka_unit_test(takes_redirects_as_hubspot_does),
        cmocka_unit_test(holds_a_declared_app_to_its_three_classes_of_scopes),
        cmocka_unit_test(refuses_files_that_declare_no_oauth_app),
        cmocka_unit_test(starts_marketplace_installs_in_both_ways),
        cmocka_unit_test(answers_its_pages_on_loopback_names_only),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
