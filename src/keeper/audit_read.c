#include "base/text.h"
#include "keeper/admin.h"
#include "keeper/answer.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"
#include "keeper/page.h"
#include "keeper/receipt.h"

#include <inttypes.h>

/* Reading the audit log: pages of entries, and the walk along the chain. */

#define PAGE 500 /* as the help of audit list says */

static const struct store_ask *
find_page(struct turn *t, uint64_t after, uint32_t limit)
{
    struct keeper *k = turn_keeper(t);
    struct arena *a = turn_arena(t);
    return turn_find(t, &(struct store_ask){
                            .table = STORE_AUDIT,
                            .by = STORE_BY_PREFIX,
                            .key = arena_printf(a, "%.*s/", STR_ARG(k->node)),
                            .after = audit_key(a, k->node, after),
                            .limit = limit > 0 && limit < PAGE ? limit : PAGE});
}

static void
add_entry(struct doc *d, const struct audit_entry *e)
{
    doc_open(d, '{');
    doc_field_u64(d, "number", e->number);
    doc_field_time(d, "at", e->at_ms / 1000);
    doc_field_str(d, "node", e->node);
    doc_field_str(d, "kind", e->kind);
    doc_field_str(d, "app", e->app);
    doc_field_u64(d, "portal", e->portal);
    doc_field_u64(d, "generation", e->generation);
    doc_field_str(d, "actor", e->actor);
    doc_field_str(d, "outcome", e->outcome);
    doc_field_str(d, "detail", e->detail);
    doc_close(d, '}');
}

/* Entries are numbered without gaps, so the last ones are known by number. */
static uint64_t
after_which(struct turn *t, const struct admin_audit *a)
{
    uint64_t n = audit_number(turn_keeper(t)->audit);
    uint64_t last = a->last < PAGE ? a->last : PAGE;
    return last > 0 && n > last && n - last > a->after ? n - last : a->after;
}

enum err
do_audit_list(struct turn *t, const void *ask)
{
    const struct admin_audit *a = ask;
    struct page auto_page page = {0};
    const struct store_ask *found =
        find_page(t, after_which(t, a), a->last > 0 ? a->last : a->limit);
    uint64_t last = 0;
    if (found == NULL)
        return ERR_AGAIN;
    page_open(&page, "entries");
    for (size_t i = 0; i < found->n_rows; i++) {
        struct audit_entry e;
        if (!turn_get(t, STORE_AUDIT, found->rows[i].key, &audit_entry_record,
                      &e))
            continue;
        add_entry(&page.doc, &e);
        if (!page_keep(&page, found->rows[i].key))
            break;
        last = e.number;
    }
    bool has_more = page_end_list(&page, found->n_rows == found->limit);
    doc_key(&page.doc, "next");
    if (has_more)
        doc_u64(&page.doc, last);
    else
        doc_null(&page.doc);
    doc_close(&page.doc, '}');
    answer_document(t, answer_waiter(t), buf_str(&page.json));
    return ERR_OK;
}

struct walk {
    uint64_t number; /* of the last good entry */
    uint8_t hash[AUDIT_HASH_BYTES];
    uint64_t broken_at;      /* 0: not broken */
    uint64_t n_receipts;     /* that are as their entries say */
    uint64_t bad_receipt_at; /* the first entry whose receipt is not; 0: none */
    bool has_head, is_head_seen;
    uint64_t head_number;
    uint8_t head_hash[AUDIT_HASH_BYTES];
};

/* node:number:hash; false for anything else, or another node's. */
static bool
parse_head(struct turn *t, struct str text, struct walk *w)
{
    struct str rest = text, node, number;
    struct buf auto_buf hash = {0};
    buf_init(&hash, AUDIT_HASH_BYTES);
    if (!str_cut(&rest, ':', &node) || !str_cut(&rest, ':', &number) ||
        !str_equal(node, turn_keeper(t)->node) ||
        !str_to_u64(number, &w->head_number) ||
        text_add_decoded_hex(&hash, rest) != ERR_OK ||
        hash.n != AUDIT_HASH_BYTES)
        return false;
    memcpy(w->head_hash, hash.p, AUDIT_HASH_BYTES);
    w->has_head = true;
    return true;
}

