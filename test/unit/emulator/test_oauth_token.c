#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* SHA-256 of "verifier", as S256 has it. */
#define VERIFIER "verifier"
#define CHALLENGE "iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ"

static json_t *
exchange(struct world *w, const char *code, const char *more, unsigned status)
{
    struct arena *arena = arena_new();
    struct ask a = {
        .method = "POST",
        .path = "/oauth/2026-03/token",
        .body = arena_printf(arena,
                             "grant_type=authorization_code&" ASK_CLIENT
                             "&redirect_uri=" ASK_REDIRECT "&code=%s%s",
                             code, more)
                    .p,
    };
    json_t *answer = ask_json(w, &a, status);
    arena_free(arena);
    return answer;
}

static json_t *
refresh(struct world *w, const char *token, unsigned status)
{
    struct arena *arena = arena_new();
    struct ask a = {.method = "POST",
                    .path = "/oauth/v3/token",
                    .body = arena_printf(arena,
                                         "grant_type=refresh_token&" ASK_CLIENT
                                         "&refresh_token=%s",
                                         token)
                                .p};
    json_t *answer = ask_json(w, &a, status);
    arena_free(arena);
    return answer;
}

static json_t *
me(struct world *w, const char *token, unsigned status)
{
    struct ask a = {
        .method = "GET", .path = "/integrations/v1/me", .bearer = token};
    return ask_json(w, &a, status);
}

/* Connected in portal 1002; both tokens belong to the answer. */
static json_t *
connect_app(struct world *w)
{
    struct arena *arena = arena_new();
    json_t *tokens = exchange(w, ask_code(w, arena, "").p, "", 200);
    arena_free(arena);
    return tokens;
}

static void
assert_refused(json_t *answer, const char *status)
{
    assert_string_equal(ask_text(answer, "status"), status);
    json_decref(answer);
}

static void
exchanges_a_code_once(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    struct str code = ask_code(w, arena, "");
    json_t *tokens = exchange(w, code.p, "", 200);
    assert_int_equal(json_integer_value(json_object_get(tokens, "hub_id")),
                     1002);
    assert_int_equal(json_integer_value(json_object_get(tokens, "expires_in")),
                     1800);
    json_decref(me(w, ask_text(tokens, "access_token"), 200));
    json_decref(tokens);
    assert_refused(exchange(w, code.p, "", 400), "BAD_AUTH_CODE");
    arena_free(arena);
    world_free(w);
}

static void
refuses_a_code_that_is_older_than_a_minute(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    struct str code = ask_code(w, arena, "");
    ask_wait(60000);
    assert_refused(exchange(w, code.p, "", 400), "EXPIRED_AUTH_CODE");
    arena_free(arena);
    world_free(w);
}

static void
holds_a_code_to_its_challenge(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    struct str code = ask_code(
        w, arena, "&code_challenge_method=S256&code_challenge=" CHALLENGE);
    assert_refused(exchange(w, code.p, "", 400), "BAD_CODE_VERIFIER");
    assert_refused(exchange(w, code.p, "&code_verifier=other", 400),
                   "BAD_CODE_VERIFIER");
    json_decref(exchange(w, code.p, "&code_verifier=" VERIFIER, 200));
    arena_free(arena);
    world_free(w);
}

static void
says_what_is_wrong_with_a_token_call(void **state)
{
    (void)state;
    static const struct {
        const char *body, *status, *error;
    } cases[] = {
        {"grant_type=password", "BAD_GRANT_TYPE", "unsupported_grant_type"},
        {"", "BAD_GRANT_TYPE", "unsupported_grant_type"},
        {"grant_type=refresh_token&client_secret=s", "BAD_CLIENT_ID",
         "invalid_client"},
        {"grant_type=refresh_token&client_id=crm", "BAD_CLIENT_SECRET",
         "invalid_client"},
        {"grant_type=refresh_token&" ASK_CLIENT, "BAD_REFRESH_TOKEN",
         "invalid_grant"},
        {"grant_type=refresh_token&" ASK_CLIENT "&refresh_token=na1-x",
         "BAD_REFRESH_TOKEN", "invalid_grant"},
        {"grant_type=authorization_code&" ASK_CLIENT "&code=na1-x",
         "BAD_AUTH_CODE", "invalid_grant"},
        {"grant_type=client_credentials&" ASK_CLIENT
         "&scope=crm.objects.contacts.read",
         "BAD_SCOPES", "invalid_scope"},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ask a = {.method = "POST",
                        .path = "/oauth/2026-09/token",
                        .body = cases[i].body};
        json_t *answer = ask_json(w, &a, 400);
        assert_string_equal(ask_text(answer, "error"), cases[i].error);
        assert_refused(answer, cases[i].status);
    }
    world_free(w);
}

