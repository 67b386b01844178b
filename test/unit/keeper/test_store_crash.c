/* kill -9 in the middle of commits: nothing acknowledged may be lost. */
#define _GNU_SOURCE
#include "store_place.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 20
#define BODY 6000

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

/*
 * Commit number n makes the row n of the audit table, deletes the row n - 5
 * of the results, makes the row n there, and counts the meta row to n: all or
 * nothing.
 */
static void
name(char out[static 16], uint64_t n)
{
    (void)snprintf(out, 16, "%012llu", (unsigned long long)n);
}

static enum err
commit_number(struct store *s, uint64_t n)
{
    char key[16], old[16], body[BODY];
    struct store_change all[4];
    size_t count = 0;
    name(key, n);
    memset(body, (int)('a' + n % 26), sizeof(body));
    body[sizeof(body) - 1] = '\0';
    all[count++] = put(STORE_META, "n", n - 1, key);
    all[count++] = put(STORE_AUDIT, key, 0, key);
    all[count++] = put(STORE_RESULTS, key, 0, body);
    if (n > 5) {
        name(old, n - 5);
        all[count++] = drop(STORE_RESULTS, old, 1);
    }
    return store_commit(s, n, all, count);
}

/* The number that the store has come to; everything else must agree. */
static uint64_t
check(struct place *p)
{
    char key[16];
    uint64_t n_audit, n_results;
    bool has;
    arena_clear(p->arena);
    uint64_t n = place_get(p, STORE_META, "n").version;
    if (n == 0)
        return 0;
    name(key, n);
    assert_true(str_equal(place_get(p, STORE_META, "n").body, str_from(key)));
    assert_int_equal(place_get(p, STORE_AUDIT, key).version, 1);
    assert_int_equal(store_count(p->store, STORE_AUDIT, STR_NONE, &n_audit),
                     ERR_OK);
    assert_int_equal(n_audit, n);
    assert_int_equal(store_count(p->store, STORE_RESULTS, STR_NONE, &n_results),
                     ERR_OK);
    assert_int_equal(n_results, n < 5 ? n : 5);
    struct store_row row = place_get(p, STORE_RESULTS, key);
    assert_int_equal(row.body.n, BODY - 1);
    assert_int_equal(row.body.p[BODY - 2], 'a' + n % 26);
    assert_int_equal(store_has_turn(p->store, n, &has), ERR_OK);
    assert_true(has);
    assert_int_equal(store_has_turn(p->store, n + 1, &has), ERR_OK);
    assert_false(has);
    return n;
}

/* Commits on and on, and says each number once it is durable. */
static void
be_the_keeper(const char *file, uint64_t n, int to)
{
    struct store *s;
    struct buf problem;
    buf_init(&problem, 1000);
    if (store_open(file, &s, &problem) != ERR_OK)
        _exit(2);
    for (;;) {
        n++;
        if (commit_number(s, n) != ERR_OK)
            _exit(3);
        if (write(to, &n, sizeof(n)) != sizeof(n))
            _exit(4);
    }
}

/* The last number that was acknowledged before the kill. */
static uint64_t
run_and_kill(struct place *p, uint64_t from, unsigned n_acks)
{
    int pair[2], status;
    uint64_t n = from, last = from;
    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(pair[0]);
        be_the_keeper(p->file, from, pair[1]);
    }
    assert_int_equal(close(pair[1]), 0);
    for (unsigned i = 0; i < n_acks; i++)
        assert_int_equal(read(pair[0], &last, sizeof(last)), sizeof(last));
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(pair[0], &n, sizeof(n)) == sizeof(n))
        last = n;
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void
nothing_acknowledged_is_lost_by_kill_9(void **state)
{
    struct place *p = *state;
    uint64_t n = 0;
    unsigned seed = 12345;
    for (unsigned round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        /* From none at all to past a checkpoint or two. */
        unsigned n_acks = round == 0 ? 0 : seed / 65536 % (round * 40 + 1);
        uint64_t acknowledged = run_and_kill(p, n, n_acks);
        place_open(p);
        n = check(p);
        place_close(p);
        /* At most one more was under way. */
        assert_in_range(n, acknowledged, acknowledged + 1);
    }
    assert_true(n > ROUNDS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_by_kill_9,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
