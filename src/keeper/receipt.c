#include "keeper/receipt.h"

#include "base/text.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"

#include <inttypes.h>

static const struct field receipt_fields[] = {
    FIELD(struct receipt, app),
    FIELD(struct receipt, portal),
    FIELD(struct receipt, generation),
    FIELD(struct receipt, erased_at),
    FIELD(struct receipt, word),
    FIELD(struct receipt, remote),
    FIELD(struct receipt, master_key),
    FIELD(struct receipt, had_refresh),
    FIELD(struct receipt, had_access),
    FIELD(struct receipt, had_ref),
    FIELD(struct receipt, had_user),
    FIELD(struct receipt, audit_head),
    FIELD(struct receipt, has_counts),
    FIELD(struct receipt, counts.n_events),
    FIELD(struct receipt, counts.n_queued),
    FIELD(struct receipt, counts.n_parked),
    FIELD(struct receipt, counts.n_notices),
    FIELD(struct receipt, counts.n_deletions),
    FIELD(struct receipt, counts.n_links),
};
const struct record receipt_record = RECORD(receipt);

void
receipt_make(struct turn *t, struct str app, uint64_t portal,
             const struct grant *g, struct receipt *out)
{
    struct buf auto_buf head = {0};
    struct str key = grant_key(turn_arena(t), app, portal);
    uint32_t tokens = g->erased.tokens;
    buf_init(&head, 512);
    audit_add_head(turn_keeper(t)->audit, &head);
    *out = (struct receipt){.app = app,
                            .portal = portal,
                            .generation = g->generation,
                            .erased_at = turn_now_s(t),
                            .word = g->ending_word,
                            .remote = g->ending_remote,
                            .master_key = turn_tag(t, STORE_DATA_KEYS, key),
                            .had_refresh = (tokens & ERASED_REFRESH) != 0,
                            .had_access = (tokens & ERASED_ACCESS) != 0,
                            .had_ref = (tokens & ERASED_REF) != 0,
                            .had_user = (tokens & ERASED_USER) != 0,
                            .audit_head =
                                arena_copy(turn_arena(t), buf_str(&head)),
                            .has_counts = true,
                            .counts = g->erased};
}

static void
add_counts(struct doc *d, const struct erased_parts *n)
{
    doc_field_u64(d, "events", n->n_events);
    doc_field_u64(d, "queue_entries", n->n_queued);
    doc_field_u64(d, "parked_events", n->n_parked);
    doc_field_u64(d, "notices", n->n_notices);
    doc_field_u64(d, "privacy_marks", n->n_deletions);
    doc_field_u64(d, "links", n->n_links);
}

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
    if (r->has_counts)
        add_counts(d, &r->counts);
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

enum err
receipt_answer_last(struct turn *t, struct str app, uint64_t portal,
                    struct waiter waiter)
{
    struct receipt r;
    enum err e = receipt_last(t, app, portal, &r);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_OK)
        answer_document(t, waiter, receipt_json(t, &r));
    else
        answer_refusal(
            t, waiter,
            &(struct refusal_text){.err = ERR_NOT_FOUND,
                                   .detail = STR("This portal is not "
                                                 "connected to this app.")});
    return ERR_OK;
}

/* Its own words in the audit log: the hash of what was answered. */
#define ENTRY_KIND STR("erase")

static struct str
entry_detail(struct turn *t, const struct receipt *r)
{
    uint8_t hash[AUDIT_HASH_BYTES];
    struct buf auto_buf hex = {0};
    audit_hash(receipt_json(t, r), hash);
    buf_init(&hex, 2 * sizeof(hash));
    text_add_hex(&hex, str_of((const char *)hash, sizeof(hash)));
    return arena_printf(turn_arena(t), "receipt %.*s", STR_ARG(buf_str(&hex)));
}

static struct str
receipt_key(struct turn *t, const struct audit_entry *e)
{
    return arena_printf(turn_arena(t),
                        "%.*s/%" PRIu64 "/%020" PRId64 "/%" PRIu64 "/%.*s",
                        STR_ARG(e->app), e->portal, e->at_ms, e->generation,
                        STR_ARG(e->outcome));
}

enum err
receipt_verify(struct turn *t, const struct audit_entry *entry,
               bool *out_is_one)
{
    struct receipt r;
    *out_is_one = str_equal(entry->kind, ENTRY_KIND);
    if (!*out_is_one)
        return ERR_OK;
    if (!turn_get(t, STORE_RECEIPTS, receipt_key(t, entry), &receipt_record,
                  &r))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    return str_equal(entry_detail(t, &r), entry->detail) ? ERR_OK
                                                         : ERR_NOT_FOUND;
}

struct str
receipt_store(struct turn *t, const struct receipt *r, int64_t due)
{
    struct audit_entry entry = {.kind = ENTRY_KIND,
                                .app = r->app,
                                .portal = r->portal,
                                .generation = r->generation,
                                .at_ms = turn_now_ms(t), /* as it is given */
                                .actor = r->word,
                                .outcome = r->remote,
                                .detail = entry_detail(t, r)};
    struct str key = receipt_key(t, &entry);
    turn_put(t, STORE_RECEIPTS, key, &receipt_record, r, due, r->app);
    audit_add(t, &entry);
    return key;
}
