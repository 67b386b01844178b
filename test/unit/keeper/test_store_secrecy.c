/* What is left in the files after an erasure. */
#define _GNU_SOURCE
#include "store_place.h"

static int
set_up(void **state)
{
    *state = place_new();
    return 0;
}

static int
tear_down(void **state)
{
    place_free(*state);
    return 0;
}

static uint64_t random_state;

static unsigned
below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random_state >> 33) % n);
}

#define ROWS 150
#define BODY_MAX 4000

/* Rows that come, change and go at random, each body with its own mark. */
struct crowd {
    enum store_table table;
    uint64_t version[ROWS]; /* 0: is not there */
    unsigned mark[ROWS];    /* of the body that is there */
    unsigned n_marks;
    size_t longest;
};

static const char *
mark_text(unsigned mark)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "<MARK%08u>", mark);
    return text;
}

static void
fill_body(char body[static BODY_MAX], unsigned mark, size_t n)
{
    const char *text = mark_text(mark);
    size_t len = strlen(text);
    memset(body, 'x', n);
    memcpy(body, text, len);
    body[n < len ? len : n] = '\0';
}

static void
stir(struct place *p, struct crowd *c)
{
    char key[32], body[BODY_MAX + 1];
    unsigned i = below(ROWS);
    (void)snprintf(key, sizeof(key), "crm/%u", (i * 7919) % 10007);
    bool is_delete = c->version[i] > 0 && below(3) == 0;
    struct store_change change;
    if (is_delete) {
        change = drop(c->table, key, c->version[i]);
        c->version[i] = 0;
    } else {
        fill_body(body, ++c->n_marks, 20 + below((unsigned)c->longest));
        change = put(c->table, key, c->version[i]++, body);
        change.row.tag = STR("k1");
        change.row.due = (int64_t)below(1000);
        c->mark[i] = c->n_marks;
    }
    assert_int_equal(place_commit(p, &change, 1), ERR_OK);
}

static bool
is_alive(const struct crowd *c, unsigned mark)
{
    for (size_t i = 0; i < ROWS; i++)
        if (c->version[i] > 0 && c->mark[i] == mark)
            return true;
    return false;
}

/* The bytes of all three files. */
static void
read_all(struct place *p, struct buf *out)
{
    read_file_into(p->file, out);
    read_file_into(place_path(p, "t.db-wal"), out);
    read_file_into(place_path(p, "t.db-shm"), out);
}

/* Every mark that lives stands there once, and no other at all. */
static void
check_marks(struct place *p, const struct crowd *c)
{
    struct buf auto_buf bytes;
    buf_init(&bytes, 1 << 26);
    read_all(p, &bytes);
    for (unsigned mark = 1; mark <= c->n_marks; mark++) {
        size_t n = count_in(&bytes, mark_text(mark));
        if (n != is_alive(c, mark))
            fail_msg("mark %u of %u stands there %zu times", mark, c->n_marks,
                     n);
    }
}

static void
nothing_deleted_is_left_after_a_scrub(void **state)
{
    struct place *p = *state;
    static const struct {
        enum store_table table;
        size_t longest;
    } rows[] = {{STORE_DATA_KEYS, 100}, {STORE_GRANTS, 100},
                {STORE_GRANTS, 700},    {STORE_AUDIT, 700},
                {STORE_GRANTS, 3900},   {STORE_AUDIT, 3900},
                {STORE_API_KEYS, 300},  {STORE_SESSIONS, 1500}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crowd c = {.table = rows[i].table, .longest = rows[i].longest};
        random_state = i;
        place_open(p);
        for (int round = 0; round < 4; round++) {
            for (int k = 0; k < 500; k++)
                stir(p, &c);
            assert_int_equal(store_scrub(p->store), ERR_OK);
            check_marks(p, &c);
        }
        place_close(p);
        (void)place_files(p, true);
    }
}

/* So that the test above cannot hold because it looks in the wrong place. */
static void
without_a_scrub_deleted_rows_are_still_there(void **state)
{
    struct place *p = *state;
    struct buf auto_buf bytes;
    struct crowd c = {.table = STORE_GRANTS, .longest = 700};
    size_t n_left = 0;
    random_state = 1;
    place_open(p);
    for (int k = 0; k < 500; k++)
        stir(p, &c);
    buf_init(&bytes, 1 << 26);
    read_all(p, &bytes);
    for (unsigned mark = 1; mark <= c.n_marks; mark++)
        if (!is_alive(&c, mark))
            n_left += count_in(&bytes, mark_text(mark));
    assert_true(n_left > 0);
}

static void
the_log_is_empty_after_a_scrub(void **state)
{
    struct place *p = *state;
    struct stat st;
    place_open(p);
    struct store_change c = put(STORE_DATA_KEYS, "crm/1", 0, "wrap");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    assert_int_equal(stat(place_path(p, "t.db-wal"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void
a_restored_store_holds_every_row_once(void **state)
{
    struct place *p = *state;
    struct buf auto_buf bytes;
    struct crowd c = {.table = STORE_AUDIT, .longest = 700};
    random_state = 3;
    place_open(p);
    for (int k = 0; k < 2000; k++)
        stir(p, &c);
    place_back_up(p, "b", "b.keys");
    place_close(p);
    assert_int_equal(unlink(p->file), 0);
    place_restore(p, "b", "b.keys");
    place_open(p);
    check_marks(p, &c);
    buf_init(&bytes, 1 << 26);
    read_file_into(place_path(p, "b"), &bytes);
    for (unsigned mark = 1; mark <= c.n_marks; mark++)
        assert_int_equal(count_in(&bytes, mark_text(mark)), is_alive(&c, mark));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_deleted_is_left_after_a_scrub),
        TEST(without_a_scrub_deleted_rows_are_still_there),
        TEST(the_log_is_empty_after_a_scrub),
        TEST(a_restored_store_holds_every_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
