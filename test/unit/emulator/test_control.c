#include "ask.h"

#include "emulator/crm.h"
#include "emulator/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *
control(struct world *w, const char *method, const char *path, const char *body,
        unsigned status)
{
    struct ask a = {.method = method, .path = path, .body = body};
    return ask_json(w, &a, status);
}

static void
assert_done(json_t *answer, int n)
{
    assert_int_equal(json_integer_value(json_object_get(answer, "done")), n);
    json_decref(answer);
}

/* Two apps connected: crm in 1001, crm and other in 1002. */
static struct world *
connected_world(void)
{
    struct world *w = ask_world();
    struct str scope = STR("oauth");
    struct strs scopes = {&scope, 1};
    static const struct {
        const char *client_id;
        uint64_t portal;
    } all[] = {{"crm", 1001}, {"crm", 1002}, {"other", 1002}};
    for (size_t i = 0; i < 3; i++) {
        struct app *app = apps_meet(&w->apps, str_from(all[i].client_id));
        struct grant *g =
            grants_connect(w, app->client_id,
                           accounts_find(&w->accounts, all[i].portal), scopes);
        token_new(w, g, TOKEN_REFRESH);
        token_new(w, g, TOKEN_ACCESS);
    }
    return w;
}

static void
aims_at_apps_and_portals(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int n;
    } cases[] = {
        {NULL, 3},
        {"{}", 3},
        {"{\"portal\":1002}", 2},
        {"{\"client_id\":\"crm\"}", 2},
        {"{\"client_id\":\"crm\",\"portal\":1002}", 1},
        {"{\"portal\":7}", 0},
        {"{\"token\":\"nothing\"}", 0},
    };
    static const char *const paths[] = {
        "/_emulator/expire", "/_emulator/revoke", "/_emulator/uninstall"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < 2; k++) {
            struct world *w = connected_world();
            assert_done(control(w, "POST", paths[k], cases[i].body, 200),
                        cases[i].n);
            /* Nothing is left to be done. */
            assert_done(control(w, "POST", paths[k], cases[i].body, 200), 0);
            world_free(w);
        }
    }
    struct world *w = connected_world();
    assert_done(control(w, "POST", paths[2], "{\"portal\":1002}", 200), 2);
    assert_null(grants_find(&w->grants, STR("crm"), 1002));
    assert_non_null(grants_find(&w->grants, STR("crm"), 1001));
    world_free(w);
}

static void
does_not_take_a_slip_of_the_pen_for_all(void **state)
{
    (void)state;
    static const char *const slips[] = {
        "{\"portall\":1002}", "{\"portal\":\"1002\"}", "{\"client_id\":7}"};
    struct world *w = connected_world();
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
        json_decref(control(w, "POST", "/_emulator/uninstall", slips[i], 400));
    assert_non_null(grants_find(&w->grants, STR("crm"), 1002));
    world_free(w);
}

static void
takes_settings_all_or_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"expires_in\":0}",
        "{\"expires_in\":\"60\"}",
        "{\"rotate_refresh\":2}",
        "{\"latency_ms\":true}",
        "{\"no_such\":1}",
        "{\"expires_in\":5,\"latency_ms\":-1}",
        "[]",
        "{",
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_decref(control(w, "PUT", "/_emulator/settings", bad[i], 400));
        assert_int_equal(w->settings.expires_in, 1800);
    }
    json_decref(control(w, "PUT", "/_emulator/settings",
                        "{\"expires_in\":5,\"rotate_refresh\":true,"
                        "\"rate_limit\":false}",
                        200));
    assert_int_equal(w->settings.expires_in, 5);
    assert_int_equal(w->settings.rotate_refresh, 1);
    assert_int_equal(w->settings.rate_limit, 0);
    json_decref(control(w, "PUT", "/_emulator/settings",
                        "{\"expires_in\":null,\"rate_limit\":null}", 200));
    assert_int_equal(w->settings.expires_in, 1800);
    assert_int_equal(w->settings.rate_limit, -1);
    world_free(w);
}

