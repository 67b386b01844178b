#include "http/dns.c"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Names that need a resolver are asked of one of our own: a UDP socket of
 * this process that answers as the test wants.
 */
struct seen {
    enum err e;
    struct dns_addresses found;
    unsigned n;
};

struct resolver {
    struct event_base *base;
    struct dns *dns;
    int fd;
    struct event *event;
    unsigned n_asked;
    bool is_mute;
    uint8_t code; /* 0: answers with an address; 3: no such name */
    uint8_t last; /* of the address */
};

static void
on_done(enum err e, const struct dns_addresses *found, void *arg)
{
    struct seen *seen = arg;
    seen->e = e;
    if (found != NULL)
        seen->found = *found;
    seen->n++;
}

/* An A record 192.0.2.LAST for any A question; nothing for others. */
static void
on_question(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;
    uint8_t p[512];
    struct sockaddr_in from;
    socklen_t from_n = sizeof(from);
    ssize_t n = recvfrom(fd, p, 256, 0, (struct sockaddr *)&from, &from_n);
    (void)what;
    assert_true(n > 16);
    bool is_a = p[n - 3] == 1;
    r->n_asked += is_a;
    if (r->is_mute)
        return;
    p[2] = 0x81;
    p[3] = (uint8_t)(0x80 | r->code);
    p[7] = is_a && r->code == 0;
    const uint8_t record[] = {0xc0, 12, 0, 1, 0,   1, 0, 0,
                              0,    60, 0, 4, 192, 0, 2, r->last};
    size_t all = (size_t)n;
    if (p[7] == 1) {
        memcpy(p + n, record, sizeof(record));
        all += sizeof(record);
    }
    assert_int_equal(
        sendto(fd, p, all, 0, (const struct sockaddr *)&from, from_n), all);
}

static int
set_up(void **state)
{
    static struct resolver r;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof(address);
    char text[40];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r = (struct resolver){.base = event_base_new(), .last = 1};
    r.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(r.fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(getsockname(r.fd, (struct sockaddr *)&address, &n), 0);
    r.event = event_new(r.base, r.fd, EV_READ | EV_PERSIST, on_question, &r);
    assert_int_equal(event_add(r.event, NULL), 0);
    r.dns = dns_new(r.base);
    assert_non_null(r.dns);
    (void)evdns_base_clear_nameservers_and_suspend(r.dns->resolver);
    evdns_base_search_clear(r.dns->resolver);
    (void)evdns_base_set_option(r.dns->resolver, "timeout:", "0.05");
    (void)snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(evdns_base_nameserver_ip_add(r.dns->resolver, text), 0);
    (void)evdns_base_resume(r.dns->resolver);
    *state = &r;
    return 0;
}

static int
tear_down(void **state)
{
    struct resolver *r = *state;
    dns_free(r->dns);
    /* The resolver's own clean-up is put off to the loop. */
    (void)event_base_loop(r->base, EVLOOP_NONBLOCK);
    event_free(r->event);
    event_base_free(r->base);
    (void)close(r->fd);
    return 0;
}

static void
wait_for(struct resolver *r, const struct seen *seen, unsigned n)
{
    int64_t until = deadline_now() + 10000;
    while (seen->n < n) {
        assert_true(deadline_now() < until);
        (void)event_base_loop(r->base, EVLOOP_ONCE);
    }
}

static struct dns_query *
ask_for(struct resolver *r, const char *host, struct seen *seen)
{
    return dns_resolve(r->dns, str_from(host), 80, on_done, seen);
}

static void
knows_addresses_and_localhost_by_itself(void **state)
{
    static const struct {
        const char *host;
        const char *first;
        size_t n;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", 1},
        {"192.0.2.7", "192.0.2.7", 1},
        {"[::1]", "::1", 1},
        {"2001:db8::1", "2001:db8::1", 1},
        {"localhost", "127.0.0.1", 2},
        {"LOCALHOST.", "127.0.0.1", 2},
        {"a.localhost", "127.0.0.1", 2},
    };
    struct resolver *r = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen seen = {.n = 0};
        char text[INET6_ADDRSTRLEN];
        assert_null(
            dns_resolve(r->dns, str_from(cases[i].host), 8080, on_done, &seen));
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.e, ERR_OK);
        assert_int_equal(seen.found.n, cases[i].n);
        const union dns_address *a = &seen.found.v[0];
        const void *bytes = a->any.sa_family == AF_INET
                                ? (const void *)&a->v4.sin_addr
                                : (const void *)&a->v6.sin6_addr;
        assert_non_null(inet_ntop(a->any.sa_family, bytes, text, sizeof(text)));
        assert_string_equal(text, cases[i].first);
        assert_int_equal(ntohs(a->v4.sin_port), 8080);
    }
    assert_int_equal(r->n_asked, 0);
}

