#include "stage.h"

#include "base/text.h"
#include "keeper/grant.h"
#include "keeper/parcel.h"

#include <stdio.h>
#include <stdlib.h>

/* Master keys come and go while everything is under way. */

#define K1 "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define K2 "k2 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"

static struct heard session, begun, done, lease, answer;

static void
use_keys(struct stage *s, const char *keys, enum err wanted)
{
    struct buf auto_buf problem = {0};
    buf_init(&problem, 1024);
    s->master_keys = keys;
    enum err e = stage_reload(s, &problem);
    if (e != wanted)
        fail_msg("%s: %s", err_name(e), buf_text(&problem));
}

/* As `portkeep masterkey rotate` walks; how many steps failed. */
static unsigned
rewrap(struct stage *s, bool is_compromised)
{
    char cursor[256] = "";
    unsigned n_failed = 0, n_steps = 0;
    do {
        struct admin_step ask = {.cursor = str_from(cursor),
                                 .is_compromised = is_compromised};
        stage_admin(s, ADMIN_MASTERKEY_REWRAP, &ask, &answer);
        assert_int_equal(answer.err, ERR_OK);
        n_failed += strstr(answer.json, "\"failed\":0") == NULL;
        const char *next = strstr(answer.json, "\"next\":\"");
        cursor[0] = '\0';
        if (next != NULL)
            (void)snprintf(cursor, sizeof(cursor), "%.*s",
                           (int)strcspn(next + 8, "\""), next + 8);
        assert_true(++n_steps < 100);
    } while (cursor[0] != '\0');
    return n_failed;
}

static uint32_t
retire(struct stage *s, const char *id)
{
    struct admin_name ask = {.name = str_from(id)};
    stage_admin(s, ADMIN_MASTERKEY_RETIRE, &ask, &answer);
    return answer.err;
}

static void
a_key_that_seals_only_the_keepers_own_secret_is_not_retired(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    use_keys(s, K1 K2, ERR_OK); /* no grant, so nothing to rewrap */
    assert_int_equal(retire(s, "k1"), ERR_CONFLICT);
    use_keys(s, K2, ERR_CONFIG); /* nor may its line just go */
    assert_int_equal(rewrap(s, false), 0);
    assert_int_equal(retire(s, "k1"), ERR_OK);
    use_keys(s, K2, ERR_OK);
    stage_rebirth(s); /* and the keeper starts */
    stage_connect(s, 1001);
    stage_free(s);
}

static void
links_results_and_attempts_outlive_a_rotation(void **state)
{
    struct stage *s = stage_new();
    static struct heard link, result;
    (void)state;
    stage_session(s, "tenant-9", "https://app.example.com/connected", 0,
                  &session);
    stage_begin(s, session.json, &begun);
    stage_finish(s, &begun, "code-1", &done); /* a result waits */
    stage_session(s, "", "", 0, &link);       /* and a link */
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(retire(s, "k1"), ERR_CONFLICT);
    assert_int_equal(rewrap(s, false), 0);
    assert_int_equal(retire(s, "k1"), ERR_OK);
    use_keys(s, K2, ERR_OK);
    const char *code = strstr(done.location, "connect=");
    assert_non_null(code);
    struct relay_result_redeem redeem = {.credential =
                                             HIDDEN(str_from(s->api_key)),
                                         .address = STR("127.0.0.1"),
                                         .app = STR("crm"),
                                         .code = HIDDEN(str_from(code + 8))};
    stage_relay(s, RELAY_RESULT_REDEEM, &redeem, &result);
    assert_int_equal(result.err, ERR_OK);
    stage_begin(s, link.json, &begun);
    assert_int_equal(begun.page, PAGE_NONE);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_check(s);
    stage_free(s);
}

