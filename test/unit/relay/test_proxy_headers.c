#include "relay/proxy_headers.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct pair {
    const char *name, *value;
};

static void
fill(struct http_head *h, const struct pair *pairs, size_t n)
{
    memset(h, 0, sizeof(*h));
    for (size_t i = 0; i < n; i++)
        h->headers[h->n_headers++] = (struct http_header){
            str_from(pairs[i].name), str_from(pairs[i].value)};
}

static void
expect(const struct proxy_headers *got, const struct pair *pairs, size_t n)
{
    assert_int_equal(got->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(str_equal(got->v[i].name, str_from(pairs[i].name)));
        assert_true(str_equal(got->v[i].value, str_from(pairs[i].value)));
    }
}

static void
sends_hubspot_what_the_caller_means_and_nothing_of_its_way(void **state)
{
    static const struct pair came[] = {
        {"Host", "127.0.0.1:8701"},
        {"Authorization", "Bearer pkeep_x"},
        {"authorization", "Basic eA=="},
        {"User-Agent", "hubspot-api-client-nodejs; 14.0.1"},
        {"Accept", "application/json"},
        {"Content-Type", "application/json"},
        {"Content-Length", "12"},
        {"Connection", "keep-alive"},
        {"Keep-Alive", "timeout=5"},
        {"Proxy-Connection", "keep-alive"},
        {"Proxy-Authorization", "Basic eA=="},
        {"TE", "trailers"},
        {"Trailer", "X-Sum"},
        {"Transfer-Encoding", "chunked"},
        {"Upgrade", "h2c"},
        {"Expect", "100-continue"},
        {"Cookie", "a=b"},
        {"Forwarded", "for=10.0.0.1"},
        {"X-Forwarded-For", "10.0.0.1"},
        {"x-forwarded-proto", "https"},
        {"X-Real-IP", "10.0.0.1"},
        {"Via", "1.1 proxy"},
        {"traceparent", "00-0-0-00"},
        {"tracestate", "a=b"},
        {"baggage", "a=b"},
        {"X-HTTP-Method-Override", "DELETE"},
        {"X-Method-Override", "DELETE"},
        {"X-HTTP-Method", "DELETE"},
        {"Accept-Encoding", "gzip, deflate"},
        {"X-Own", "kept"},
    };
    static const struct pair sent[] = {
        {"User-Agent", "hubspot-api-client-nodejs; 14.0.1"},
        {"Accept", "application/json"},
        {"Content-Type", "application/json"},
        {"Accept-Encoding", "gzip, deflate"},
        {"X-Own", "kept"},
        {"Authorization", "Bearer token-of-portal"},
    };
    struct http_head head;
    struct proxy_headers list;
    (void)state;
    fill(&head, came, N_OF(came));
    proxy_headers_for_hubspot(&list, &head, STR("Bearer token-of-portal"));
    expect(&list, sent, N_OF(sent));
}

static void
drops_what_the_connection_header_names(void **state)
{
    static const struct pair came[] = {
        {"Connection", "close, X-Private"},
        {"X-Private", "1"},
        {"X-Public", "2"},
    };
    static const struct pair sent[] = {
        {"X-Public", "2"},
        {"Authorization", "Bearer t"},
    };
    struct http_head head;
    struct proxy_headers list;
    (void)state;
    fill(&head, came, N_OF(came));
    head.names_hops = true;
    proxy_headers_for_hubspot(&list, &head, STR("Bearer t"));
    expect(&list, sent, N_OF(sent));
}

static void
gives_the_caller_all_of_hubspots_answer(void **state)
{
    static const struct pair came[] = {
        {"Date", "Tue, 24 Nov 2026 15:30:00 GMT"},
        {"Content-Type", "application/json;charset=utf-8"},
        {"Content-Length", "12"},
        {"Connection", "keep-alive"},
        {"Transfer-Encoding", "chunked"},
        {"Set-Cookie", "__cf_bm=x"},
        {"Request-Id", "theirs"},
        {"Portkeep-Upstream", "forged"},
        {"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "108"},
        {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
        {"Retry-After", "7"},
    };
    static const struct pair sent[] = {
        {"Date", "Tue, 24 Nov 2026 15:30:00 GMT"},
        {"Content-Type", "application/json;charset=utf-8"},
        {"Set-Cookie", "__cf_bm=x"},
        {"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "108"},
        {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
        {"Retry-After", "7"},
        {"Portkeep-Upstream", "hubspot"},
        {"Request-Id", "ours"},
        {"RateLimit-Policy", "\"hubspot\";q=110;w=10"},
        {"RateLimit", "\"hubspot\";r=108"},
    };
    struct arena *arena = arena_new();
    struct http_head head;
    struct proxy_headers list;
    (void)state;
    fill(&head, came, N_OF(came));
    proxy_headers_for_caller(&list, &head, STR("ours"), arena);
    expect(&list, sent, N_OF(sent));
    assert_true(list.has_date);
    arena_free(arena);
}

static void
says_nothing_of_limits_that_hubspot_did_not_tell_or_told_itself(void **state)
{
    static const struct pair no_interval[] = {
        {"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "108"},
    };
    static const struct pair told[] = {
        {"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "108"},
        {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
        {"RateLimit", "\"burst\";r=108"},
    };
    static const struct pair garbage[] = {
        {"X-HubSpot-RateLimit-Max", "many"},
        {"X-HubSpot-RateLimit-Remaining", "108"},
        {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
    };
    struct arena *arena = arena_new();
    struct http_head head;
    struct proxy_headers list;
    (void)state;
    fill(&head, no_interval, N_OF(no_interval));
    proxy_headers_for_caller(&list, &head, STR("id"), arena);
    assert_int_equal(list.n, N_OF(no_interval) + 2);
    assert_false(list.has_date);
    fill(&head, told, N_OF(told));
    proxy_headers_for_caller(&list, &head, STR("id"), arena);
    assert_int_equal(list.n, N_OF(told) + 2);
    fill(&head, garbage, N_OF(garbage));
    proxy_headers_for_caller(&list, &head, STR("id"), arena);
    assert_int_equal(list.n, N_OF(garbage) + 2);
    arena_free(arena);
}

static void
a_full_head_fits(void **state)
{
    struct arena *arena = arena_new();
    struct http_head head = {0};
    struct proxy_headers list;
    (void)state;
    for (size_t i = 0; i < LIMIT_HEADERS - 3; i++)
        head.headers[head.n_headers++] =
            (struct http_header){STR("X-Own"), STR("1")};
    head.headers[head.n_headers++] = (struct http_header){
        STR("X-HubSpot-RateLimit-Max"), STR("18446744073709551615")};
    head.headers[head.n_headers++] = (struct http_header){
        STR("X-HubSpot-RateLimit-Remaining"), STR("18446744073709551615")};
    head.headers[head.n_headers++] =
        (struct http_header){STR("X-HubSpot-RateLimit-Interval-Milliseconds"),
                             STR("18446744073709551615")};
    proxy_headers_for_caller(&list, &head, STR("id"), arena);
    assert_int_equal(list.n, LIMIT_HEADERS + 4);
    proxy_headers_for_hubspot(&list, &head, STR("Bearer t"));
    assert_int_equal(list.n, LIMIT_HEADERS + 1);
    arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            sends_hubspot_what_the_caller_means_and_nothing_of_its_way),
        cmocka_unit_test(drops_what_the_connection_header_names),
        cmocka_unit_test(gives_the_caller_all_of_hubspots_answer),
        cmocka_unit_test(
            says_nothing_of_limits_that_hubspot_did_not_tell_or_told_itself),
        cmocka_unit_test(a_full_head_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
