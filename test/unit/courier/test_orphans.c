/*
 * How the courier ends: alone, with its keeper, with everybody; and what it
 * leaves in the spill file.  argv[1] is the program.
 */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

/* The spill file's next entry, opened; false at its end. */
static bool
next_entry(struct stage *s, struct spill_entry *out)
{
    uint8_t head[4];
    if (read(s->spill_fd, head, 4) != 4)
        return false;
    size_t n = (size_t)head[2] << 8 | head[3];
    uint8_t *box = arena_alloc(s->arena, n), *plain = arena_alloc(s->arena, n);
    assert_int_equal(read(s->spill_fd, box, n), n);
    assert_int_equal(
        crypto_box_seal_open(plain, box, n, s->public_key, s->secret_key), 0);
    struct str bytes = str_of(plain, n - crypto_box_SEALBYTES);
    assert_int_equal(record_decode(&spill_entry_record, bytes, s->arena, out),
                     ERR_OK);
    return true;
}

static void
assert_spilled(struct stage *s)
{
    struct spill_entry entry, more;
    struct courier_done done;
    assert_true(next_entry(s, &entry));
    assert_int_equal(entry.kind, ERRAND_REFRESH);
    assert_int_equal(entry.version, 7);
    assert_int_equal(entry.portal, 1001);
    assert_true(str_equal(entry.app, STR("crm-sync")));
    assert_true(str_equal(entry.context, STR("note")));
    assert_int_equal(
        record_decode(&courier_done_record, entry.done.s, s->arena, &done),
        ERR_OK);
    assert_int_equal(done.outcome, OUTCOME_OK);
    assert_true(str_equal(done.refresh_token.s, STR("na1-new")));
    assert_false(next_entry(s, &more));
}

/* A refresh that has reached HubSpot and waits there for its answer. */
static void
begin_refresh(struct stage *s)
{
    s->manner = HOLDS_BACK;
    stage_ask(s, ERRAND_REFRESH);
    nursery_wait(&s->nursery, &s->is_held);
}

static void
saves_a_reply_that_comes_after_the_keepers_death(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_drop_work(&s->nursery);
    stage_respond(s, s->held);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
saves_a_reply_that_the_keeper_died_with(void **state)
{
    struct stage *s = *state;
    stage_run(s, ERRAND_REFRESH);
    nursery_drop_work(&s->nursery);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
saves_a_reply_when_the_parent_dies_with_the_keeper(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_drop_life(&s->nursery);
    nursery_drop_work(&s->nursery);
    stage_respond(s, s->held);
    /* There is no life channel to see the end by. */
    http_server_drain(s->hubspot);
    while (http_server_n_running(s->hubspot) > 0)
        assert_int_equal(event_base_loop(s->nursery.base, EVLOOP_ONCE), 0);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
gives_up_what_brings_no_tokens_when_the_keeper_dies(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    stage_ask(s, ERRAND_INTROSPECT);
    nursery_wait(&s->nursery, &s->is_held);
    nursery_drop_work(&s->nursery);
    assert_int_equal(nursery_end(&s->nursery), 0);
    struct spill_entry entry;
    assert_false(next_entry(s, &entry));
}

static void
finishes_its_errands_before_it_stops(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_stop(&s->nursery, true);
    stage_respond(s, s->held);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.outcome, OUTCOME_OK);
    assert_int_equal(nursery_end(&s->nursery), 0);
    /* The keeper lives and has it: nothing is left lying about. */
    struct spill_entry entry;
    assert_false(next_entry(s, &entry));
}

static void
saves_a_reply_that_waits_for_the_keepers_disk_when_it_stops(void **state)
{
    struct stage *s = *state;
    struct courier_hold hold = {.for_ms = 10000};
    stage_run(s, ERRAND_REFRESH);
    channel_event(s->nursery.work, COURIER_HOLD, &hold);
    nursery_stop(&s->nursery, true);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

#define STAGED(name) \
    cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(saves_a_reply_that_comes_after_the_keepers_death),
        STAGED(saves_a_reply_that_the_keeper_died_with),
        STAGED(saves_a_reply_when_the_parent_dies_with_the_keeper),
        STAGED(gives_up_what_brings_no_tokens_when_the_keeper_dies),
        STAGED(finishes_its_errands_before_it_stops),
        STAGED(saves_a_reply_that_waits_for_the_keepers_disk_when_it_stops),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    stage_program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
