#include "stage.h"

#include "ipc/channel.h"
#include "keeper/event_log.h"
#include "keeper/grant.h"
#include "keeper/journal.h"

#include <inttypes.h>
#include <stdio.h>

/* HubSpot's journal, as the courier reads it for the keeper. */

#define MINUTE 60000
#define HOUR 3600000
#define DAY (24 * HOUR)
#define FILES_MAX 8
#define PIECES_MAX 3

/* The journal: files, each of pieces; offsets are their numbers, from 1. */
static struct shelf {
    const char *files[FILES_MAX][PIECES_MAX];
    size_t n;
    unsigned n_reads, n_pieces, n_earliest;
    size_t expired;   /* files up to that one are refused as offsets */
    bool is_lost;     /* the next piece is no longer held */
    bool is_refused;  /* the app token, once */
    uint32_t outcome; /* of the next read; 0: as it should be */
} shelf;

static size_t
n_pieces(size_t file)
{
    size_t n = 0;
    while (n < PIECES_MAX && shelf.files[file][n] != NULL)
        n++;
    return n;
}

static void
answer_read(struct stage *s, uint32_t id, const struct courier_journal *ask)
{
    struct courier_journal_read r = {.outcome = OUTCOME_OK, .http_status = 200};
    char offset[24];
    uint64_t at = 0;
    if (!str_equal(ask->app, STR("crm"))) { /* another app's is empty */
        r.http_status = 204;
        channel_reply(s->courier, id, COURIER_JOURNAL_READ, &r);
        return;
    }
    shelf.n_reads++;
    shelf.n_earliest += ask->offset.n == 0;
    if (ask->offset.n == 0)
        at = shelf.expired;
    else
        assert_true(str_to_u64(ask->offset, &at));
    (void)snprintf(offset, sizeof(offset), "%" PRIu64, at + 1);
    if (shelf.is_refused) {
        shelf.is_refused = false;
        r.outcome = OUTCOME_TOKEN_ENDED;
        r.http_status = 401;
    } else if (shelf.outcome != 0) {
        r.outcome = shelf.outcome;
        r.http_status = 503;
        shelf.outcome = 0;
    } else if (ask->offset.n > 0 && at <= shelf.expired) {
        r.outcome = OUTCOME_REFUSED;
        r.http_status = 404;
    } else if (at == shelf.n) {
        r.http_status = 204;
    } else {
        r.offset = str_from(offset);
        r.handle = at + 1;
        r.n_pieces = (uint32_t)n_pieces(at);
    }
    channel_reply(s->courier, id, COURIER_JOURNAL_READ, &r);
}

static void
answer_piece(struct stage *s, uint32_t id, const struct courier_piece *ask)
{
    struct courier_piece_read r = {.err = ERR_OK};
    shelf.n_pieces++;
    if (shelf.is_lost) {
        shelf.is_lost = false;
        r.err = ERR_NOT_FOUND;
    } else {
        r.events = HIDDEN(str_from(shelf.files[ask->handle - 1][ask->index]));
    }
    channel_reply(s->courier, id, COURIER_PIECE_READ, &r);
}

static void
on_journal(const struct incoming *in, void *arg)
{
    if (in->message->type == COURIER_JOURNAL)
        answer_read(arg, in->id, in->body);
    else
        answer_piece(arg, in->id, in->body);
}

#define EVENT(n, time)                                                 \
    "{\"type\":\"crmObject\",\"portalId\":1001,\"occurredAt\":\"" time \
    "\",\"action\":\"UPDATE\",\"objectTypeId\":\"0-1\",\"objectId\":" #n "}"
#define MORNING "2026-11-24T08:00:00.000Z"

static void
look_now(struct stage *s)
{
    assert_int_equal(
        turns_add(s->keeper.turns, do_journals_start, NULL, NULL, 0, 0),
        ERR_OK);
    stage_settle(s);
    stage_later(s, 1000);
    stage_ticks(s, 10);
}

static struct stage *
begin(void)
{
    struct stage *s = stage_new();
    shelf = (struct shelf){0};
    s->on_journal = on_journal;
    stage_connect(s, 1001);
    return s;
}

