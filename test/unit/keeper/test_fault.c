#include "stage.h"

#include "keeper/grant.h"
#include "keeper/turn.h"

#include <stdio.h>

/*
 * The n-th call of the store fails, or is done and the keeper dies right
 * after it; for each n until nothing fails any more.  Then the keeper is born
 * again, and who had no answer asks once more: nothing that was answered is
 * lost, and no token that HubSpot gave.
 */

static struct heard session, begun, done, lease;

typedef void (*act)(struct stage *s);

static void
connect(struct stage *s)
{
    s->hub_id = 1001;
    stage_session(s, "tenant-1", "", 0, &session);
    if (session.err != ERR_OK)
        return;
    stage_begin(s, session.json, &begun);
    if (begun.has_answer && begun.page == PAGE_NONE)
        stage_finish(s, &begun, "code-1", &done);
}

static void
refresh(struct stage *s)
{
    stage_lease(s, 1001, &lease);
}

static void
let_go(struct stage *s)
{
    stage_disconnect(s, 1001, &done);
}

static void
expect_connected(struct stage *s)
{
    char newest[64];
    stage_lease(s, 1001, &lease);
    if (lease.err == ERR_NOT_FOUND) { /* it had not begun: start again */
        connect(s);
        stage_lease(s, 1001, &lease);
    }
    assert_int_equal(lease.err, ERR_OK);
    (void)snprintf(newest, sizeof(newest), "access-%u", s->n_tokens);
    assert_string_equal(lease.token, newest);
}

/* HubSpot rotates: only the newest refresh token lives. */
static void
expect_newest_token(struct stage *s)
{
    char newest[64];
    struct admin_page export = {
        .app = STR("crm"), .portal = 1001, .with_tokens = true};
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_admin(s, ADMIN_PORTAL_EXPORT, &export, &done);
    (void)snprintf(newest, sizeof(newest), "\"refresh-%u\"", s->n_tokens);
    assert_non_null(strstr(done.json, newest));
}

static void
expect_gone(struct stage *s)
{
    bool was_answered = done.has_answer && done.err == ERR_OK;
    stage_lease(s, 1001, &lease);
    if (was_answered)
        assert_int_equal(lease.err, ERR_NOT_FOUND);
    stage_disconnect(s, 1001, &done); /* who did not hear asks again */
    assert_true(done.err == ERR_OK || done.err == ERR_NOT_FOUND);
    stage_later(s, 61000);
    assert_int_equal(stage_count(s, STORE_GRANTS), 0);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 0);
    assert_in_range(stage_count(s, STORE_RECEIPTS), 1, 2);
}

/* False: the n-th call was never made. */
static bool
run(act prepare, act what, act expect, const struct store_disturbance *how)
{
    struct store_disturbance none = {0};
    struct stage *s = stage_new();
    memset(&done, 0, sizeof(done));
    if (prepare != NULL)
        prepare(s);
    store_memory_disturb(s->keeper.store, how);
    what(s);
    store_memory_disturb(s->keeper.store, &none);
    bool has_failed = s->keeper.has_failed;
    if (has_failed)
        stage_rebirth(s);
    expect(s);
    stage_check(s);
    stage_free(s);
    return has_failed;
}

static void
run_all(act prepare, act what, act expect)
{
    uint64_t n = 1;
    while (
        run(prepare, what, expect, &(struct store_disturbance){.fail_call = n}))
        n++;
    assert_in_range(n, 3, 200); /* some calls did fail */
    /* Loads do not commit, so that not each call can be unheard. */
    uint64_t n_unheard = 0;
    for (uint64_t i = 1; i <= n; i++)
        n_unheard += run(prepare, what, expect,
                         &(struct store_disturbance){.unheard_call = i});
    assert_in_range(n_unheard, 1, n);
}

static void
prepare_grant(struct stage *s)
{
    stage_connect(s, 1001);
}

static void
prepare_expired(struct stage *s)
{
    stage_connect(s, 1001);
    s->now_ms += 1800000;
}

static void
an_install_survives_a_failure_of_each_call_of_the_store(void **state)
{
    (void)state;
    run_all(NULL, connect, expect_connected);
}

static void
a_reinstall_survives_a_failure_of_each_call_of_the_store(void **state)
{
    (void)state;
    run_all(prepare_grant, connect, expect_connected);
}

static void
a_refresh_survives_a_failure_of_each_call_of_the_store(void **state)
{
    (void)state;
    run_all(prepare_expired, refresh, expect_newest_token);
}

static void
letting_go_survives_a_failure_of_each_call_of_the_store(void **state)
{
    (void)state;
    run_all(prepare_grant, let_go, expect_gone);
}

static void
letting_go_of_an_expired_grant_survives_a_failure_of_each_call(void **state)
{
    (void)state;
    run_all(prepare_expired, let_go, expect_gone);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            an_install_survives_a_failure_of_each_call_of_the_store),
        cmocka_unit_test(
            a_reinstall_survives_a_failure_of_each_call_of_the_store),
        cmocka_unit_test(
            a_refresh_survives_a_failure_of_each_call_of_the_store),
        cmocka_unit_test(
            letting_go_survives_a_failure_of_each_call_of_the_store),
        cmocka_unit_test(
            letting_go_of_an_expired_grant_survives_a_failure_of_each_call),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
