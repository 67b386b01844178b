#include "keeper/masterkey.h"

#include "keeper/answer.h"
#include "keeper/attempt.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/peers.h"
#include "keeper/place_of.h"
#include "keeper/portals.h"
#include "keeper/rekey.h"
#include "keeper/session.h"

#include <inttypes.h>

#define PAGE 200
#define EVENTS_PAGE 20 /* with their bodies */

/*
 * What a master key protects, in the order in which a rewrap walks: the data
 * keys that it wraps, then the rows that are sealed under keys derived from
 * it; the tag of each row is the key's id.  A cursor is the stage's letter, a
 * slash, and the last row's key.
 */
static const struct stage {
    char letter;
    enum store_table table;
    enum err (*reseal)(struct turn *t, struct str row); /* NULL: see renew */
    bool is_sparse; /* most rows are of no master key: found by their tag */
    /* Of what is sealed under event keys, after a compromise: see rekey.h. */
    void (*name)(struct turn *t, struct str row);
} stages[] = {
    {'k', STORE_DATA_KEYS, NULL, false, NULL},
    {'s', STORE_SESSIONS, session_reseal, false, NULL},
    {'r', STORE_RESULTS, result_reseal, false, NULL},
    {'a', STORE_ATTEMPTS, attempt_reseal, false, NULL},
    {'n', STORE_BODIES, notice_reseal, true, NULL},
    {'e', STORE_EVENTS, rekey_parcel, false, rekey_name_parcel},
    {'g', STORE_GRANTS, rekey_end_grant, false, rekey_name_grant},
};
#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

struct step {
    const struct stage *stage;
    const struct store_ask *found; /* NULL while waiting */
    bool is_compromised;
    bool renews_refs; /* tags of grants, too: see keeper_renew_refs */
    uint64_t n_done, n_failed;
    struct str first_failed;
};

static size_t
page_of(enum store_table table)
{
    return table == STORE_EVENTS ? EVENTS_PAGE : PAGE;
}

/* One page of that table after the row; NULL while waiting. */
static const struct store_ask *
find_page(struct turn *t, enum store_table table, struct str after)
{
    return turn_find(t, &(struct store_ask){.table = table,
                                            .by = STORE_BY_PREFIX,
                                            .after = after,
                                            .limit = page_of(table)});
}

/* A page of rows under any key but the newest.  They leave it by being sealed
 * anew, so the next page is found in the same way. */
static const struct store_ask *
find_old(struct turn *t, enum store_table table)
{
    struct vault *v = turn_keeper(t)->vault;
    const struct store_ask *found = NULL;
    for (size_t i = 0; i < vault_n_keys(v); i++) {
        struct store_ask ask = {.table = table,
                                .by = STORE_BY_TAG,
                                .tag = vault_key_id(v, i),
                                .limit = PAGE};
        if (str_equal(ask.tag, vault_current(v)))
            continue;
        const struct store_ask *page = turn_find(t, &ask);
        if (found == NULL || found->n_rows == 0)
            found = page;
    }
    if (found == NULL && !turn_is_waiting(t))
        found = arena_alloc(turn_arena(t), sizeof(*found)); /* one key only */
    return found;
}

/* False: no cursor of ours. */
static bool
parse_cursor(struct str cursor, const struct stage **out, struct str *out_after)
{
    *out = &stages[0];
    *out_after = STR_NONE;
    if (cursor.n == 0)
        return true;
    if (cursor.n < 2 || cursor.p[1] != '/')
        return false;
    *out_after = str_of(cursor.p + 2, cursor.n - 2);
    for (size_t i = 0; i < N_STAGES; i++)
        if (stages[i].letter == cursor.p[0]) {
            *out = &stages[i];
            return true;
        }
    return false;
}

static bool
is_full(const struct step *s)
{
    return s->found->n_rows == page_of(s->stage->table);
}

/* Where a rewrap goes on; empty: it is at its end. */
static struct str
next_cursor(struct turn *t, const struct step *s)
{
    if (s->stage->is_sparse && s->found->n_rows > 0)
        return arena_printf(turn_arena(t), "%c/", s->stage->letter);
    if (is_full(s))
        return arena_printf(turn_arena(t), "%c/%.*s", s->stage->letter,
                            STR_ARG(s->found->rows[s->found->n_rows - 1].key));
    if (s->stage == &stages[N_STAGES - 1] ||
        (s->stage[1].name != NULL && !s->is_compromised))
        return STR_NONE;
    return arena_printf(turn_arena(t), "%c/", s->stage[1].letter);
}