static struct journal
row_of(struct stage *s)
{
    struct store_ask ask = {.table = STORE_JOURNALS, .key = STR("crm")};
    struct journal j;
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    assert_true(ask.rows[0].version > 0);
    assert_int_equal(
        record_decode_old(&journal_record, ask.rows[0].body, s->arena, &j),
        ERR_OK);
    return j;
}

static void
reads_all_files_and_then_waits_a_minute(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.files[0][0] = "[" EVENT(1, MORNING) "," EVENT(2, MORNING) "]";
    shelf.files[0][1] = "[" EVENT(3, MORNING) "]";
    shelf.files[1][0] = "[" EVENT(4, MORNING) "]";
    shelf.n = 2;
    look_now(s);
    assert_int_equal(stage_event_log(s).n_taken, 4);
    assert_true(str_equal(row_of(s).offset, STR("2")));
    unsigned before = shelf.n_reads;
    stage_later(s, 20000); /* there is nothing new: it is left alone */
    stage_ticks(s, 10);
    shelf.files[2][0] = "[" EVENT(5, MORNING) "]";
    shelf.n = 3;
    stage_pass(s, 2 * MINUTE, 1000);
    assert_true(shelf.n_reads > before);
    assert_int_equal(stage_event_log(s).n_taken, 5);
    stage_check(s);
    stage_free(s);
}

static void
subscribes_the_life_cycle_and_each_portal(void **state)
{
    struct stage *s = begin();
    (void)state;
    look_now(s);
    stage_pass(s, MINUTE, 1000);
    /* Two of the app's life cycle, one of the portal, twice for two apps. */
    unsigned before = s->n_errands[ERRAND_SUBSCRIBE];
    assert_true(before >= 3);
    stage_connect(s, 1002);
    stage_pass(s, 2 * MINUTE, 1000);
    assert_int_equal(s->n_errands[ERRAND_SUBSCRIBE], before + 1);
    stage_pass(s, DAY, MINUTE);
    assert_true(s->n_errands[ERRAND_SUBSCRIBE] >= 2 * before + 1);
    stage_free(s);
}

static void
a_file_that_broke_off_is_read_anew_and_counts_once(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.files[0][0] = "[" EVENT(1, MORNING) "]";
    shelf.files[0][1] = "[" EVENT(2, MORNING) "]";
    shelf.n = 1;
    shelf.is_lost = true;
    look_now(s);
    stage_pass(s, 5000, 500);
    assert_true(shelf.n_pieces >= 3);
    assert_true(str_equal(row_of(s).offset, STR("1")));
    assert_int_equal(stage_event_log(s).n_taken - stage_event_log(s).n_repeats,
                     2);
    stage_free(s);
}

static void
a_keeper_that_dies_within_a_file_goes_on_with_it(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.files[0][0] = "[" EVENT(1, MORNING) "]";
    shelf.n = 1;
    look_now(s);
    shelf.files[1][0] = "[" EVENT(2, MORNING) "," EVENT(3, MORNING) "]";
    shelf.n = 2;
    stage_rebirth(s);
    s->on_journal = on_journal;
    look_now(s);
    assert_int_equal(stage_event_log(s).n_taken, 3);
    assert_int_equal(shelf.n_earliest, 1);
    stage_free(s);
}

static void
a_refused_offset_asks_about_every_portal(void **state)
{
    struct stage *s = begin();
    struct grant g;
    int64_t due;
    (void)state;
    shelf.files[0][0] = "[" EVENT(1, MORNING) "]";
    shelf.n = 1;
    look_now(s);
    shelf.expired = 1;
    s->n_errands[ERRAND_INTROSPECT] = 0;
    s->answer[ERRAND_INTROSPECT] =
        (struct stage_answer){.outcome = OUTCOME_INACTIVE};
    stage_pass(s, 3 * MINUTE, 1000);
    shelf.expired = 0;
    stage_pass(s, 3 * MINUTE, 1000);
    assert_int_equal(stage_count_audit(s, "journal.gap", "ok"), 1);
    assert_int_equal(s->n_errands[ERRAND_INTROSPECT], 1);
    stage_grant(s, 1001, &g, &due);
    assert_int_equal(g.state, GRANT_NEEDS_RECONNECT); /* a sign, no word */
    stage_free(s);
}

