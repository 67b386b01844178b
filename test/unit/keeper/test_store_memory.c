/* The ways in which the memory store goes wrong on purpose. */
#include "store_place.h"

#include "keeper/store_memory.h"

static int
set_up(void **state)
{
    struct place *p = place_new();
    place_open(p);
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    place_free(*state);
    return 0;
}

static void
conflicts_come_although_nothing_moved(void **state)
{
    struct place *p = *state;
    uint64_t version = 0;
    unsigned n_conflicts = 0;
    store_memory_disturb(p->store, &(struct store_disturbance){
                                       .seed = 7, .conflict_per_mille = 300});
    for (int i = 0; i < 1000; i++) {
        struct store_change c = put(STORE_GRANTS, "a", version, "x");
        enum err e = place_commit(p, &c, 1);
        bool has;
        assert_true(e == ERR_OK || e == ERR_CONFLICT);
        assert_int_equal(store_has_turn(p->store, p->turn, &has), ERR_OK);
        assert_int_equal(has, e == ERR_OK);
        n_conflicts += e == ERR_CONFLICT;
        version += e == ERR_OK;
        assert_int_equal(place_get(p, STORE_GRANTS, "a").version, version);
    }
    assert_in_range(n_conflicts, 240, 360);
}

static void
answers_are_lost_although_it_is_done(void **state)
{
    struct place *p = *state;
    unsigned n_lost = 0;
    bool has;
    store_memory_disturb(p->store, &(struct store_disturbance){
                                       .seed = 8, .lost_per_mille = 200});
    for (uint64_t i = 0; i < 1000; i++) {
        struct store_change c = put(STORE_GRANTS, "a", i, "x");
        enum err e = place_commit(p, &c, 1);
        assert_true(e == ERR_OK || e == ERR_STORE);
        n_lost += e == ERR_STORE;
        assert_int_equal(store_has_turn(p->store, p->turn, &has), ERR_OK);
        assert_true(has);
    }
    assert_in_range(n_lost, 150, 250);
    assert_int_equal(place_get(p, STORE_GRANTS, "a").version, 1000);
}

/* Which of a hundred commits went wrong, as one text. */
static void
record(struct place *p, uint64_t seed, char out[static 101])
{
    struct store_disturbance how = {
        .seed = seed, .conflict_per_mille = 300, .lost_per_mille = 100};
    store_memory_disturb(p->store, &how);
    for (int i = 0; i < 100; i++)
        out[i] = (char)('0' + place_commit(p, NULL, 0));
    out[100] = '\0';
}

static void
the_same_seed_goes_wrong_in_the_same_way(void **state)
{
    char first[101], again[101], other[101];
    record(*state, 1, first);
    record(*state, 1, again);
    record(*state, 2, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void
the_nth_call_fails_and_does_nothing(void **state)
{
    struct place *p = *state;
    struct store_ask ask = {.table = STORE_GRANTS, .by = STORE_BY_KEY};
    ask.key = STR("a");
    for (uint64_t nth = 1; nth <= 4; nth++) {
        uint64_t version = place_get(p, STORE_GRANTS, "a").version;
        struct store_change c = put(STORE_GRANTS, "a", version, "x");
        store_memory_disturb(p->store,
                             &(struct store_disturbance){.fail_call = nth});
        enum err load = store_load(p->store, &ask, 1, p->arena);
        enum err commit = place_commit(p, &c, 1);
        enum err again = store_load(p->store, &ask, 1, p->arena);
        assert_int_equal(load, nth == 1 ? ERR_STORE : ERR_OK);
        assert_int_equal(commit, nth == 2 ? ERR_STORE : ERR_OK);
        assert_int_equal(again, nth == 3 ? ERR_STORE : ERR_OK);
        store_memory_disturb(p->store, &(struct store_disturbance){0});
        assert_int_equal(place_get(p, STORE_GRANTS, "a").version,
                         version + (nth == 2 ? 0 : 1));
    }
}

static void
round_trips_are_counted(void **state)
{
    struct place *p = *state;
    struct store_change c = put(STORE_GRANTS, "a", 5, "x");
    assert_int_equal(place_commit(p, &c, 1), ERR_CONFLICT);
    assert_int_equal(place_commit(p, NULL, 0), ERR_OK);
    (void)place_get(p, STORE_GRANTS, "a");
    assert_int_equal(store_memory_loads(p->store), 1);
    assert_int_equal(store_memory_commits(p->store), 2);
}

static void
there_is_nothing_to_back_up(void **state)
{
    struct place *p = *state;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    struct store_backup *b;
    struct store_backup_wish wish = {"/x", "/y", false};
    assert_int_equal(store_backup_begin(p->store, &wish, &b, &problem),
                     ERR_UNAVAILABLE);
    assert_int_equal(store_restore("/z", "/x", "/y", &problem),
                     ERR_UNAVAILABLE);
    assert_true(problem.n > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(conflicts_come_although_nothing_moved),
        TEST(answers_are_lost_although_it_is_done),
        TEST(the_same_seed_goes_wrong_in_the_same_way),
        TEST(the_nth_call_fails_and_does_nothing),
        TEST(round_trips_are_counted),
        TEST(there_is_nothing_to_back_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
