#include "keeper/masterkey.h"

#include "keeper/answer.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/place_of.h"

#include <inttypes.h>

#define PAGE 200

/* One page of data keys after the cursor; NULL while waiting. */
static const struct store_ask *
find_page(struct turn *t, struct str cursor)
{
    return turn_find(t, &(struct store_ask){.table = STORE_DATA_KEYS,
                                            .by = STORE_BY_PREFIX,
                                            .after = cursor,
                                            .limit = PAGE});
}

struct sum {
    uint64_t n_done, n_failed;
    struct str first_failed;
};

static void
answer_step(struct turn *t, const struct store_ask *found,
            const struct sum *sum)
{
    struct buf auto_buf json = {0};
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_u64(&d, "checked", found->n_rows);
    doc_field_u64(&d, "done", sum->n_done);
    doc_field_u64(&d, "failed", sum->n_failed);
    doc_key(&d, "first_failed");
    if (sum->n_failed > 0)
        doc_str(&d, sum->first_failed);
    else
        doc_null(&d);
    doc_key(&d, "next");
    if (found->n_rows == PAGE)
        doc_str(&d, found->rows[found->n_rows - 1].key);
    else
        doc_null(&d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

static enum err
open_wrap(struct turn *t, struct str row, struct seal_place *out_place,
          struct secret **out)
{
    struct data_key key;
    if (!turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &key) ||
        !place_of_wrap(t, row, out_place))
        return ERR_NOT_FOUND;
    enum err e =
        vault_unwrap(turn_keeper(t)->vault, turn_tag(t, STORE_DATA_KEYS, row),
                     key.wrap, out_place, out);
    if (e == ERR_OK)
        turn_own(t, *out);
    return e;
}

static void
note_failure(struct sum *sum, struct str row)
{
    if (sum->n_failed++ == 0)
        sum->first_failed = row;
}

static enum err
rewrap(struct turn *t, struct str row)
{
    struct vault *v = turn_keeper(t)->vault;
    struct seal_place place;
    struct secret *key;
    struct buf auto_buf wrap = {0};
    enum err e = open_wrap(t, row, &place, &key);
    if (e != ERR_OK)
        return e;
    buf_init(&wrap, 256);
    e = vault_wrap(v, key, &place, &wrap);
    if (e == ERR_OK)
        turn_put(t, STORE_DATA_KEYS, row, &data_key_record,
                 &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
                 vault_current(v));
    return e;
}

/* Names what the places of this page's wraps need. */
static void
name_places(struct turn *t, const struct store_ask *found)
{
    struct seal_place place;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)place_of_wrap(t, found->rows[i].key, &place);
}

enum err
do_masterkey_rewrap(struct turn *t, const void *ask)
{
    const struct admin_step *a = ask;
    const struct store_ask *found = find_page(t, a->cursor);
    struct str current = vault_current(turn_keeper(t)->vault);
    struct sum sum = {0};
    name_places(t, found);
    bool is_sealed = keeper_is_resealed(t);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (a->cursor.n == 0 && !is_sealed)
        keeper_reseal(t);
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str row = found->rows[i].key;
        if (str_equal(turn_tag(t, STORE_DATA_KEYS, row), current))
            continue;
        if (rewrap(t, row) == ERR_OK)
            sum.n_done++;
        else
            note_failure(&sum, row);
    }
    if (sum.n_done > 0)
        audit_add(t, &(struct audit_entry){
                         .kind = STR("masterkey.rewrap"),
                         .actor = STR("keeper"),
                         .outcome = STR("ok"),
                         .detail = arena_printf(turn_arena(t),
                                                "%" PRIu64 " keys to %.*s",
                                                sum.n_done, STR_ARG(current))});
    answer_step(t, found, &sum);
    return ERR_OK;
}

enum err
do_masterkey_verify(struct turn *t, const void *ask)
{
    const struct admin_step *a = ask;
    const struct store_ask *found = find_page(t, a->cursor);
    struct sum sum = {0};
    name_places(t, found);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct seal_place place;
        struct secret *key;
        if (open_wrap(t, found->rows[i].key, &place, &key) == ERR_OK)
            sum.n_done++;
        else
            note_failure(&sum, found->rows[i].key);
    }
    answer_step(t, found, &sum);
    return ERR_OK;
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
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

/* Says whether it may go; the file's owner takes the line out. */
enum err
do_masterkey_retire(struct turn *t, const void *ask)
{
    const struct admin_name *a = ask;
    struct vault *v = turn_keeper(t)->vault;
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
    if (count_wraps(t, a->name, &n) != ERR_OK)
        return ERR_STORE;
    if (n > 0) {
        refuse(t, ERR_CONFLICT,
               arena_printf(turn_arena(t),
                            "This key still wraps %" PRIu64
                            " data keys. portkeep masterkey rotate wraps them "
                            "anew.",
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
