/* The contract of store.h, the same for every back end. */
#include "store_place.h"

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
a_row_that_is_not_there_has_version_0(void **state)
{
    struct store_row row = place_get(*state, STORE_GRANTS, "crm/1");
    assert_int_equal(row.version, 0);
    assert_int_equal(row.due, STORE_NEVER);
    assert_int_equal(row.body.n, 0);
    assert_int_equal(row.tag.n, 0);
}

static void
a_row_comes_back_as_it_was_put(void **state)
{
    struct place *p = *state;
    static const char bytes[] = "a\0b\xff";
    struct store_change c = put(STORE_GRANTS, "crm/1", 0, "");
    c.row.due = -5;
    c.row.tag = STR("k1");
    c.row.body = str_of(bytes, sizeof(bytes));
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    struct store_row row = place_get(p, STORE_GRANTS, "crm/1");
    assert_int_equal(row.version, 1);
    assert_int_equal(row.due, -5);
    assert_str(row.tag, "k1");
    assert_true(str_equal(row.body, c.row.body));
}

static void
a_change_replaces_due_tag_and_body_and_counts_the_version(void **state)
{
    struct place *p = *state;
    struct store_change c = put(STORE_SESSIONS, "s", 0, "old");
    c.row.due = 7;
    c.row.tag = STR("t");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    c = put(STORE_SESSIONS, "s", 1, "");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    struct store_row row = place_get(p, STORE_SESSIONS, "s");
    assert_int_equal(row.version, 2);
    assert_int_equal(row.due, STORE_NEVER);
    assert_int_equal(row.tag.n, 0);
    assert_int_equal(row.body.n, 0);
}

static void
tables_are_apart(void **state)
{
    struct place *p = *state;
    for (unsigned t = 1; t < STORE_TABLES; t++) {
        struct store_change c = put(t, "k", 0, t % 2 ? "odd" : "even");
        assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    }
    for (unsigned t = 1; t < STORE_TABLES; t++) {
        struct store_row row = place_get(p, t, "k");
        assert_true(str_equal(row.body, t % 2 ? STR("odd") : STR("even")));
        struct store_change c = drop(t, "k", 1);
        assert_int_equal(place_commit(p, &c, 1), ERR_OK);
        assert_int_equal(place_get(p, t, "k").version, 0);
    }
}

