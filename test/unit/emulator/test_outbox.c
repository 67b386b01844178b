#include "ask.h"

#include "emulator/emission.h"
#include "emulator/outbox_state.h"
#include "emulator/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct outcome good = {.status = 200, .retry_after_ms = -1};
static const struct outcome bad = {.status = 500, .retry_after_ms = -1};

static const struct app *
app_of(struct world *w)
{
    return apps_meet(&w->apps, STR("crm"));
}

static void
add(struct world *w, uint64_t portal, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        outbox_add(w, app_of(w), portal, ++w->outbox.last_serial,
                   STR("{\"a\":1"));
}

static void
batches_close_when_full_or_when_their_time_has_come(void **state)
{
    (void)state;
    struct world *w = ask_world();
    w->settings.webhook_batch = 3;
    add(w, 1001, 4);
    assert_int_equal(w->outbox.n_held, 4);
    struct delivery *d = outbox_take(w);
    assert_int_equal(d->n, 3);
    assert_null(outbox_take(w));
    assert_int_equal(outbox_next_ms(w), 50);
    ask_wait(50);
    assert_int_equal(outbox_next_ms(w), 0);
    d = outbox_take(w);
    assert_int_equal(d->n, 1);
    assert_int_equal(outbox_next_ms(w), -1);
    world_free(w);
}

static void
a_body_is_an_array_with_the_number_of_the_attempt(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct buf auto_buf body;
    buf_init(&body, 1024);
    add(w, 1001, 2);
    ask_wait(50);
    struct delivery *d = outbox_take(w);
    d->attempt = 7;
    delivery_add_body(d, &body);
    assert_string_equal(buf_text(&body), "[{\"a\":1,\"attemptNumber\":7},"
                                         "{\"a\":1,\"attemptNumber\":7}]");
    world_free(w);
}

static void
a_day_of_failures_has_eleven_attempts(void **state)
{
    (void)state;
    struct world *w = ask_world();
    int64_t started = world_now_ms(w);
    add(w, 1001, 1);
    ask_wait(50);
    for (unsigned n = 0; n <= 10; n++) {
        struct delivery *d = outbox_take(w);
        assert_non_null(d);
        assert_int_equal(d->attempt, n);
        assert_null(outbox_take(w));
        outbox_settle(w, d->id, &bad);
        int64_t next_ms = outbox_next_ms(w);
        assert_true(n == 10 ? next_ms == -1 : next_ms >= 60000);
        ask_wait(n == 10 ? 0 : next_ms);
    }
    assert_true(world_now_ms(w) - started < 86400000);
    assert_int_equal(w->outbox.n_given_up, 1);
    assert_int_equal(w->outbox.n_held, 0);
    assert_int_equal(w->outbox.log.n, 11);
    world_free(w);
}

/* Which kinds look at which answers: hubspot.md 4.1, 4.3 and 4.4. */
static void
kinds_of_requests_are_repeated_as_hubspot_repeats_them(void **state)
{
    (void)state;
    static const struct {
        enum delivery_kind kind;
        unsigned attempt, status;
        int64_t retry_after_ms;
        bool is_repeated;
    } cases[] = {
        {DELIVERY_EVENTS, 0, 200, -1, false},
        {DELIVERY_EVENTS, 0, 204, -1, false},
        {DELIVERY_EVENTS, 0, 302, -1, true},
        {DELIVERY_EVENTS, 0, 400, -1, true},
        {DELIVERY_EVENTS, 0, 410, -1, true},
        {DELIVERY_EVENTS, 9, 0, -1, true},
        {DELIVERY_EVENTS, 10, 0, -1, false},
        {DELIVERY_WORKFLOW, 0, 500, -1, true},
        {DELIVERY_WORKFLOW, 0, 404, -1, false},
        {DELIVERY_WORKFLOW, 0, 429, -1, true},
        {DELIVERY_WORKFLOW, 0, 429, 1234, true},
        {DELIVERY_CARD, 0, 500, -1, false},
        {DELIVERY_FETCH, 0, 500, -1, true},
        {DELIVERY_FETCH, 0, 400, -1, false},
        {DELIVERY_FETCH, 1, 500, -1, false},
    };
    struct world *w = ask_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct delivery d = {.kind = cases[i].kind,
                             .attempt = cases[i].attempt};
        struct outcome o = {.status = cases[i].status,
                            .retry_after_ms = cases[i].retry_after_ms};
        int64_t wait_ms = delivery_wait_ms(&d, &o, w);
        if ((wait_ms >= 0) != cases[i].is_repeated)
            fail_msg("case %zu: %lld", i, (long long)wait_ms);
        if (cases[i].retry_after_ms >= 0)
            assert_int_equal(wait_ms, cases[i].retry_after_ms);
    }
    world_free(w);
}

static void
accounts_have_limits_of_their_own(void **state)
{
    (void)state;
    struct world *w = ask_world();
    w->settings.webhook_batch = 1;
    w->settings.webhook_concurrency = 2;
    add(w, 1001, 3);
    add(w, 1002, 3);
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        struct delivery *d = outbox_take(w);
        assert_non_null(d);
        first = first == 0 ? d->id : first;
    }
    assert_null(outbox_take(w));
    assert_int_equal(w->outbox.n_flying, 4);
    outbox_settle(w, first, &good);
    assert_non_null(outbox_take(w));
    assert_null(outbox_take(w));
    world_free(w);
}

