/*
 * How the courier reads HubSpot's journal: the built program, with its
 * keeper and HubSpot played.  argv[1] is the program.
 */
#include "stage.h"

#include "base/env.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct answer {
    bool is_done;
    enum err err;
    uint32_t outcome, http_status, retry_after_s, n_pieces;
    uint64_t handle;
    char offset[64], status[64], events[256];
} answer;

static void
copy(char *to, size_t room, struct str from)
{
    assert_true(from.n < room);
    (void)snprintf(to, room, "%.*s", STR_ARG(from));
}

static void
on_read(enum err e, const struct message *m, const void *reply, void *arg)
{
    const struct courier_journal_read *r = reply;
    (void)m;
    (void)arg;
    answer.is_done = true;
    answer.err = e;
    if (e != ERR_OK)
        return;
    answer.outcome = r->outcome;
    answer.http_status = r->http_status;
    answer.retry_after_s = r->retry_after_s;
    answer.n_pieces = r->n_pieces;
    answer.handle = r->handle;
    copy(answer.offset, sizeof(answer.offset), r->offset);
    copy(answer.status, sizeof(answer.status), r->status);
}

static void
on_piece(enum err e, const struct message *m, const void *reply, void *arg)
{
    const struct courier_piece_read *r = reply;
    (void)m;
    (void)arg;
    answer.is_done = true;
    answer.err = e;
    if (e != ERR_OK)
        return;
    answer.outcome = r->err;
    copy(answer.events, sizeof(answer.events), r->events.s);
}

static void
ask(struct stage *s, const char *offset)
{
    struct courier_journal asked = {.app = STR("crm"),
                                    .token = {STR("app-token")},
                                    .offset = str_from(offset),
                                    .not_after_ms =
                                        env_real()->now_ms(env_real()) + 5000};
    answer = (struct answer){0};
    (void)channel_call(s->nursery.work, COURIER_JOURNAL, &asked,
                       DEADLINE_CALL_MS, on_read, s);
}

static void
ask_piece(struct stage *s, uint32_t index)
{
    struct courier_piece asked = {.handle = answer.handle, .index = index};
    answer.is_done = false;
    (void)channel_call(s->nursery.work, COURIER_PIECE, &asked, DEADLINE_CALL_MS,
                       on_piece, s);
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.err, ERR_OK);
}

/* The next request is answered so. */
static void
respond(struct stage *s, unsigned status, const char *body)
{
    nursery_wait(&s->nursery, &s->is_held);
    s->is_held = false;
    s->status = status;
    s->body = body;
    assert_non_null(s->held);
    stage_respond(s, s->held);
}

/* HubSpot says where the file is, and the file's host answers so. */
static void
respond_file(struct stage *s, unsigned status, const char *file)
{
    char place[256];
    (void)snprintf(place, sizeof(place),
                   "{\"url\":\"%s/files/7?sig=a%%2Fb\",\"expiresAt\":\"x\","
                   "\"currentOffset\":\"0ff5e7\"}",
                   s->api_url);
    respond(s, 200, place);
    respond(s, status, file);
}

static void
reads_a_file_and_hands_it_over_in_pieces(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    ask(s, "");
    nursery_wait(&s->nursery, &s->is_held);
    assert_string_equal(s->method, "GET");
    assert_string_equal(s->target,
                        "/webhooks-journal/journal/2026-03/earliest");
    assert_string_equal(s->authorization, "Bearer app-token");
    respond_file(s, 200, "{\"journalEvents\":[{\"a\":1}, {\"b\":2}]}");
    assert_string_equal(s->target, "/files/7?sig=a%2Fb");
    assert_string_equal(s->authorization, "");
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.outcome, OUTCOME_OK);
    assert_string_equal(answer.offset, "0ff5e7");
    assert_int_equal(answer.n_pieces, 1);
    ask_piece(s, 0);
    assert_int_equal(answer.outcome, ERR_OK);
    assert_string_equal(answer.events, "[{\"a\":1}, {\"b\":2}]");
    ask_piece(s, 0);
    assert_int_equal(answer.outcome, ERR_NOT_FOUND);
}

static void
goes_on_from_an_offset(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    ask(s, "0ff/5e7");
    respond(s, 204, "");
    assert_string_equal(
        s->target, "/webhooks-journal/journal/2026-03/offset/0ff%2F5e7/next");
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.outcome, OUTCOME_OK);
    assert_int_equal(answer.http_status, 204);
    assert_int_equal(answer.n_pieces, 0);
}