static void
says_what_is_wrong_with_a_fault(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"path\":\"x\",\"do\":\"drop\"}",
        "{\"path\":\"/x\"}",
        "{\"path\":\"/x\",\"do\":\"explode\"}",
        "{\"path\":\"/x\",\"do\":\"delay\"}",
        "{\"path\":\"/x\",\"do\":\"drop\",\"nth\":0}",
        "{\"path\":\"/x\",\"do\":\"status\",\"status\":99}",
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        json_decref(control(w, "POST", "/_emulator/faults", bad[i], 400));
    assert_int_equal(w->faults.n, 0);
    assert_done(control(w, "POST", "/_emulator/faults",
                        "{\"path\":\"/x\",\"do\":\"status\",\"status\":500,"
                        "\"body\":{\"a\":1}}",
                        200),
                1);
    assert_true(str_equal(w->faults.v[0]->body, STR("{\"a\":1}")));
    assert_done(control(w, "DELETE", "/_emulator/faults", NULL, 200), 1);
    world_free(w);
}

static void
goes_back_to_the_beginning(void **state)
{
    (void)state;
    struct world *w = connected_world();
    struct arena *arena = arena_new();
    struct str token = arena_copy(arena, w->grants.first->tokens->text);
    json_decref(
        control(w, "POST", "/_emulator/clock", "{\"advance_s\":3600}", 200));
    assert_int_equal(w->clock_offset_ms, 3600000);
    assert_done(control(w, "POST", "/_emulator/reset", NULL, 200), 1);
    assert_int_equal(w->clock_offset_ms, 0);
    assert_int_equal(w->grants.n, 3);
    assert_int_equal(w->apps.n, 0);
    /* The ready-made tokens are those of the seed. */
    assert_true(str_equal(w->grants.first->tokens->text, token));
    arena_free(arena);
    world_free(w);
}

static void
makes_static_tokens_and_connected_portals(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *made = control(w, "POST", "/_emulator/tokens",
                           "{\"portal\":1001,\"scopes\":[\"oauth\"]}", 201);
    struct ask a = {.method = "GET",
                    .path = "/integrations/v1/me",
                    .bearer = ask_text(made, "token")};
    json_decref(ask_json(w, &a, 200));
    json_decref(made);
    json_decref(control(w, "POST", "/_emulator/tokens", "{\"portal\":7}", 404));
    made = control(w, "POST", "/_emulator/grants",
                   "{\"client_id\":\"crm\",\"first_portal\":5000,\"count\":3}",
                   201);
    assert_int_equal(json_array_size(json_object_get(made, "results")), 3);
    assert_non_null(grants_find(&w->grants, STR("crm"), 5002));
    json_decref(made);
    world_free(w);
}

static void
counts_calls_without_their_secrets(void **state)
{
    (void)state;
    struct tally t = {0};
    struct tally_call call = {.at_ms = 1795521600000,
                              .method = STR("GET"),
                              .name = STR("/oauth/v1/access-tokens/{token}"),
                              .note = STR("refresh_token"),
                              .portal = 1001,
                              .status = 200};
    for (int i = 0; i < TALLY_RECENT + 5; i++)
        tally_add(&t, &call);
    struct buf auto_buf out;
    buf_init(&out, 1 << 20);
    struct doc d = doc_into(&out);
    tally_add_json(&t, STR(""), &d);
    json_t *json = json_loadb(out.p, out.n, 0, NULL);
    assert_non_null(json);
    const json_t *counters = json_object_get(json, "by_path");
    assert_int_equal(json_array_size(json_object_get(json, "recent")),
                     TALLY_RECENT);
    assert_int_equal(json_integer_value(json_object_get(
                         counters, "GET /oauth/v1/access-tokens/{token}")),
                     TALLY_RECENT + 5);
    json_decref(json);
    tally_done(&t);
}