static void
what_is_under_way_at_hubspot_outlives_a_rotation(void **state)
{
    for (int is_compromised = 0; is_compromised < 2; is_compromised++) {
        struct stage *s = stage_new();
        stage_connect(s, 1001);
        stage_connect(s, 1003);
        s->answer[ERRAND_UNINSTALL].outcome = OUTCOME_TRANSIENT;
        stage_disconnect(s, 1003, &answer); /* a pending end */
        s->answer[ERRAND_UNINSTALL].outcome = 0;
        s->now_ms += 1800000;
        s->holds_errands = true;
        stage_lease(s, 1001, &lease); /* a refresh */
        stage_session(s, "", "", 0, &session);
        stage_begin(s, session.json, &begun);
        s->hub_id = 1002;
        stage_finish(s, &begun, "code-1", &done); /* an exchange */
        stage_release_one(s, ERRAND_EXCHANGE);    /* a reply */
        use_keys(s, K1 K2, ERR_OK);
        assert_int_equal(rewrap(s, is_compromised == 1), 0);
        assert_int_equal(retire(s, "k1"), ERR_OK);
        use_keys(s, K2, ERR_OK);
        stage_release(s);
        assert_int_equal(lease.err, ERR_OK);
        assert_int_equal(done.page, PAGE_CONNECTED);
        stage_later(s, 61000);
        assert_int_equal(stage_count(s, STORE_ENDINGS), 0);
        stage_lease(s, 1002, &lease);
        assert_int_equal(lease.err, ERR_OK);
        stage_check(s);
        stage_free(s);
    }
    (void)state;
}

static struct str
wrap_of(struct stage *s, uint64_t portal)
{
    struct store_ask ask = {.table = STORE_DATA_KEYS,
                            .key = grant_key(s->arena, STR("crm"), portal)};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    struct data_key row;
    assert_int_equal(
        record_decode_old(&data_key_record, ask.rows[0].body, s->arena, &row),
        ERR_OK);
    return row.wrap;
}

/* Does the old wrap, under the key that others know, open the grant now? */
static bool
old_wrap_opens(struct stage *s, struct str wrap, const struct grant *g)
{
    struct secret *auto_secret key = NULL;
    struct buf auto_buf text = {0};
    struct str row = grant_key(s->arena, STR("crm"), 1001);
    struct seal_place at = {
        .app = STR("crm"), .portal = 1001, .kind = STR("wrap"), .row = row};
    struct seal_place place = {.app = STR("crm"),
                               .portal = 1001,
                               .generation = g->generation,
                               .kind = STR("refresh")};
    assert_int_equal(vault_unwrap(s->keeper.vault, STR("k1"), wrap, &at, &key),
                     ERR_OK);
    buf_init_secret(&text, 4096);
    return vault_unseal(key, &place, g->sealed_refresh, &text) == ERR_OK;
}

static void
a_compromised_key_opens_nothing_any_more(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    (void)state;
    stage_connect(s, 1001);
    struct str wrap = wrap_of(s, 1001);
    use_keys(s, K1 K2, ERR_OK);
    stage_grant(s, 1001, &g, NULL);
    assert_true(old_wrap_opens(s, wrap, &g));
    assert_int_equal(rewrap(s, true), 0);
    stage_grant(s, 1001, &g, NULL);
    assert_false(old_wrap_opens(s, wrap, &g));
    struct admin_page export = {
        .app = STR("crm"), .portal = 1001, .with_tokens = true};
    stage_admin(s, ADMIN_PORTAL_EXPORT, &export, &answer);
    assert_non_null(strstr(answer.json, "\"refresh_token\":\"refresh-1\""));
    assert_non_null(strstr(answer.json, "\"ref\":\"tenant-1\""));
    assert_non_null(strstr(answer.json, "\"user_id\":\"77\""));
    stage_check(s);
    stage_free(s);
}

static bool
finds_ref(struct stage *s, uint64_t portal)
{
    char ref[32], wanted[48];
    (void)snprintf(ref, sizeof(ref), "tenant-%u", (unsigned)portal);
    (void)snprintf(wanted, sizeof(wanted), "\"portal\":%u,", (unsigned)portal);
    struct relay_portals_list list = {.credential =
                                          HIDDEN(str_from(s->api_key)),
                                      .address = STR("127.0.0.1"),
                                      .app = STR("crm"),
                                      .ref = str_from(ref),
                                      .limit = 10};
    stage_relay(s, RELAY_PORTALS_LIST, &list, &answer);
    assert_int_equal(answer.err, ERR_OK);
    const char *first = strstr(answer.json, "\"portal\":");
    return first != NULL && strstr(answer.json, wanted) == first &&
           strstr(first + 1, "\"portal\":") == NULL;
}