static void
says_what_a_refusal_means(void **state)
{
    static const struct {
        unsigned status;
        const char *type, *body;
        enum errand_outcome outcome;
    } cases[] = {
        {404, "application/json", "{\"category\":\"X\"}", OUTCOME_REFUSED},
        {400, "application/json", "{}", OUTCOME_REFUSED},
        {404, "text/html", "a proxy's", OUTCOME_TRANSIENT},
        {401, "application/json", "{}", OUTCOME_TOKEN_ENDED},
        {403, "application/json", "{}", OUTCOME_TOKEN_ENDED},
        {429, "application/json", "{}", OUTCOME_THROTTLED},
        {500, "application/json", "{}", OUTCOME_TRANSIENT},
        {302, "application/json", "{}", OUTCOME_TRANSIENT},
        {200, "application/json", "{\"currentOffset\":\"1\"}",
         OUTCOME_TRANSIENT},
        {200, "application/json", "{\"url\":\"http://127.0.0.1:1/\"}",
         OUTCOME_TRANSIENT},
        {200, "application/json",
         "{\"url\":\"ftp://a\",\"currentOffset\":\"1\"}", OUTCOME_TRANSIENT},
        {200, "application/json", "not json", OUTCOME_TRANSIENT},
    };
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    s->header = (struct http_header){STR("Retry-After"), STR("7")};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->type = cases[i].type;
        ask(s, "1");
        respond(s, cases[i].status, cases[i].body);
        nursery_wait(&s->nursery, &answer.is_done);
        assert_int_equal(answer.err, ERR_OK);
        assert_int_equal(answer.outcome, cases[i].outcome);
        assert_int_equal(answer.http_status, cases[i].status);
        assert_int_equal(answer.retry_after_s, 7);
    }
}

static void
asks_again_later_for_a_file_that_is_none(void **state)
{
    static const struct {
        unsigned status;
        const char *file, *word;
    } cases[] = {
        {403, "<Error>expired</Error>", "file_not_there"},
        {302, "", "file_not_there"},
        {200, "<html>", "file_not_a_journal"},
        {200, "{\"journalEvents\":[{", "file_not_a_journal"},
    };
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(s, "1");
        respond_file(s, cases[i].status, cases[i].file);
        nursery_wait(&s->nursery, &answer.is_done);
        assert_int_equal(answer.outcome, OUTCOME_TRANSIENT);
        assert_string_equal(answer.status, cases[i].word);
        assert_int_equal(answer.n_pieces, 0);
    }
}

static void
goes_to_no_other_machine_when_hubspot_is_here(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    ask(s, "");
    respond(s, 200, "{\"url\":\"http://10.1.2.3/f\",\"currentOffset\":\"1\"}");
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.outcome, OUTCOME_TRANSIENT);
    assert_string_equal(answer.status, err_name(ERR_FORBIDDEN));
}

static void
reads_four_at_a_time(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    for (size_t i = 0; i < 4; i++)
        ask(s, "");
    ask(s, "");
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.outcome, OUTCOME_TRANSIENT);
    assert_int_equal(answer.http_status, 0);
}

static void
ends_at_what_is_not_for_its_role(void **state)
{
    struct stage *s = *state;
    struct courier_deliver d = {.url = STR("http://127.0.0.1:1/"),
                                .not_after_ms =
                                    env_real()->now_ms(env_real()) + 5000};
    answer = (struct answer){0};
    (void)channel_call(s->nursery.work, COURIER_DELIVER, &d, DEADLINE_CALL_MS,
                       on_read, s);
    nursery_wait(&s->nursery, &answer.is_done);
    assert_int_equal(answer.err, ERR_CLOSED);
    assert_int_equal(nursery_end(&s->nursery), 1);
}

static void
gets_app_tokens_and_subscribes(void **state)
{
    static const struct {
        enum errand_kind kind;
        unsigned status;
        const char *body;
        enum errand_outcome outcome;
    } cases[] = {
        {ERRAND_APP_TOKEN, 200,
         "{\"access_token\":\"app\",\"expires_in\":1800}", OUTCOME_OK},
        {ERRAND_APP_TOKEN, 200, "{\"access_token\":\"app\"}",
         OUTCOME_TRANSIENT},
        {ERRAND_APP_TOKEN, 400, "{\"status\":\"BAD_CLIENT_SECRET\"}",
         OUTCOME_OUR_FAULT},
        {ERRAND_APP_TOKEN, 400, "{\"error\":\"invalid_scope\"}",
         OUTCOME_REFUSED},
        {ERRAND_SUBSCRIBE, 201, "{\"id\":1}", OUTCOME_OK},
        {ERRAND_SUBSCRIBE, 409, "{\"category\":\"CONFLICT\"}", OUTCOME_OK},
        {ERRAND_SUBSCRIBE, 400, "{\"category\":\"VALIDATION_ERROR\"}",
         OUTCOME_REFUSED},
        {ERRAND_SUBSCRIBE, 500, "{}", OUTCOME_TRANSIENT},
    };
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->status = cases[i].status;
        s->body = cases[i].body;
        stage_run(s, cases[i].kind);
        assert_int_equal(s->done.outcome, cases[i].outcome);
    }
}

#define STAGED(name) \
    cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(reads_a_file_and_hands_it_over_in_pieces),
        STAGED(goes_on_from_an_offset),
        STAGED(says_what_a_refusal_means),
        STAGED(asks_again_later_for_a_file_that_is_none),
        STAGED(goes_to_no_other_machine_when_hubspot_is_here),
        STAGED(reads_four_at_a_time),
        STAGED(ends_at_what_is_not_for_its_role),
        STAGED(gets_app_tokens_and_subscribes),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    stage_program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