static void
a_row_that_moved_is_a_conflict(void **state)
{
    struct place *p = *state;
    struct store_change first[] = {put(STORE_GRANTS, "a", 0, "1"),
                                   put(STORE_GRANTS, "b", 0, "1")};
    assert_int_equal(place_commit(p, first, 2), ERR_OK);
    const struct {
        const char *name;
        struct store_change change;
    } rows[] = {
        {"made twice", put(STORE_GRANTS, "a", 0, "x")},
        {"changed from the future", put(STORE_GRANTS, "a", 2, "x")},
        {"changed without being there", put(STORE_GRANTS, "c", 1, "x")},
        {"deleted at another version", drop(STORE_GRANTS, "a", 7)},
        {"deleted without being there", drop(STORE_GRANTS, "c", 1)},
        {"deleted as absent, but there", drop(STORE_GRANTS, "a", 0)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_change both[] = {put(STORE_GRANTS, "b", 1, "moved"),
                                      rows[i].change};
        if (place_commit(p, both, 2) != ERR_CONFLICT)
            fail_msg("%s", rows[i].name);
        assert_str(place_get(p, STORE_GRANTS, "a").body, "1");
        assert_str(place_get(p, STORE_GRANTS, "b").body, "1");
        assert_int_equal(place_get(p, STORE_GRANTS, "b").version, 1);
        assert_int_equal(place_get(p, STORE_GRANTS, "c").version, 0);
    }
}

static void
a_conflict_takes_back_every_kind_of_change(void **state)
{
    struct place *p = *state;
    struct store_change first[] = {put(STORE_META, "b", 0, "b1"),
                                   put(STORE_META, "d", 0, "d1")};
    assert_int_equal(place_commit(p, first, 2), ERR_OK);
    struct store_change all[] = {
        put(STORE_META, "a", 0, "new"), put(STORE_META, "b", 1, "b2"),
        put(STORE_META, "b", 2, "b3"),  drop(STORE_META, "d", 1),
        put(STORE_META, "d", 0, "d2"),  drop(STORE_META, "a", 1),
        put(STORE_META, "z", 9, "no"),
    };
    assert_int_equal(place_commit(p, all, 7), ERR_CONFLICT);
    assert_int_equal(place_get(p, STORE_META, "a").version, 0);
    assert_str(place_get(p, STORE_META, "b").body, "b1");
    assert_int_equal(place_get(p, STORE_META, "d").version, 1);
    assert_str(place_get(p, STORE_META, "d").body, "d1");
    assert_int_equal(place_commit(p, all, 6), ERR_OK);
    assert_int_equal(place_get(p, STORE_META, "a").version, 0);
    assert_str(place_get(p, STORE_META, "b").body, "b3");
    assert_str(place_get(p, STORE_META, "d").body, "d2");
}

static void
deleting_what_is_not_there_holds(void **state)
{
    struct store_change c = drop(STORE_GRANTS, "nobody", 0);
    assert_int_equal(place_commit(*state, &c, 1), ERR_OK);
}

static void
a_turn_is_remembered_if_it_was_committed(void **state)
{
    struct place *p = *state;
    bool has;
    struct store_change good = put(STORE_META, "a", 0, "1");
    assert_int_equal(store_commit(p->store, UINT64_MAX, &good, 1), ERR_OK);
    assert_int_equal(store_commit(p->store, 41, &good, 1), ERR_CONFLICT);
    assert_int_equal(store_has_turn(p->store, UINT64_MAX, &has), ERR_OK);
    assert_true(has);
    assert_int_equal(store_has_turn(p->store, 41, &has), ERR_OK);
    assert_false(has);
}

static void
the_newest_turns_are_remembered(void **state)
{
    struct place *p = *state;
    bool has;
    for (uint64_t t = 1; t <= 1500; t++)
        assert_int_equal(store_commit(p->store, t, NULL, 0), ERR_OK);
    assert_int_equal(store_has_turn(p->store, 1500, &has), ERR_OK);
    assert_true(has);
    assert_int_equal(store_has_turn(p->store, 501, &has), ERR_OK);
    assert_true(has);
    assert_int_equal(store_has_turn(p->store, 500, &has), ERR_OK);
    assert_false(has);
}

/* What a list brought, as "key key key". */
static const char *
list(struct place *p, struct store_ask ask)
{
    static struct buf out;
    buf_done(&out);
    buf_init(&out, 4096);
    assert_int_equal(store_load(p->store, &ask, 1, p->arena), ERR_OK);
    for (size_t i = 0; i < ask.n_rows; i++) {
        buf_add_text(&out, i > 0 ? " " : "");
        buf_add(&out, ask.rows[i].key);
    }
    return buf_text(&out);
}

static void
fill(struct place *p)
{
    static const struct {
        const char *key, *tag;
        int64_t due;
    } rows[] = {
        {"crm/1", "k1", 50},         {"crm/2", "k2", 10},
        {"crm/10", "k1", 30},        {"crm", "", 20},
        {"crm0", "k1", STORE_NEVER}, {"erp/1", "k1", 10},
        {"\xff\xff", "k2", 99},      {"\xff\xff\xff", "", STORE_NEVER},
    };
    struct store_change changes[8];
    for (size_t i = 0; i < 8; i++) {
        changes[i] = put(STORE_GRANTS, rows[i].key, 0, "body");
        changes[i].row.tag = str_from(rows[i].tag);
        changes[i].row.due = rows[i].due;
    }
    assert_int_equal(place_commit(p, changes, 8), ERR_OK);
    /* The same keys elsewhere must not show. */
    for (size_t i = 0; i < 8; i++)
        changes[i].row.table = STORE_SESSIONS;
    assert_int_equal(place_commit(p, changes, 8), ERR_OK);
}

static void
lists_come_in_order_and_in_pages(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *expect;
        enum store_by by;
        const char *key, *after, *tag;
        int64_t due;
        size_t limit;
    } rows[] = {
        {"crm/1 crm/10 crm/2", STORE_BY_PREFIX, "crm/", "", "", 0, 9},
        {"crm/1 crm/10", STORE_BY_PREFIX, "crm/", "", "", 0, 2},
        {"crm/2", STORE_BY_PREFIX, "crm/", "crm/10", "", 0, 2},
        {"crm/10 crm/2", STORE_BY_PREFIX, "crm/", "crm/1", "", 0, 2},
        {"", STORE_BY_PREFIX, "crm/", "crm/2", "", 0, 2},
        {"crm/1", STORE_BY_PREFIX, "crm/", "a", "", 0, 1},
        {"", STORE_BY_PREFIX, "crm/", "z", "", 0, 9},
        {"", STORE_BY_PREFIX, "nothing", "", "", 0, 9},
        {"", STORE_BY_PREFIX, "crm/", "", "", 0, 0},
        {"\xff\xff \xff\xff\xff", STORE_BY_PREFIX, "\xff\xff", "", "", 0, 9},
        {"crm crm/1", STORE_BY_PREFIX, "", "", "", 0, 2},
        {"erp/1 \xff\xff", STORE_BY_PREFIX, "", "crm0", "", 0, 2},
        {"crm/1 crm/10 crm0 erp/1", STORE_BY_TAG, "", "", "k1", 0, 9},
        {"crm/1 crm/10", STORE_BY_TAG, "", "", "k1", 0, 2},
        {"crm0 erp/1", STORE_BY_TAG, "", "crm/10", "k1", 0, 2},
        {"", STORE_BY_TAG, "", "erp/1", "k1", 0, 2},
        {"", STORE_BY_TAG, "", "", "k", 0, 9},
        {"", STORE_BY_TAG, "", "", "", 0, 9},
        {"crm/2 erp/1 crm crm/10 crm/1", STORE_BY_DUE, "", "", "", 50, 9},
        {"crm/2 erp/1 crm", STORE_BY_DUE, "", "", "", 29, 9},
        {"crm/2 erp/1", STORE_BY_DUE, "", "", "", 100, 2},
        {"", STORE_BY_DUE, "", "", "", 9, 9},
        {"crm/2 erp/1 crm crm/10 crm/1 \xff\xff", STORE_BY_DUE, "", "", "",
         INT64_MAX, 9},
    };
    fill(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_ask ask = {.table = STORE_GRANTS,
                                .by = rows[i].by,
                                .key = str_from(rows[i].key),
                                .after = str_from(rows[i].after),
                                .tag = str_from(rows[i].tag),
                                .due = rows[i].due,
                                .limit = rows[i].limit};
        const char *got = list(p, ask);
        if (strcmp(got, rows[i].expect) != 0)
            fail_msg("row %zu: %s instead of %s", i, got, rows[i].expect);
    }
}

