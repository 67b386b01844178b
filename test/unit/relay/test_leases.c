#include "relay/leases.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N_CELLS 3

static int64_t wall_ms, mono_ms;
static struct relay_used reported[8];
static size_t n_reported;

static int64_t
fake_now(struct env *env)
{
    (void)env;
    return wall_ms;
}

static int64_t
fake_mono(struct env *env)
{
    (void)env;
    return mono_ms;
}

static void
fake_random(struct env *env, void *out, size_t n)
{
    (void)env;
    memset(out, 7, n);
}

static void
on_used(const struct relay_used *used, void *arg)
{
    (void)arg;
    assert_true(n_reported < 8);
    reported[n_reported++] = *used;
}

/* Every test begins at 1000 s, with beats fresh. */
static int
setup(void **state)
{
    static struct env env = {fake_now, fake_mono, fake_random};
    struct leases_setup s = {.env = &env,
                             .n_max = N_CELLS,
                             .revocation_max_ms = 5000,
                             .on_used = on_used};
    wall_ms = 1000000;
    mono_ms = 1000;
    n_reported = 0;
    struct leases *all = leases_new(&s);
    assert_true(leases_beat(all, 10));
    *state = all;
    return 0;
}

static int
teardown(void **state)
{
    leases_free(*state);
    assert_int_equal(slab_room(), N_CELLS); /* no secret stayed behind */
    return 0;
}

static struct lease_question
question(uint64_t portal)
{
    return (struct lease_question){.credential = HIDDEN(STR("pkeep_key")),
                                   .address = STR("127.0.0.1"),
                                   .app = STR("crm-sync"),
                                   .portal = portal,
                                   .verb = VERB_TOKEN};
}

static struct relay_lease
yes(uint64_t key_number)
{
    return (struct relay_lease){.access_token = HIDDEN(STR("CJ-token")),
                                .version = 3,
                                .expires_at = 1000 + 1800,
                                .floor_s = 60,
                                .key_number = key_number,
                                .lease_until = 1000000 + 600000};
}

static struct lease *
put(struct leases *all, uint64_t portal, uint64_t key_number)
{
    struct lease_question q = question(portal);
    struct relay_lease from = yes(key_number);
    struct lease *l = NULL;
    assert_int_equal(leases_put(all, leases_key(all, &q), &q, &from, &l),
                     ERR_OK);
    return l;
}

static struct lease *
find(struct leases *all, uint64_t portal)
{
    struct lease_question q = question(portal);
    return leases_find(all, leases_key(all, &q));
}

static void
finds_what_was_put_and_only_that(void **state)
{
    struct leases *all = *state;
    struct lease_question other[5];
    put(all, 7, 1);
    assert_non_null(find(all, 7));
    assert_true(str_equal(secret_view(find(all, 7)->token).s, STR("CJ-token")));
    assert_null(find(all, 8));
    for (size_t i = 0; i < 5; i++)
        other[i] = question(7);
    other[0].credential = HIDDEN(STR("pkeep_kex"));
    other[1].address = STR("127.0.0.2");
    other[2].app = STR("crm-synd");
    other[3].verb = VERB_CALL;
    other[4].app = STR("crm-sync1"); /* a byte that moves between parts */
    other[4].address = STR("27.0.0.1");
    for (size_t i = 0; i < 5; i++)
        assert_null(leases_find(all, leases_key(all, &other[i])));
}

static void
the_one_not_used_for_longest_makes_room(void **state)
{
    struct leases *all = *state;
    put(all, 1, 1);
    put(all, 2, 1);
    put(all, 3, 1);
    assert_non_null(find(all, 1));
    put(all, 4, 1);
    assert_null(find(all, 2));
    assert_non_null(find(all, 1));
    assert_non_null(find(all, 3));
    assert_non_null(find(all, 4));
    assert_int_equal(leases_count(all), N_CELLS);
}

static void
answers_only_until_the_lease_ends(void **state)
{
    struct leases *all = *state;
    put(all, 7, 1);
    wall_ms = 1000000 + 599999;
    assert_non_null(find(all, 7));
    wall_ms++;
    assert_null(find(all, 7));
}

