#include "stage.h"

#include "keeper/apikeys.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/peers.h"
#include "keeper/rows.h"
#include "keeper/settings.h"
#include "keeper/turn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How turns treat requests, disks and peers; and what fits into an answer. */

static struct heard lease, answer;

static void
a_waiter_whose_relay_is_gone_is_forgotten(void **state)
{
    struct stage *s = stage_new();
    static struct heard gone;
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += 1800000;
    s->holds_errands = true;
    stage_lease(s, 1001, &gone);
    assert_int_equal(turns_n_waiting(s->keeper.turns), 1);
    stage_lose_relay(s);
    assert_int_equal(gone.err, ERR_CLOSED);
    assert_int_equal(turns_n_waiting(s->keeper.turns), 0);
    stage_release(s); /* and no lease is noted that nobody got */
    assert_int_equal(stage_count_audit(s, "lease", "ok"), 0);
    stage_free(s);
}

static void
a_full_disk_does_not_pile_up_sweeps_and_reports(void **state)
{
    struct stage *s = stage_new();
    struct store_disturbance full = {.is_full = true}, none = {0};
    struct relay_used used = {.app = STR("crm"), .key_number = 1};
    (void)state;
    stage_session(s, "", "", 0, &answer);
    s->now_ms += 86400000; /* a session is over: sweeps want to write */
    store_memory_disturb(s->keeper.store, &full);
    for (int i = 0; i < 100; i++) {
        channel_event(s->relay, RELAY_USED, &used);
        stage_ticks(s, 1);
    }
    assert_in_range(turns_n_waiting(s->keeper.turns), 0, 1);
    store_memory_disturb(s->keeper.store, &none);
    stage_ticks(s, 11);
    assert_int_equal(stage_count(s, STORE_SESSIONS), 0);
    assert_int_equal(turns_n_waiting(s->keeper.turns), 0);
    stage_free(s);
}

static void
a_refusal_for_a_full_disk_or_a_conflict_says_that_nothing_was_changed(
    void **state)
{
    static const struct store_disturbance cases[] = {
        {.is_full = true}, {.conflict_per_mille = 1000}};
    struct store_disturbance none = {0};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage *s = stage_new();
        store_memory_disturb(s->keeper.store, &cases[i]);
        stage_session(s, "", "", 0, &answer);
        assert_int_equal(answer.err, ERR_UNAVAILABLE);
        assert_non_null(strstr(answer.detail, "nothing was changed"));
        store_memory_disturb(s->keeper.store, &none);
        stage_check(s);
        stage_free(s);
    }
}

static void
what_is_counted_is_what_was_committed(void **state)
{
    struct stage *s = stage_new();
    struct store_disturbance half = {.seed = 3, .conflict_per_mille = 500};
    (void)state;
    stage_connect(s, 1001);
    store_memory_disturb(s->keeper.store, &half);
    uint64_t n = 0;
    for (int i = 0; i < 20; i++) {
        stage_lease(s, 1001, &lease);
        n += lease.err == ERR_OK;
    }
    assert_int_equal(s->keeper.n_leases, n);
    assert_int_equal(stage_count_audit(s, "lease", "ok"), n);
    assert_int_equal(s->keeper.n_connects, 1);
    stage_free(s);
}

static void
a_first_key_that_is_not_on_disk_is_not_used(void **state)
{
    struct stage *s = stage_new();
    struct keeper *k = &s->keeper;
    struct store_disturbance full = {.is_full = true}, none = {0};
    struct store_ask ask = {.table = STORE_META, .key = STR("ref-key")};
    struct store_change change = {.is_delete = true};
    (void)state;
    assert_int_equal(store_load(k->store, &ask, 1, s->arena), ERR_OK);
    change.row = ask.rows[0];
    assert_int_equal(store_commit(k->store, 1, &change, 1), ERR_OK);
    secret_free(k->ref_key);
    k->ref_key = NULL;
    store_memory_disturb(k->store, &full);
    assert_int_equal(turns_add(k->turns, do_first_turn, NULL, NULL, 0, 0),
                     ERR_OK);
    stage_settle(s);
    assert_null(k->ref_key);
    store_memory_disturb(k->store, &none);
    stage_ticks(s, 11);
    assert_non_null(k->ref_key);
    stage_free(s);
}