static void
answer_step(struct turn *t, const struct step *s, struct str next)
{
    struct buf auto_buf json = {0};
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_u64(&d, "checked", s->found->n_rows);
    doc_field_u64(&d, "done", s->n_done);
    doc_field_u64(&d, "failed", s->n_failed);
    doc_key(&d, "first_failed");
    if (s->n_failed > 0)
        doc_str(&d, s->first_failed);
    else
        doc_null(&d);
    doc_key(&d, "next");
    if (next.n > 0)
        doc_str(&d, next);
    else
        doc_null(&d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

static void
note(struct step *s, enum err e, struct str row)
{
    if (e == ERR_OK)
        s->n_done++;
    else if (s->n_failed++ == 0)
        s->first_failed = row;
}

/* The caller frees the key. */
static enum err
open_wrap(struct turn *t, struct str row, struct seal_place *out_place,
          struct secret **out)
{
    struct data_key key;
    if (!turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &key) ||
        !place_of_wrap(t, row, out_place))
        return ERR_NOT_FOUND;
    return vault_unwrap(turn_keeper(t)->vault,
                        turn_tag(t, STORE_DATA_KEYS, row), key.wrap, out_place,
                        out);
}

static enum err
renew(struct turn *t, struct str row, bool is_compromised)
{
    struct vault *v = turn_keeper(t)->vault;
    struct seal_place place;
    struct secret *auto_secret key = NULL;
    struct buf auto_buf wrap = {0};
    enum err e = open_wrap(t, row, &place, &key);
    if (e != ERR_OK)
        return e;
    if (is_compromised && !rekey_is_parking(row))
        return rekey_row(t, row, &place, key);
    buf_init(&wrap, 256);
    e = vault_wrap(v, key, &place, &wrap);
    if (e == ERR_OK)
        turn_put(t, STORE_DATA_KEYS, row, &data_key_record,
                 &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
                 vault_current(v));
    return e;
}

/* Names what the data keys of this page belong to. */
static void
name_owners(struct turn *t, const struct store_ask *found, bool all_of_them)
{
    struct seal_place place;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        (void)place_of_wrap(t, found->rows[i].key, &place);
        if (all_of_them)
            rekey_name(t, found->rows[i].key);
    }
}

/* What does not open under its own key is of no use to anybody: a link, a
 * result or a page of a key that is gone. */
static void
reseal(struct turn *t, struct step *s, struct str row)
{
    if (s->stage->reseal(t, row) == ERR_OK)
        s->n_done++;
    else if (s->stage->table != STORE_ATTEMPTS) /* it ends by itself */
        turn_delete(t, s->stage->table, row);
}

static void
rekey(struct turn *t, struct step *s, struct str row)
{
    enum err e = s->stage->reseal(t, row);
    if (e != ERR_NOT_FOUND)
        note(s, e, row);
}

static void
walk_page(struct turn *t, struct step *s)
{
    struct str current = vault_current(turn_keeper(t)->vault);
    for (size_t i = 0; i < s->found->n_rows; i++) {
        struct str row = s->found->rows[i].key;
        bool is_old = !str_equal(turn_tag(t, s->stage->table, row), current);
        if (s->stage->name != NULL)
            rekey(t, s, row);
        else if (is_old && s->stage->reseal != NULL)
            reseal(t, s, row);
        else if (is_old)
            note(s, renew(t, row, s->is_compromised), row);
        /* One that is new may have come before the key of the refs. */
        if (s->renews_refs)
            rekey_ref(t, row);
    }
    if (s->renews_refs && !is_full(s))
        keeper_end_old_refs(t);
}

static void
record_step(struct turn *t, const struct step *s)
{
    struct str current = vault_current(turn_keeper(t)->vault);
    const char *what = s->stage->reseal != NULL ? "rows"
                       : s->is_compromised      ? "data keys made anew, to"
                                                : "data keys to";
    if (s->n_done == 0)
        return;
    audit_add(t, &(struct audit_entry){.kind = STR("masterkey.rewrap"),
                                       .actor = STR("keeper"),
                                       .outcome = STR("ok"),
                                       .detail = arena_printf(
                                           turn_arena(t), "%" PRIu64 " %s %.*s",
                                           s->n_done, what, STR_ARG(current))});
    if (s->is_compromised)
        turn_scrub(t); /* the old wraps are what others may open */
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

static void
refuse_cursor(struct turn *t)
{
    refuse(t, ERR_INVALID,
           STR("This cursor is of no page: begin without one."));
}

/* The key of the refs goes first, alone: the tags of all pages are of it. */
static void
begin_anew(struct turn *t)
{
    struct store_ask nothing = {.table = STORE_DATA_KEYS};
    struct step s = {.stage = &stages[0], .found = &nothing};
    keeper_renew_refs(t);
    audit_add(t, &(struct audit_entry){.kind = STR("masterkey.rewrap"),
                                       .actor = STR("keeper"),
                                       .outcome = STR("ok"),
                                       .detail = STR("the key that hashes "
                                                     "refs made anew")});
    turn_scrub(t);
    answer_step(t, &s, STR("k/"));
}

enum err
do_masterkey_rewrap(struct turn *t, const void *ask)
{
    const struct admin_step *a = ask;
    struct step s = {.is_compromised = a->is_compromised};
    struct str after;
    if (!parse_cursor(a->cursor, &s.stage, &after)) {
        refuse_cursor(t);
        return ERR_OK;
    }
    s.found = s.stage->is_sparse ? find_old(t, s.stage->table)
                                 : find_page(t, s.stage->table, after);
    s.renews_refs = s.stage->table == STORE_DATA_KEYS &&
                    turn_keeper(t)->old_ref_key != NULL;
    if (s.stage->reseal == NULL)
        name_owners(t, s.found, s.is_compromised || s.renews_refs);
    for (size_t i = 0;
         s.stage->name != NULL && s.found != NULL && i < s.found->n_rows; i++)
        s.stage->name(t, s.found->rows[i].key);
    bool is_sealed = keeper_is_resealed(t);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_sealed && s.is_compromised) {
        begin_anew(t);
        return ERR_OK;
    }
    if (!is_sealed)
        keeper_reseal(t);
    walk_page(t, &s);
    record_step(t, &s);
    answer_step(t, &s, next_cursor(t, &s));
    return ERR_OK;
}