static void
three_days_without_a_word_ask_about_every_portal(void **state)
{
    struct stage *s = begin();
    (void)state;
    look_now(s);
    s->n_errands[ERRAND_INTROSPECT] = 0;
    s->now_ms += 4 * (int64_t)DAY; /* nothing ran meanwhile */
    look_now(s);
    stage_pass(s, 2 * MINUTE, 1000);
    assert_true(s->n_errands[ERRAND_INTROSPECT] >= 1);
    stage_free(s);
}

static void
a_refused_token_is_asked_for_anew_and_failures_wait_longer(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.is_refused = true;
    look_now(s);
    unsigned tokens = s->n_errands[ERRAND_APP_TOKEN];
    shelf.files[0][0] = "[" EVENT(1, MORNING) "]";
    shelf.n = 1;
    stage_pass(s, MINUTE, 1000);
    assert_true(s->n_errands[ERRAND_APP_TOKEN] > tokens);
    assert_int_equal(stage_event_log(s).n_taken, 1);
    shelf.outcome = OUTCOME_TRANSIENT;
    stage_pass(s, 3 * MINUTE, 1000);
    shelf.files[1][0] = "[" EVENT(2, MORNING) "]";
    shelf.n = 2;
    stage_pass(s, 3 * MINUTE, 1000);
    assert_int_equal(stage_event_log(s).n_taken, 2);
    assert_int_equal(row_of(s).n_failures, 0);
    stage_free(s);
}

static void
a_full_log_keeps_the_offset_until_there_is_room(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.files[0][0] = "[" EVENT(1, MORNING) "]";
    shelf.n = 1;
    stage_set_target(s, "https://backend.example.com/events", 1);
    s->target.holds = true; /* what waits for delivery is not let go */
    stage_event(s, 1, 1);
    s->keeper.events_max = 1;
    look_now(s);
    assert_int_equal(row_of(s).offset.n, 0);
    s->keeper.events_max = 1000000000;
    stage_pass(s, 2 * MINUTE, 1000);
    assert_true(str_equal(row_of(s).offset, STR("1")));
    stage_free(s);
}

static void
installs_elsewhere_take_no_room_and_hold_up_nothing(void **state)
{
    struct stage *s = begin();
    (void)state;
    shelf.files[0][0] =
        "[{\"type\":\"app_lifecycle_event\",\"portalId\":5000,"
        "\"occurredAt\":\"" MORNING "\",\"action\":\"APP_INSTALL\"},"
        "{\"type\":\"crmObject\",\"portalId\":5001,"
        "\"occurredAt\":\"" MORNING
        "\",\"action\":\"UPDATE\",\"objectTypeId\":\"0-1\","
        "\"objectId\":1}," EVENT(1, MORNING) "]";
    shelf.n = 1;
    look_now(s);
    assert_int_equal(stage_event_log(s).n_parked, 1);
    assert_int_equal(stage_event_log(s).n_taken, 3);
    assert_true(str_equal(row_of(s).offset, STR("1")));
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_files_and_then_waits_a_minute),
        cmocka_unit_test(subscribes_the_life_cycle_and_each_portal),
        cmocka_unit_test(a_file_that_broke_off_is_read_anew_and_counts_once),
        cmocka_unit_test(a_keeper_that_dies_within_a_file_goes_on_with_it),
        cmocka_unit_test(a_refused_offset_asks_about_every_portal),
        cmocka_unit_test(three_days_without_a_word_ask_about_every_portal),
        cmocka_unit_test(
            a_refused_token_is_asked_for_anew_and_failures_wait_longer),
        cmocka_unit_test(installs_elsewhere_take_no_room_and_hold_up_nothing),
        cmocka_unit_test(a_full_log_keeps_the_offset_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