static void
lists_longer_than_the_first_room_are_whole(void **state)
{
    struct place *p = *state;
    char keys[300][8];
    struct store_change changes[300];
    for (size_t i = 0; i < 300; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%05zu", i);
        changes[i] = put(STORE_AUDIT, keys[i], 0, keys[i]);
    }
    assert_int_equal(place_commit(p, changes, 300), ERR_OK);
    struct store_ask ask = {.table = STORE_AUDIT, .by = STORE_BY_PREFIX};
    ask.key = STR("k");
    ask.limit = SIZE_MAX;
    assert_int_equal(store_load(p->store, &ask, 1, p->arena), ERR_OK);
    assert_int_equal(ask.n_rows, 300);
    for (size_t i = 0; i < 300; i++)
        assert_true(str_equal(ask.rows[i].body, str_from(keys[i])));
}

static void
one_load_answers_every_ask(void **state)
{
    struct place *p = *state;
    fill(p);
    struct store_ask asks[] = {
        {.table = STORE_GRANTS, .by = STORE_BY_KEY, .key = STR("crm/1")},
        {.table = STORE_META, .by = STORE_BY_KEY, .key = STR("crm/1")},
        {.table = STORE_GRANTS, .by = STORE_BY_DUE, .due = 10, .limit = 5},
        {.table = STORE_GRANTS, .by = STORE_BY_KEY, .key = STR("crm/2")},
    };
    assert_int_equal(store_load(p->store, asks, 4, p->arena), ERR_OK);
    assert_int_equal(asks[0].rows[0].due, 50);
    assert_int_equal(asks[1].rows[0].version, 0);
    assert_int_equal(asks[2].n_rows, 2);
    assert_int_equal(asks[3].rows[0].due, 10);
    assert_int_equal(store_load(p->store, NULL, 0, p->arena), ERR_OK);
}

static void
rows_can_be_counted_by_tag(void **state)
{
    struct place *p = *state;
    uint64_t n;
    fill(p);
    static const struct {
        struct str tag;
        uint64_t n;
    } rows[] = {{{NULL, 0}, 8},
                {{"k1", 2}, 4},
                {{"k2", 2}, 2},
                {{"k", 1}, 0},
                {{"", 0}, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(store_count(p->store, STORE_GRANTS, rows[i].tag, &n),
                         ERR_OK);
        assert_int_equal(n, rows[i].n);
    }
    assert_int_equal(store_count(p->store, STORE_META, STR_NONE, &n), ERR_OK);
    assert_int_equal(n, 0);
}

static void
a_body_of_a_megabyte_is_kept(void **state)
{
    struct place *p = *state;
    size_t n = 1 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    struct store_change c = put(STORE_RECEIPTS, "big", 0, "");
    c.row.body = str_of(bytes, n);
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    assert_true(
        str_equal(place_get(p, STORE_RECEIPTS, "big").body, c.row.body));
    free(bytes);
}

static void
scrubbing_changes_no_row(void **state)
{
    struct place *p = *state;
    fill(p);
    struct store_change c = drop(STORE_GRANTS, "crm/1", 1);
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    struct store_ask ask = {.table = STORE_GRANTS, .by = STORE_BY_PREFIX};
    ask.key = STR("crm");
    ask.limit = 9;
    assert_string_equal(list(p, ask), "crm crm/10 crm/2 crm0");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_row_that_is_not_there_has_version_0),
        TEST(a_row_comes_back_as_it_was_put),
        TEST(a_change_replaces_due_tag_and_body_and_counts_the_version),
        TEST(tables_are_apart),
        TEST(a_row_that_moved_is_a_conflict),
        TEST(a_conflict_takes_back_every_kind_of_change),
        TEST(deleting_what_is_not_there_holds),
        TEST(a_turn_is_remembered_if_it_was_committed),
        TEST(the_newest_turns_are_remembered),
        TEST(lists_come_in_order_and_in_pages),
        TEST(lists_longer_than_the_first_room_are_whole),
        TEST(one_load_answers_every_ask),
        TEST(rows_can_be_counted_by_tag),
        TEST(a_body_of_a_megabyte_is_kept),
        TEST(scrubbing_changes_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
