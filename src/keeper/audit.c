#include "keeper/audit.h"

#include "base/text.h"
#include "keeper/keeper.h"
#include "keeper/rows.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

static const struct field audit_entry_fields[] = {
    FIELD(struct audit_entry, kind),   FIELD(struct audit_entry, app),
    FIELD(struct audit_entry, portal), FIELD(struct audit_entry, generation),
    FIELD(struct audit_entry, actor),  FIELD(struct audit_entry, outcome),
    FIELD(struct audit_entry, detail), FIELD(struct audit_entry, sealed),
    FIELD(struct audit_entry, number), FIELD(struct audit_entry, at_ms),
    FIELD(struct audit_entry, node),   FIELD(struct audit_entry, previous),
};
const struct record audit_entry_record = RECORD(audit_entry);

struct pending {
    struct pending *next;
    struct audit_entry entry;
};

struct audit {
    struct keeper *keeper;
    uint64_t number; /* of the last entry; 0: none yet */
    uint8_t hash[AUDIT_HASH_BYTES];
    /* This turn's, in its arena. */
    struct pending *first, **end;
    uint64_t next_number;
    uint8_t next_hash[AUDIT_HASH_BYTES];
};

struct audit *
audit_new(struct keeper *k)
{
    struct audit *a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->keeper = k;
    a->end = &a->first;
    return a;
}

void
audit_free(struct audit *a)
{
    free(a);
}

struct str
audit_key(struct arena *arena, struct str node, uint64_t number)
{
    return arena_printf(arena, "%.*s/%020" PRIu64, STR_ARG(node), number);
}

void
audit_hash(struct str body, uint8_t out[static AUDIT_HASH_BYTES])
{
    (void)crypto_generichash(out, AUDIT_HASH_BYTES, (const uint8_t *)body.p,
                             body.n, NULL, 0); /* fails for wrong sizes only */
}

static enum err
load_entry(struct audit *a, uint64_t number, struct arena *arena,
           struct store_row *out)
{
    struct store_ask ask = {.table = STORE_AUDIT,
                            .by = STORE_BY_KEY,
                            .key = audit_key(arena, a->keeper->node, number)};
    enum err e = store_load(a->keeper->store, &ask, 1, arena);
    if (e == ERR_OK)
        *out = ask.rows[0];
    return e;
}

/*
 * Entries are numbered without gaps, so the end is found by doubling and
 * halving instead of reading the log.
 */
enum err
audit_resume(struct audit *a)
{
    struct arena *arena = arena_new();
    struct store_row row = {0};
    uint64_t low = 0, step = 1;
    enum err e = ERR_OK;
    while (step > 0 && e == ERR_OK) {
        struct store_row there = {0};
        e = load_entry(a, low + step, arena, &there);
        if (e != ERR_OK)
            break;
        if (there.version != 0) {
            low += step;
            row = there;
            step *= 2;
        } else {
            step = step > 1 ? step / 2 : 0;
            while (step > 0) {
                e = load_entry(a, low + step, arena, &there);
                if (e != ERR_OK)
                    break;
                if (there.version != 0) {
                    low += step;
                    row = there;
                }
                step /= 2;
            }
        }
    }
    if (e == ERR_OK && low > 0) {
        a->number = low;
        audit_hash(row.body, a->hash);
    }
    arena_free(arena);
    return e;
}

void
audit_add(struct turn *t, const struct audit_entry *entry)
{
    struct audit *a = turn_keeper(t)->audit;
    struct pending *p = arena_alloc(turn_arena(t), sizeof(*p));
    record_copy(&audit_entry_record, entry, turn_arena(t), &p->entry);
    *a->end = p;
    a->end = &p->next;
}

enum err
audit_close_turn(struct turn *t, struct rows *rows)
{
    struct keeper *k = turn_keeper(t);
    struct audit *a = k->audit;
    struct arena *arena = turn_arena(t);
    a->next_number = a->number;
    memcpy(a->next_hash, a->hash, sizeof(a->next_hash));
    for (struct pending *p = a->first; p != NULL; p = p->next) {
        struct buf auto_buf body = {0};
        buf_init(&body, LIMIT_API_BODY);
        p->entry.number = ++a->next_number;
        p->entry.at_ms = turn_now_ms(t);
        p->entry.node = k->node;
        p->entry.previous =
            str_of((const char *)a->next_hash, sizeof(a->next_hash));
        record_encode(&audit_entry_record, &p->entry, &body);
        if (buf_err(&body) != ERR_OK)
            return ERR_LIMIT;
        audit_hash(buf_str(&body), a->next_hash);
        rows_put(rows, STORE_AUDIT, audit_key(arena, k->node, p->entry.number),
                 arena_copy(arena, buf_str(&body)), STORE_NEVER, STR_NONE);
    }
    return ERR_OK;
}

void
audit_end_turn(struct audit *a, bool was_committed)
{
    if (was_committed && a->first != NULL) {
        a->number = a->next_number;
        memcpy(a->hash, a->next_hash, sizeof(a->hash));
    }
    a->first = NULL;
    a->end = &a->first;
}

uint64_t
audit_number(const struct audit *a)
{
    return a->number;
}

void
audit_add_head(const struct audit *a, struct buf *out)
{
    buf_addf(out, "%.*s:%" PRIu64 ":", STR_ARG(a->keeper->node), a->number);
    text_add_hex(out, str_of((const char *)a->hash, sizeof(a->hash)));
}

void
audit_log_head(struct audit *a)
{
    struct buf auto_buf head = {0};
    buf_init(&head, 512);
    audit_add_head(a, &head);
    log_info("audit.head", "head=%s", buf_text(&head));
}
