#include "http/url.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *scheme, *host, *path, *query;
    uint16_t port;
    bool has_port;
} good[] = {
    {"http://a", "http", "a", "/", NULL, 80, false},
    {"https://a.example", "https", "a.example", "/", NULL, 443, false},
    {"HTTPS://A/", "https", "A", "/", NULL, 443, false},
    {"http://a:8080/b/c?d=e", "http", "a", "/b/c", "d=e", 8080, true},
    {"http://a?d", "http", "a", "/", "d", 80, false},
    {"http://a/?", "http", "a", "/", "", 80, false},
    {"http://a:80/b?c?d", "http", "a", "/b", "c?d", 80, true},
    {"http://127.0.0.1:1/", "http", "127.0.0.1", "/", NULL, 1, true},
    {"http://[::1]/", "http", "[::1]", "/", NULL, 80, false},
    {"http://[2001:db8::1]:65535/x", "http", "[2001:db8::1]", "/x", NULL, 65535,
     true},
    {"http://a/b@c:d", "http", "a", "/b@c:d", NULL, 80, false},
    {"http://a/?x=http://b/", "http", "a", "/", "x=http://b/", 80, false},
};

static const char *const bad[] = {
    "",
    "a",
    "//a/",
    "http:/a",
    "http:///",
    "http://",
    "ftp://a/",
    "httpx://a/",
    "javascript://a/",
    "http://u@a/",
    "http://u:p@a/",
    "http://a@b:80/",
    "http://a/#b",
    "http://a#b",
    "http://a\\b/",
    "http://a/\\b",
    "http://a/ b",
    " http://a/",
    "http://a/\n",
    "http://a/\xc3\xa9",
    "http://\xc3\xa9/",
    "http://a:/",
    "http://a:0/",
    "http://a:65536/",
    "http://a:x/",
    "http://a:+80/",
    "http://a:000080/",
    "http://a:80:80/",
    "http://a%2e/",
    "http://[::1/",
    "http://::1/",
    "http://[]/",
    "http://[::1]x/",
    "http://[::1%25eth0]/",
    "http://[fe80::g]/",
};

static void
takes_good_ones_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct url u;
        if (url_parse(str_from(good[i].text), &u) != ERR_OK)
            fail_msg("%s is refused", good[i].text);
        assert_true(str_equal(u.scheme, str_from(good[i].scheme)));
        assert_true(str_equal(u.host, str_from(good[i].host)));
        assert_true(str_equal(u.path, str_from(good[i].path)));
        assert_true(str_equal(u.query, str_from(good[i].query)));
        assert_int_equal(u.query.p == NULL, good[i].query == NULL);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.has_port, good[i].has_port);
    }
}

static void
refuses_what_can_be_read_in_two_ways(void **state)
{
    struct url u;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (url_parse(str_from(bad[i]), &u) != ERR_SYNTAX)
            fail_msg("%s is taken", bad[i]);
    assert_int_equal(url_parse(STR("http://a/\0b"), &u), ERR_SYNTAX);
    assert_int_equal(url_parse(STR_NONE, &u), ERR_SYNTAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_good_ones_apart),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
