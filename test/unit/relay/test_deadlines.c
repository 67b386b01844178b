#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN_PATH "/v1/apps/crm/portals/7/token"
#define CALL_PATH "/hubspot/crm/7/crm/v3/objects/contacts"

/* What happens when the other side never answers: with portkeep-relay-hasty,
 * whose limits are fractions of a second. */
static const char *program;
static struct rig rig;

static int
setup(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void
expect_problem(struct rig_call *c, unsigned status, const char *says)
{
    rig_wait_call(&rig, c);
    assert_int_equal(c->err, ERR_OK);
    if (c->status != status || strstr(rig_body(c), says) == NULL)
        fail_msg("%u, wanted %u \"%s\": %s", c->status, status, says,
                 rig_body(c));
}

/* ---- HubSpot ---- */

static struct http_exchange *waiting;

static void
say_first(struct http_exchange *x, void *arg)
{
    struct http_answer a = {.status = 200};
    struct rig *r = arg;
    r->n_calls++;
    waiting = x;
    if (!str_equal(http_request(x)->target, STR("/streams")))
        return;
    http_answer_begin(x, &a);
    http_answer_piece(x, STR("first"));
}

static void
forget(struct http_exchange *x, enum err reason, void *arg)
{
    (void)reason;
    (void)arg;
    if (waiting == x)
        waiting = NULL;
}

static const struct http_handler silent = {.on_request = say_first,
                                           .on_end = forget};

static struct rig_call *
call(const char *target)
{
    struct rig_call *c = rig_get(&rig, target);
    while (waiting == NULL)
        rig_run_ms(&rig, 1);
    return c;
}

static void
a_hubspot_that_says_nothing_is_given_up(void **state)
{
    (void)state;
    rig.hubspot_handler = &silent;
    rig_birth(&rig, program);
    expect_problem(call(CALL_PATH), 504,
                   "The request was sent and may have been executed.");
    while (waiting != NULL) /* its connection is closed too */
        rig_run_ms(&rig, 1);
}

static void
an_answer_that_falls_silent_is_cut_and_does_not_look_whole(void **state)
{
    (void)state;
    rig.hubspot_handler = &silent;
    rig_birth(&rig, program);
    struct rig_call *c = call("/hubspot/crm/7/streams");
    rig_wait_call(&rig, c);
    assert_int_equal(c->status, 200);
    assert_int_equal(c->err, ERR_CLOSED);
}

static void
an_answer_that_goes_on_may_take_longer_than_a_silence(void **state)
{
    (void)state;
    rig.hubspot_handler = &silent;
    rig_birth(&rig, program);
    struct rig_call *c = call("/hubspot/crm/7/streams");
    for (int i = 0; i < 6; i++) {
        rig_run_ms(&rig, 100);
        assert_non_null(waiting);
        http_answer_piece(waiting, STR("."));
    }
    http_answer_end(waiting);
    rig_wait_call(&rig, c);
    assert_int_equal(c->err, ERR_OK);
    assert_string_equal(rig_body(c), "first......");
}

/* ---- the keeper ---- */

static void
say_nothing(struct rig *r, const struct incoming *in)
{
    (void)r;
    (void)in;
}

static void
a_keeper_that_says_nothing_is_given_up(void **state)
{
    static const char *const targets[] = {TOKEN_PATH, CALL_PATH};
    (void)state;
    rig.on_ask = say_nothing;
    rig_birth(&rig, program);
    for (size_t i = 0; i < 2; i++)
        expect_problem(rig_get(&rig, targets[i]), 503,
                       "The keeper did not answer.");
    assert_int_equal(rig.n_calls, 0);
    /* What comes next is asked anew. */
    rig.on_ask = rig_yes;
    struct rig_call *c = rig_get(&rig, TOKEN_PATH);
    rig_wait_call(&rig, c);
    assert_int_equal(c->status, 200);
}

/* ---- the end ---- */

static void
draining_refuses_connections_and_cuts_a_call_that_never_ends(void **state)
{
    (void)state;
    rig.hubspot_handler = &silent;
    rig_birth(&rig, program);
    struct rig_call *c = call("/hubspot/crm/7/streams");
    struct http_exchange *answer = waiting;
    nursery_stop(&rig.nursery, false);
    rig_run_ms(&rig, 100);
    struct rig_call *late = rig_get(&rig, TOKEN_PATH);
    rig_wait_call(&rig, late);
    assert_int_not_equal(late->err, ERR_OK);
    /* It is no silence that ends it. */
    while (!c->is_done) {
        if (waiting == answer)
            http_answer_piece(answer, STR("."));
        rig_run_ms(&rig, 50);
    }
    assert_int_equal(c->err, ERR_CLOSED);
    assert_int_equal(nursery_end(&rig.nursery), 0);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_hubspot_that_says_nothing_is_given_up),
        TEST(an_answer_that_falls_silent_is_cut_and_does_not_look_whole),
        TEST(an_answer_that_goes_on_may_take_longer_than_a_silence),
        TEST(a_keeper_that_says_nothing_is_given_up),
        TEST(draining_refuses_connections_and_cuts_a_call_that_never_ends),
    };
    if (argc < 2)
        return 2;
    program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