static void
bind_ref(struct stage *s, uint64_t portal)
{
    char ref[32];
    (void)snprintf(ref, sizeof(ref), "tenant-%u", (unsigned)portal);
    struct relay_ref_bind bind = {.credential = HIDDEN(str_from(s->api_key)),
                                  .address = STR("127.0.0.1"),
                                  .app = STR("crm"),
                                  .portal = portal,
                                  .ref = str_from(ref)};
    stage_relay(s, RELAY_REF_BIND, &bind, &answer);
    assert_int_equal(answer.err, ERR_OK);
}

static struct str
tag_of(struct stage *s, uint64_t portal)
{
    struct store_ask ask = {.table = STORE_GRANTS,
                            .key = grant_key(s->arena, STR("crm"), portal)};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    assert_true(ask.rows[0].tag.n > 0);
    return ask.rows[0].tag;
}

/* One page of a compromised rotation. */
static void
rewrap_once(struct stage *s, const char *cursor)
{
    struct admin_step ask = {.cursor = str_from(cursor),
                             .is_compromised = true};
    stage_admin(s, ADMIN_MASTERKEY_REWRAP, &ask, &answer);
    assert_int_equal(answer.err, ERR_OK);
}

static void
refs_are_found_all_along_while_their_key_is_replaced(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    for (uint64_t portal = 1; portal <= 210; portal++) {
        stage_connect(s, portal);
        bind_ref(s, portal);
    }
    struct str old_tag = tag_of(s, 77);
    use_keys(s, K1 K2, ERR_OK);
    stage_connect(s, 300); /* its data key is new, the key of refs is not */
    bind_ref(s, 300);
    struct str early_tag = tag_of(s, 300);
    rewrap_once(s, "");
    rewrap_once(s, "k/");
    stage_rebirth(s); /* in the middle of it */
    for (uint64_t portal = 1; portal <= 210; portal++)
        assert_true(finds_ref(s, portal));
    assert_int_equal(rewrap(s, true), 0);
    assert_null(s->keeper.old_ref_key);
    for (uint64_t portal = 1; portal <= 210; portal++)
        assert_true(finds_ref(s, portal));
    assert_true(finds_ref(s, 300));
    assert_false(str_equal(old_tag, tag_of(s, 77)));
    assert_false(str_equal(early_tag, tag_of(s, 300)));
    use_keys(s, K2, ERR_OK);
    stage_rebirth(s);
    assert_true(finds_ref(s, 77));
    stage_check(s);
    stage_free(s);
}

static void
a_ref_bound_between_the_new_master_key_and_the_walk_is_found(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    use_keys(s, K1 K2, ERR_OK);
    stage_connect(s, 5); /* never walked: its data key is of the newest */
    bind_ref(s, 5);
    struct str early_tag = tag_of(s, 5);
    assert_int_equal(rewrap(s, true), 0);
    assert_true(finds_ref(s, 5));
    assert_false(str_equal(early_tag, tag_of(s, 5)));
    stage_free(s);
}

static void
a_simple_rotation_keeps_data_keys(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    (void)state;
    stage_connect(s, 1001);
    struct str wrap = wrap_of(s, 1001);
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(rewrap(s, false), 0);
    stage_grant(s, 1001, &g, NULL);
    assert_true(old_wrap_opens(s, wrap, &g));
    stage_free(s);
}