static void
answers_only_with_more_than_the_floor_left(void **state)
{
    struct leases *all = *state;
    put(all, 7, 1)->lease_until = INT64_MAX;
    wall_ms = (1000 + 1800 - 60) * 1000 - 1;
    assert_non_null(find(all, 7));
    wall_ms++;
    assert_null(find(all, 7));
}

static void
a_token_already_at_the_floor_is_not_taken(void **state)
{
    struct leases *all = *state;
    struct lease_question q = question(7);
    struct relay_lease from = yes(1);
    struct lease *l = NULL;
    from.expires_at = 1000 + 60;
    assert_int_equal(leases_put(all, leases_key(all, &q), &q, &from, &l),
                     ERR_EXPIRED);
    assert_null(l);
    assert_int_equal(leases_count(all), 0);
}

static void
a_static_token_has_no_floor(void **state)
{
    struct leases *all = *state;
    struct lease *l = put(all, 7, 1);
    l->expires_at = 0;
    l->lease_until = INT64_MAX;
    wall_ms = INT64_MAX - 1;
    assert_non_null(find(all, 7));
}

static void
tokens_that_would_break_a_header_are_not_taken(void **state)
{
    static const char *const bad[] = {"",     "a b",  "a\r\nX: y",
                                      "a\"b", "a\\b", "a\x7f"};
    struct leases *all = *state;
    struct lease_question q = question(7);
    struct lease *l;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct relay_lease from = yes(1);
        from.access_token = HIDDEN(str_from(bad[i]));
        assert_int_equal(leases_put(all, leases_key(all, &q), &q, &from, &l),
                         ERR_UPSTREAM);
    }
    assert_int_equal(leases_count(all), 0);
}

static void
a_newer_answer_takes_the_place_of_the_old(void **state)
{
    struct leases *all = *state;
    put(all, 7, 1);
    put(all, 7, 2);
    assert_int_equal(leases_count(all), 1);
    assert_int_equal(find(all, 7)->key_number, 2);
}

static void
without_beats_nothing_is_answered_until_they_come_again(void **state)
{
    struct leases *all = *state;
    put(all, 7, 1);
    mono_ms = 1000 + 5000;
    assert_non_null(find(all, 7));
    mono_ms++;
    assert_null(find(all, 7));
    assert_true(leases_beat(all, 10));
    assert_non_null(find(all, 7));
}

static void
a_gap_in_the_epoch_forgets_all(void **state)
{
    struct leases *all = *state;
    struct relay_revoked other = {.epoch = 12, .portal = 99};
    put(all, 7, 1);
    assert_false(leases_beat(all, 11));
    assert_null(find(all, 7));
    put(all, 7, 1);
    assert_true(leases_revoke(all, &other));
    assert_non_null(find(all, 7));
    other.epoch = 14;
    assert_false(leases_revoke(all, &other));
    assert_null(find(all, 7));
    assert_true(leases_beat(all, 14));
    assert_false(leases_beat(all, 13)); /* never backwards either */
}

static void
a_revocation_takes_exactly_what_it_names(void **state)
{
    static const struct {
        struct relay_revoked what;
        bool hits_7_of_key_1, hits_8_of_key_2;
    } rows[] = {
        {{.epoch = 11, .portal = 7}, true, false},
        {{.epoch = 11, .key_number = 2}, false, true},
        {{.epoch = 11, .app = {"crm-sync", 8}}, true, true},
        {{.epoch = 11, .app = {"other", 5}}, false, false},
        {{.epoch = 11, .portal = 7, .key_number = 2}, false, false},
        {{.epoch = 11}, true, true},
    };
    struct leases *all = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        leases_forget_all(all);
        assert_true(leases_beat(all, 10));
        put(all, 7, 1);
        put(all, 8, 2);
        assert_true(leases_revoke(all, &rows[i].what));
        assert_int_equal(find(all, 7) == NULL, rows[i].hits_7_of_key_1);
        assert_int_equal(find(all, 8) == NULL, rows[i].hits_8_of_key_2);
    }
}