static void
an_answer_after_a_reset_changes_nothing(void **state)
{
    (void)state;
    struct world *w = ask_world();
    add(w, 1001, 1);
    ask_wait(50);
    uint64_t id = outbox_take(w)->id;
    world_reset(w);
    outbox_settle(w, id, &good);
    assert_int_equal(w->outbox.n_delivered, 0);
    assert_int_equal(w->outbox.log.n, 0);
    world_free(w);
}

static void
dropping_leaves_what_is_in_flight(void **state)
{
    (void)state;
    struct world *w = ask_world();
    w->settings.webhook_batch = 2;
    add(w, 1001, 5);
    uint64_t id = outbox_take(w)->id;
    assert_int_equal(outbox_drop_all(w), 3);
    assert_null(outbox_take(w));
    assert_int_equal(outbox_next_ms(w), -1);
    outbox_settle(w, id, &good);
    assert_int_equal(w->outbox.n_delivered, 2);
    assert_int_equal(w->outbox.n_held, 0);
    world_free(w);
}

static struct emission
order(struct world *w)
{
    return (struct emission){
        .client_id = app_of(w)->client_id,
        .what = {.kind = HAPPENING_CREATION,
                 .portal = 1001,
                 .type = crm_type_of(CRM_CONTACT),
                 .object_id = 1,
                 .source = STR("CRM_UI")},
        .count = 100,
        .n_objects = 10,
        .n_portals = 1,
        .batch = 10,
    };
}

static void
events_are_made_at_a_rate_in_whole_batches(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct emission e = order(w);
    e.rate = 1000;
    e.count = 25;
    emission_start(w, &e);
    emission_run(w);
    assert_int_equal(w->outbox.n_held, 0);
    ask_wait(14);
    emission_run(w);
    assert_int_equal(w->outbox.n_held, 10);
    /* The emulator's own clock makes no burst. */
    w->clock_offset_ms += 86400000;
    emission_run(w);
    assert_int_equal(w->outbox.n_held, 10);
    ask_wait(11);
    emission_run(w);
    assert_int_equal(w->outbox.n_held, 25);
    assert_int_equal(emission_next_ms(w), -1);
    world_free(w);
}

static void
a_million_events_are_never_there_at_once(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct emission e = order(w);
    uint64_t most = 0, rounds = 0;
    e.count = 1000000;
    e.batch = 100;
    emission_start(w, &e);
    while (emission_next_ms(w) >= 0 && rounds++ < 40) {
        emission_run(w);
        most = w->outbox.n_held > most ? w->outbox.n_held : most;
        struct delivery *d = outbox_take(w);
        if (d != NULL)
            outbox_settle(w, d->id, &good);
    }
    assert_true(most > 10000 && most <= EMISSION_AHEAD);
    assert_true(emission_left(w) > 900000);
    world_free(w);
}

static void
shuffled_events_keep_their_numbers(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct emission e = order(w);
    bool has[101] = {false}, is_sorted = true;
    uint64_t before = 0;
    struct delivery *d;
    e.is_shuffled = true;
    emission_start(w, &e);
    emission_run(w);
    while ((d = outbox_take(w)) != NULL) {
        for (size_t i = 0; i < d->n; i++) {
            uint64_t serial = d->events[i].serial;
            assert_in_range(serial, 1, 100);
            assert_false(has[serial]);
            has[serial] = true;
            is_sorted &= serial > before;
            before = serial;
        }
        outbox_settle(w, d->id, &good);
    }
    assert_false(is_sorted);
    assert_int_equal(w->outbox.n_delivered, 100);
    world_free(w);
}

static void
what_is_pending_survives_in_the_state(void **state)
{
    (void)state;
    struct world *w = ask_world(), *again = ask_world();
    struct buf auto_buf text;
    buf_init(&text, 1 << 20);
    add(w, 1001, 2);
    ask_wait(50);
    struct delivery *d = outbox_take(w);
    outbox_settle(w, d->id, &bad);
    add(w, 1001, 1);
    struct doc doc = doc_into(&text);
    doc_open(&doc, '{');
    outbox_state_add(w, &doc);
    doc_close(&doc, '}');
    json_t *json = json_loadb(text.p, text.n, 0, NULL);
    assert_non_null(json);
    outbox_state_load(again, json_object_get(json, "outbox"));
    json_decref(json);
    assert_int_equal(again->outbox.n_held, 3);
    assert_int_equal(again->outbox.last_serial, 3);
    d = outbox_take(again); /* the batch that was open */
    assert_int_equal(d->n, 1);
    assert_null(outbox_take(again));
    ask_wait(70000);
    d = outbox_take(again);
    assert_int_equal(d->n, 2);
    assert_int_equal(d->attempt, 1);
    world_free(w);
    world_free(again);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_close_when_full_or_when_their_time_has_come),
        cmocka_unit_test(a_body_is_an_array_with_the_number_of_the_attempt),
        cmocka_unit_test(a_day_of_failures_has_eleven_attempts),
        cmocka_unit_test(
            kinds_of_requests_are_repeated_as_hubspot_repeats_them),
        cmocka_unit_test(accounts_have_limits_of_their_own),
        cmocka_unit_test(an_answer_after_a_reset_changes_nothing),
        cmocka_unit_test(dropping_leaves_what_is_in_flight),
        cmocka_unit_test(events_are_made_at_a_rate_in_whole_batches),
        cmocka_unit_test(a_million_events_are_never_there_at_once),
        cmocka_unit_test(shuffled_events_keep_their_numbers),
        cmocka_unit_test(what_is_pending_survives_in_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