enum err
do_masterkey_verify(struct turn *t, const void *ask)
{
    const struct admin_step *a = ask;
    struct step s = {.stage = &stages[0],
                     .found = find_page(t, STORE_DATA_KEYS, a->cursor)};
    name_owners(t, s.found, false);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < s.found->n_rows; i++) {
        struct seal_place place;
        struct secret *auto_secret key = NULL;
        struct str row = s.found->rows[i].key;
        note(&s, open_wrap(t, row, &place, &key), row);
    }
    answer_step(t, &s, is_full(&s) ? s.found->rows[PAGE - 1].key : STR_NONE);
    return ERR_OK;
}

static enum err
count_wraps(struct turn *t, struct str id, uint64_t *out)
{
    return store_count(turn_keeper(t)->store, STORE_DATA_KEYS, id, out);
}

enum err
do_masterkey_list(struct turn *t, const void *ask)
{
    struct vault *v = turn_keeper(t)->vault;
    struct buf auto_buf json = {0};
    (void)ask;
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_key(&d, "keys");
    doc_open(&d, '[');
    for (size_t i = 0; i < vault_n_keys(v); i++) {
        uint64_t n = 0;
        struct str id = vault_key_id(v, i);
        if (count_wraps(t, id, &n) != ERR_OK)
            return ERR_STORE;
        doc_open(&d, '{');
        doc_field_str(&d, "id", id);
        doc_field_bool(&d, "current", str_equal(id, vault_current(v)));
        doc_field_u64(&d, "wraps", n);
        doc_close(&d, '}');
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
    return ERR_OK;
}

/* Whatever would not open without that key. */
static enum err
count_use(struct keeper *k, struct str id, uint64_t *out)
{
    bool is_own = false;
    enum err e = keeper_is_sealed_under(k, id, &is_own);
    uint64_t sum = is_own;
    for (size_t i = 0; i < N_STAGES && stages[i].name == NULL && e == ERR_OK;
         i++) {
        uint64_t n = 0;
        e = store_count(k->store, stages[i].table, id, &n);
        sum += n;
    }
    if (e == ERR_OK)
        *out = sum;
    return e;
}

/* Says whether it may go; the file's owner takes the line out. */
enum err
do_masterkey_retire(struct turn *t, const void *ask)
{
    const struct admin_name *a = ask;
    struct keeper *k = turn_keeper(t);
    struct vault *v = k->vault;
    uint64_t n = 0;
    if (!vault_has_key(v, a->name)) {
        refuse(t, ERR_NOT_FOUND,
               STR("There is no master key of that id. portkeep masterkey "
                   "list shows them."));
        return ERR_OK;
    }
    if (str_equal(a->name, vault_current(v))) {
        refuse(t, ERR_CONFLICT,
               STR("This is the key in use. portkeep masterkey rotate makes "
                   "another one first."));
        return ERR_OK;
    }
    if (count_use(k, a->name, &n) != ERR_OK)
        return ERR_STORE;
    if (n > 0) {
        refuse(t, ERR_CONFLICT,
               arena_printf(turn_arena(t),
                            "This key still protects %" PRIu64
                            " data keys, links and secrets. portkeep masterkey "
                            "rotate --resume moves them to the newest key.",
                            n));
        return ERR_OK;
    }
    audit_add(t, &(struct audit_entry){
                     .kind = STR("masterkey.retire"),
                     .actor = arena_printf(
                         turn_arena(t), "uid:%u",
                         peers_uid(turn_keeper(t)->peers, turn_peer(t))),
                     .outcome = STR("ok"),
                     .detail = a->name});
    answer_document(t, answer_waiter(t),
                    arena_printf(turn_arena(t), "{\"retired\":\"%.*s\"}",
                                 STR_ARG(a->name)));
    return ERR_OK;
}