static void
refuses_what_is_no_name(void **state)
{
    static const char *const cases[] = {"", "a b", "a\n", "\xc3\xa9", "[]"};
    struct resolver *r = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen seen = {.n = 0};
        assert_null(ask_for(r, cases[i], &seen));
        assert_int_equal(seen.e, ERR_NOT_FOUND);
    }
    char endless[300];
    memset(endless, 'a', sizeof(endless));
    struct seen seen = {.n = 0};
    assert_null(dns_resolve(r->dns, str_of(endless, 254), 80, on_done, &seen));
    assert_int_equal(seen.e, ERR_NOT_FOUND);
    assert_int_equal(r->n_asked, 0);
}

static void
asks_once_for_all_who_wait_and_keeps_the_answer(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0}, two = {.n = 0}, three = {.n = 0};
    assert_non_null(ask_for(r, "one.example", &one));
    assert_non_null(ask_for(r, "ONE.example", &two));
    wait_for(r, &one, 1);
    wait_for(r, &two, 1);
    assert_int_equal(one.e, ERR_OK);
    assert_int_equal(one.found.v[0].v4.sin_addr.s_addr, htonl(0xc0000201));
    assert_int_equal(ntohs(two.found.v[0].v4.sin_port), 80);
    assert_null(ask_for(r, "one.example", &three));
    assert_int_equal(three.e, ERR_OK);
    assert_int_equal(r->n_asked, 1);
}

static void
asks_again_when_the_answer_is_old(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0}, two = {.n = 0};
    (void)ask_for(r, "one.example", &one);
    wait_for(r, &one, 1);
    r->dns->names->asked_at -= FRESH_MS + 1;
    r->last = 2;
    (void)ask_for(r, "one.example", &two);
    wait_for(r, &two, 1);
    assert_int_equal(two.found.v[0].v4.sin_addr.s_addr, htonl(0xc0000202));
}

static void
serves_the_last_good_answer_while_the_resolver_fails(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0}, two = {.n = 0}, three = {.n = 0},
                four = {.n = 0};
    (void)ask_for(r, "one.example", &one);
    wait_for(r, &one, 1);
    r->is_mute = true;
    r->dns->names->asked_at -= FRESH_MS + 1;
    (void)ask_for(r, "one.example", &two);
    wait_for(r, &two, 1);
    assert_int_equal(two.e, ERR_OK);
    /* The next one need not wait for the resolver to fail. */
    assert_null(ask_for(r, "one.example", &three));
    assert_int_equal(three.e, ERR_OK);
    r->dns->names->asked_at -= FRESH_MS + 1;
    r->dns->names->good_at -= STALE_MS + 1;
    (void)ask_for(r, "one.example", &four);
    wait_for(r, &four, 1);
    assert_int_equal(four.e, ERR_TIMEOUT);
}

static void
tells_a_name_that_is_not_there_from_silence(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0}, two = {.n = 0};
    r->code = 3;
    (void)ask_for(r, "one.example", &one);
    wait_for(r, &one, 1);
    assert_int_equal(one.e, ERR_NOT_FOUND);
    r->is_mute = true;
    (void)ask_for(r, "two.example", &two);
    wait_for(r, &two, 1);
    assert_int_equal(two.e, ERR_TIMEOUT);
}

static void
calls_nobody_who_has_cancelled(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0}, two = {.n = 0};
    struct dns_query *q = ask_for(r, "one.example", &one);
    (void)ask_for(r, "one.example", &two);
    dns_cancel(q);
    wait_for(r, &two, 1);
    assert_int_equal(one.n, 0);
}

static void
can_be_freed_while_it_asks(void **state)
{
    struct resolver *r = *state;
    struct seen one = {.n = 0};
    r->is_mute = true;
    (void)ask_for(r, "one.example", &one);
    dns_free(r->dns);
    (void)event_base_loop(r->base, EVLOOP_NONBLOCK);
    assert_int_equal(one.n, 0);
    r->dns = NULL;
}

static void
remembers_a_bounded_number_of_names(void **state)
{
    struct resolver *r = *state;
    for (unsigned i = 0; i < NAMES_MAX + 20; i++) {
        struct seen seen = {.n = 0};
        char name[32];
        (void)snprintf(name, sizeof(name), "n%u.example", i);
        (void)ask_for(r, name, &seen);
        wait_for(r, &seen, 1);
    }
    assert_int_equal(r->dns->n_names, NAMES_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(knows_addresses_and_localhost_by_itself),
        CASE(refuses_what_is_no_name),
        CASE(asks_once_for_all_who_wait_and_keeps_the_answer),
        CASE(asks_again_when_the_answer_is_old),
        CASE(serves_the_last_good_answer_while_the_resolver_fails),
        CASE(tells_a_name_that_is_not_there_from_silence),
        CASE(calls_nobody_who_has_cancelled),
        CASE(can_be_freed_while_it_asks),
        CASE(remembers_a_bounded_number_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