static void
a_lease_is_due_once_when_a_fifth_of_its_life_is_left(void **state)
{
    static const struct {
        int64_t lease_s, expires_s, floor_s; /* from now on */
        int64_t due_ms;                      /* not yet a ms before */
    } rows[] = {
        {300, 1800, 60, 240001},
        {300, 260, 60, 160001}, /* the token's floor comes first */
        {10, 1800, 60, 8001},
        {5, 0, 0, 4001}, /* a static token */
    };
    struct leases *all = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lease_question q = question(7);
        struct relay_lease from = yes(1);
        struct lease *l;
        int64_t start = wall_ms;
        from.lease_until = start + rows[i].lease_s * 1000;
        from.expires_at =
            rows[i].expires_s == 0 ? 0 : start / 1000 + rows[i].expires_s;
        from.floor_s = rows[i].floor_s;
        assert_int_equal(leases_put(all, leases_key(all, &q), &q, &from, &l),
                         ERR_OK);
        assert_false(leases_take_due(all, l));
        wall_ms = start + rows[i].due_ms - 1;
        assert_false(leases_take_due(all, l));
        wall_ms++;
        assert_ptr_equal(find(all, 7), l);
        assert_true(leases_take_due(all, l));
        assert_false(leases_take_due(all, l));
        wall_ms = 1000000;
    }
}

static void
uses_are_reported_once_also_of_leases_that_go(void **state)
{
    struct leases *all = *state;
    put(all, 7, 5)->n_uses = 4;
    leases_report(all);
    leases_report(all);
    assert_int_equal(n_reported, 1);
    assert_int_equal(reported[0].n_uses, 4);
    assert_int_equal(reported[0].portal, 7);
    assert_int_equal(reported[0].key_number, 5);
    find(all, 7)->n_uses = 2;
    leases_forget_all(all);
    assert_int_equal(n_reported, 2);
    assert_int_equal(reported[1].n_uses, 2);
}

static void
many_puts_and_finds_keep_lists_and_chains_whole(void **state)
{
    struct leases *all = *state;
    for (uint64_t i = 0; i < 1000; i++) {
        put(all, i % 7, i % 2 + 1);
        (void)find(all, i % 3); /* moves it to the front, if it is there */
        if (i % 5 == 0) {
            struct lease_question q = question(i % 7);
            leases_drop(all, leases_key(all, &q));
        }
        size_t n = 0;
        for (struct lease *l = all->newest; l != NULL; l = l->older) {
            struct lease *at = *chain_of_portal(all, l->portal);
            assert_ptr_equal(lookup(all, l->key), l);
            while (at != l)
                at = at->next_of_portal;
            n++;
        }
        assert_int_equal(n, leases_count(all));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_only_that),
        cmocka_unit_test(the_one_not_used_for_longest_makes_room),
        cmocka_unit_test(answers_only_until_the_lease_ends),
        cmocka_unit_test(answers_only_with_more_than_the_floor_left),
        cmocka_unit_test(a_token_already_at_the_floor_is_not_taken),
        cmocka_unit_test(a_static_token_has_no_floor),
        cmocka_unit_test(tokens_that_would_break_a_header_are_not_taken),
        cmocka_unit_test(a_newer_answer_takes_the_place_of_the_old),
        cmocka_unit_test(
            without_beats_nothing_is_answered_until_they_come_again),
        cmocka_unit_test(a_gap_in_the_epoch_forgets_all),
        cmocka_unit_test(a_revocation_takes_exactly_what_it_names),
        cmocka_unit_test(a_lease_is_due_once_when_a_fifth_of_its_life_is_left),
        cmocka_unit_test(uses_are_reported_once_also_of_leases_that_go),
        cmocka_unit_test(many_puts_and_finds_keep_lists_and_chains_whole),
    };
    struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        each[i] = tests[i];
        each[i].setup_func = setup;
        each[i].teardown_func = teardown;
    }
    if (slab_open(N_CELLS) != ERR_OK)
        return 1;
    return cmocka_run_group_tests(each, NULL, NULL);
}
