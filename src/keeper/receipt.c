#include "keeper/receipt.h"

#include "base/text.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"

#include <inttypes.h>

static const struct field receipt_fields[] = {
    FIELD(struct receipt, app),        FIELD(struct receipt, portal),
    FIELD(struct receipt, generation), FIELD(struct receipt, erased_at),
    FIELD(struct receipt, word),       FIELD(struct receipt, remote),
    FIELD(struct receipt, master_key), FIELD(struct receipt, had_refresh),
    FIELD(struct receipt, had_access), FIELD(struct receipt, had_ref),
    FIELD(struct receipt, had_user),   FIELD(struct receipt, audit_head),
};
const struct record receipt_record = RECORD(receipt);

void
receipt_add(struct doc *d, const struct receipt *r)
{
    doc_open(d, '{');
    doc_field_str(d, "app", r->app);
    doc_field_u64(d, "portal", r->portal);
    doc_field_u64(d, "generation", r->generation);
    doc_field_time(d, "erased_at", r->erased_at);
    doc_field_str(d, "on_word_of", r->word);
    doc_field_str(d, "remote", r->remote);
    doc_key(d, "erased");
    doc_open(d, '{');
    doc_field_u64(d, "data_keys", 1);
    doc_field_u64(d, "access_tokens", r->had_access);
    doc_field_u64(d, "refresh_tokens", r->had_refresh);
    doc_field_u64(d, "refs", r->had_ref);
    doc_field_u64(d, "users", r->had_user);
    doc_close(d, '}');
    doc_field_str(d, "master_key", r->master_key);
    doc_field_str(d, "audit_head", r->audit_head);
    doc_close(d, '}');
}

struct str
receipt_json(struct turn *t, const struct receipt *r)
{
    struct buf auto_buf json = {0};
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    receipt_add(&d, r);
    return arena_copy(turn_arena(t), buf_str(&json));
}

/* What is left of a portal is little: each erasure leaves one or two. */
#define RECEIPTS_MAX 1000

static const struct store_ask *
find_all(struct turn *t, struct str app, uint64_t portal)
{
    return turn_find(t,
                     &(struct store_ask){
                         .table = STORE_RECEIPTS,
                         .by = STORE_BY_PREFIX,
                         .key = arena_printf(turn_arena(t), "%.*s/%" PRIu64 "/",
                                             STR_ARG(app), portal),
                         .limit = RECEIPTS_MAX});
}

uint64_t
receipt_last_generation(struct turn *t, struct str app, uint64_t portal)
{
    const struct store_ask *found = find_all(t, app, portal);
    uint64_t last = 0;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct receipt r;
        if (turn_get(t, STORE_RECEIPTS, found->rows[i].key, &receipt_record,
                     &r) &&
            r.generation > last)
            last = r.generation;
    }
    return last;
}

enum err
receipt_last(struct turn *t, struct str app, uint64_t portal,
             struct receipt *out)
{
    const struct store_ask *found = find_all(t, app, portal);
    if (found == NULL)
        return ERR_AGAIN;
    for (size_t i = found->n_rows; i > 0; i--)
        if (turn_get(t, STORE_RECEIPTS, found->rows[i - 1].key, &receipt_record,
                     out))
            return ERR_OK;
    return ERR_NOT_FOUND;
}

struct str
receipt_store(struct turn *t, const struct receipt *r, int64_t due)
{
    uint8_t hash[AUDIT_HASH_BYTES];
    struct buf auto_buf hex = {0};
    struct str key = arena_printf(
        turn_arena(t), "%.*s/%" PRIu64 "/%020" PRId64 "/%" PRIu64 "/%.*s",
        STR_ARG(r->app), r->portal, turn_now_ms(t), r->generation,
        STR_ARG(r->remote));
    turn_put(t, STORE_RECEIPTS, key, &receipt_record, r, due, r->app);
    audit_hash(receipt_json(t, r), hash);
    buf_init(&hex, 2 * sizeof(hash));
    text_add_hex(&hex, str_of((const char *)hash, sizeof(hash)));
    audit_add(t, &(struct audit_entry){
                     .kind = STR("erase"),
                     .app = r->app,
                     .portal = r->portal,
                     .generation = r->generation,
                     .actor = r->word,
                     .outcome = r->remote,
                     .detail = arena_printf(turn_arena(t), "receipt %.*s",
                                            STR_ARG(buf_str(&hex)))});
    return key;
}