static void
takes_parameters_from_the_query_in_version_one_only(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct ask a = {.method = "POST",
                    .path = "/oauth/v1/token?grant_type=refresh_token&" //
                    ASK_CLIENT,
                    .body = "refresh_token=x"};
    json_t *answer = ask_json(w, &a, 400);
    assert_null(json_object_get(answer, "error")); /* RFC 6749 came with v3 */
    assert_refused(answer, "BAD_REFRESH_TOKEN");
    a.path = "/oauth/v3/token?grant_type=refresh_token&" ASK_CLIENT;
    assert_refused(ask_json(w, &a, 400), "BAD_GRANT_TYPE");
    world_free(w);
}

static void
binds_a_refresh_token_to_its_client(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    json_t *tokens = connect_app(w);
    struct ask a = {.method = "POST",
                    .path = "/oauth/v3/token",
                    .body =
                        arena_printf(arena,
                                     "grant_type=refresh_token&client_id=other&"
                                     "client_secret=s&refresh_token=%s",
                                     ask_text(tokens, "refresh_token"))
                            .p};
    assert_refused(ask_json(w, &a, 400), "BAD_REFRESH_TOKEN");
    json_decref(tokens);
    arena_free(arena);
    world_free(w);
}

static void
gives_the_same_refresh_token_back_unless_told_to_rotate(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *tokens = connect_app(w);
    const char *first = ask_text(tokens, "refresh_token");
    json_t *again = refresh(w, first, 200);
    assert_string_equal(ask_text(again, "refresh_token"), first);
    json_decref(again);
    w->settings.rotate_refresh = 1;
    json_t *rotated = refresh(w, first, 200);
    assert_string_not_equal(ask_text(rotated, "refresh_token"), first);
    assert_refused(refresh(w, first, 400), "BAD_REFRESH_TOKEN");
    json_decref(refresh(w, ask_text(rotated, "refresh_token"), 200));
    json_decref(rotated);
    json_decref(tokens);
    world_free(w);
}

static void
tells_an_expired_token_from_an_unknown_one(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *tokens = connect_app(w);
    const char *access = ask_text(tokens, "access_token");
    ask_wait(1799999);
    json_decref(me(w, access, 200));
    ask_wait(5001);
    json_t *answer = me(w, access, 401);
    assert_string_equal(ask_text(answer, "category"), "EXPIRED_AUTHENTICATION");
    assert_non_null(strstr(ask_text(answer, "message"), "5 second(s) ago"));
    json_decref(answer);
    answer = me(w, "unknown", 401);
    assert_string_equal(ask_text(answer, "category"), "INVALID_AUTHENTICATION");
    json_decref(answer);
    /* A refresh token opens no API. */
    json_decref(me(w, ask_text(tokens, "refresh_token"), 401));
    json_decref(tokens);
    world_free(w);
}

static json_t *
introspect(struct world *w, const char *token)
{
    struct arena *arena = arena_new();
    struct ask a = {.method = "POST",
                    .path = "/oauth/2026-03/token/introspect",
                    .body =
                        arena_printf(arena, ASK_CLIENT "&token=%s", token).p};
    json_t *answer = ask_json(w, &a, 200);
    arena_free(arena);
    return answer;
}

static bool
is_active(struct world *w, const char *token)
{
    json_t *answer = introspect(w, token);
    bool active = json_is_true(json_object_get(answer, "active"));
    json_decref(answer);
    return active;
}

