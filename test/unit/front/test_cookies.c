#include "front/cookies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "front/cookies.c"

static struct arena *arena;

static int
set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct cookies
cookies_over(bool is_https)
{
    struct cookies c;
    cookies_init(&c, is_https);
    return c;
}

static void
assert_str(struct str got, const char *wanted)
{
    if (!str_equal(got, str_from(wanted)))
        fail_msg("%.*s and not %s", STR_ARG(got), wanted);
}

static void
writes_cookies_that_no_other_host_can_plant(void **state)
{
    (void)state;
    static const struct {
        bool is_https, is_cross_site;
        const char *set, *cleared;
    } cases[] = {
        {true, false,
         "__Host-portkeep-t1=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; "
         "Secure",
         "__Host-portkeep-t1=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; "
         "Secure"},
        {true, true,
         "__Host-portkeep-t1=v; Path=/; Max-Age=600; HttpOnly; SameSite=None; "
         "Secure",
         "__Host-portkeep-t1=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; "
         "Secure"},
        {false, false,
         "portkeep-t1=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax",
         "portkeep-t1=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
        {false, true,
         "portkeep-t1=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax",
         "portkeep-t1=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cookies c = cookies_over(cases[i].is_https);
        struct cookies_attempt attempt = {STR("t1"), STR("v"), 600,
                                          cases[i].is_cross_site};
        assert_str(cookies_set(&c, arena, &attempt), cases[i].set);
        assert_str(cookies_clear(&c, arena, STR("t1")), cases[i].cleared);
    }
}

static struct http_head
head_with(const char *first, const char *second)
{
    struct http_head h = {.n_headers = 3};
    h.headers[0] = (struct http_header){STR("cookie"), str_from(first)};
    h.headers[1] = (struct http_header){STR("Host"), STR("x")};
    h.headers[2] = (struct http_header){STR("Cookie"), str_from(second)};
    return h;
}

static void
picks_the_cookie_of_the_attempt(void **state)
{
    (void)state;
    struct cookies c = cookies_over(true);
    struct http_head h =
        head_with("a=b; __Host-portkeep-t1=one; portkeep-t3=planted",
                  "__Host-portkeep-t2=two; __Host-portkeep-t22=no");
    assert_str(cookies_find(&c, &h, STR("t1"), arena), "one");
    assert_str(cookies_find(&c, &h, STR("t2"), arena), "two");
    assert_null(cookies_find(&c, &h, STR("t3"), arena).p);
    assert_null(cookies_find(&c, &h, STR(""), arena).p);
    assert_null(cookies_find(&c, &h, STR("t1=one; x"), arena).p);
}

static void
lists_attempts_oldest_first_and_each_once(void **state)
{
    (void)state;
    struct cookies c = cookies_over(true);
    struct http_head h = head_with(
        "__Host-portkeep-c=3; x=y; __Host-portkeep-a=1;__Host-portkeep-b=2",
        "__Host-portkeep-a=9; __Host-portkeep-=0; portkeep-d=4; "
        "__Host-portkeep-e!=5;");
    struct strs tags = cookies_tags(&c, &h, arena);
    assert_int_equal(tags.n, 3);
    assert_str(tags.v[0], "a");
    assert_str(tags.v[1], "b");
    assert_str(tags.v[2], "c");
}

static void
looks_at_no_more_than_a_request_may_bring(void **state)
{
    (void)state;
    struct cookies c = cookies_over(true);
    char many[8192];
    size_t n = 0;
    for (int i = 0; i < 2 * COOKIES_SEEN; i++)
        n += (size_t)snprintf(many + n, sizeof(many) - n,
                              "__Host-portkeep-%03d=v; ", i);
    struct http_head h = head_with(many, "");
    assert_int_equal(cookies_tags(&c, &h, arena).n, COOKIES_SEEN);
}

static void
knows_what_may_stand_in_a_name_and_in_a_value(void **state)
{
    (void)state;
    assert_true(cookies_is_tag(STR("01ab-_Z")));
    assert_false(cookies_is_tag(STR("")));
    assert_false(cookies_is_tag(STR("a b")));
    assert_false(cookies_is_tag(STR("a;b")));
    assert_false(cookies_is_tag(STR("a\r\nb")));
    assert_true(cookies_is_value(STR("abc-_.=123")));
    assert_false(cookies_is_value(STR("")));
    assert_false(cookies_is_value(STR("a;Secure")));
    assert_false(cookies_is_value(STR("a\r\nSet-Cookie: b")));
    assert_false(cookies_is_value(STR("a\x80")));
}

#define WITH_ARENA(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(writes_cookies_that_no_other_host_can_plant),
        WITH_ARENA(picks_the_cookie_of_the_attempt),
        WITH_ARENA(lists_attempts_oldest_first_and_each_once),
        WITH_ARENA(looks_at_no_more_than_a_request_may_bring),
        cmocka_unit_test(knows_what_may_stand_in_a_name_and_in_a_value),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