static void
more_than_a_page_is_walked_to_its_end(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    for (uint64_t portal = 1; portal <= 210; portal++)
        stage_connect(s, portal);
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(rewrap(s, true), 0);
    assert_int_equal(retire(s, "k1"), ERR_OK);
    stage_lease(s, 77, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_check(s);
    stage_free(s);
}

static void
couriers_seal_to_the_newest_key_after_a_reload(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(rewrap(s, false), 0);
    use_keys(s, K2, ERR_OK);
    s->now_ms += 1800000;
    s->holds_errands = true;
    stage_lease(s, 1001, &lease);
    stage_spill(s);
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    stage_free(s);
}

static void
a_cursor_that_is_none_is_refused(void **state)
{
    struct stage *s = stage_new();
    struct admin_step ask = {.cursor = STR("crm/1001")};
    (void)state;
    stage_admin(s, ADMIN_MASTERKEY_REWRAP, &ask, &answer);
    assert_int_equal(answer.err, ERR_INVALID);
    stage_free(s);
}

static void
take_data_key(struct stage *s)
{
    struct store_ask ask = {.table = STORE_DATA_KEYS, .key = STR("crm/1001")};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    struct store_change gone = {.row = ask.rows[0], .is_delete = true};
    assert_true(gone.row.version != 0);
    assert_int_equal(store_commit(s->keeper.store, 1, &gone, 1), ERR_OK);
}

static void
a_grant_without_its_data_key_is_not_called_unknown(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    take_data_key(s);
    for (int i = 0; i < 3; i++) {
        stage_lease(s, 1001, &lease);
        assert_int_equal(lease.err, ERR_CRYPTO);
        assert_non_null(strstr(lease.detail, "data key is gone"));
        stage_admin(s, ADMIN_PORTAL_REFRESH, &ask, &answer);
        assert_int_equal(answer.err, ERR_CRYPTO);
    }
    stage_admin(s, ADMIN_PORTAL_SHOW, &ask, &answer);
    assert_non_null(strstr(answer.json, "\"state\":\"key_lost\""));
    assert_non_null(strstr(answer.json, "Connecting the portal again"));
    /* One line in the log. */
    assert_true(s->keeper.key_alarms[0].until_ms != 0);
    assert_true(s->keeper.key_alarms[1].until_ms == 0);
    stage_connect(s, 1001);
    stage_admin(s, ADMIN_PORTAL_SHOW, &ask, &answer);
    assert_non_null(strstr(answer.json, "\"state\":\"active\""));
    assert_null(strstr(answer.json, "\"problem\""));
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_check(s);
    take_data_key(s);
    stage_disconnect(s, 1001, &answer);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(stage_count(s, STORE_GRANTS), 0);
    stage_check(s);
    stage_free(s);
}

/* All parcels of HubSpot's events that grants seal: under which key. */
static void
expect_event_keys(struct stage *s, uint64_t number)
{
    struct store_ask ask = {
        .table = STORE_EVENTS, .by = STORE_BY_PREFIX, .limit = 1000};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    for (size_t i = 0; i < ask.n_rows; i++) {
        struct parcel p;
        assert_int_equal(
            record_decode_old(&parcel_record, ask.rows[i].body, s->arena, &p),
            ERR_OK);
        if (p.seal == SEALED_BY_GRANT)
            assert_int_equal(p.key_number, number);
    }
}

static unsigned
count_in_list(struct stage *s, uint64_t portal, const char *word)
{
    struct admin_events ask = {
        .app = STR("crm"), .portal = portal, .limit = 1000};
    unsigned n = 0;
    answer.whole = calloc(1, LIMIT_FRAME);
    assert_non_null(answer.whole);
    stage_admin(s, ADMIN_EVENTS_LIST, &ask, &answer);
    for (const char *at = answer.whole; (at = strstr(at, word)) != NULL; at++)
        n++;
    free(answer.whole);
    answer.whole = NULL;
    return n;
}

static void
stored_events_leave_a_compromised_key_and_can_be_read(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_take(s, "[{\"eventId\":1,\"portalId\":1002,\"objectId\":9,"
                  "\"occurredAt\":1700000000000,"
                  "\"subscriptionType\":\"contact.creation\"}]"); /* parked */
    stage_connect(s, 1001);
    for (unsigned i = 1; i <= 45; i++)
        stage_event(s, i, i % 3 + 1);
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(rewrap(s, true), 0);
    expect_event_keys(s, 2);
    for (uint64_t n = 3; n < 9; n++) { /* more than a grant may hold */
        use_keys(s, n % 2 == 1 ? K2 K1 : K1 K2, ERR_OK);
        assert_int_equal(rewrap(s, true), 0);
        expect_event_keys(s, n);
    }
    assert_int_equal(retire(s, "k1"), ERR_OK);
    use_keys(s, K2, ERR_OK);
    stage_rebirth(s);
    assert_int_equal(count_in_list(s, 1001, "\"n\":\"#"), 45);
    stage_connect(s, 1002); /* what was parked opens, too */
    assert_int_equal(count_in_list(s, 1002, "\"eventId\":1,"), 1);
    /* And is found by what it names. */
    stage_take(s, "[{\"eventId\":99,\"portalId\":1001,\"objectId\":2,"
                  "\"occurredAt\":1700000000000,"
                  "\"subscriptionType\":\"contact.privacyDeletion\"}]");
    stage_later(s, 1000);
    assert_int_equal(count_in_list(s, 1001, "\"n\":\"#"), 30);
    stage_check(s);
    stage_free(s);
}

static const struct store_ask *
wraps_now(struct stage *s)
{
    struct store_ask *ask = arena_alloc(s->arena, sizeof(*ask));
    *ask = (struct store_ask){
        .table = STORE_DATA_KEYS, .by = STORE_BY_PREFIX, .limit = 100};
    assert_int_equal(store_load(s->keeper.store, ask, 1, s->arena), ERR_OK);
    return ask;
}

/* What that key opens of the grant. */
static unsigned
try_key(const struct secret *key, const struct grant *g)
{
    static const char *const kinds[] = {"refresh", "access", "ref", "user"};
    const struct str sealed[] = {g->sealed_refresh, g->sealed_access,
                                 g->sealed_ref, g->sealed_user};
    unsigned n = 0;
    for (size_t k = 0; k < 4; k++) {
        struct buf auto_buf text = {0};
        struct seal_place at = {.app = STR("crm"),
                                .portal = 1001,
                                .generation = g->generation,
                                .kind = str_from(kinds[k])};
        buf_init_secret(&text, 4096);
        n += sealed[k].n > 0 &&
             vault_unseal(key, &at, sealed[k], &text) == ERR_OK;
    }
    return n;
}

static void
try_wraps(struct stage *s, const struct store_ask *wraps, const struct grant *g,
          unsigned wanted_wraps, unsigned wanted_opened)
{
    unsigned n_wraps = 0, n_opened = 0;
    for (size_t i = 0; i < wraps->n_rows; i++) {
        const struct store_row *row = &wraps->rows[i];
        struct seal_place place = {.kind = STR("wrap"), .row = row->key};
        struct secret *auto_secret key = NULL;
        struct data_key wrap;
        assert_int_equal(
            record_decode_old(&data_key_record, row->body, s->arena, &wrap),
            ERR_OK);
        assert_true(grant_key_parse(row->key, &place.app, &place.portal));
        if (vault_unwrap(s->keeper.vault, row->tag, wrap.wrap, &place, &key) !=
            ERR_OK)
            continue;
        n_wraps++;
        n_opened += try_key(key, g);
    }
    assert_int_equal(n_wraps, wanted_wraps);
    assert_int_equal(n_opened, wanted_opened);
}

/* A copy of before the erasure, and all wraps that there ever were. */
static void
of_an_erased_grant_no_wrap_opens_anything(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    struct grant g;
    (void)state;
    stage_connect(s, 1001);
    stage_connect(s, 1002);
    stage_grant(s, 1001, &g, NULL);
    const struct store_ask *old = wraps_now(s);
    try_wraps(s, old, &g, 2, 4); /* so the test can fail */
    stage_admin(s, ADMIN_PORTAL_ERASE, &ask, &answer);
    assert_non_null(strstr(answer.json, "\"master_key\":\"k1\""));
    try_wraps(s, wraps_now(s), &g, 1, 0);
    use_keys(s, K1 K2, ERR_OK);
    assert_int_equal(rewrap(s, false), 0);
    assert_int_equal(retire(s, "k1"), ERR_OK);
    use_keys(s, K2, ERR_OK);
    try_wraps(s, old, &g, 0, 0);
    try_wraps(s, wraps_now(s), &g, 1, 0);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_key_that_seals_only_the_keepers_own_secret_is_not_retired),
        cmocka_unit_test(links_results_and_attempts_outlive_a_rotation),
        cmocka_unit_test(what_is_under_way_at_hubspot_outlives_a_rotation),
        cmocka_unit_test(a_compromised_key_opens_nothing_any_more),
        cmocka_unit_test(refs_are_found_all_along_while_their_key_is_replaced),
        cmocka_unit_test(
            a_ref_bound_between_the_new_master_key_and_the_walk_is_found),
        cmocka_unit_test(a_simple_rotation_keeps_data_keys),
        cmocka_unit_test(more_than_a_page_is_walked_to_its_end),
        cmocka_unit_test(couriers_seal_to_the_newest_key_after_a_reload),
        cmocka_unit_test(a_cursor_that_is_none_is_refused),
        cmocka_unit_test(a_grant_without_its_data_key_is_not_called_unknown),
        cmocka_unit_test(stored_events_leave_a_compromised_key_and_can_be_read),
        cmocka_unit_test(of_an_erased_grant_no_wrap_opens_anything),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