static void
look_for_head(struct walk *w)
{
    if (w->has_head && w->number == w->head_number && w->broken_at == 0)
        w->is_head_seen = memcmp(w->hash, w->head_hash, AUDIT_HASH_BYTES) == 0;
}

/* An erasure is proved by its entry, which carries the receipt's hash. */
static void
look_at_receipt(struct turn *t, const struct audit_entry *e, struct walk *w)
{
    bool is_one;
    enum err err = receipt_verify(t, e, &is_one);
    if (err == ERR_OK)
        w->n_receipts += is_one;
    else if (w->bad_receipt_at == 0)
        w->bad_receipt_at = e->number;
}

static void
step(struct turn *t, const struct store_row *row, struct walk *w)
{
    struct audit_entry e;
    if (w->broken_at != 0)
        return;
    if (!turn_get(t, STORE_AUDIT, row->key, &audit_entry_record, &e) ||
        e.number != w->number + 1 ||
        !str_equal(e.previous, str_of(w->hash, AUDIT_HASH_BYTES))) {
        w->broken_at = w->number + 1;
        return;
    }
    audit_hash(row->body, w->hash);
    w->number = e.number;
    look_for_head(w);
    look_at_receipt(t, &e, w);
}

static void
name_receipts(struct turn *t, const struct store_ask *found)
{
    struct audit_entry e;
    bool is_one;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        if (turn_get(t, STORE_AUDIT, found->rows[i].key, &audit_entry_record,
                     &e)) {
            enum err named = receipt_verify(t, &e, &is_one);
            (void)named; /* asked when it is there */
        }
}

/* The entry before the page, for the hash that the page begins with. */
static bool
start_walk(struct turn *t, uint64_t after, struct walk *w)
{
    struct audit_entry e;
    struct keeper *k = turn_keeper(t);
    const struct store_ask *before =
        after == 0 ? NULL : find_page(t, after - 1, 1);
    w->number = after;
    if (after == 0 || before == NULL)
        return true;
    if (before->n_rows != 1 ||
        !str_equal(before->rows[0].key,
                   audit_key(turn_arena(t), k->node, after)) ||
        !turn_get(t, STORE_AUDIT, before->rows[0].key, &audit_entry_record, &e))
        return false;
    audit_hash(before->rows[0].body, w->hash);
    return true;
}

static void
answer_walk(struct turn *t, const struct walk *w, bool is_full)
{
    struct buf auto_buf json = {0}, hash = {0};
    buf_init(&json, LIMIT_API_BODY);
    buf_init(&hash, 2 * AUDIT_HASH_BYTES);
    text_add_hex(&hash, str_of((const char *)w->hash, AUDIT_HASH_BYTES));
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_u64(&d, "verified_to", w->number);
    doc_field_u64(&d, "broken_at", w->broken_at);
    doc_field_u64(&d, "receipts_verified", w->n_receipts);
    doc_field_u64(&d, "receipt_broken_at", w->bad_receipt_at);
    doc_field_bool(&d, "head_found", w->is_head_seen);
    doc_field_str(&d, "hash", buf_str(&hash));
    doc_field_u64(&d, "of", audit_number(turn_keeper(t)->audit));
    doc_key(&d, "next");
    if (is_full && w->broken_at == 0)
        doc_u64(&d, w->number);
    else
        doc_null(&d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

enum err
do_audit_verify(struct turn *t, const void *ask)
{
    const struct admin_audit *a = ask;
    struct walk w = {0};
    const struct store_ask *found = find_page(t, a->after, PAGE);
    bool is_started = start_walk(t, a->after, &w);
    name_receipts(t, found);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (a->head.n > 0 && !parse_head(t, a->head, &w)) {
        answer_refusal(t, answer_waiter(t),
                       &(struct refusal_text){
                           .err = ERR_INVALID,
                           .detail = STR("A head looks like node:number:hash "
                                         "and is of this node; the log and "
                                         "every receipt have some.")});
        return ERR_OK;
    }
    if (!is_started)
        w.broken_at = a->after;
    look_for_head(&w); /* of the entry that the page begins behind */
    for (size_t i = 0; i < found->n_rows; i++)
        step(t, &found->rows[i], &w);
    answer_walk(t, &w, found->n_rows == PAGE);
    return ERR_OK;
}
