#include "stage.h"

#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/install.h"

#include <stdio.h>

/* What is in the store, and what must hold of it. */

uint64_t
stage_count(struct stage *s, enum store_table table)
{
    uint64_t n;
    assert_int_equal(store_count(s->keeper.store, table, STR_NONE, &n), ERR_OK);
    return n;
}

static const struct store_ask *
load_all(struct stage *s, enum store_table table, const char *prefix,
         struct arena *a)
{
    struct store_ask *ask = arena_alloc(a, sizeof(*ask));
    *ask = (struct store_ask){.table = table,
                              .by = STORE_BY_PREFIX,
                              .key = str_from(prefix),
                              .limit = 1000000};
    assert_int_equal(store_load(s->keeper.store, ask, 1, a), ERR_OK);
    return ask;
}

static bool
has_row(struct stage *s, enum store_table table, struct str key,
        struct arena *a)
{
    struct store_ask ask = {.table = table, .key = key};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, a), ERR_OK);
    return ask.rows[0].version != 0;
}

unsigned
stage_count_audit(struct stage *s, const char *kind, const char *outcome)
{
    struct arena *a = arena_new();
    const struct store_ask *all = load_all(s, STORE_AUDIT, "", a);
    unsigned n = 0;
    for (size_t i = 0; i < all->n_rows; i++) {
        struct audit_entry e;
        assert_int_equal(
            record_decode_old(&audit_entry_record, all->rows[i].body, a, &e),
            ERR_OK);
        n += str_equal(e.kind, str_from(kind)) &&
             str_equal(e.outcome, str_from(outcome));
    }
    arena_free(a);
    return n;
}

void
stage_grant(struct stage *s, uint64_t portal, struct grant *out,
            int64_t *out_due)
{
    struct store_ask ask = {.table = STORE_GRANTS,
                            .key = grant_key(s->arena, STR("crm"), portal)};
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    assert_true(ask.rows[0].version != 0);
    assert_int_equal(
        record_decode_old(&grant_record, ask.rows[0].body, s->arena, out),
        ERR_OK);
    if (out_due != NULL)
        *out_due = ask.rows[0].due;
}

static void
check_chain(struct stage *s, struct arena *a)
{
    uint8_t hash[AUDIT_HASH_BYTES] = {0};
    const struct store_ask *all = load_all(s, STORE_AUDIT, "", a);
    for (size_t i = 0; i < all->n_rows; i++) {
        struct audit_entry e;
        assert_int_equal(
            record_decode_old(&audit_entry_record, all->rows[i].body, a, &e),
            ERR_OK);
        assert_int_equal(e.number, i + 1);
        assert_memory_equal(e.previous.p, hash, AUDIT_HASH_BYTES);
        audit_hash(all->rows[i].body, hash);
    }
}

/* Each data key belongs to something, and what needs one has it. */
static void
check_keys(struct stage *s, struct arena *a)
{
    const struct store_ask *keys = load_all(s, STORE_DATA_KEYS, "", a);
    const struct store_ask *grants = load_all(s, STORE_GRANTS, "", a);
    const struct store_ask *ends = load_all(s, STORE_ENDINGS, "", a);
    for (size_t i = 0; i < keys->n_rows; i++) {
        struct str key = keys->rows[i].key;
        if (str_starts(key, STR("park:"))) /* a day's */
            continue;
        if (!has_row(s, STORE_GRANTS, key, a) &&
            !has_row(s, STORE_ATTEMPTS, key, a) &&
            !has_row(s, STORE_ENDINGS, key, a))
            fail_msg("orphan data key %.*s", STR_ARG(key));
    }
    for (size_t i = 0; i < grants->n_rows; i++)
        assert_true(has_row(s, STORE_DATA_KEYS, grants->rows[i].key, a));
    for (size_t i = 0; i < ends->n_rows; i++)
        assert_true(has_row(s, STORE_DATA_KEYS, ends->rows[i].key, a));
}

struct counts {
    uint64_t n[3];
};
static const struct field counts_fields[] = {
    FIELD(struct counts, n[0]),
    FIELD(struct counts, n[1]),
    FIELD(struct counts, n[2]),
};
static const struct record counts_record = RECORD(counts);

static void
check_counts_of(struct stage *s, struct str app, const struct counts *c,
                struct arena *a)
{
    struct counts found = {{0}};
    struct str prefix = arena_printf(a, "%.*s/", STR_ARG(app));
    const struct store_ask *grants = load_all(s, STORE_GRANTS, prefix.p, a);
    for (size_t i = 0; i < grants->n_rows; i++) {
        struct grant g;
        assert_int_equal(
            record_decode_old(&grant_record, grants->rows[i].body, a, &g),
            ERR_OK);
        assert_in_range(g.state, GRANT_ACTIVE, GRANT_ERASING);
        found.n[g.state - GRANT_ACTIVE]++;
    }
    for (size_t i = 0; i < 3; i++)
        if (found.n[i] != c->n[i])
            fail_msg("%.*s: %u grants %s, counted %u", STR_ARG(app),
                     (unsigned)found.n[i],
                     grant_state_name((uint32_t)i + GRANT_ACTIVE),
                     (unsigned)c->n[i]);
}

static void
check_counts(struct stage *s, struct arena *a)
{
    const struct store_ask *all = load_all(s, STORE_META, "counts/", a);
    struct str head = STR("counts/");
    for (size_t i = 0; i < all->n_rows; i++) {
        struct counts c;
        struct str key = all->rows[i].key;
        assert_int_equal(
            record_decode_old(&counts_record, all->rows[i].body, a, &c),
            ERR_OK);
        check_counts_of(s, str_of(key.p + head.n, key.n - head.n), &c, a);
    }
}

void
stage_check(struct stage *s)
{
    struct arena *a = arena_new();
    check_chain(s, a);
    check_keys(s, a);
    check_counts(s, a);
    arena_free(a);
}