static void
says_405_404_and_who_may_come_in(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        unsigned status;
    } cases[] = {
        {"GET", "/oauth/2026-03/token", 405},
        {"GET", "/oauth/2025-09/token", 404},
        {"POST", "/oauth/v1/token/introspect", 404},
        {"PUT", "/", 405},
        {"GET", "/crm/v3/objects/contacts", 401},
        {"GET", "/crm/v3/objects/contacts/", 404},
        {"GET", "/crm/v3/objects", 404},
        {"GET", "//crm/v3/objects/contacts", 404},
        {"GET", "/oauth/x/authorize", 404},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ask a = {.method = cases[i].method, .path = cases[i].path};
        json_t *answer = ask_json(w, &a, cases[i].status);
        if (cases[i].status == 404)
            assert_string_equal(ask_text(answer, "category"),
                                "EMULATOR_UNKNOWN");
        json_decref(answer);
    }
    world_free(w);
}

static void
survives_a_restart_by_its_file(void **state)
{
    (void)state;
    char path[] = "/tmp/emulator-state-XXXXXX";
    struct buf auto_buf why;
    struct stat info;
    buf_init(&why, 1024);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct world *w = connected_world();
    struct arena *arena = arena_new();
    struct grant *g = grants_find(&w->grants, STR("other"), 1002);
    struct str refresh = arena_copy(arena, g->tokens->next->text);
    uint64_t install_id = g->install_id;
    struct record *r = crm_find(crm_of(w, w->accounts.v[0]), CRM_CONTACT, 105);
    size_t n_links = r->n_links;
    crm_archive(w->accounts.v[0]->crm,
                crm_find(w->accounts.v[0]->crm, CRM_CONTACT, 106), 7);
    w->settings.expires_in = 77;
    assert_int_equal(state_save(w, path), ERR_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    world_free(w);

    w = ask_world();
    assert_int_equal(state_load(w, path, &why), ERR_OK);
    struct token *t = token_find(&w->grants, refresh);
    assert_non_null(t);
    assert_int_equal(t->kind, TOKEN_REFRESH);
    assert_int_equal(t->grant->install_id, install_id);
    assert_int_equal(w->settings.expires_in, 77);
    assert_int_equal(w->grants.n, 6);
    r = crm_find(w->accounts.v[0]->crm, CRM_CONTACT, 105);
    assert_int_equal(r->n_links, n_links);
    r = crm_find(w->accounts.v[0]->crm, CRM_CONTACT, 106);
    assert_int_equal(r->archived_at_ms, 7);
    world_free(w);
    arena_free(arena);
    unlink(path);
}

static void
refuses_a_file_that_is_no_state(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "{", "[]", "{}",
                                        "{\"version\":99}"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[] = "/tmp/emulator-state-XXXXXX";
        struct buf auto_buf why;
        buf_init(&why, 1024);
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i], strlen(cases[i])),
                         strlen(cases[i]));
        close(fd);
        struct world *w = ask_world();
        assert_int_not_equal(state_load(w, path, &why), ERR_OK);
        assert_true(why.n > 0);
        world_free(w);
        unlink(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aims_at_apps_and_portals),
        cmocka_unit_test(does_not_take_a_slip_of_the_pen_for_all),
        cmocka_unit_test(takes_settings_all_or_none),
        cmocka_unit_test(says_what_is_wrong_with_a_fault),
        cmocka_unit_test(goes_back_to_the_beginning),
        cmocka_unit_test(makes_static_tokens_and_connected_portals),
        cmocka_unit_test(counts_calls_without_their_secrets),
        cmocka_unit_test(says_405_404_and_who_may_come_in),
        cmocka_unit_test(survives_a_restart_by_its_file),
        cmocka_unit_test(refuses_a_file_that_is_no_state),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