static unsigned n_waits;

static enum err
do_wait(struct turn *t, const void *ask)
{
    (void)ask;
    if (++n_waits == 1)
        turn_park(t, STR("news"));
    return ERR_OK;
}

static enum err
do_tell(struct turn *t, const void *ask)
{
    (void)ask;
    turn_wake(t, STR("news"));
    return ERR_OK;
}

static void
who_waits_is_woken_by_what_was_told_before_it_in_the_same_turn(void **state)
{
    struct stage *s = stage_new();
    struct turns *ts = s->keeper.turns;
    (void)state;
    n_waits = 0;
    stage_settle(s);
    assert_int_equal(turns_add(ts, do_tell, NULL, NULL, 0, 0), ERR_OK);
    assert_int_equal(turns_add(ts, do_wait, NULL, NULL, 0, 0), ERR_OK);
    stage_settle(s);
    assert_int_equal(n_waits, 2);
    assert_int_equal(turns_n_waiting(ts), 0);
    stage_free(s);
}

static void
a_row_that_was_not_seen_is_not_deleted_in_silence(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct arena *a = arena_new();
        struct rows *r = rows_new(a);
        (void)freopen("/dev/null", "w", stderr);
        (void)signal(SIGABRT, SIG_DFL);
        rows_delete(r, STORE_GRANTS, STR("crm/1"));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* The page's portals, and its next cursor. */
static size_t
count_portals(const char *json, char *cursor, size_t room)
{
    size_t n = 0;
    for (const char *p = json; (p = strstr(p, "\"portal\":")) != NULL; p++)
        n++;
    const char *next = strstr(json, "\"next\":\"");
    cursor[0] = '\0';
    if (next != NULL)
        (void)snprintf(cursor, room, "%.*s", (int)strcspn(next + 8, "\""),
                       next + 8);
    return n;
}

static void
a_list_longer_than_a_message_goes_on_where_it_was_cut(void **state)
{
    enum { N = 300 };
    struct stage *s = stage_new();
    char cursor[128] = "";
    size_t n_seen = 0, n_pages = 0;
    char *scopes = arena_alloc(s->arena, 6000);
    (void)state;
    answer.whole = malloc(LIMIT_FRAME);
    assert_non_null(answer.whole);
    for (size_t i = 0; i < 5990; i++)
        scopes[i] = i % 30 == 29 ? ' ' : 's';
    memcpy(scopes, "oauth crm.objects.contacts.read ", 32);
    s->scopes = scopes;
    for (uint64_t portal = 1; portal <= N; portal++)
        stage_connect(s, portal);
    do {
        struct admin_page ask = {
            .app = STR("crm"), .cursor = str_from(cursor), .limit = 500};
        stage_admin(s, ADMIN_PORTALS_LIST, &ask, &answer);
        assert_int_equal(answer.err, ERR_OK);
        assert_int_equal(answer.whole[strlen(answer.whole) - 1], '}');
        size_t n = count_portals(answer.whole, cursor, sizeof(cursor));
        assert_true(n > 0);
        n_seen += n;
        n_pages++;
    } while (cursor[0] != '\0');
    assert_int_equal(n_seen, N);
    assert_in_range(n_pages, 2, 10);
    free(answer.whole);
    answer.whole = NULL;
    stage_free(s);
}

static void
many_lists_at_once_leave_room_for_keys(void **state)
{
    enum { N = 60 };
    struct stage *s = stage_new();
    struct heard *all = calloc(N, sizeof(*all));
    struct admin_page ask = {.app = STR("crm"), .limit = 500};
    (void)state;
    assert_non_null(all);
    for (uint64_t portal = 1; portal <= 90; portal++)
        stage_connect(s, portal);
    for (int i = 0; i < N; i++)
        stage_ask_admin(s, ADMIN_PORTALS_LIST, &ask, &all[i]);
    stage_connect(s, 91); /* in the midst of 5,400 opened keys */
    for (int i = 0; i < N; i++)
        assert_null(strstr(all[i].json, "\"ref\":null"));
    free(all);
    stage_free(s);
}

static void
an_address_of_a_socket_for_both_kinds_is_found(void **state)
{
    static const struct {
        const char *address, *range;
        bool is_in;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8", true},
        {"::ffff:10.1.2.3", "10.0.0.0/8", true},
        {"::ffff:11.1.2.3", "10.0.0.0/8", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"::1", "::1/128", true},
        {"::1", "10.0.0.0/8", false},
        {"2001:db8::7", "2001:db8::/32", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (apikey_address_is_in(str_from(cases[i].address),
                                 str_from(cases[i].range)) != cases[i].is_in)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
}

/* All numbers behind that name in the answer, in their order. */
static void
assert_numbers(const char *name, const uint64_t *wanted, size_t n)
{
    const char *at = answer.json;
    size_t length = strlen(name);
    for (size_t i = 0; i < n; i++) {
        at = strstr(at, name);
        assert_non_null(at);
        at += length;
        assert_int_equal(strtoull(at, NULL, 10), wanted[i]);
    }
    assert_null(strstr(at, name));
}

static void
the_audit_log_shows_its_last_entries_oldest_first(void **state)
{
    struct stage *s = stage_new();
    uint64_t n;
    (void)state;
    stage_connect(s, 1001);
    stage_connect(s, 1002);
    n = audit_number(s->keeper.audit);
    assert_true(n >= 3);
    stage_admin(s, ADMIN_AUDIT_LIST, &(struct admin_audit){.last = 2}, &answer);
    assert_numbers("\"number\":", (uint64_t[]){n - 1, n}, 2);
    stage_admin(s, ADMIN_AUDIT_LIST,
                &(struct admin_audit){.after = n - 1, .last = 2}, &answer);
    assert_numbers("\"number\":", (uint64_t[]){n}, 1);
    stage_admin(s, ADMIN_AUDIT_LIST, &(struct admin_audit){.limit = 2},
                &answer);
    assert_numbers("\"number\":", (uint64_t[]){1, 2}, 2);
    stage_admin(s, ADMIN_AUDIT_LIST, &(struct admin_audit){.last = 400},
                &answer);
    assert_non_null(strstr(answer.json, "\"number\":1,"));
    stage_free(s);
}

static void
keys_are_listed_in_the_order_of_their_making(void **state)
{
    static const char *const names[] = {"c", "a", "e", "b", "d"};
    struct stage *s = stage_new(); /* which has made key 1 */
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct admin_key_create ask = {.name = str_from(names[i]), .verbs = 1};
        stage_admin(s, ADMIN_KEY_CREATE, &ask, &answer);
        assert_int_equal(answer.err, ERR_OK);
    }
    stage_admin(s, ADMIN_KEYS_LIST, &(struct admin_page){.limit = 100},
                &answer);
    assert_numbers("\"number\":", (uint64_t[]){1, 2, 3, 4, 5, 6}, 6);
    stage_free(s);
}

static void
status_tells_of_deaths_and_of_grants_whose_app_has_gone(void **state)
{
    struct stage *s = stage_new();
    struct life_descriptor died = {.peer = LIFE_PEER_RELAY, .n_deaths = 3};
    struct admin_plain ask = {.is_brief = false};
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    stage_connect(s, 1001);
    peers_note_deaths(s->keeper.peers, &died);
    stage_admin(s, ADMIN_STATUS, &ask, &answer);
    assert_non_null(strstr(answer.json, "\"user\":\"uid:"));
    assert_non_null(strstr(answer.json, "\"restarts\":{\"front\":0,"
                                        "\"relay\":3,\"courier\":0,"));
    assert_non_null(strstr(answer.json, "{\"app\":\"crm\",\"active\":1,"
                                        "\"needs_reconnect\":0,\"erasing\":0,"
                                        "\"configured\":true}"));
    s->lacks_app = true;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_admin(s, ADMIN_STATUS, &ask, &answer);
    assert_non_null(strstr(answer.json, "{\"app\":\"crm\",\"active\":1,"
                                        "\"needs_reconnect\":0,\"erasing\":0,"
                                        "\"configured\":false}"));
    stage_free(s);
}

static void
a_relay_hears_the_first_beat_at_once(void **state)
{
    struct stage *s = stage_new(); /* where no timer beats */
    (void)state;
    assert_int_equal(s->n_beats, 1);
    stage_lose_relay(s);
    assert_int_equal(s->n_beats, 2);
    stage_free(s);
}

static void
a_refresh_by_hand_shows_the_tenant(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += 60000;
    stage_admin(s, ADMIN_PORTAL_REFRESH, &ask, &answer);
    assert_int_equal(answer.err, ERR_OK);
    assert_non_null(strstr(answer.json, "\"ref\":\"tenant-1\""));
    stage_free(s);
}

static void
a_reload_is_answered_when_it_has_ended_and_by_the_one_that_saw_it(void **state)
{
    struct stage *s = stage_new();
    static struct heard first, second;
    struct admin_plain ask = {.is_brief = false};
    struct life_reload_ended before = {.n_wishes = 0};
    struct life_reload_ended wrong = {.problem = STR("client_id is missing"),
                                      .n_wishes = 1};
    struct life_reload_ended well = {.n_wishes = 2};
    (void)state;
    stage_admin(s, ADMIN_RELOAD, &ask, &first);
    settings_reload_ended(&s->keeper, &before); /* had begun already */
    stage_settle(s);
    assert_false(first.has_answer);
    stage_admin(s, ADMIN_RELOAD, &ask, &second);
    settings_reload_ended(&s->keeper, &wrong);
    stage_settle(s);
    assert_int_equal(first.err, ERR_CONFIG);
    assert_string_equal(first.detail, "client_id is missing");
    assert_false(second.has_answer);
    settings_reload_ended(&s->keeper, &well);
    stage_settle(s);
    assert_int_equal(second.err, ERR_OK);
    assert_string_equal(second.json, "{\"reload\":\"done\"}");
    assert_int_equal(first.n_answers, 1);
    assert_int_equal(stage_count_audit(s, "reload", "asked"), 2);
    assert_int_equal(stage_count_audit(s, "reload", "refused"), 1);
    assert_int_equal(stage_count_audit(s, "reload", "ok"), 2);
    stage_free(s);
}

static void
a_reload_that_is_refused_changes_nothing(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem = {0};
    const char *good = s->master_keys;
    (void)state;
    buf_init(&problem, 1024);
    stage_connect(s, 1001);
    s->master_keys = "no key\n";
    assert_int_not_equal(stage_reload(s, &problem), ERR_OK);
    assert_true(problem.n > 0);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    s->master_keys = good;
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiter_whose_relay_is_gone_is_forgotten),
        cmocka_unit_test(a_full_disk_does_not_pile_up_sweeps_and_reports),
        cmocka_unit_test(
            a_refusal_for_a_full_disk_or_a_conflict_says_that_nothing_was_changed),
        cmocka_unit_test(what_is_counted_is_what_was_committed),
        cmocka_unit_test(a_first_key_that_is_not_on_disk_is_not_used),
        cmocka_unit_test(
            who_waits_is_woken_by_what_was_told_before_it_in_the_same_turn),
        cmocka_unit_test(a_row_that_was_not_seen_is_not_deleted_in_silence),
        cmocka_unit_test(a_list_longer_than_a_message_goes_on_where_it_was_cut),
        cmocka_unit_test(many_lists_at_once_leave_room_for_keys),
        cmocka_unit_test(an_address_of_a_socket_for_both_kinds_is_found),
        cmocka_unit_test(the_audit_log_shows_its_last_entries_oldest_first),
        cmocka_unit_test(keys_are_listed_in_the_order_of_their_making),
        cmocka_unit_test(
            status_tells_of_deaths_and_of_grants_whose_app_has_gone),
        cmocka_unit_test(a_relay_hears_the_first_beat_at_once),
        cmocka_unit_test(a_refresh_by_hand_shows_the_tenant),
        cmocka_unit_test(
            a_reload_is_answered_when_it_has_ended_and_by_the_one_that_saw_it),
        cmocka_unit_test(a_reload_that_is_refused_changes_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