static void
revokes_the_refresh_token_and_leaves_access_tokens_alone(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    json_t *tokens = connect_app(w);
    const char *access = ask_text(tokens, "access_token");
    const char *token = ask_text(tokens, "refresh_token");
    assert_true(is_active(w, token));
    struct ask a = {.method = "POST",
                    .path = "/oauth/2026-03/token/revoke",
                    .body =
                        arena_printf(arena, ASK_CLIENT "&token=%s", token).p};
    assert_null(ask_json(w, &a, 200));
    assert_false(is_active(w, token));
    assert_refused(refresh(w, token, 400), "BAD_REFRESH_TOKEN");
    assert_true(is_active(w, access));
    json_decref(me(w, access, 200));
    json_decref(tokens);
    arena_free(arena);
    world_free(w);
}

static void
kills_every_token_when_the_app_uninstalls_itself(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *tokens = connect_app(w);
    const char *access = ask_text(tokens, "access_token");
    struct ask a = {.method = "DELETE",
                    .path = "/appinstalls/2026-03/external-install",
                    .bearer = access};
    assert_null(ask_json(w, &a, 204));
    json_decref(me(w, access, 401));
    assert_false(is_active(w, access));
    assert_refused(refresh(w, ask_text(tokens, "refresh_token"), 400),
                   "BAD_REFRESH_TOKEN");
    json_decref(tokens);
    world_free(w);
}

static void
keeps_older_tokens_good_over_a_reinstall(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *first = connect_app(w), *second = connect_app(w);
    json_decref(me(w, ask_text(first, "access_token"), 200));
    json_decref(refresh(w, ask_text(first, "refresh_token"), 200));
    json_decref(refresh(w, ask_text(second, "refresh_token"), 200));
    json_decref(first);
    json_decref(second);
    world_free(w);
}

static void
gives_an_app_level_token_that_opens_no_portal(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct ask a = {.method = "POST",
                    .path = "/oauth/2026-03/token",
                    .body = "grant_type=client_credentials&" ASK_CLIENT
                            "&scope=developer.webhooks_journal.read"};
    json_t *answer = ask_json(w, &a, 200);
    assert_null(json_object_get(answer, "refresh_token"));
    assert_null(json_object_get(answer, "hub_id"));
    assert_string_equal(ask_text(answer, "token_use"), "client_credentials");
    json_decref(me(w, ask_text(answer, "access_token"), 401));
    json_decref(answer);
    world_free(w);
}

static void
throttles_the_token_endpoint_when_told_to(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *tokens = connect_app(w);
    const char *token = ask_text(tokens, "refresh_token");
    w->settings.throttle_token_endpoint = 2;
    json_decref(refresh(w, token, 200));
    json_decref(refresh(w, token, 200));
    json_t *answer = refresh(w, token, 429);
    assert_string_equal(ask_text(answer, "errorType"), "RATE_LIMIT");
    json_decref(answer);
    ask_wait(10000);
    json_decref(refresh(w, token, 200));
    json_decref(tokens);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_a_code_once),
        cmocka_unit_test(refuses_a_code_that_is_older_than_a_minute),
        cmocka_unit_test(holds_a_code_to_its_challenge),
        cmocka_unit_test(says_what_is_wrong_with_a_token_call),
        cmocka_unit_test(takes_parameters_from_the_query_in_version_one_only),
        cmocka_unit_test(binds_a_refresh_token_to_its_client),
        cmocka_unit_test(
            gives_the_same_refresh_token_back_unless_told_to_rotate),
        cmocka_unit_test(tells_an_expired_token_from_an_unknown_one),
        cmocka_unit_test(
            revokes_the_refresh_token_and_leaves_access_tokens_alone),
        cmocka_unit_test(kills_every_token_when_the_app_uninstalls_itself),
        cmocka_unit_test(keeps_older_tokens_good_over_a_reinstall),
        cmocka_unit_test(gives_an_app_level_token_that_opens_no_portal),
        cmocka_unit_test(throttles_the_token_endpoint_when_told_to),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
