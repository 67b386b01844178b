#include "http/destination.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/destination.c"

static bool
is_let_through(const char *address, const char *api_url)
{
    struct destination d;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    assert_int_equal(destination_parse(&d, str_from(api_url)), ERR_OK);
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return destination_filter((struct sockaddr *)&in, &d);
    assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return destination_filter((struct sockaddr *)&in6, &d);
}

static void
lets_a_public_name_reach_public_addresses_only(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool is_good;
    } cases[] = {
        {"104.18.0.1", true},
        {"8.8.8.8", true},
        {"172.15.0.1", true},
        {"172.32.0.1", true},
        {"100.128.0.1", true},
        {"2606:4700::1", true},
        {"::ffff:8.8.8.8", true},
        {"64:ff9b::808:808", true},
        {"2002:808:808::1", true},
        {"0.0.0.0", false},
        {"10.1.2.3", false},
        {"100.64.0.1", false},
        {"127.0.0.1", false},
        {"169.254.169.254", false},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"192.168.1.1", false},
        {"198.19.0.1", false},
        {"224.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::7f00:1", false},
        {"fc00::1", false},
        {"fd12::1", false},
        {"fe80::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"2001:db8::1", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:10.0.0.1", false},
        {"64:ff9b::7f00:1", false},
        {"2002:a00:1::1", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (is_let_through(cases[i].address, "https://api.hubapi.com") !=
            cases[i].is_good)
            fail_msg("%s", cases[i].address);
}

static void
lets_localhost_reach_this_machine_only(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://localhost:8790",
        "http://127.0.0.1:8790",
        "http://[::1]:8790",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_true(is_let_through("127.0.0.1", urls[i]));
        assert_true(is_let_through("::1", urls[i]));
        assert_true(is_let_through("::ffff:127.0.0.1", urls[i]));
        assert_false(is_let_through("8.8.8.8", urls[i]));
        assert_false(is_let_through("10.0.0.1", urls[i]));
        assert_false(is_let_through("2606:4700::1", urls[i]));
    }
}

static void
knows_this_machine_and_private_networks(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool is_inside;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.9.9.9", true},
        {"10.1.2.3", true},
        {"172.16.0.1", true},
        {"172.31.255.255", true},
        {"192.168.1.1", true},
        {"::1", true},
        {"fd12::1", true},
        {"172.32.0.1", false},
        {"8.8.8.8", false},
        {"169.254.169.254", true},
        {"100.64.0.1", false},
        {"0.0.0.0", false},
        {"fe80::1", true},
        {"2606:4700::1", false},
        {"::", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        bool is_v4 = inet_pton(AF_INET, cases[i].address, &in.sin_addr) == 1;
        bool is_v6 = inet_pton(AF_INET6, cases[i].address, &in6.sin6_addr) == 1;
        assert_true(is_v4 || is_v6);
        const void *address = is_v4 ? (const void *)&in : &in6;
        if (destination_private_filter(address, NULL) != cases[i].is_inside)
            fail_msg("%s", cases[i].address);
    }
}

static void
keeps_the_path_of_the_url_before_each_target(void **state)
{
    (void)state;
    static const struct {
        const char *url, *prefix;
    } cases[] = {
        {"https://api.hubapi.com", ""},
        {"https://api.hubapi.com/", ""},
        {"https://proxy.example.com/hubspot/", "/hubspot"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct destination d;
        assert_int_equal(destination_parse(&d, str_from(cases[i].url)), ERR_OK);
        assert_true(str_equal(d.prefix, str_from(cases[i].prefix)));
    }
}

static void
refuses_what_is_no_url_of_an_api(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "", "api.hubapi.com", "ftp://api.hubapi.com",
        "https://api.hubapi.com/?a=b", "https://user@api.hubapi.com"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct destination d;
        assert_int_not_equal(destination_parse(&d, str_from(urls[i])), ERR_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_a_public_name_reach_public_addresses_only),
        cmocka_unit_test(lets_localhost_reach_this_machine_only),
        cmocka_unit_test(knows_this_machine_and_private_networks),
        cmocka_unit_test(keeps_the_path_of_the_url_before_each_target),
        cmocka_unit_test(refuses_what_is_no_url_of_an_api),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
